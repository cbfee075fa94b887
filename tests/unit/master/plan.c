/* SPDX-License-Identifier: MIT */
/* master/plan.h as a table of sentences. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "master/plan.h"

#define POOLS_MAX 4

/* A step in short: what it does, where the next generation listens, what becomes of its address, of its page. */
// clang-format off
#define KEEP          { .action = PLAN_KEEP }
#define DRAIN         { .action = PLAN_DRAIN }
#define REPLACE       { .action = PLAN_REPLACE }
#define START         { .action = PLAN_START, .listeners = PLAN_LISTENERS_OPENED }
#define START_AT(n)   { .action = PLAN_START, .listeners = PLAN_LISTENERS_TAKEN, .from = (n) }
#define DROP          { .action = PLAN_DROP, .address = PLAN_ADDRESS_GIVEN_UP }
#define DROP_TO_HEIR  { .action = PLAN_DROP, .address = PLAN_ADDRESS_PASSED_ON }
#define MOVE          { PLAN_REPLACE, .listeners = PLAN_LISTENERS_OPENED, .address = PLAN_ADDRESS_GIVEN_UP }
#define MOVE_TO(n)    { PLAN_REPLACE, .listeners = PLAN_LISTENERS_TAKEN, (n), .address = PLAN_ADDRESS_GIVEN_UP }
#define LEAVE_TO_HEIR { PLAN_REPLACE, .listeners = PLAN_LISTENERS_OPENED, .address = PLAN_ADDRESS_PASSED_ON }
#define SWAP_WITH(n)  { PLAN_REPLACE, .listeners = PLAN_LISTENERS_TAKEN, (n), .address = PLAN_ADDRESS_PASSED_ON }
#define PAGE(what)    { .action = PLAN_REPLACE, .page = PLAN_PAGE_##what }

#define ALL                                                                                                            \
        { .all = true, .names = "" }
#define CHANGED                                                                                                        \
        { .changed = true, .names = "" }
#define ONLY(n)                                                                                                        \
        { .names = n "\n" }

