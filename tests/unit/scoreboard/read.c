/* SPDX-License-Identifier: MIT */
/*
 * A reader beside writers that are alive, killed half-way, or mad. The promise under test: a copy called consistent is
 * one that a writer finished, and any copy can be printed.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/time.h"
#include "scoreboard/read.h"
#include "scoreboard/scoreboard.h"
#include "scoreboard/slot.h"

static struct scoreboard *map_new(void) {
        _cleanup_fd_ int fd = scoreboard_create("www");
        struct scoreboard *s;

        assert_int_equal(scoreboard_map(fd, &s), 0);
        return s;
}

/* Dies here when *left says so: a writer that is killed at a place of the test's choice. */
static void step(unsigned *left) {
        if (*left > 0 && --*left == 0)
                kill(getpid(), SIGKILL);
}
#define STEPS 6

/* One update that touches the slot from its beginning to its end, all of it derived from k. */
static void write_pattern(struct scoreboard_slot *slot, uint64_t k, unsigned *left) {
        slot_begin(slot);
        step(left);
        slot->pid = (int32_t)(k & 0x7fffffff);
        slot->stage_mono = slot->start_mono = slot->request_id = slot->cpu = slot->memory = k;
        step(left);
        memset(slot->uri, 'a' + (int)(k % 26), sizeof(slot->uri) - 1);
        step(left);
        memset(slot->query, 'a' + (int)(k % 26), sizeof(slot->query) - 1);
        memset(slot->script, 'a' + (int)(k % 26), sizeof(slot->script) - 1);
        step(left);
        slot->requests = k;
        step(left);
        slot_end(slot);
        step(left);
}

static bool all(const char *field, size_t n, uint64_t k) {
        for (size_t i = 0; i < n - 1; i++)
                if (field[i] != (char)('a' + k % 26))
                        return false;
        return true;
}

static bool is_pattern(const struct scoreboard_slot *c) {
        uint64_t k = c->requests;

        return c->pid == (int32_t)(k & 0x7fffffff) && c->stage_mono == k && c->start_mono == k && c->request_id == k &&
               c->cpu == k && c->memory == k && all(c->uri, sizeof(c->uri), k) && all(c->query, sizeof(c->query), k) &&
               all(c->script, sizeof(c->script), k);
}

/* fork(), but the child does not outlive a test that fails. */
static pid_t fork_with_us(void) {
        pid_t parent = getpid(), pid = fork();

        assert_true(pid >= 0);
        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(1);
        return pid;
}

/* Writes k, k + 1, ... until its die_at-th step (0: until it is killed), with a rest between two updates. */
static pid_t start_writer(struct scoreboard *s, uint64_t k, unsigned die_at) {
        pid_t pid = fork_with_us();

        if (pid == 0)
                for (;;) {
                        write_pattern(&s->slots[0], k++, &die_at);
                        for (volatile unsigned rest = 0; rest < 500; rest++)
                                ;
                }
        return pid;
}

static void stop_writer(pid_t pid) {
        int status;

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
}

/* One read, compared when it says that it is consistent. */
static bool read_checked(const struct scoreboard *s) {
        struct scoreboard_slot c;

        if (!scoreboard_read_slot(s, 0, &c))
                return false;
        if (!is_pattern(&c))
                fail_msg("a mixed copy was called consistent (%llu)", (unsigned long long)c.requests);
        return true;
}

static void test_many_reads_beside_one_writer(void **state) {
        usec_t deadline = time_now() + 30 * USEC_PER_SEC;
        struct scoreboard *s = map_new();
        unsigned never = 0;
        pid_t pid;

        write_pattern(&s->slots[0], 0, &never);
        pid = start_writer(s, 1, 0);
        for (unsigned n = 0; n < 2000;) {
                assert_true(time_now() < deadline);
                n += read_checked(s);
        }
        stop_writer(pid);
        scoreboard_unmap(s);
}

static void read_until_dead(const struct scoreboard *s, pid_t pid) {
        usec_t deadline = time_now() + 30 * USEC_PER_SEC;
        int status;
        pid_t r;

        while ((r = waitpid(pid, &status, WNOHANG)) == 0) {
                assert_true(time_now() < deadline);
                read_checked(s);
        }
        assert_int_equal(r, pid);
        assert_true(WIFSIGNALED(status));
}

/* Writers that die at every place of an update, in their first and in a later one. What is torn stays torn to every
 * reader, until the slot's next writer ends an update: the master, or a worker that finds what the dead one left. */
static void test_killed_at_every_step(void **state) {
        struct scoreboard *s = map_new();
        unsigned never = 0;

        write_pattern(&s->slots[0], 0, &never);
        for (unsigned round = 0; round < 8 * STEPS; round++) {
                unsigned die_at = 1 + round / 2 + (round / STEPS % 2) * 50 * STEPS;
                bool whole = die_at % STEPS == 0;
                struct scoreboard_slot c;

                read_until_dead(s, start_writer(s, (uint64_t)round << 32, die_at));
                assert_int_equal(atomic_load(&s->slots[0].seq) & 1, !whole);
                for (int i = 0; i < 3; i++)
                        assert_int_equal(read_checked(s), whole);
                if (round % 2 == 0)
                        continue;
                slot_clear(&s->slots[0]);
                assert_true(scoreboard_read_slot(s, 0, &c));
                assert_int_equal(c.stage, STAGE_NONE);
                write_pattern(&s->slots[0], round, &never);
                assert_true(read_checked(s));
        }
        scoreboard_unmap(s);
}

