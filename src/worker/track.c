/* SPDX-License-Identifier: MIT */
/* Stage changes and a request's facts, to the slot and the probes; see track.h. The worker is the slot's one writer. */

#include "worker/track.h"

#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fcgi/index.h"
#include "fcgi/params.h"
#include "probe/probes.h"
#include "scoreboard/active.h"

void track_init(struct track *t, const char *pool, struct scoreboard *board, uint32_t i) {
        struct scoreboard_slot *slot = &board->slots[i];

        *t = (struct track){ .pool = pool,
                             .board = board,
                             .i = i,
                             .slot = slot,
                             .pid = (uint32_t)getpid(),
                             .cpu = { .read = time_read_nsec(CLOCK_PROCESS_CPUTIME_ID) } };

        slot_begin(slot);
        slot->pid = (int32_t)t->pid;
        slot->start_mono = time_now();
        slot->start_wall = time_wall();
        slot_end(slot);
        track_stage(t, STAGE_CREATING);
}

/* Inside slot_begin() and slot_end(). */
static void track_enter(struct track *t, enum stage stage, uint64_t nsec) {
        enum stage old = t->stage;

        t->stage = stage;
        t->nsec = nsec;
        t->slot->stage = stage;
        t->slot->stage_mono = nsec / NSEC_PER_USEC;
        if (PROBE_ENABLED(request_stage))
                PROBE_REQUEST_STAGE(t->pool, t->pid, t->request_id, (uint32_t)old, (uint32_t)stage, nsec);
}

void track_stage(struct track *t, enum stage stage) {
        if (t->stage == stage)
                return;
        slot_begin(t->slot);
        track_enter(t, stage, time_read_nsec(CLOCK_MONOTONIC));
        slot_end(t->slot);
}

void track_connection(struct track *t) {
        slot_begin(t->slot);
        t->slot->accepted++;
        slot_end(t->slot);
}

void track_offer(struct track *t, usec_t since) {
        usec_t now = time_now();

        slot_begin(t->slot);
        slot_waited(&t->slot->waits, now > since ? now - since : 0, 1);
        slot_end(t->slot);
}

void track_begin(struct track *t, uint64_t nsec) {
        struct scoreboard_slot *slot = t->slot;

        t->request_id++;
        t->request_nsec = nsec;

        slot_begin(slot);
        slot->request_id = t->request_id;
        slot->request_mono = t->request_nsec / NSEC_PER_USEC;
        slot->request_wall = time_wall();
        slot->requests++;
        slot->content_length = 0;
        slot->method[0] = slot->user[0] = slot->uri[0] = slot->query[0] = slot->script[0] = '\0';
        track_enter(t, STAGE_READING_HEADERS, nsec);
        slot_end(slot);
        active_enter(t->board, t->i);
}

/* For the eye: what a number begins with, as php-fpm shows it. */
static uint64_t track_number(const char *s, size_t n) {
        uint64_t length;
        size_t k = 0;

        while (k < n && s[k] >= '0' && s[k] <= '9')
                k++;
        length = fcgi_params_content_length(s, k);
        return length == FCGI_PARAMS_LENGTH_UNKNOWN ? 0 : length;
}

/* The value of a parameter, or an empty one. */
static inline const char *track_param(const struct fcgi_index *params, const char *name, size_t *ret_n) {
        const struct fcgi_index_entry *e = fcgi_index_find(params, name, strlen(name));

        *ret_n = e ? e->n_value : 0;
        return e ? e->value : "";
}

void track_read(struct track_request *ret, const struct fcgi_index *params) {
        const char *length;
        size_t n_length;

        ret->method = track_param(params, "REQUEST_METHOD", &ret->n_method);
        ret->uri = track_param(params, "SCRIPT_NAME", &ret->n_uri);
        ret->query = track_param(params, "QUERY_STRING", &ret->n_query);
        length = track_param(params, "CONTENT_LENGTH", &n_length);
        ret->content_length = track_number(length, n_length);
}

void track_head(struct track *t, const struct track_request *request, bool waited) {
        struct scoreboard_slot *slot = t->slot;
        uint64_t nsec = waited || PROBE_ENABLED(request_stage) ? time_read_nsec(CLOCK_MONOTONIC) : t->nsec;

        slot_begin(slot);
        slot->content_length = request->content_length;
        text_copy(slot->method, sizeof(slot->method), request->method, request->n_method);
        text_copy(slot->uri, sizeof(slot->uri), request->uri, request->n_uri);
        text_copy(slot->query, sizeof(slot->query), request->query, request->n_query);
        track_enter(t, STAGE_INFO, nsec);
        slot_end(slot);
}

void track_executing(struct track *t, const char *script, const char *user) {
        struct scoreboard_slot *slot = t->slot;

        slot_begin(slot);
        text_copy(slot->script, sizeof(slot->script), script, __builtin_strlen(script));
        if (user)
                text_copy(slot->user, sizeof(slot->user), user, __builtin_strlen(user));
        track_enter(t, STAGE_EXECUTING, time_read_nsec(CLOCK_MONOTONIC));
        slot_end(slot);
        if (PROBE_ENABLED(request_start))
                PROBE_REQUEST_START(t->pool, t->pid, t->request_id, slot->method, slot->uri, slot->script);
}

void track_no_request(struct track *t) {
        cputime_pass(&t->cpu);
}

uint64_t track_cpu_begun(struct track *t) {
        if (cputime_is_stale(&t->cpu))
                cputime_read(&t->cpu, time_read_nsec(CLOCK_PROCESS_CPUTIME_ID));
        return cputime_now(&t->cpu);
}

static uint64_t track_read_cpu(struct track *t, uint64_t duration) {
        bool due = cputime_is_due(&t->cpu, duration);

        return cputime_account(&t->cpu, duration, due ? time_read_nsec(CLOCK_PROCESS_CPUTIME_ID) : 0);
}

void track_done(struct track *t, uint32_t status, uint64_t memory, uint64_t n_reply) {
        struct scoreboard_slot *slot = t->slot;
        uint64_t now = time_read_nsec(CLOCK_MONOTONIC), duration = now - t->request_nsec;
        uint64_t cpu = track_read_cpu(t, duration);

        slot_begin(slot);
        slot->duration = duration / NSEC_PER_USEC;
        slot->duration_sum += slot->duration;
        slot->durations[slot_duration_bucket(slot->duration)]++;
        slot->cpu = cpu / NSEC_PER_USEC;
        slot->memory = memory;
        slot->memory_peak = MAX(slot->memory_peak, memory);
        track_enter(t, STAGE_FINISHED, now);
        slot_end(slot);
        if (PROBE_ENABLED(request_done))
                PROBE_REQUEST_DONE(t->pool, t->pid, t->request_id, status, duration, n_reply);
}

void track_free(struct track *t) {
        slot_begin(t->slot);
        track_enter(t, STAGE_ACCEPTING, t->nsec);
        slot_end(t->slot);
        active_leave(t->board, t->i);
}

void track_cancel(struct track *t) {
        slot_begin(t->slot);
        t->slot->requests--;
        track_enter(t, STAGE_ACCEPTING, time_read_nsec(CLOCK_MONOTONIC));
        slot_end(t->slot);
        active_leave(t->board, t->i);
}