static const struct {
        const char *sentence;
        struct plan_running running[POOLS_MAX];
        struct plan_wanted wanted[POOLS_MAX];
        struct plan_scope scope;
        bool activated;
        struct plan_step steps[POOLS_MAX];
        const char *problems; /* NULL: none */
} rows[] = {
        /* which pools */
        { "every pool gets a generation",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" }, { "b", "/b" } },
          ALL,
          .steps = { REPLACE, REPLACE } },
        { "one that is named alone",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" }, { "b", "/b" } },
          ONLY("b"),
          .steps = { KEEP, REPLACE } },
        { "a name is a whole one",
          { { "a", "/a" } },
          { { "a", "/a" }, { "ab", "/b" } },
          ONLY("ab"),
          .steps = { KEEP, START } },
        { "those that have changed",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" }, { "b", "/b", .changed = true } },
          CHANGED,
          .steps = { KEEP, REPLACE } },
        { "what has changed or is named",
          { { "a", "/a" }, { "b", "/b" }, { "c", "/c" } },
          { { "a", "/a" }, { "b", "/b", .changed = true }, { "c", "/c" } },
          { .changed = true, .names = "a\n" },
          .steps = { REPLACE, REPLACE, KEEP } },
        { "nothing has changed", { { "a", "/a" } }, { { "a", "/a" } }, CHANGED, .steps = { KEEP } },
        { "a new pool starts", { { "a", "/a" } }, { { "n", "/n" }, { "a", "/a" } }, ALL, .steps = { REPLACE, START } },
        { "a new pool has changed",
          { { "a", "/a" } },
          { { "a", "/a" }, { "n", "/n", .changed = true } },
          CHANGED,
          .steps = { KEEP, START } },
        { "a new pool that is not named does not start",
          { { "a", "/a" } },
          { { "a", "/a" }, { "n", "/n", .changed = true } },
          ONLY("a"),
          .steps = { REPLACE } },
        { "one that is gone from the file is dropped",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" } },
          ALL,
          .steps = { REPLACE, DROP } },
        { "for that it counts as changed",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" } },
          CHANGED,
          .steps = { KEEP, DROP } },
        { "a reload of another pool does not drop it",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/a" } },
          ONLY("a"),
          .steps = { REPLACE, KEEP } },
        { "a pool that drains is left alone",
          { { "a", "/a" }, { "b", "/b", .ends = true } },
          { { "a", "/a" } },
          ALL,
          .steps = { REPLACE, DRAIN } },

        /* addresses */
        { "a pool moves to another address", { { "a", "/a" } }, { { "a", "/n" } }, ALL, .steps = { MOVE } },
        { "it stays where it is when it is not asked for",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/n" }, { "b", "/b" } },
          ONLY("b"),
          .steps = { KEEP, REPLACE } },
        { "two pools swap their addresses",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/b" }, { "b", "/a" } },
          ALL,
          .steps = { SWAP_WITH(1), SWAP_WITH(0) } },
        { "three pools move in a circle",
          { { "a", "/a" }, { "b", "/b" }, { "c", "/c" } },
          { { "a", "/b" }, { "b", "/c" }, { "c", "/a" } },
          ALL,
          .steps = { SWAP_WITH(1), SWAP_WITH(2), SWAP_WITH(0) } },
        { "a pool takes the address that another one leaves",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/n" }, { "b", "/a" } },
          ALL,
          .steps = { LEAVE_TO_HEIR, MOVE_TO(0) } },
        { "a new pool takes a dropped one's",
          { { "a", "/a" }, { "b", "/b" } },
          { { "b", "/b" }, { "n", "/a" } },
          ALL,
          .steps = { DROP_TO_HEIR, REPLACE, START_AT(0) } },
        { "a renamed pool keeps its sockets",
          { { "a", "/a" } },
          { { "b", "/a" } },
          ALL,
          .steps = { DROP_TO_HEIR, START_AT(0) } },
        { "no pool takes the sockets of one that has another user",
          { { "a", "/a", .uid = 33 }, { "b", "/b", .uid = 34 } },
          { { "a", "/n", .uid = 33 }, { "b", "/a", .uid = 34 } },
          ALL,
          .problems = "the pool 'b' cannot have the address of the pool 'a' (listen = /a), which has another user, in "
                      "a reload: restart the service\n" },
        { "nor a new one those of a dropped one, of a swap neither",
          { { "a", "/a", .uid = 33 }, { "b", "/b", .uid = 34 }, { "c", "/c", .uid = 33 } },
          { { "n", "/a", .uid = 34 }, { "b", "/c", .uid = 34 }, { "c", "/b", .uid = 33 } },
          ALL,
          .problems = "the pool 'n' cannot have the address of the pool 'a' (listen = /a), which has another user, in "
                      "a reload: restart the service\n"
                      "the pool 'b' cannot have the address of the pool 'c' (listen = /c), which has another user, in "
                      "a reload: restart the service\n"
                      "the pool 'c' cannot have the address of the pool 'b' (listen = /b), which has another user, in "
                      "a reload: restart the service\n" },
        { "sockets of a pool stay when its user changes",
          { { "a", "/a", .uid = 33 } },
          { { "a", "/a", .uid = 34 } },
          ALL,
          .steps = { REPLACE } },
        { "what a pool of another user that drains had is opened anew",
          { { "a", "/a", .ends = true, .uid = 33 } },
          { { "n", "/a", .uid = 34 } },
          ALL,
          .steps = { DRAIN, START } },
        { "an address of a pool that stays is opened, and found in use then",
          { { "a", "/a" }, { "b", "/b" } },
          { { "a", "/n" }, { "b", "/a" } },
          ONLY("b"),
          .steps = { KEEP, MOVE } },
        { "what a pool that drains had is opened anew",
          { { "a", "/a", .ends = true } },
          { { "n", "/a" } },
          ALL,
          .steps = { DRAIN, START } },

        /* the service manager's sockets */
        { "its sockets stay whatever the file says",
          { { "a", "/a", .of_systemd = true } },
          { { "a", "/n" } },
          ALL,
          true,
          .steps = { REPLACE } },
        { "a pool with one cannot be dropped",
          { { "a", "/a", .of_systemd = true } },
          { { "b", "/b" } },
          CHANGED,
          .problems = "the pool 'a' is gone from the configuration, but its socket is the service manager's: stop the "
                      "socket unit and restart the service\n" },
        { "there is none for a new pool",
          { { "a", "/a", .of_systemd = true } },
          { { "a", "/a" }, { "n", "/n" } },
          ALL,
          true,
          .problems = "the pool 'n' (listen = /n) has no socket: the service manager passes sockets only at a start; "
                      "fpmctl enable n gives it a unit of its own; or make a socket unit with FileDescriptorName=n "
                      "for this service, and restart that (fpmd.service(7)); or give its file another ending than "
                      ".conf\n" },
        { "nor for one of our own that waits for it",
          { { "a", "/a" } },
          { { "a", "systemd" } },
          ALL,
          .problems = "the pool 'a' (listen = systemd) has no socket: the service manager passes sockets only at a "
                      "start; fpmctl enable a gives it a unit of its own; or make a socket unit with "
                      "FileDescriptorName=a for this service, and restart that (fpmd.service(7)); or give its file "
                      "another ending than .conf\n" },

        /* pages */
        { "a page stays",
          { { "a", "/a", .page = "/p" } },
          { { "a", "/a", .page = "/p" } },
          ALL,
          .steps = { PAGE(KEPT) } },
        { "is opened", { { "a", "/a" } }, { { "a", "/a", .page = "/p" } }, ALL, .steps = { PAGE(OPENED) } },
        { "is opened elsewhere",
          { { "a", "/a", .page = "/p" } },
          { { "a", "/a", .page = "/q" } },
          ALL,
          .steps = { PAGE(OPENED) } },
        { "is closed", { { "a", "/a", .page = "/p" } }, { { "a", "/a" } }, ALL, .steps = { PAGE(CLOSED) } },
        { "goes with its pool",
          { { "a", "/a", .page = "/p" } },
          { { "b", "/b", .page = "/p" } },
          ALL,
          .steps = { { .action = PLAN_DROP, .address = PLAN_ADDRESS_GIVEN_UP, .page = PLAN_PAGE_CLOSED },
                     { .action = PLAN_START, .listeners = PLAN_LISTENERS_OPENED, .page = PLAN_PAGE_OPENED } } },
        { "stays when its pool is not asked for",
          { { "a", "/a", .page = "/p" }, { "b", "/b" } },
          { { "a", "/a" }, { "b", "/b" } },
          ONLY("b"),
          .steps = { KEEP, REPLACE } },

        /* refusals */
        { "a pool comes back while it drains",
          { { "a", "/a", .ends = true } },
          { { "a", "/a" } },
          ALL,
          .problems = "the pool 'a' is still ending; try again\n" },
        { "every reason is told",
          { { "a", "/a", .of_systemd = true }, { "b", "/b", .ends = true } },
          { { "b", "/b" } },
          ALL,
          .problems = "the pool 'a' is gone from the configuration, but its socket is the service manager's: stop the "
                      "socket unit and restart the service\nthe pool 'b' is still ending; try again\n" },
};

