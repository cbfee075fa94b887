/* SPDX-License-Identifier: MIT */
/* See parkkeep.h. A pool may have several parks, which share the number: each is told the whole, as nobody knows which
 * of them has the connections. */

#include "pool/parkkeep.h"

#include <string.h>
#include <sys/socket.h>

#include "base/nowait.h"
#include "ipc/message.h"
#include "log/log.h"
#include "untrusted/park.h"

void parkkeep_ask(struct park_process *k) {
        const struct ipc_message m = { .type = IPC_PARK_KEEP, .slot = k->pool->parks.n_keep };
        int r;

        if (m.slot == 0 || k->refuses)
                return;
        r = ipc_message_send_at_once(k->orders, &m, NULL);
        if (r == 0)
                r = sd_event_source_set_enabled(k->word, SD_EVENT_ON);
        if (r >= 0)
                k->n_keep = m.slot;
        else
                log_warning("[pool %s] park %d closes its idle connections, as it cannot be asked for them: %s",
                            k->pool->name, k->pid, strerror(-r));
}

bool parkkeep_take(struct park_process *k, int fd) {
        const struct pool_env *env = k->pool->env;
        struct parks *parks = &k->pool->parks;
        bool may = k->n_given < k->n_keep;
        struct addr a;

        if (may && parks->n_keep > 0 && env->keep && env->keep(k->pool, k->uid, fd, env->userdata)) {
                parks->n_keep--;
                k->n_kept++;
        } else if (untrusted_park_connection(fd, &a) == 0)
                (void)shutdown(fd, SHUT_RDWR); /* a worker that had it on its shelf may have a copy yet */
        k->n_given += may;
        nowait_close(fd);
        return may;
}

void parkkeep_tell(const struct park_process *k) {
        if (k->n_kept > 0)
                log_own("[pool %s] %u idle connections wait in the fd store for the next start", k->pool->name,
                        k->n_kept);
        if (k->n_kept < k->n_given)
                log_notice("[pool %s] %u descriptors are closed that park %d has given as idle connections: there is "
                           "no room for them, or they are none of the pool's",
                           k->pool->name, k->n_given - k->n_kept, k->pid);
}
