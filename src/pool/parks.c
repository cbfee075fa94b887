/* SPDX-License-Identifier: MIT */
/*
 * Starting, watching and ending parks; when, is in parking.c. The pairs of sockets are all that a park and workers have
 * in common, so one that dies takes its connections with it and nothing else: what workers send meanwhile waits in the
 * intake for its successor.
 */

#include "pool/parks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/process.h"
#include "base/program.h"
#include "base/shortage.h"
#include "base/text.h"
#include "child/identity.h"
#include "conf/conf.h"
#include "conn/handover.h"
#include "ipc/channel.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "ipc/signals.h"
#include "log/log.h"
#include "pool/parkkeep.h"
#include "pool/parklost.h"
#include "pool/picture.h"
#include "pool/scale.h"
#include "pool/spawn.h"
#include "untrusted/park.h"

static void parks_signal(const struct park_process *k, int sig) {
        syscall(SYS_pidfd_send_signal, k->pidfd, sig, NULL, 0);
}

static void park_process_free(struct park_process *k) {
        if (!k)
                return;
        sd_event_source_disable_unref(k->source);
        sd_event_source_disable_unref(k->word);
        fd_close(k->pidfd);
        nowait_close(k->orders);
        free(k->key);
        free(k);
}
DEFINE_CLEANUP(struct park_process *, park_process_free)

void parks_init(struct parks *parks) {
        *parks = (struct parks){ .intake = { -1, -1 }, .offers = { -1, -1 } };
}

/* The ends that parks have. */
static void parks_close_own(struct parks *parks) {
        parks->arrival = sd_event_source_disable_unref(parks->arrival);
        parks->intake[0] = nowait_close(parks->intake[0]);
        parks->offers[1] = nowait_close(parks->offers[1]);
}

static void parks_close(struct parks *parks) {
        parks_close_own(parks);
        parks->intake[1] = nowait_close(parks->intake[1]);
        parks->offers[0] = nowait_close(parks->offers[0]);
}

int parks_open(struct parks *parks) {
        int r;

        if (parks->intake[0] >= 0)
                return 0;
        r = handover_pair(parks->intake);
        if (r == 0)
                r = handover_pair(parks->offers);
        if (r < 0)
                parks_close(parks);
        return r;
}

void parks_done(struct parks *parks) {
        while (parks->processes) {
                struct park_process *k = parks->processes;

                parks->processes = k->next;
                parks_signal(k, SIGKILL);
                park_process_free(k);
        }
        parks_close(parks);
}

/* The listeners that a park gets: where the pool limits what waits for a worker, all of them; and where it stands in
 * for workers. When the pool stops nobody takes anything there. */
static size_t parks_count_listeners(const struct park_process *k, const struct generation *g) {
        if (g->pool->stopping)
                return 0;
        return k->refuses || conf_pool_limits_queue(g->conf) ? g->listeners.n : 0;
}

/* What it has of the queue's settings, and which sockets the listeners are. */
static void parks_key_queue(const struct generation *g, struct text *t) {
        const struct conf_pool *c = g->conf;

        text_printf(t, "%d\n", (int)c->queue_abandoned);
        if (!conf_pool_limits_queue(c))
                return;
        text_printf(t, "%llu %u %u %llu %s\n%s\n", (unsigned long long)c->queue_max_wait, c->queue_max_length,
                    c->queue_status, (unsigned long long)c->queue_retry_after, c->queue_body ?: "", c->ping_path ?: "");
        text_printf(t, "%s\n%s\n%s\n", c->status_path ?: "", c->listen_allowed_clients ?: "-",
                    conf_pool_peers(c) ?: "-");
        for (size_t i = 0; i < c->queue_priorities.n; i++)
                text_printf(t, "%s %s\n", c->queue_priorities.items[i].key, c->queue_priorities.items[i].value);
        for (size_t i = 0; i < g->listeners.n; i++) {
                struct stat st = {};

                (void)fstat(g->listeners.fds[i], &st);
                text_printf(t, "%llu ", (unsigned long long)st.st_ino);
        }
}

char *parks_key(const struct generation *g) {
        const struct conf_pool *c = g->conf;
        _cleanup_text_ struct text t = {};
        char *key;

        parks_key_queue(g, &t);
        text_printf(&t, "%s\n%s\n%u %llu %llu %llu %llu %llu %d", c->user ?: "", c->group ?: "",
                    c->park_max_connections, (unsigned long long)c->park_max_bytes,
                    (unsigned long long)c->park_first_byte_timeout, (unsigned long long)c->park_rest_timeout,
                    (unsigned long long)c->park_idle_timeout, (unsigned long long)c->request_receive_timeout,
                    (int)g->pool->env->log_level);
        return text_finish(&t, &key, NULL) < 0 ? NULL : key;
}

/* What only the park has. */
struct parks_ends {
        int orders, conf;
};

/* One that refuses gets what workers would: the offers, and the listeners behind all the others. It offers nothing, and
 * must not keep those who take offers from their end. */
