/* SPDX-License-Identifier: MIT */
/*
 * A process of fpmd-zygote's for each pool, which gets the pool's settings as a zygote does, and says on its stdout
 * what PHP does not take (zygote/check). It is the pool's user, and nobody where the pool names none and this process
 * is root. Its stderr is read where it has not come so far, as PHP ends a process in which an extension does not start.
 * As many run at once as there are CPUs; what they say is told in the order of the pools.
 */

#include "phpcheck/phpcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/time.h"
#include "conf/conf.h"
#include "conf/pack.h"
#include "ipc/inherit.h"

#define PHPCHECK_POOLS_MAX   64U
#define PHPCHECK_TIME        (10 * USEC_PER_SEC)
#define PHPCHECK_SAID_MAX    ((size_t)64 << 10)
#define PHPCHECK_AT_ONCE_MAX ((size_t)16)
#define PHPCHECK_NUMBERS     16 /* descriptors above those that the process has fixed numbers for */

/* One start of PHP. */
struct phpcheck_start {
        const struct conf_pool *pool;
        struct account who;
        int conf, errors; /* descriptors: the settings, and a file for its stderr */
        int said;         /* what it says, to read; -1: it could not be started */
        int error;        /* why: -errno */
        pid_t pid;
};

static void phpcheck_start_done(struct phpcheck_start *s) {
        fd_close(s->conf);
        fd_close(s->errors);
        fd_close(s->said);
}

/* Those that run at the same time, in the order of their pools. */
struct phpcheck_row {
        struct phpcheck_start starts[PHPCHECK_AT_ONCE_MAX];
        size_t first, n;
        size_t most; /* as many as there are CPUs, and two in any case */
};

/* 0 or -errno. who->uid: 0, it stays who it is. */
static int phpcheck_find_user(const struct phpcheck *k, const struct conf_pool *pool, struct account *who) {
        int r;

        *who = (struct account){};
        if (geteuid() != 0 || (!pool->user && k->allow_root))
                return 0;
        r = account_user(pool->user ?: "nobody", who);
        if (r == 0 && pool->group)
                r = account_group(pool->group, &who->gid);
        if (r == 0 && !k->allow_root && (who->uid == 0 || who->gid == 0 || who->gid == (gid_t)-1))
                r = -EPERM; /* as at a start */
        return r;
}

static int phpcheck_become(const struct account *who) {
        if (who->uid == 0)
                return 0;
        if (who->name[0] ? initgroups(who->name, who->gid) < 0 : setgroups(1, &who->gid) < 0)
                return -errno;
        return setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0 ? -errno : 0;
}

/* In the child: all its descriptors but these are closed by execve(2). */
_noreturn_ static void phpcheck_child(const struct phpcheck *k, const struct phpcheck_start *s, int said) {
        int program = fcntl(k->program, F_DUPFD_CLOEXEC, PHPCHECK_NUMBERS),
            conf = fcntl(s->conf, F_DUPFD_CLOEXEC, PHPCHECK_NUMBERS),
            errors = fcntl(s->errors, F_DUPFD_CLOEXEC, PHPCHECK_NUMBERS), null = open("/dev/null", O_RDWR | O_CLOEXEC);

        said = fcntl(said, F_DUPFD_CLOEXEC, PHPCHECK_NUMBERS);
        if (program >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(said, STDOUT_FILENO) >= 0 &&
            dup2(errors, STDERR_FILENO) >= 0 && dup2(conf, INHERIT_FIRST) >= 0 && phpcheck_become(&s->who) == 0)
                syscall(SYS_execveat, program, "", k->argv, environ, 0x1000 /* AT_EMPTY_PATH */);
        _exit(127);
}

/* Until it closes its stdout. 0; -ETIMEDOUT; other -errno. */
static int phpcheck_listen(int fd, usec_t until, struct text *said) {
        char buf[4096];

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int n = poll(&p, 1, time_left_msec(time_now(), until));
                ssize_t got;

                if (n == 0)
                        return -ETIMEDOUT;
                got = n < 0 ? -1 : read(fd, buf, sizeof(buf));
                if (got < 0 && errno != EINTR)
                        return -errno;
                if (got == 0)
                        return 0;
                if (got > 0 && said->n < PHPCHECK_SAID_MAX)
                        text_append_n(said, buf, (size_t)got);
        }
}

/* 0 or -errno. */
static int phpcheck_fork(const struct phpcheck *k, struct phpcheck_start *s) {
        _cleanup_fd_ int reader = -1, writer = -1;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        reader = ends[0];
        writer = ends[1];
        s->pid = fork();
        if (s->pid < 0)
                return -errno;
        if (s->pid == 0)
                phpcheck_child(k, s, writer);
        s->said = TAKE_FD(reader);
        return 0;
}

