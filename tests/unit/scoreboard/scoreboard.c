/* SPDX-License-Identifier: MIT */
/* A scoreboard's file: sparse, sealed, and nothing else is taken for one. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/time.h"
#include "scoreboard/read.h"
#include "scoreboard/scoreboard.h"
#include "scoreboard/slot.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static uint64_t bytes_in_use(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return (uint64_t)st.st_blocks * 512;
}

static void test_new_one(void **state) {
        usec_t before = time_now(), wall = time_wall();
        _cleanup_fd_ int fd = scoreboard_create("www");
        struct scoreboard_header h;
        struct scoreboard *s;

        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(scoreboard_map(fd, &s), 0);
        assert_true(scoreboard_read_header(s, &h));
        assert_string_equal(h.pool, "www");
        assert_int_equal(h.n_used, 0);
        assert_int_equal(h.n_slots, SCOREBOARD_SLOTS);
        assert_in_range(h.start_mono, before, time_now());
        assert_in_range(h.start_wall, wall, time_wall());
        scoreboard_unmap(s);
        scoreboard_unmap(NULL);
}

static void test_long_pool_name_is_cut(void **state) {
        char name[200];
        _cleanup_fd_ int fd = -1;
        struct scoreboard *s;

        memset(name, 'p', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        fd = scoreboard_create(name);
        assert_int_equal(scoreboard_map(fd, &s), 0);
        assert_int_equal(strlen(s->header.pool), SCOREBOARD_POOL_MAX - 1);
        scoreboard_unmap(s);
}

/* Twenty megabytes of file, but only what was written takes memory. */
static void test_sparse(void **state) {
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        _cleanup_fd_ int fd = scoreboard_create("www");
        struct scoreboard *s;
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, sizeof(struct scoreboard));
        assert_true(st.st_size > 16 << 20);
        assert_int_equal(bytes_in_use(fd), page);
        assert_int_equal(scoreboard_map(fd, &s), 0);
        assert_int_equal(bytes_in_use(fd), page);
        slot_assign(&s->slots[0], 1, 1);
        assert_in_range(bytes_in_use(fd), page, 2 * page); /* a larger page may hold both */
        scoreboard_unmap(s);
}

static void test_size_is_final(void **state) {
        _cleanup_fd_ int fd = scoreboard_create("www");

        assert_int_equal(fcntl(fd, F_GET_SEALS) & SEALS, SEALS);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(fd, sizeof(struct scoreboard) + 1), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(fd_seal(fd, F_SEAL_WRITE), -EPERM); /* nobody can take the writers' mapping away */
}

static void test_two_mappings_are_one(void **state) {
        _cleanup_fd_ int fd = scoreboard_create("www");
        const struct scoreboard *reader;
        struct scoreboard_slot slot;
        struct scoreboard *writer;

        assert_int_equal(scoreboard_map(fd, &writer), 0);
        assert_int_equal(scoreboard_map_readonly(fd, &reader), 0);
        slot_assign(&writer->slots[SCOREBOARD_SLOTS - 1], 7, 42);
        assert_true(scoreboard_read_slot(reader, SCOREBOARD_SLOTS - 1, &slot));
        assert_int_equal(slot.generation, 7);
        scoreboard_unmap(writer);
        scoreboard_unmap(reader);
}

/* A file that resembles a scoreboard but for one thing. */
static const struct {
        const char *says;
        size_t offset; /* of a 32-bit word of the header that is changed */
        uint32_t value;
        off_t more; /* bytes by which the file is larger */
        int seals;
        int r;
} wrong[] = {
        { "the real thing", 0, 0, 0, SEALS, 0 },
        { "seals beyond ours do no harm", 0, 0, 0, SEALS | F_SEAL_FUTURE_WRITE, 0 },
        { "another magic", offsetof(struct scoreboard_header, magic), 1, 0, SEALS, -EBADMSG },
        { "another version", offsetof(struct scoreboard_header, version), SCOREBOARD_VERSION + 1, 0, SEALS, -EBADMSG },
        { "another header", offsetof(struct scoreboard_header, header_size), 8192, 0, SEALS, -EBADMSG },
        { "another slot", offsetof(struct scoreboard_header, slot_size), 64, 0, SEALS, -EBADMSG },
        { "more slots than there is room", offsetof(struct scoreboard_header, n_slots), UINT32_MAX, 0, SEALS,
          -EBADMSG },
        { "a byte too short", 0, 0, -1, SEALS, -EBADMSG },
        { "a page too long", 0, 0, 4096, SEALS, -EBADMSG },
        { "empty", 0, 0, -(off_t)sizeof(struct scoreboard), SEALS, -EBADMSG },
        { "not sealed", 0, 0, 0, 0, -EBADMSG },
        { "may shrink", 0, 0, 0, F_SEAL_GROW | F_SEAL_SEAL, -EBADMSG },
        { "may grow", 0, 0, 0, F_SEAL_SHRINK | F_SEAL_SEAL, -EBADMSG },
        { "more seals can be added", 0, 0, 0, F_SEAL_SHRINK | F_SEAL_GROW, -EBADMSG },
};

static void test_wrong_files(void **state) {
        _cleanup_fd_ int real = scoreboard_create("www");
        char header[sizeof(struct scoreboard_header)];

        assert_int_equal(pread(real, header, sizeof(header), 0), sizeof(header));
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_fd_ int fd = fd_new_memfd("test");
                const struct scoreboard *ro = NULL;
                struct scoreboard *rw = NULL;
                int r;

                assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
                if (wrong[i].value)
                        assert_int_equal(pwrite(fd, &wrong[i].value, 4, (off_t)wrong[i].offset), 4);
                assert_int_equal(ftruncate(fd, (off_t)sizeof(struct scoreboard) + wrong[i].more), 0);
                assert_int_equal(fd_seal(fd, wrong[i].seals), 0);
                r = scoreboard_map_readonly(fd, &ro);
                if (r != wrong[i].r || (r < 0) != !ro)
                        fail_msg("%s: %d", wrong[i].says, r);
                scoreboard_unmap(ro);
                if (wrong[i].seals & F_SEAL_FUTURE_WRITE)
                        continue;
                r = scoreboard_map(fd, &rw);
                if (r != wrong[i].r || (r < 0) != !rw)
                        fail_msg("%s: %d", wrong[i].says, r);
                scoreboard_unmap(rw);
        }
}

static void test_no_memfd_at_all(void **state) {
        char path[] = "/var/tmp/fpmd-test-XXXXXX";
        _cleanup_fd_ int file = mkostemp(path, O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct scoreboard *s = NULL;

        unlink(path);
        assert_int_equal(ftruncate(file, sizeof(struct scoreboard)), 0);
        assert_int_equal(scoreboard_map(file, &s), -EBADMSG);
        assert_int_equal(scoreboard_map(null, &s), -EBADMSG);
        assert_int_equal(scoreboard_map(-1, &s), -EBADF);
        assert_null(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new_one),
                cmocka_unit_test(test_long_pool_name_is_cut),
                cmocka_unit_test(test_sparse),
                cmocka_unit_test(test_size_is_final),
                cmocka_unit_test(test_two_mappings_are_one),
                cmocka_unit_test(test_wrong_files),
                cmocka_unit_test(test_no_memfd_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