_noreturn_ static void parks_child(const struct park_process *k, const struct generation *g, const struct identity *who,
                                   const struct parks_ends *ends) {
        const struct pool *p = g->pool;
        size_t n = _PARK_FD_MAX - INHERIT_FIRST, n_listeners = parks_count_listeners(k, g);
        int *fds = calloc(n + n_listeners, sizeof(int));

        if (!fds)
                _exit(EXIT_FAILURE);
        fds[PARK_FD_ORDERS - INHERIT_FIRST] = ends->orders;
        fds[PARK_FD_CONF - INHERIT_FIRST] = ends->conf;
        fds[PARK_FD_SCOREBOARD - INHERIT_FIRST] = p->scoreboard_fd;
        fds[PARK_FD_INTAKE - INHERIT_FIRST] = k->refuses ? p->parks.offers[0] : p->parks.intake[0];
        fds[PARK_FD_OFFERS - INHERIT_FIRST] = k->refuses ? ends->orders : p->parks.offers[1];
        fds[PARK_FD_JOURNAL - INHERIT_FIRST] = p->env->journal_fd;
        fds[PARK_FD_LOG - INHERIT_FIRST] = p->env->log_fd;
        memcpy(fds + n, g->listeners.fds, n_listeners * sizeof(int));
        spawn_helper(p, who,
                     &(struct spawn_program){ "fpmd-park", p->env->park_fd, fds, (int)(n + n_listeners),
                                              k->refuses ? "refuse" : NULL });
}

/* It takes no more connections, and nobody has told it so: the next one follows, but not without end. */
static void parks_lose(struct park_process *k, usec_t now) {
        struct parks *parks = &k->pool->parks;

        if (k->retired || k->pool->stopping)
                return;
        k->retired = true;
        parks->n_young_dead = scale_count_young(parks->n_young_dead, now - k->started);
        parks->retry_at = now + scale_delay(parks->n_young_dead);
}

/* Its message, if there is one. True: it gives a connection, and there may be more. Else it leaves, which is news when
 * the master did not tell it to, and has no more to say; its end is heard of otherwise. */
static bool parks_hear(struct park_process *k) {
        int fd = -1, r = untrusted_park_hear(k->orders, &fd);

        if (r == UNTRUSTED_PARK_E_EMPTY)
                return false;
        if (r == UNTRUSTED_PARK_E_IDLE && parkkeep_take(k, fd))
                return true;
        sd_event_source_set_enabled(k->word, SD_EVENT_OFF);
        if (r == UNTRUSTED_PARK_E_GONE)
                return false;
        if (r != 0) {
                log_error("[pool %s] park %d sent a message that makes no sense; ending it", k->pool->name, k->pid);
                parks_signal(k, SIGKILL);
                return false;
        }
        if (k->retired || k->pool->stopping)
                return false;
        log_notice("[pool %s] park %d was told to end, and not by the master: another one takes its place",
                   k->pool->name, k->pid);
        parks_lose(k, time_now());
        return false;
}

static int parks_on_word(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct park_process *k = userdata;

        for (unsigned n = 0; n < PARKKEEP_AT_ONCE && parks_hear(k); n++)
                ;
        picture_changed(k->pool);
        return 0;
}

static void parks_remove(struct park_process *k) {
        struct park_process **link;

        for (link = &k->pool->parks.processes; *link != k;)
                link = &(*link)->next;
        *link = k->next;
        park_process_free(k);
}

struct park_process *parks_current(const struct parks *parks) {
        struct park_process *k = parks->processes;

        while (k && k->retired)
                k = k->next;
        return k;
}

/* What a park had at the moment went with it, and nobody is there to say so. */
static void parks_clear_numbers(struct pool *p) {
        struct scoreboard_park *n = &p->scoreboard->header.park;
        _Atomic uint64_t *now[] = { &n->idle, &n->receiving, &n->waiting, &n->writing, &n->bytes };

        for (size_t i = 0; i < ELEMENTSOF(now); i++)
                atomic_store_explicit(now[i], 0, memory_order_relaxed);
}

static int parks_on_exit(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct park_process *k = userdata;
        struct pool *p = k->pool;
        char how[PROCESS_EXIT_MAX];
        usec_t now = time_now();
        int status = 0;
        bool known;

        known = process_reap(k->pidfd, &status) == 0; /* else it is traced: reaped later, as a stranger */
        while (parks_hear(k))
                ;
        parkkeep_tell(k);
        if (!p->stopping && (!k->retired || status != 0))
                parklost_tell(k, known ? process_describe_exit(status, how) : "exited");
        parks_lose(k, now);
        parks_remove(k);
        if (!parks_current(&p->parks))
                parks_clear_numbers(p);
        picture_changed(p);
        return 0;
}