/* Killed from outside, at any instruction. */
static void test_killed_anywhere(void **state) {
        struct scoreboard *s = map_new();
        unsigned never = 0;

        for (unsigned round = 0; round < 50; round++) {
                uint32_t seq = atomic_load(&s->slots[0].seq);
                pid_t pid = start_writer(s, (uint64_t)round << 32, 0);
                usec_t deadline = time_now() + 30 * USEC_PER_SEC;

                while (atomic_load(&s->slots[0].seq) - seq < 4 + round * 7)
                        assert_true(time_now() < deadline);
                stop_writer(pid);
                assert_int_equal(read_checked(s), !(atomic_load(&s->slots[0].seq) & 1));
        }
        write_pattern(&s->slots[0], 1, &never);
        assert_true(read_checked(s));
        scoreboard_unmap(s);
}

static void test_torn_copy_is_bounded_and_said(void **state) {
        struct scoreboard *s = map_new();
        struct scoreboard_header h;
        struct scoreboard_slot c;

        alarm(20);
        slot_begin(&s->slots[3]);
        s->slots[3].pid = 77;
        assert_false(scoreboard_read_slot(s, 3, &c));
        assert_int_equal(c.pid, 77); /* what is there is shown */
        slot_seq_begin(&s->header.seq);
        s->header.generation = 5;
        assert_false(scoreboard_read_header(s, &h));
        assert_int_equal(h.generation, 5);
        slot_seq_end(&s->header.seq);
        assert_true(scoreboard_read_header(s, &h));
        alarm(0);
        scoreboard_unmap(s);
}

static bool is_terminated(const char *field, size_t n) {
        return memchr(field, '\0', n) != NULL;
}

static void assert_printable(const struct scoreboard_slot *c) {
        assert_true(c->stage < _STAGE_MAX);
        assert_true(c->pid >= 0);
        assert_true(is_terminated(c->method, sizeof(c->method)));
        assert_true(is_terminated(c->user, sizeof(c->user)));
        assert_true(is_terminated(c->uri, sizeof(c->uri)));
        assert_true(is_terminated(c->query, sizeof(c->query)));
        assert_true(is_terminated(c->script, sizeof(c->script)));
        assert_non_null(stage_info(c->stage)->label);
}

static void scribble(void *p, size_t n, uint32_t seed) {
        unsigned char *b = p;

        for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525U + 1013904223U;
                b[i] = (unsigned char)(seed >> 24);
        }
}

/* A look at everything, as a status page has it. */
static void read_everything(const struct scoreboard *s) {
        struct scoreboard_header h;
        struct scoreboard_slot c;

        scoreboard_read_header(s, &h);
        assert_true(h.n_used <= SCOREBOARD_SLOTS);
        assert_true(is_terminated(h.pool, sizeof(h.pool)));
        assert_true(is_terminated(h.pm, sizeof(h.pm)));
        for (uint32_t i = 0; i < h.n_used; i++) {
                scoreboard_read_slot(s, i, &c);
                assert_printable(&c);
        }
}

static void test_random_bytes_everywhere(void **state) {
        struct scoreboard *s = map_new();

        scribble(s, sizeof(*s), 1);
        s->header.n_used = UINT32_MAX;
        read_everything(s);
        memset(s, 0xff, sizeof(*s));
        read_everything(s);
        scoreboard_unmap(s);
}

/* The same while somebody goes on scribbling. */
static void test_random_bytes_all_the_time(void **state) {
        struct scoreboard *s = map_new();
        pid_t pid = fork_with_us();

        if (pid == 0)
                for (uint32_t seed = 1;; seed++) {
                        scribble(&s->header, sizeof(s->header), seed);
                        scribble(s->slots, 8 * sizeof(s->slots[0]), seed);
                }
        for (int i = 0; i < 2000; i++) {
                struct scoreboard_header h;
                struct scoreboard_slot c;

                scoreboard_read_header(s, &h);
                assert_true(h.n_used <= SCOREBOARD_SLOTS);
                assert_true(is_terminated(h.pool, sizeof(h.pool)));
                scoreboard_read_slot(s, (uint32_t)i % 8, &c);
                assert_printable(&c);
        }
        stop_writer(pid);
        scoreboard_unmap(s);
}

static void test_stages(void **state) {
        assert_string_equal(stage_info(STAGE_ACCEPTING)->label, "Idle");
        assert_string_equal(stage_info(STAGE_EXECUTING)->label, "Running");
        assert_true(stage_info(STAGE_ACCEPTING)->idle);
        assert_false(stage_info(STAGE_EXECUTING)->idle);
        assert_ptr_equal(stage_info(_STAGE_MAX), stage_info(STAGE_NONE));
        assert_ptr_equal(stage_info(UINT32_MAX), stage_info(STAGE_NONE));
        for (uint32_t i = STAGE_NONE; i < _STAGE_MAX; i++) {
                assert_non_null(stage_info(i)->label);
                assert_non_null(stage_info(i)->name);
                assert_false(stage_info(i)->idle && stage_info(i)->request);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_many_reads_beside_one_writer),
                cmocka_unit_test(test_killed_at_every_step),
                cmocka_unit_test(test_killed_anywhere),
                cmocka_unit_test(test_torn_copy_is_bounded_and_said),
                cmocka_unit_test(test_random_bytes_everywhere),
                cmocka_unit_test(test_random_bytes_all_the_time),
                cmocka_unit_test(test_stages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
