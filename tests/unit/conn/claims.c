/* SPDX-License-Identifier: MIT */
/* Who has a connection, by its word; and what of the other side is not believed. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "conn/claims.h"
#include "ipc/channel.h"

static struct claims_page page;

static const struct claims_at at = { &page, 3, 7 };

enum step { TAKE, PUT_BACK, CLAIM, GIVE, END };

static bool do_step(enum step step) {
        switch (step) {
        case TAKE:
                return claims_take(&at);
        case PUT_BACK:
                claims_put_back(&at, 5);
                return true;
        case CLAIM:
                return claims_claim(&at);
        case GIVE:
                return claims_give(&at);
        case END:
                claims_end(&at);
                return true;
        }
        return false;
}

static const struct {
        const char *sentence;
        enum claims_state begin;
        struct {
                enum step step;
                bool done;
                enum claims_state then;
        } steps[4];
        size_t n;
} rows[] = {
        { "an idle one is the worker's, who takes it first",
          CLAIMS_IDLE,
          { { TAKE, true, CLAIMS_BUSY }, { CLAIM, false, CLAIMS_BUSY }, { PUT_BACK, true, CLAIMS_IDLE } },
          3 },
        { "or the park's",
          CLAIMS_IDLE,
          { { CLAIM, true, CLAIMS_PARKED }, { TAKE, false, CLAIMS_PARKED }, { GIVE, false, CLAIMS_PARKED } },
          3 },
        { "nobody claims it twice",
          CLAIMS_IDLE,
          { { CLAIM, true, CLAIMS_PARKED }, { CLAIM, false, CLAIMS_PARKED } },
          2 },
        { "what is served from the start is nobody else's",
          CLAIMS_BUSY,
          { { CLAIM, false, CLAIMS_BUSY }, { GIVE, false, CLAIMS_BUSY } },
          2 },
        { "what is given is not claimed as well",
          CLAIMS_IDLE,
          { { GIVE, true, CLAIMS_PARKED }, { CLAIM, false, CLAIMS_PARKED } },
          2 },
        { "and comes back, where that could not be said",
          CLAIMS_IDLE,
          { { GIVE, true, CLAIMS_PARKED }, { PUT_BACK, true, CLAIMS_IDLE }, { CLAIM, true, CLAIMS_PARKED } },
          3 },
        { "an empty place is nobody's",
          CLAIMS_IDLE,
          { { END, true, CLAIMS_FREE }, { CLAIM, false, CLAIMS_FREE }, { TAKE, false, CLAIMS_FREE } },
          3 },
};

static void test_one_of_two_has_it(void **unused) {
        uint64_t word;

        (void)unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                claims_begin(&at, rows[i].begin, 1);
                for (size_t k = 0; k < rows[i].n; k++) {
                        if (do_step(rows[i].steps[k].step) != rows[i].steps[k].done)
                                fail_msg("%s: step %zu", rows[i].sentence, k);
                        if (claims_look(&at, &word) != rows[i].steps[k].then)
                                fail_msg("%s: after step %zu", rows[i].sentence, k);
                }
        }
}

/* The place has another connection by now. */
static void test_another_serial_number_is_another_connection(void **unused) {
        struct claims_at later = at;
        uint64_t word;

        (void)unused;
        later.serial++;
        claims_begin(&later, CLAIMS_IDLE, 1);
        assert_false(claims_claim(&at));
        assert_int_equal(claims_look(&at, &word), CLAIMS_FREE);
        assert_true(claims_claim(&later));
}

static void test_each_time_it_is_put_back_is_another_word(void **unused) {
        uint64_t before, after;

        (void)unused;
        claims_begin(&at, CLAIMS_IDLE, 1);
        (void)claims_look(&at, &before);
        assert_true(claims_take(&at));
        claims_put_back(&at, 2);
        assert_int_equal(claims_look(&at, &after), CLAIMS_IDLE);
        assert_true(before != after);
}

