/* SPDX-License-Identifier: MIT */
/* untrusted/zygote.h: what fits what the master knows becomes a fact, and nothing else does. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ipc/channel.h"
#include "opened.h"
#include "untrusted/zygote.h"

#define ZYGOTE 4711
#define WORKER 815

static struct untrusted_slot known_slot;

static struct untrusted_slot slot_of(void *userdata, uint32_t slot) {
        return slot == 0 ? known_slot : (struct untrusted_slot){ .state = UNTRUSTED_SLOT_OTHER, .pidfd = -1 };
}

static bool owns_nobody(pid_t pid, void *userdata) {
        return false;
}

static const struct untrusted_zygote running = { .family = { .zygote = ZYGOTE, .owns = owns_nobody },
                                                 .is_ready = true,
                                                 .has_output = true,
                                                 .n_tracing = 1,
                                                 .slot = slot_of };
static const struct untrusted_zygote booting = {
        .family = { .zygote = ZYGOTE, .owns = owns_nobody }, .is_ready = true, .boots = true, .slot = slot_of
};
static const struct untrusted_zygote fresh = { .family = { .zygote = ZYGOTE, .owns = owns_nobody },
                                               .is_starting = true,
                                               .slot = slot_of };

// clang-format off
#define OTHER                                                                                                          \
        { .state = UNTRUSTED_SLOT_OTHER, .pidfd = -1 }
#define ASKED                                                                                                          \
        { .state = UNTRUSTED_SLOT_ASKED, .pidfd = -1 }
#define EARLY                                                                                                          \
        { .state = UNTRUSTED_SLOT_ASKED, .pidfd = -1, .is_early = true }
#define STARTING                                                                                                       \
        { .state = UNTRUSTED_SLOT_STARTING, .pid = WORKER }
#define NOT_BOOTED                                                                                                     \
        { .state = UNTRUSTED_SLOT_STARTING, .pid = WORKER, .has_failed = true }
#define ACCEPTING                                                                                                      \
        { .state = UNTRUSTED_SLOT_ACCEPTING, .pid = WORKER }
#define HEARD                                                                                                          \
        { .state = UNTRUSTED_SLOT_ACCEPTING, .pid = WORKER, .has_output = true }

/* One sentence: said of a slot in that state, this is that news, or (-1) refused. */
struct sentence {
        const char *name;
        const struct untrusted_zygote *zygote;
        struct untrusted_slot slot;
        struct ipc_message said;
        int news;
        int status; /* of the fact */
};

#define SAID(...)                                                                                                      \
        { __VA_ARGS__ }