/* Waits for its end. 0; -ETIMEDOUT; -EIO: it has ended otherwise than it should; other -errno. */
static int phpcheck_hear(const struct phpcheck_start *s, usec_t until, struct text *said) {
        int status = 0, r;

        if (s->said < 0)
                return s->error;
        r = phpcheck_listen(s->said, until, said);
        if (r < 0)
                kill(s->pid, SIGKILL);
        while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
                ;
        return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* What its log says of PHP, without the times; nothing, where it has said nothing. */
static void phpcheck_last_words(int errors, struct text *ret) {
        _cleanup_free_ char *all = NULL;
        const char *lines, *line;
        size_t n;

        if (lseek(errors, 0, SEEK_SET) < 0 || fd_read_all(errors, PHPCHECK_SAID_MAX, &all, NULL) < 0)
                return;
        lines = all;
        while ((line = text_word(&lines, "\n", &n))) {
                const char *words = memmem(line, n, "PHP ", strlen("PHP "));

                if (words)
                        text_printf(ret, "%s%.*s", ret->n > 0 ? "; " : "", (int)(line + n - words), words);
        }
}

static void phpcheck_tell_failure(const struct phpcheck_start *s, int error, struct text *ret) {
        const struct conf_pool *pool = s->pool;
        _cleanup_text_ struct text words = {};

        if (error == EIO)
                phpcheck_last_words(s->errors, &words);
        if (error == EIO)
                text_printf(ret, "WARNING: [%s:%u] pool '%s': PHP does not start: %s\n", pool->where.file,
                            pool->where.line, pool->name, words.n > 0 ? text_peek(&words) : "its process ends");
        else
                text_printf(ret, "NOTICE: [%s:%u] pool '%s': whether PHP takes its settings was not looked at: %s\n",
                            pool->where.file, pool->where.line, pool->name,
                            error == ETIMEDOUT ? "it takes too long to start" : strerror(error));
}

/* What keeps the one pool from being looked at is in ret->error. 0 or -errno. */
static int phpcheck_begin(const struct phpcheck *k, const struct conf *conf, const struct conf_pool *pool,
                          struct phpcheck_start *ret) {
        _cleanup_free_ char *packed = NULL;
        size_t n;
        int r;

        *ret = (struct phpcheck_start){ .pool = pool, .conf = -1, .errors = fd_new_memfd("php-check"), .said = -1 };
        r = conf_pack_pool(conf, pool, &packed, &n);
        if (r < 0)
                return r;
        ret->conf = fd_new_sealed("fpmd-conf", packed, n);
        if (ret->conf < 0 || ret->errors < 0)
                return MIN(ret->conf, ret->errors);
        r = phpcheck_find_user(k, pool, &ret->who);
        ret->error = r < 0 ? r : phpcheck_fork(k, ret);
        return 0;
}

/* The first one's. 0 or -ENOMEM. */
static int phpcheck_end(struct phpcheck_row *row, usec_t until, struct text *ret) {
        struct phpcheck_start *s = &row->starts[row->first];
        _cleanup_text_ struct text said = {};
        int r = phpcheck_hear(s, until, &said);

        text_append_lines_once(ret, "", text_peek(&said)); /* a mistake in php.ini is every pool's */
        if (r < 0)
                phpcheck_tell_failure(s, -r, ret);
        phpcheck_start_done(s);
        row->first = (row->first + 1) % PHPCHECK_AT_ONCE_MAX;
        row->n--;
        return said.failed ? -ENOMEM : 0;
}

static int phpcheck_add(const struct phpcheck *k, const struct conf *conf, const struct conf_pool *pool,
                        struct phpcheck_row *row) {
        struct phpcheck_start *s = &row->starts[(row->first + row->n) % PHPCHECK_AT_ONCE_MAX];
        int r = phpcheck_begin(k, conf, pool, s);

        if (r == 0)
                row->n++;
        else
                phpcheck_start_done(s);
        return r;
}

static size_t phpcheck_at_once(void) {
        size_t n = MAX(process_n_cpus(), 2U);

        return MIN(n, PHPCHECK_AT_ONCE_MAX);
}

int phpcheck_run(const struct phpcheck *k, const struct conf *conf, struct text *ret) {
        struct phpcheck_row row = { .most = phpcheck_at_once() };
        usec_t until = time_now() + PHPCHECK_TIME;
        size_t n_asked = 0, n_left = 0;
        bool plain = false;
        int r = 0;

        for (size_t i = 0; i < conf->n_pools && r == 0; i++) {
                const struct conf_pool *pool = &conf->pools[i];

                if (pool->n_php_settings == 0 && plain)
                        continue;
                if (n_asked == PHPCHECK_POOLS_MAX || time_now() >= until) {
                        n_left++;
                        continue;
                }
                plain |= pool->n_php_settings == 0;
                n_asked++;
                r = row.n < row.most ? 0 : phpcheck_end(&row, until, ret);
                if (r == 0)
                        r = phpcheck_add(k, conf, pool, &row);
        }
        while (row.n > 0)
                r = MIN(r, phpcheck_end(&row, r < 0 ? 0 : until, ret));
        if (n_left > 0)
                text_printf(ret, "NOTICE: whether PHP takes the settings of %zu more pools was not looked at\n",
                            n_left);
        return r < 0 ? r : ret->failed ? -ENOMEM : 0;
}
