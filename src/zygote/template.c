/* SPDX-License-Identifier: MIT */
/*
 * worker.requests = 1: the zygote runs worker.script up to its first fpmd_handle_request(), and its workers are forks
 * that go on from there, for one request each. Up to then it is a boot like a worker's, with a worker's environment;
 * from then on PHP stands still here, and the zygote is a zygote like any other.
 *
 *     boot -> worker.warmup[] -> fit to be forked? -> READY -> zygote_loop()
 *        -> in a fork: one request, the script's rest, the end
 *
 * What two processes cannot share without disturbing each other is refused: a second thread, which a fork does not
 * have; sockets and pipes, whose bytes would mix; queues of the kernel's; a session; a database file of SQLite's.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/process.h"
#include "base/text.h"
#include "log/log.h"
#include "sapi/sapi.h"
#include "worker/booted.h"
#include "worker/setup.h"
#include "worker/worker.h"
#include "zygote/zygote.h"

#define TEMPLATE_SQLITE "SQLite format 3"

/* The lowest number that is free is a descriptor's: no boot comes that far, and some limits are a thousand million. */
#define TEMPLATE_DESCRIPTORS_MAX ((rlim_t)1 << 16)

static struct {
        pid_t pid;    /* the process that boots */
        bool *before; /* descriptors that were open before the boot, by number */
        int n_before;
        struct warmup warmup;
        bool served; /* this process is a fork, and has had its request */
} template_boot;

/* Calls take() for each number in a folder of /proc. -ENOENT: it is not there, as in most chroots. */
static int template_list(const char *folder, void (*take)(void *ctx, int number), void *ctx) {
        const struct dirent *entry;
        DIR *dir = opendir(folder);
        uint64_t number;
        int own;

        if (!dir)
                return -errno;
        own = dirfd(dir);
        while ((entry = readdir(dir)))
                if (number_parse_u64(entry->d_name, INT32_MAX, &number) == 0 && (int)number != own)
                        take(ctx, (int)number);
        closedir(dir);
        return 0;
}

/* One more than any descriptor has. */
static int template_most_descriptors(void) {
        struct rlimit files;
        int n = fd_table_size();

        if (n > 0)
                return n;
        return getrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : (int)MIN(files.rlim_cur, TEMPLATE_DESCRIPTORS_MAX);
}

static int template_list_descriptors(void (*take)(void *ctx, int fd), void *ctx) {
        int r = template_list("/proc/self/fd", take, ctx), n;

        if (r != -ENOENT)
                return r;
        n = template_most_descriptors();
        for (int fd = 0; fd < n; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        take(ctx, fd);
        return n < 0 ? n : 0;
}

static void template_mark(_unused_ void *ctx, int fd) {
        if (fd < template_boot.n_before)
                template_boot.before[fd] = true;
}

static int template_look_before(void) {
        int n = template_most_descriptors();

        if (n < 0)
                return n;
        template_boot.n_before = n;
        template_boot.before = calloc((size_t)n, sizeof(bool));
        return template_boot.before ? template_list_descriptors(template_mark, NULL) : -ENOMEM;
}

static bool template_is_sqlite(int fd) {
        char head[sizeof(TEMPLATE_SQLITE)];

        return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, TEMPLATE_SQLITE, sizeof(head)) == 0;
}

/* What a descriptor is that forks cannot share, or NULL. */
static const char *template_kind(int fd, const struct stat *st) {
        if (S_ISSOCK(st->st_mode))
                return "a socket";
        if (S_ISFIFO(st->st_mode))
                return "a pipe";
        if (S_ISREG(st->st_mode))
                return template_is_sqlite(fd) ? "a database of SQLite" : NULL;
        return S_ISDIR(st->st_mode) || S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? NULL : "a queue of the kernel's";
}

static void template_name(struct text *t, int fd, const struct stat *st) {
        const char *stream = sapi_template_stream(fd);
        char link[64], path[256], address[ADDR_TEXT_MAX];
        struct addr peer;
        ssize_t n;

        if (S_ISSOCK(st->st_mode) && addr_of_peer(fd, &peer) == 0)
                text_printf(t, " to %s", addr_format(&peer, address));
        else if (stream)
                text_printf(t, " (%s)", stream);
        else {
                snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                n = readlink(link, path, sizeof(path) - 1);
                if (n < 0)
                        n = snprintf(path, sizeof(path), "descriptor %d", fd);
                text_printf(t, " (%.*s)", (int)n, path);
        }
}