static size_t count_running(const struct plan_running *r) {
        size_t n = 0;

        while (n < POOLS_MAX && r[n].name)
                n++;
        return n;
}

static size_t count_wanted(const struct plan_wanted *w) {
        size_t n = 0;

        while (n < POOLS_MAX && w[n].name)
                n++;
        return n;
}

static struct plan_input input_of(size_t row) {
        return (struct plan_input){ .running = rows[row].running,
                                    .n_running = count_running(rows[row].running),
                                    .wanted = rows[row].wanted,
                                    .n_wanted = count_wanted(rows[row].wanted),
                                    .scope = rows[row].scope,
                                    .activated = rows[row].activated };
}

static bool is_step(const struct plan_step *a, const struct plan_step *b) {
        return a->action == b->action && a->listeners == b->listeners && a->from == b->from &&
               a->address == b->address && a->page == b->page;
}

static bool holds(size_t row) {
        struct plan_input in = input_of(row);
        _cleanup_text_ struct text problems = {};
        _cleanup_plan_ struct plan plan = {};
        int r = plan_make(&in, &plan, &problems);

        if (r == 0)
                r = plan_check_heirs(&in, &plan, &problems);
        if (strcmp(text_peek(&problems), rows[row].problems ?: "") != 0) {
                print_error("%s: told \"%s\"\n", rows[row].sentence, text_peek(&problems));
                return false;
        }
        if (r != (rows[row].problems ? PLAN_E_REFUSED : 0))
                return false;
        for (size_t i = 0; r == 0 && i < plan.n_steps; i++)
                if (!is_step(&plan.steps[i], &rows[row].steps[i])) {
                        print_error("%s: step %zu: action %d, listeners %d from %zu, address %d, page %d\n",
                                    rows[row].sentence, i, plan.steps[i].action, plan.steps[i].listeners,
                                    plan.steps[i].from, plan.steps[i].address, plan.steps[i].page);
                        return false;
                }
        return true;
}