// clang-format on
static const struct sentence sentences[] = {
        { "PHP is up", &fresh, OTHER, SAID(IPC_READY, .text = "8.2.0-dev+x~1_Y"), UNTRUSTED_READY },
        { "and shows its version", &fresh, OTHER, SAID(IPC_READY, .status = 1, .text = "8"), UNTRUSTED_READY, 1 },
        { "no other number is a yes", &fresh, OTHER, SAID(IPC_READY, .status = -1, .text = "8"), UNTRUSTED_READY },
        { "PHP is up twice", &running, OTHER, SAID(IPC_READY, .text = "8.2.0"), -1 },
        { "a version of nothing", &fresh, OTHER, SAID(IPC_READY), -1 },
        { "a version with markup", &fresh, OTHER, SAID(IPC_READY, .text = "8.2<b>"), -1 },
        { "a version with a space", &fresh, OTHER, SAID(IPC_READY, .text = "8.2 "), -1 },
        { "a version with an 8 bit letter", &fresh, OTHER, SAID(IPC_READY, .text = "8.2\xe9"), -1 },

        { "PHP does not start", &fresh, OTHER, SAID(IPC_FAILED, .text = "why"), UNTRUSTED_FAILED },
        { "PHP, which runs, does not start", &running, OTHER, SAID(IPC_FAILED, .text = "why"), -1 },

        { "a worker", &running, ASKED, SAID(IPC_SPAWNED, .pid = WORKER), UNTRUSTED_SPAWNED },
        { "a worker that nobody ordered", &running, OTHER, SAID(IPC_SPAWNED, .pid = WORKER), -1 },
        { "a worker twice", &running, STARTING, SAID(IPC_SPAWNED, .pid = WORKER), -1 },
        { "another worker in its place", &running, ACCEPTING, SAID(IPC_SPAWNED, .pid = WORKER + 1), -1 },
        { "process 0", &running, ASKED, SAID(IPC_SPAWNED, .pid = 0), -1 },
        { "process -1, which is everybody", &running, ASKED, SAID(IPC_SPAWNED, .pid = -1), -1 },
        { "the least number", &running, ASKED, SAID(IPC_SPAWNED, .pid = INT32_MIN), -1 },

        { "no worker", &running, ASKED, SAID(IPC_SPAWN_FAILED, .text = "why"), UNTRUSTED_SPAWN_FAILED },
        { "no worker, where nobody asked", &running, OTHER, SAID(IPC_SPAWN_FAILED), -1 },
        { "no worker, where there is one", &running, STARTING, SAID(IPC_SPAWN_FAILED, .pid = WORKER), -1 },

        { "it accepts", &running, STARTING, SAID(IPC_ACCEPTING, .pid = WORKER), UNTRUSTED_ACCEPTING },
        { "before it is known", &running, ASKED, SAID(IPC_ACCEPTING, .pid = WORKER), UNTRUSTED_ACCEPTING_EARLY },
        { "that twice", &running, EARLY, SAID(IPC_ACCEPTING, .pid = WORKER), -1 },
        { "then it is known", &running, EARLY, SAID(IPC_SPAWNED, .pid = WORKER), UNTRUSTED_SPAWNED },
        { "it accepts twice", &running, ACCEPTING, SAID(IPC_ACCEPTING, .pid = WORKER), -1 },
        { "somebody else accepts", &running, STARTING, SAID(IPC_ACCEPTING, .pid = WORKER + 1), -1 },
        { "nobody accepts", &running, OTHER, SAID(IPC_ACCEPTING, .pid = 0), -1 },

        { "no application", &booting, STARTING, SAID(IPC_BOOT_FAILED, .pid = WORKER), UNTRUSTED_BOOT_FAILED },
        { "no application twice", &booting, NOT_BOOTED, SAID(IPC_BOOT_FAILED, .pid = WORKER), -1 },
        { "no application, and yet it accepts", &booting, NOT_BOOTED, SAID(IPC_ACCEPTING, .pid = WORKER), -1 },
        { "and it ends", &booting, NOT_BOOTED, SAID(IPC_EXITED, .pid = WORKER), UNTRUSTED_EXITED },
        { "no application of a pool that has none", &running, STARTING, SAID(IPC_BOOT_FAILED, .pid = WORKER), -1 },
        { "no application of somebody else", &booting, STARTING, SAID(IPC_BOOT_FAILED, .pid = ZYGOTE), -1 },
        { "no application, but it accepts", &booting, ACCEPTING, SAID(IPC_BOOT_FAILED, .pid = WORKER), -1 },
        { "no application, where nobody asked", &booting, OTHER, SAID(IPC_BOOT_FAILED, .pid = WORKER), -1 },
        { "pipes", &running, STARTING, SAID(IPC_OUTPUT, .pid = WORKER), UNTRUSTED_OUTPUT },
        { "pipes, later", &running, ACCEPTING, SAID(IPC_OUTPUT, .pid = WORKER), UNTRUSTED_OUTPUT },
        { "pipes twice", &running, HEARD, SAID(IPC_OUTPUT, .pid = WORKER), -1 },
        { "pipes of somebody else", &running, ACCEPTING, SAID(IPC_OUTPUT, .pid = ZYGOTE), -1 },
        { "pipes of one that is not known", &running, ASKED, SAID(IPC_OUTPUT, .pid = 0), -1 },
        { "pipes that nobody wants", &fresh, ACCEPTING, SAID(IPC_OUTPUT, .pid = WORKER), -1 },

        { "it has ended", &running, STARTING, SAID(IPC_EXITED, .pid = WORKER), UNTRUSTED_EXITED },
        { "with a code", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0xff00), UNTRUSTED_EXITED,
          0xff00 },
        { "by a signal", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0x8b), UNTRUSTED_EXITED, 0x8b },
        { "it is stopped", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0x137f), -1 },
        { "it goes on", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0xffff), -1 },
        { "a signal and a code", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0x0109), -1 },
        { "a status that is none", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = 0x10000), -1 },
        { "a negative status", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER, .status = INT32_MIN), -1 },
        { "somebody else has ended", &running, ACCEPTING, SAID(IPC_EXITED, .pid = WORKER + 1), -1 },
        { "one that was never there has ended", &running, ASKED, SAID(IPC_EXITED, .pid = 0), -1 },

        { "a backtrace", &running, ACCEPTING, SAID(IPC_TRACED, .pid = WORKER), UNTRUSTED_TRACED, EIO },
        { "none", &running, ACCEPTING, SAID(IPC_TRACE_FAILED, .pid = WORKER, .status = ESRCH), UNTRUSTED_TRACED,
          ESRCH },
        { "for no reason", &running, ACCEPTING, SAID(IPC_TRACE_FAILED, .pid = WORKER, .status = 0), UNTRUSTED_TRACED,
          EIO },
        { "for a wrong reason", &running, ACCEPTING, SAID(IPC_TRACE_FAILED, .pid = WORKER, .status = -1),
          UNTRUSTED_TRACED, EIO },
        { "for a great reason", &running, ACCEPTING, SAID(IPC_TRACE_FAILED, .pid = WORKER, .status = INT32_MAX),
          UNTRUSTED_TRACED, EIO },
        { "of one that has ended", &running, OTHER, SAID(IPC_TRACED, .pid = WORKER), UNTRUSTED_TRACED_LATE, EIO },
        { "of its successor", &running, ACCEPTING, SAID(IPC_TRACED, .pid = WORKER - 1), UNTRUSTED_TRACED_LATE, EIO },
        { "which nobody wanted", &fresh, ACCEPTING, SAID(IPC_TRACED, .pid = WORKER), -1 },
        { "and nobody wanted none", &fresh, ACCEPTING, SAID(IPC_TRACE_FAILED, .pid = WORKER), -1 },

        { "an order to the master", &running, ACCEPTING, SAID(IPC_SPAWN, .pid = WORKER), -1 },
        { "a log file", &running, OTHER, SAID(IPC_LOG), -1 },
        { "what a park says", &running, OTHER, SAID(IPC_PARK_LEAVES), -1 },
        { "nothing", &running, OTHER, SAID(IPC_NONE), -1 },
        { "the number after the last", &running, OTHER, SAID(_IPC_TYPE_MAX), -1 },
        { "the greatest number", &running, OTHER, SAID(UINT32_MAX), -1 },
};