static void template_check_descriptor(void *ctx, int fd) {
        struct text *t = ctx;
        const char *kind;
        struct stat st;

        if ((fd < template_boot.n_before && template_boot.before[fd]) || fstat(fd, &st) < 0 ||
            fd_is_same_file(fd, STDOUT_FILENO) || fd_is_same_file(fd, STDERR_FILENO))
                return;
        kind = template_kind(fd, &st);
        if (!kind)
                return;
        text_printf(t, "%s%s", text_peek(t)[0] ? ", " : "", kind);
        template_name(t, fd, &st);
}

static void template_check_thread(void *ctx, int tid) {
        struct text *t = ctx;
        _cleanup_free_ char *name = NULL;
        char path[64];

        if (tid == getpid())
                return;
        snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
        if (fd_read_file(path, 64, &name, NULL) == 0)
                name[strcspn(name, "\n")] = '\0';
        text_printf(t, "%sa thread (%s)", text_peek(t)[0] ? ", " : "", name ? name : "unnamed");
}

/* Without /proc the kernel tells as well, if security.seccomp lets it: a process of several threads cannot part them,
 * see unshare(2). */
static int template_check_threads(struct text *t) {
        int r = template_list("/proc/self/task", template_check_thread, t);

        if (r != -ENOENT)
                return r;
        if (unshare(CLONE_THREAD) < 0 && errno == EINVAL)
                text_printf(t, "%sa thread", text_peek(t)[0] ? ", " : "");
        return 0;
}

/* In words what of the boot its forks could not share; nothing: it is fit. */
static int template_check(struct text *t) {
        const char *problem = sapi_template_problem();
        int r;

        if (problem)
                text_append(t, problem);
        r = template_check_threads(t);
        return r < 0 ? r : template_list_descriptors(template_check_descriptor, t);
}

static bool template_is_fit(struct zygote *z) {
        _cleanup_text_ struct text found = {}, message = {};
        int r = template_check(&found);

        if (r == 0 && !text_peek(&found)[0])
                return true;
        text_printf(&message, "worker.script has left what its forks (worker.requests = 1) cannot share: %s",
                    r < 0 ? strerror(-r) : text_peek(&found));
        spawn_tell_failed(z, text_peek(&message));
        return false;
}

/* In the zygote, for as long as it lives; in a fork it returns, and that goes on. */
static void template_live(struct zygote *z) {
        int status = EXIT_FAILURE;

        sapi_warmup_over();
        (void)sigprocmask(SIG_BLOCK, &z->signals, NULL);
        zygote_raise_files(z);
        if (template_is_fit(z)) {
                sapi_template_remember();
                if (zygote_say_ready(z) == 0)
                        status = zygote_loop(z);
        }
        if (!z->forked) {
                sapi_template_close();
                _exit(status);
        }
}

/* What a request of worker.warmup[] leaves is there for all forks. */
static bool template_warm(struct zygote *z) {
        struct warmup *w = &template_boot.warmup;

        warmup_next(w);
        if (w->abandoned) { /* PHP is not to be gone back to */
                spawn_tell_failed(z, w->reason);
                _exit(EXIT_FAILURE);
        }
        return !w->reason[0];
}

/* PHP calls for a request. */
static bool template_serve(void *ctx) {
        struct zygote *z = ctx;

        if (template_boot.served || (!z->forked && getpid() != template_boot.pid))
                return false; /* or it is a process that the boot has forked */
        if (!template_boot.warmup.over)
                return template_warm(z);
        template_boot.served = true;
        template_live(z);
        worker_run_once(&z->worker);
        sapi_template_request_over();
        return false;
}

int template_run(struct zygote *z) {
        char reason[BOOTED_REASON_MAX];
        struct sapi_boot_end end;
        int r;

        template_boot.pid = getpid();
        warmup_init(&template_boot.warmup, z->pool, boot_refuses_cold(z), false);
        setrlimit(RLIMIT_NOFILE, &z->files);
        r = setup_application(z->pool);
        if (r == 0)
                r = template_look_before();
        if (r < 0) {
                spawn_tell_failed(z, strerror(-r));
                return r;
        }
        (void)sigprocmask(SIG_SETMASK, &z->old_mask, NULL); /* for what the script starts */
        sapi_module_template_begin();
        sapi_ini_say_refused();
        sapi_booted_run(&(struct sapi_boot){ .script = z->pool->worker_script,
                                             .timeout = z->pool->worker_boot_timeout,
                                             .serve = template_serve,
                                             .ctx = z,
                                             .forks = true },
                        &end);
        if (z->forked)
                worker_run_end(end.exit_status);
        if (getpid() != template_boot.pid)
                _exit((int)end.exit_status);
        booted_describe_failure(z->pool, &end, &template_boot.warmup, reason);
        spawn_tell_failed(z, reason);
        free(end.reason);
        return -ECANCELED;
}
