/* SPDX-License-Identifier: MIT */
/* How many of those that wait for a worker are too many. */

#include "scene.h"

#include "park/overflow.h"
#include "park/queue.h"
#include "park/request.h"

#define MSEC(n) (USEC_PER_MSEC * (n))

static void test_surplus(void **unused) {
        static const struct {
                const char *name;
                struct overflow_queue queue;
                unsigned max;
                size_t surplus;
                usec_t at;
        } rows[] = {
                { "no limit", { 100, true, MSEC(0), MSEC(900) }, 0, 0, USEC_INFINITY },
                { "nobody waits", { 0, true, 0, MSEC(900) }, 1, 0, USEC_INFINITY },
                { "as many as may wait", { 10, false, MSEC(0), MSEC(900) }, 10, 0, USEC_INFINITY },
                { "the one that is offered waits too", { 10, true, MSEC(0), MSEC(900) }, 10, 1, USEC_INFINITY },
                { "one too many", { 11, false, MSEC(0), MSEC(900) }, 10, 1, USEC_INFINITY },
                { "many too many", { 500, true, MSEC(0), MSEC(900) }, 10, 491, USEC_INFINITY },
                { "a crowd that workers may be about to take", { 500, true, MSEC(7), MSEC(9) }, 10, 0, MSEC(12) },
                { "it has stood for just long enough", { 12, false, MSEC(7), MSEC(12) }, 10, 2, USEC_INFINITY },
                { "never more than wait here", { 1, true, MSEC(0), MSEC(900) }, 1, 1, USEC_INFINITY },
        };

        (void)unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                usec_t at;
                size_t n = overflow_surplus(&rows[i].queue, rows[i].max, &at);

                if (n != rows[i].surplus || at != rows[i].at)
                        print_error("%s\n", rows[i].name);
                assert_int_equal(n, rows[i].surplus);
                assert_int_equal(at, rows[i].at);
        }
}

/* A request in records: its BEGIN with these flags, SCRIPT_NAME, and what follows. */
static size_t make_request(uint8_t *out, uint8_t flags, const char *script, bool stdin_ends) {
        size_t n_script = strlen(script), n_pair = 2 + 11 + n_script, n = 0;

        memcpy(out, "\1\1\0\7\0\10\0\0\0\1\0\0\0\0\0\0", 16);
        out[10] = flags;
        n = 16;
        memcpy(out + n, "\1\4\0\7\0\0\0\0", 8);
        out[n + 5] = (uint8_t)n_pair;
        n += 8;
        out[n++] = 11;
        out[n++] = (uint8_t)n_script;
        memcpy(out + n, "SCRIPT_NAME", 11);
        memcpy(out + n + 11, script, n_script);
        n += 11 + n_script;
        memcpy(out + n, "\1\4\0\7\0\0\0\0", 8);
        n += 8;
        if (stdin_ends)
                memcpy(out + n, "\1\5\0\7\0\0\0\0", 8);
        return n + (stdin_ends ? 8 : 0);
}

static void test_what_a_request_says(void **unused) {
        struct conf_pool pool = { .ping_path = (char *)"/ping", .status_path = (char *)"/status" };
        static const struct {
                const char *name, *script;
                uint8_t flags;
                bool ends, keep, page;
        } rows[] = {
                { "a script's", "/index.php", 0, true, false, false },
                { "on a kept connection", "/index.php", 1, true, true, false },
                { "whose body has not ended", "/index.php", 1, false, true, false },
                { "ping", "/ping", 0, true, false, true },
                { "status", "/status", 0, true, false, true },
                { "what only begins so", "/statuses", 0, true, false, false },
        };
        uint8_t buf[256];

        (void)unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t n = make_request(buf, rows[i].flags, rows[i].script, rows[i].ends);
                struct request r;

                request_read(&pool, buf, n, &r);
                if (!r.begun || r.id != 7 || r.keep != rows[i].keep || r.whole != rows[i].ends ||
                    r.ended != rows[i].ends || r.page != rows[i].page)
                        fail_msg("%s", rows[i].name);
        }
}

