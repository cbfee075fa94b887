/* SPDX-License-Identifier: MIT */
/* Workers and the master send connections to the intake for as long as it is read; the park's successor reads it then.
 */

#include "park/intake.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "ipc/message.h"
#include "log/log.h"
#include "park/complaints.h"
#include "park/connection.h"
#include "park/limits.h"
#include "park/receiving.h"
#include "park/shelves.h"
#include "park/writing.h"
#include "probe/probes.h"
#include "scoreboard/offered.h"

/* Connections taken in one turn of the loop, so that those that are here have their turn. */
#define INTAKE_AT_ONCE 64

void intake_close(struct park *park) {
        if (park->intake >= 0)
                epoll_ctl(park->epoll_fd, EPOLL_CTL_DEL, park->intake, NULL);
        park->intake = fd_close(park->intake);
}

int intake_allow(const struct park *park, struct allow *ret) {
        const struct conf_pool *pool = park->pool;
        const struct allow_lists lists = { .clients = pool->listen_allowed_clients, .uids = conf_pool_peers(pool) };
        int r = allow_parse(&lists, ret, NULL);

        if (r == 0 && park->denied)
                ret->n_denied = &park->denied[SCOREBOARD_DENIED_peers];
        return r;
}

void intake_take(struct park *park, const struct handover *note, int fd) {
        struct connection *c = NULL;

        if (limits_admit(park, fd))
                c = connection_new(park, note, fd);
        if (!c) {
                fd_close(fd);
                return;
        }
        if (PROBE_ENABLED(park_take))
                PROBE_PARK_TAKE(park->pool->name, park->n, note->n_in, note->n_out);

        if (note->n_out == 0 && (note->flags & HANDOVER_KEEP))
                receiving_look(park, c, park->buf, note->n_in);
        else if (receiving_store(park, c, park->buf + note->n_out, note->n_in))
                writing_begin(park, c, note, park->buf);
}

void intake_add(struct park *park, const struct handover *note, int fd) {
        if (note->flags & HANDOVER_SHELF) {
                shelves_add(park, fd);
                return;
        }
        atomic_fetch_add_explicit(&park->numbers->parked, 1, memory_order_relaxed);
        intake_take(park, note, fd);
}

/* No worker, no zygote, no master is left: nobody will take an offer. */
static void intake_on_abandoned(struct park *park) {
        intake_close(park);
        for (enum connection_state state = 0; state < _CONNECTION_STATE_MAX; state++)
                if (states_wants_worker(state))
                        connection_close_all(park, state);
}

static void intake_lose(struct park *park, int r) {
        unsigned long long n_silenced;

        if (complaints_may_log(park, COMPLAINT_LOST, &n_silenced))
                log_error("a connection for the park is lost: %s (%llu more since the last such line)", strerror(-r),
                          n_silenced);
}

void intake_on_event(struct park *park) {
        for (unsigned i = 0; i < INTAKE_AT_ONCE && park->intake >= 0; i++) {
                struct handover note;
                int fd, r;

                r = handover_receive(park->intake, &note, park->buf, sizeof(park->buf), &fd);
                if (r <= 0 && park->standin.answer)
                        offered_count_taken(park->scoreboard);
                if (r == HANDOVER_E_EMPTY)
                        return;
                if (r == HANDOVER_E_END && (park->last || *park->stopping))
                        intake_close(park);
                else if (r == HANDOVER_E_END)
                        intake_on_abandoned(park);
                else if (r < 0)
                        intake_lose(park, r);
                else
                        intake_add(park, &note, fd);
        }
}

void intake_leave(struct park *park) {
        if (park->orders >= 0 &&
            ipc_message_send(park->orders, &(struct ipc_message){ .type = IPC_PARK_LEAVES }, NULL) == 0)
                park->retired = true;
        intake_close(park);
}

/* The kernel refuses under the lock under which it queues, so nothing that a sender believes sent is missed. */
bool intake_take_last(struct park *park) {
        if (park->intake < 0)
                return false;
        park->last = true;
        shutdown(park->intake, SHUT_RD);
        while (park->intake >= 0)
                intake_on_event(park);
        return park->n > 0;
}