static void test_a_busy_worker_rings_where_nobody_watches(void **unused) {
        uint32_t turn = 0;

        (void)unused;
        atomic_store(&page.watched, 0);
        assert_true(claims_work(&page, &turn));
        assert_true(atomic_load(&page.turn) & 1U);
        atomic_store(&page.watched, 1);
        assert_false(claims_work(&page, &turn));
        assert_true(atomic_load(&page.turn) & 1U);
        claims_wait(&page, &turn);
        assert_false(atomic_load(&page.turn) & 1U);
}

/* It could be made smaller under the park's eyes. */
static void test_pages_that_may_shrink_are_refused(void **unused) {
        _cleanup_fd_ int good = -1, open = fd_new_memfd("open"), small = fd_new_memfd("small"), file = -1;
        struct claims_page *mine, *theirs;

        (void)unused;
        assert_int_equal(claims_new(&mine, &good), 0);
        assert_int_equal(claims_map(good, &theirs), 0);
        atomic_store(&mine->turn, 9);
        assert_int_equal(atomic_load(&theirs->turn), 9);
        claims_unmap(mine);
        claims_unmap(theirs);
        assert_int_equal(ftruncate(open, 4096), 0);
        assert_int_equal(claims_map(open, &theirs), -EBADMSG);
        assert_int_equal(ftruncate(small, 100), 0);
        assert_int_equal(fd_seal(small, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
        assert_int_equal(claims_map(small, &theirs), -EBADMSG);
        file = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        assert_int_equal(claims_map(file, &theirs), -EBADMSG);
}

static void test_notes_that_make_no_sense_are_refused(void **unused) {
        static const struct {
                struct claims_note note;
                bool fd;
        } bad[] = {
                { { 2, CLAIMS_NOTE_RING, 0, 0 }, false },  { { 1, _CLAIMS_NOTE_MAX, 0, 0 }, false },
                { { 1, CLAIMS_NOTE_GONE, 64, 0 }, false }, { { 1, CLAIMS_NOTE_SHELVE, 0, 0 }, false },
                { { 1, CLAIMS_NOTE_GONE, 0, 0 }, true },
        };
        struct claims_note got;
        int ends[2], fd = STDERR_FILENO;

        (void)unused;
        assert_int_equal(channel_pair(ends), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct iovec iov = { (void *)&bad[i].note, sizeof(bad[i].note) };

                assert_int_equal(channel_send(ends[1], &(struct channel_message){ &iov, 1, &fd, bad[i].fd, false }), 0);
                assert_int_equal(claims_receive(ends[0], &got, &fd), -EBADMSG);
                fd = STDERR_FILENO;
        }
        assert_int_equal(send(ends[1], "x", 1, 0), 1);
        assert_int_equal(claims_receive(ends[0], &got, &fd), -EBADMSG);
        assert_int_equal(claims_send(ends[1], CLAIMS_NOTE_SHELVE, &at, STDERR_FILENO), 0);
        assert_int_equal(claims_receive(ends[0], &got, &fd), 0);
        assert_true(got.kind == CLAIMS_NOTE_SHELVE && got.place == 3 && got.serial == 7 && fd >= 0);
        fd_close(fd);
        assert_int_equal(claims_receive(ends[0], &got, &fd), CLAIMS_E_EMPTY);
        fd_close(ends[1]);
        assert_int_equal(claims_receive(ends[0], &got, &fd), CLAIMS_E_GONE);
        fd_close(ends[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_of_two_has_it),
                cmocka_unit_test(test_another_serial_number_is_another_connection),
                cmocka_unit_test(test_each_time_it_is_put_back_is_another_word),
                cmocka_unit_test(test_a_busy_worker_rings_where_nobody_watches),
                cmocka_unit_test(test_pages_that_may_shrink_are_refused),
                cmocka_unit_test(test_notes_that_make_no_sense_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