/* The padding of the record that ends a request is the request's, as far as it has come or is still to come. */
static void test_what_is_behind_a_request(void **unused) {
        struct conf_pool pool = {};
        uint8_t buf[256];
        size_t n = make_request(buf, 1, "/x.php", true);
        struct request r;

        (void)unused;
        request_read(&pool, buf, n, &r);
        assert_true(r.ended && r.n_behind == 0 && r.n_missing == 0);
        memcpy(buf + n, "\1\1\0", 3);
        request_read(&pool, buf, n + 3, &r);
        assert_true(r.ended && r.behind == buf + n && r.n_behind == 3 && r.n_missing == 0);
        buf[n - 2] = 2;
        request_read(&pool, buf, n + 3, &r);
        assert_true(r.ended && r.behind == buf + n + 2 && r.n_behind == 1 && r.n_missing == 0);
        request_read(&pool, buf, n, &r);
        assert_true(r.ended && r.n_behind == 0 && r.n_missing == 2);
        n = make_request(buf, 1, "/x.php", false);
        request_read(&pool, buf, n, &r);
        assert_true(!r.ended && r.n_behind == 0 && r.n_missing == 0);
}

static void test_what_is_no_request_is_left_to_workers(void **unused) {
        struct conf_pool pool = {};
        uint8_t buf[256];
        size_t n = make_request(buf, 0, "/x.php", true);
        struct request r;

        (void)unused;
        for (size_t k = 0; k < n - 16; k++) {
                request_read(&pool, buf, k, &r);
                assert_true(!r.whole && r.begun == (k >= 16) && r.class == PARK_CLASS_NORMAL);
        }
        request_read(&pool, (const uint8_t *)"\2\1\0\1\0\10\0\0", 8, &r);
        assert_false(r.begun);
        request_read(&pool, NULL, 0, &r);
        assert_false(r.begun);
}

/* A head that is longer than what comes here, or a question before it, makes a request no check. */
static void test_request_has_begun_whatever_comes_of_its_head(void **unused) {
        struct conf_pool pool = { .ping_path = (char *)"/ping" };
        uint8_t buf[256];
        size_t n;
        struct request r;

        (void)unused;
        (void)make_request(buf, 1, "/x.php", true);
        request_read(&pool, buf, 30, &r);
        assert_true(r.begun && r.keep && !r.page && !r.whole && r.class == PARK_CLASS_NORMAL);
        assert_int_equal(r.id, 7);

        memcpy(buf, "\1\11\0\0\0\0\0\0", 8);
        n = 8 + make_request(buf + 8, 0, "/x.php", true);
        request_read(&pool, buf, n, &r);
        assert_true(r.begun && !r.page && !r.whole);
        assert_int_equal(r.id, 7);
        n = 8 + make_request(buf + 8, 0, "/ping", true);
        request_read(&pool, buf, n, &r);
        assert_true(r.begun && r.page);
}

/* Who is next, over and over, while these many of each class wait at first. */
static void test_classes_take_turns(void **unused) {
        size_t n[_PARK_CLASS_MAX] = { 16, 8, 2 }, served[_PARK_CLASS_MAX] = { 0 };
        static const uint64_t length[_PARK_CLASS_MAX] = { 1, 2, 8 };
        uint64_t turns[_PARK_CLASS_MAX] = { 0 };

        (void)unused;
        for (unsigned i = 0; i < 26; i++) {
                enum park_class next = queue_pick(n, turns);

                assert_true(next < _PARK_CLASS_MAX && n[next] > 0);
                n[next]--;
                served[next]++;
                turns[next] += length[next];
                if (i == 12) { /* half of each */
                        assert_int_equal(served[PARK_CLASS_HIGH], 8);
                        assert_int_equal(served[PARK_CLASS_NORMAL], 4);
                        assert_int_equal(served[PARK_CLASS_LOW], 1);
                }
        }
        assert_int_equal(queue_pick(n, turns), _PARK_CLASS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_surplus),
                cmocka_unit_test(test_classes_take_turns),
                cmocka_unit_test(test_what_a_request_says),
                cmocka_unit_test(test_what_is_behind_a_request),
                cmocka_unit_test(test_what_is_no_request_is_left_to_workers),
                cmocka_unit_test(test_request_has_begun_whatever_comes_of_its_head),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
