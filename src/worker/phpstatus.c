/* SPDX-License-Identifier: MIT */
/* The provider behind fpm_get_status(); keys and units are php-fpm's, the numbers those of the status page. */

#include "worker/phpstatus.h"

#include "base/time.h"
#include "sapi/sapi.h"
#include "status/snapshot.h"

static const struct scoreboard *phpstatus_scoreboard;

static void put_process(struct sapi_status_writer *w, const struct status_snapshot *s,
                        const struct scoreboard_slot *slot) {
        sapi_status_begin_process(w);
        sapi_status_put_number(w, "pid", slot->pid);
        sapi_status_put_text(w, "state", stage_info(slot->stage)->label);
        sapi_status_put_number(w, "start-time", (int64_t)(slot->start_wall / USEC_PER_SEC));
        sapi_status_put_number(w, "start-since", (int64_t)(status_worker_since(s, slot) / USEC_PER_SEC));
        sapi_status_put_number(w, "requests", (int64_t)slot->request_id);
        sapi_status_put_number(w, "request-duration", (int64_t)status_worker_duration(s, slot));
        sapi_status_put_text(w, "request-method", slot->method);
        sapi_status_put_text(w, "request-uri", slot->uri);
        sapi_status_put_text(w, "query-string", slot->query);
        sapi_status_put_number(w, "request-length", (int64_t)slot->content_length);
        sapi_status_put_text(w, "user", slot->user[0] ? slot->user : "-");
        sapi_status_put_text(w, "script", slot->script[0] ? slot->script : "-");
        sapi_status_put_real(w, "last-request-cpu", (double)status_worker_cpu(slot) / 100.0);
        sapi_status_put_number(w, "last-request-memory", (int64_t)status_worker_memory(slot));
}

static int phpstatus_write(struct sapi_status_writer *w) {
        _cleanup_snapshot_ struct status_snapshot s = {};
        int r = status_snapshot_take(phpstatus_scoreboard, time_now(), STATUS_SNAPSHOT_WORKERS, &s);

        if (r < 0)
                return r;
        sapi_status_put_text(w, "pool", s.pool);
        sapi_status_put_text(w, "process-manager", s.pm);
        sapi_status_put_number(w, "start-time", (int64_t)(s.start_wall / USEC_PER_SEC));
        sapi_status_put_number(w, "start-since", (int64_t)(s.start_since / USEC_PER_SEC));
        sapi_status_put_number(w, "accepted-conn", (int64_t)s.requests);
        sapi_status_put_number(w, "listen-queue", (int64_t)s.listen_queue);
        sapi_status_put_number(w, "max-listen-queue", (int64_t)s.max_listen_queue);
        sapi_status_put_number(w, "listen-queue-len", (int64_t)s.listen_queue_len);
        sapi_status_put_number(w, "idle-processes", s.n_idle);
        sapi_status_put_number(w, "active-processes", s.n_active);
        sapi_status_put_number(w, "total-processes", s.n_total);
        sapi_status_put_number(w, "max-active-processes", (int64_t)s.max_active);
        sapi_status_put_number(w, "max-children-reached", (int64_t)s.max_children_reached);
        sapi_status_put_number(w, "slow-requests", (int64_t)s.slow_requests);
        if (FPMD_PHP_VERSION_ID >= 80400)
                sapi_status_put_number(w, "memory-peak", (int64_t)s.memory_peak);
        for (uint32_t i = 0; i < s.n_workers; i++)
                put_process(w, &s, &s.workers[i]);
        return 0;
}

void phpstatus_provide(const struct scoreboard *scoreboard) {
        phpstatus_scoreboard = scoreboard;
        sapi_set_status_provider(phpstatus_write);
}