static void test_sentences(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(sentences); i++) {
                const struct sentence *s = &sentences[i];
                struct untrusted_fact fact;
                int r = untrusted_zygote_check(s->zygote, &s->slot, &s->said, &fact);

                if (r != (s->news < 0 ? -EBADMSG : 0) ||
                    (r == 0 && ((int)fact.news != s->news || fact.status != s->status)))
                        fail_msg("%s: %d, news %d, status %d", s->name, r, fact.news, fact.status);
        }
}

/* Texts are one line, in bounds, and no terminal obeys them. */
static void test_text(void **state) {
        struct ipc_message m = { .type = IPC_FAILED, .text = "a\tb\x1b[31m\x7f \xc2\x9b\n" };
        struct untrusted_slot slot = OTHER;
        struct untrusted_fact fact;

        assert_int_equal(untrusted_zygote_check(&fresh, &slot, &m, &fact), 0);
        assert_string_equal(fact.text, "a\tb\\x1b[31m\\x7f \\xc2\\x9b\\n");
        memset(m.text, 0x7f, sizeof(m.text) - 1);
        assert_int_equal(untrusted_zygote_check(&fresh, &slot, &m, &fact), 0);
        assert_int_equal(strlen(fact.text), sizeof(fact.text) - 1);
}

/* --- what comes with a message */

struct talk {
        int master, zygote;
        struct untrusted_zygote known;
};

static int set_up(void **state) {
        static struct talk t;
        int ends[2];

        assert_int_equal(channel_pair(ends), 0);
        t = (struct talk){ ends[0], ends[1], running };
        t.known.family.zygote = getpid();
        *state = &t;
        return 0;
}

static int tear_down(void **state) {
        struct talk *t = *state;

        fd_close(t->master);
        fd_close(t->zygote);
        return 0;
}

/* What becomes of a message with descriptors. Nothing of it stays open but what is in the fact. */
static int hear(struct talk *t, struct ipc_message *m, const int *fds, struct untrusted_fact *fact) {
        int before = fd_count_open(), r;
        uint32_t type;

        assert_int_equal(ipc_message_send(t->zygote, m, fds), 0);
        r = untrusted_zygote_hear(&t->known, t->master, fact, &type);
        assert_int_equal(type, m->type);
        if (r == 0)
                before += (fact->pidfd >= 0) + (fact->pipes[0] >= 0) + (fact->pipes[1] >= 0);
        opened_assert(before);
        return r;
}