static int parks_watch(struct park_process *k) {
        int r;

        k->pidfd = (int)syscall(SYS_pidfd_open, k->pid, 0);
        if (k->pidfd < 0)
                return -errno;
        r = sd_event_add_io(k->pool->env->event, &k->source, k->pidfd, EPOLLIN, parks_on_exit, k);
        if (r >= 0)
                r = sd_event_add_io(k->pool->env->event, &k->word, k->orders, EPOLLIN, parks_on_word, k);
        if (r < 0)
                return r;
        sd_event_source_set_description(k->source, "park-exit");
        sd_event_source_set_description(k->word, "park-word");
        return 0;
}

int parks_start(struct generation *g, const char *key, bool refuses, usec_t now) {
        _cleanup_(park_process_freep) struct park_process *k = calloc(1, sizeof(*k));
        _cleanup_fd_ int conf_fd = -1, orders = -1;
        struct identity who;
        int ends[2], r;

        if (!k)
                return -ENOMEM;
        *k = (struct park_process){ .pool = g->pool, .pidfd = -1, .orders = -1, .started = now, .key = strdup(key) };
        k->refuses = k->retired = refuses;
        if (!k->key)
                return -ENOMEM;
        r = identity_resolve(g->conf, g->pool->env->allow_root, &who);
        if (r < 0)
                return r;
        k->uid = who.change ? who.uid : geteuid();
        conf_fd = fd_new_sealed("fpmd-conf", g->packed, g->n_packed);
        if (conf_fd < 0)
                return conf_fd;
        r = channel_pair(ends);
        if (r < 0)
                return r;
        k->orders = ends[0];
        orders = ends[1];
        k->pid = fork();
        if (k->pid < 0)
                return -errno;
        if (k->pid == 0)
                parks_child(k, g, &who, &(struct parks_ends){ orders, conf_fd });
        r = parks_watch(k);
        if (r < 0) {
                kill(k->pid, SIGKILL); /* our unreaped child */
                return r;
        }
        log_debug("[pool %s] park %d started%s", g->pool->name, k->pid, refuses ? ", to refuse" : "");
        k->next = g->pool->parks.processes;
        g->pool->parks.processes = TAKE_PTR(k);
        return 0;
}

void parks_leave_behind(struct pool *p) {
        while (p->parks.processes) {
                log_error("[pool %s] park %d has been killed and does not go; it is left behind", p->name,
                          p->parks.processes->pid);
                parks_remove(p->parks.processes);
        }
}

bool parks_hold(const struct parks *parks) {
        for (const struct park_process *k = parks->processes; k; k = k->next)
                if (!k->refuses)
                        return true;
        return false;
}

void parks_kill(struct pool *p) {
        for (struct park_process *k = p->parks.processes; k; k = k->next)
                parks_signal(k, SIGKILL);
}

void parks_retire(struct park_process *k) {
        k->retired = true;
        parks_signal(k, PARK_SIGNAL_RETIRE);
}

void parks_stop(struct pool *p, bool at_once, usec_t now) {
        if (p->parks.stop_since == 0)
                p->parks.stop_since = now;
        for (struct park_process *k = p->parks.processes; k; k = k->next) {
                k->leaves = true;
                if (!at_once)
                        parkkeep_ask(k);
                parks_signal(k, at_once ? SIGKILL : PARK_SIGNAL_FINISH);
        }
        parks_close_own(&p->parks); /* with the last park the offers are at their end, which workers wait for */
        if (at_once)
                parks_close(&p->parks);
}

void parks_renew_log(struct pool *p) {
        struct ipc_message m = { .type = IPC_LOG };
        int log_fd = p->env->log_fd;

        if (log_fd < 0)
                return;
        for (struct park_process *k = p->parks.processes; k; k = k->next) {
                int r = ipc_message_send_at_once(k->orders, &m, (int[IPC_FDS_MAX]){ log_fd });

                if (r < 0)
                        log_error("[pool %s] park %d keeps the old log file: %s", p->name, k->pid, strerror(-r));
        }
}

static int parks_send(struct parks *parks, int fd, const struct handover *note) {
        int r = parks_open(parks);

        return r < 0 ? r : handover_send(parks->intake[1], note, &(struct handover_content){ .connection = fd });
}

int parks_give(struct pool *p, int fd) {
        p->parks.given = true;
        return parks_send(&p->parks, fd, &(struct handover){ .flags = HANDOVER_KEEP, .begun = time_now() });
}

/* Its client owes nothing; and the service manager's copy may stay for a while. */
int parks_give_back(struct pool *p, int fd) {
        return parks_send(&p->parks, fd, &(struct handover){ .flags = HANDOVER_KEEP | HANDOVER_SHARED });
}

bool parks_own(const struct parks *parks, pid_t pid) {
        for (const struct park_process *k = parks->processes; k; k = k->next)
                if (k->pid == pid)
                        return true;
        return false;
}

pid_t parks_pid(const struct parks *parks) {
        const struct park_process *k = parks_current(parks);

        return k ? k->pid : 0;
}