static void sentences_hold(_unused_ void **state) {
        bool all = true;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (!holds(i)) {
                        print_error("does not hold: %s\n", rows[i].sentence);
                        all = false;
                }
        assert_true(all);
}

/* Whatever the pools are: each has one step, one that is asked for has a next generation, and an address that is taken
 * is one that its pool passes on, to one other. */
static void steps_agree(_unused_ void **state) {
        for (size_t row = 0; row < ELEMENTSOF(rows); row++) {
                struct plan_input in = input_of(row);
                _cleanup_text_ struct text problems = {};
                _cleanup_plan_ struct plan plan = {};
                unsigned n_taken[POOLS_MAX] = {};
                size_t n_starts = 0, n_asked = 0;

                if (plan_make(&in, &plan, &problems) != 0)
                        continue;
                for (size_t i = 0; i < plan.n_steps; i++) {
                        n_starts += plan_starts(&plan.steps[i]);
                        if (plan.steps[i].listeners == PLAN_LISTENERS_TAKEN)
                                n_taken[plan.steps[i].from]++;
                        assert_true((plan.steps[i].action == PLAN_START) == (i >= in.n_running));
                }
                for (size_t i = 0; i < in.n_wanted; i++)
                        n_asked += plan.of_wanted[i] != PLAN_NO_STEP;
                assert_int_equal(n_starts, n_asked);
                for (size_t i = 0; i < in.n_running; i++)
                        assert_int_equal(n_taken[i], plan.steps[i].address == PLAN_ADDRESS_PASSED_ON);
        }
}

/* "9000" and "127.0.0.1:9000" are two texts, "localhost:9000" may be the second. */
static void address_decides_not_its_text(_unused_ void **state) {
        struct plan_running running = { .name = "a", .listen = "localhost:9000" };
        struct plan_wanted wanted = { .name = "a", .listen = "127.0.0.1:9000" };
        struct plan_input in = { &running, 1, &wanted, 1, ALL, false };

        for (int known = 0; known < 2; known++) {
                _cleanup_text_ struct text problems = {};
                _cleanup_plan_ struct plan plan = {};

                if (known) {
                        assert_int_equal(addr_parse("127.0.0.1:9000", &running.bound), 0);
                        wanted.address = running.bound;
                }
                assert_int_equal(plan_make(&in, &plan, &problems), 0);
                assert_int_equal(plan.steps[0].address, known ? PLAN_ADDRESS_KEPT : PLAN_ADDRESS_GIVEN_UP);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sentences_hold),
                cmocka_unit_test(steps_agree),
                cmocka_unit_test(address_decides_not_its_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