static int memfd(const char *text, int seals) {
        int fd = fd_new_memfd("test");

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(fd_seal(fd, seals), 0);
        return fd;
}

static void test_documents(void **state) {
        struct talk *t = *state;
        static const struct {
                int seals, outcome;
        } rows[] = {
                { F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK, 0 },
                { F_SEAL_WRITE | F_SEAL_GROW, -EBADMSG },
                { F_SEAL_WRITE | F_SEAL_SHRINK, -EBADMSG },
                { F_SEAL_GROW | F_SEAL_SHRINK, -EBADMSG },
                { 0, -EBADMSG },
        };

        t->known.is_ready = false;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_fd_ int fd = memfd("/etc/php.ini\x1b", rows[i].seals);
                struct ipc_message m = { .type = IPC_READY, .text = "8.2" };
                struct untrusted_fact fact;

                assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ fd }, &fact), rows[i].outcome);
                if (rows[i].outcome < 0)
                        continue;
                assert_string_equal(fact.document, "/etc/php.ini\\x1b\n");
                untrusted_zygote_done(&fact);
        }
}

static void test_descriptors_that_are_no_documents(void **state) {
        struct talk *t = *state;
        int two[2];

        t->known.is_ready = false;
        assert_int_equal(pipe(two), 0);
        for (int i = 0; i < 3; i++) {
                _cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
                struct ipc_message m = { .type = IPC_READY, .text = "8.2" };
                struct untrusted_fact fact;

                assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ i < 2 ? two[i] : null }, &fact), -EBADMSG);
        }
        fd_close(two[0]);
        fd_close(two[1]);
}

static void test_pipes(void **state) {
        struct talk *t = *state;
        _cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct ipc_message m = { .type = IPC_OUTPUT, .pid = WORKER };
        struct untrusted_fact fact;
        int two[2], sockets[2];

        known_slot = (struct untrusted_slot)ACCEPTING;
        assert_int_equal(pipe(two), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
        assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ two[0], two[0] }, &fact), 0);
        assert_true(fact.pipes[0] >= 0 && fact.pipes[1] >= 0);
        untrusted_zygote_done(&fact);
        assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ two[0], two[1] }, &fact), -EBADMSG); /* to write into */
        assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ two[0], null }, &fact), -EBADMSG);
        assert_int_equal(hear(t, &m, (int[IPC_FDS_MAX]){ sockets[0], two[0] }, &fact), -EBADMSG);
        for (int i = 0; i < 2; i++) {
                fd_close(two[i]);
                fd_close(sockets[i]);
        }
}

static void test_end_of_a_process(void **state) {
        struct talk *t = *state;
        pid_t pid = fork();
        struct ipc_message m = { .type = IPC_EXITED, .pid = pid };
        _cleanup_fd_ int pidfd = -1;
        struct untrusted_fact fact;

        if (pid == 0)
                for (prctl(PR_SET_PDEATHSIG, SIGKILL);;)
                        pause();
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        assert_true(pidfd >= 0);
        known_slot = (struct untrusted_slot){ .state = UNTRUSTED_SLOT_ACCEPTING, .pid = pid, .pidfd = pidfd };
        assert_int_equal(hear(t, &m, NULL, &fact), -EBADMSG); /* it lives */
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
        assert_int_equal(hear(t, &m, NULL, &fact), -EBADMSG); /* nobody has waited for it */
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(hear(t, &m, NULL, &fact), 0);
        assert_int_equal(fact.news, UNTRUSTED_EXITED);
}

static void test_silence_and_end(void **state) {
        struct talk *t = *state;
        struct untrusted_fact fact;
        uint32_t type;

        assert_int_equal(untrusted_zygote_hear(&t->known, t->master, &fact, &type), UNTRUSTED_ZYGOTE_E_EMPTY);
        assert_int_equal(send(t->zygote, "x", 1, 0), 1);
        assert_int_equal(untrusted_zygote_hear(&t->known, t->master, &fact, &type), -EBADMSG);
        t->zygote = fd_close(t->zygote);
        assert_int_equal(untrusted_zygote_hear(&t->known, t->master, &fact, &type), UNTRUSTED_ZYGOTE_E_GONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_text),
                cmocka_unit_test_setup_teardown(test_documents, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_descriptors_that_are_no_documents, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_pipes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_end_of_a_process, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_silence_and_end, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
