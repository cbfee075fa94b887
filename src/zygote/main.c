/* SPDX-License-Identifier: MIT */
/*
 * fpmd-zygote: started by the master only, as the pool's user, with the descriptors of ipc/inherit.h. Reads the pool's
 * settings from a memfd (the files may have changed since the master checked them), starts PHP, says READY or why not,
 * and serves orders.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/program.h"
#include "base/title.h"
#include "child/poolchild.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "conn/watchers.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "log/out.h"
#include "sapi/sapi.h"
#include "scoreboard/scoreboard.h"
#include "worker/setup.h"
#include "worker/warmup.h"
#include "zygote/chroot.h"
#include "zygote/expendable.h"
#include "zygote/loader.h"
#include "zygote/options.h"
#include "zygote/reading.h"
#include "zygote/zygote.h"

/* Its workers' forks and ends wait meanwhile. */
#define ZYGOTE_LOG_PATIENCE USEC_PER_SEC

/* Idle workers that watch the listeners, by CPU: those that run, and as many that can be woken meanwhile. Twice the
 * number of CPUs served most requests here. */
#define ZYGOTE_WATCHERS 2U

/* Close-on-exec for everything inherited, and a look at whether it is there. The number of an optional descriptor that
 * is absent is taken, so that nothing else gets it. */
static int zygote_check_descriptors(struct options *o) {
        for (int fd = INHERIT_FIRST; fd < INHERIT_LISTENERS + (int)o->n_listeners; fd++) {
                int r = fd_set_cloexec(fd, true);

                if (r == 0)
                        continue;
                if (fd != INHERIT_JOURNAL && fd != INHERIT_LOG && fd != INHERIT_ACCESS && fd != INHERIT_CHROOT)
                        return r;
                if (open("/dev/null", O_WRONLY | O_CLOEXEC) != fd)
                        return -EBADF;
                o->no_journal |= fd == INHERIT_JOURNAL;
                o->no_log |= fd == INHERIT_LOG;
        }
        return 0;
}

static int zygote_set_listeners(struct zygote *z, size_t n) {
        z->listeners = calloc(n, sizeof(int));
        if (!z->listeners)
                return -ENOMEM;
        for (z->n_listeners = 0; z->n_listeners < n; z->n_listeners++)
                z->listeners[z->n_listeners] = INHERIT_LISTENERS + (int)z->n_listeners;
        return 0;
}

static int zygote_read_conf(struct zygote *z) {
        _cleanup_text_ struct text problems = {};
        int r;

        r = conf_pack_read(INHERIT_CONF, &z->conf, &problems);
        if (r < 0) {
                log_error("settings from the master do not read: %s",
                          r == -EBADMSG ? text_peek(&problems) : strerror(-r));
                return r;
        }
        z->pool = &z->conf->pools[0];
        log_set_pool(z->pool->name);
        log_set_identity(&(struct log_identity){ .ident = z->conf->global.syslog_ident,
                                                 .facility = z->conf->global.syslog_facility });
        return 0;
}

/* Not SIG_IGN, which programs that a preload script starts would inherit. */
static void zygote_on_nothing(_unused_ int sig) {
}

/* Signals arrive as reads; workers get the mask back that was there before. */
static int zygote_take_signals(struct zygote *z) {
        static const int idle[] = { SIGHUP, SIGUSR1, SIGUSR2 };
        sigset_t *set = &z->signals;

        sigemptyset(set);
        sigaddset(set, SIGCHLD);
        sigaddset(set, SIGTERM);
        sigaddset(set, SIGINT);
        sigaddset(set, SIGQUIT);
        signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < ELEMENTSOF(idle); i++)
                if (sigaction(idle[i], &(struct sigaction){ .sa_handler = zygote_on_nothing, .sa_flags = SA_RESTART },
                              NULL) < 0)
                        return -errno;
        if (sigprocmask(SIG_BLOCK, set, &z->old_mask) < 0)
                return -errno;
        z->signal_fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
        return z->signal_fd < 0 ? -errno : 0;
}

static void zygote_set_title(const struct zygote *z) {
        char title[160];

        snprintf(title, sizeof(title), "%s: zygote %s (generation %u)", program_name(), z->pool->name, z->generation);
        title_set(title);
        title_set_command("fpmd-zygote");
}

/* Other processes may read this one's memory only where the pool asks for it. */
static void zygote_set_dumpable(const struct conf_pool *pool) {
        if (pool->process_dumpable)
                prctl(PR_SET_DUMPABLE, 1);
}

/* This process must be the pool's user before any PHP code runs. -EPERM: the master has been told why. */
static int zygote_check_identity(const struct zygote *z, const struct options *o) {
        struct ipc_message m = { .type = IPC_FAILED };

        if (geteuid() == 0) {
                if (o->allow_root)
                        return 0;
                snprintf(m.text, sizeof(m.text), "no PHP runs as root without --allow-to-run-as-root");
        } else {
                int r = capability_drop_all();

                if (r == 0)
                        return 0; /* what the service manager gave the master is not for PHP */
                snprintf(m.text, sizeof(m.text), "cannot give up the master's capabilities: %s", strerror(-r));
        }
        ipc_message_send(z->ipc, &m, NULL);
        return -EPERM;
}

/* The soft limit also counts the descriptors that all processes of the user have sent and nobody has received yet, so
 * others of that user could keep the zygote from telling its master of a worker. PHP has the limit that was there
 * before: start-up is over, and workers get it back. */
void zygote_raise_files(struct zygote *z) {
        process_raise_files(RLIM_INFINITY, &z->files);
}

static struct zygote *zygote_starting; /* PHP code may run in it: opcache.preload, worker.script */

/* A process that such code forks off may outlive the zygote. It must not speak for it, nor keep its workers from the
 * lifeline's end, nor hold an address. */
static void zygote_on_copy(void) {
        struct zygote *z = zygote_starting;

        if (!z)
                return;
        for (int fd = INHERIT_FIRST; fd < INHERIT_LISTENERS + (int)z->n_listeners; fd++)
                if (fd != INHERIT_JOURNAL && fd != INHERIT_LOG && fd != INHERIT_ACCESS)
                        fd_close(fd);
        z->ipc = -1;
        z->signal_fd = fd_close(z->signal_fd);
}

static int zygote_watch_copies(struct zygote *z) {
        zygote_starting = z;
        return -pthread_atfork(NULL, NULL, zygote_on_copy);
}

int zygote_say_ready(struct zygote *z) {
        int r = ipc_message_send(z->ipc, &z->ready, &z->ready_fd);

        zygote_starting = NULL;
        z->ready_fd = fd_close(z->ready_fd);
        return r;
}

/* The first line names the files that PHP has read, the others are remarks. A descriptor, or -errno. */
static int zygote_describe_php(const char *ini_files) {
        _cleanup_text_ struct text all = {};

        text_printf(&all, "%s\n%s", ini_files, sapi_remarks_get());
        return all.failed ? -ENOMEM : fd_new_sealed("fpmd-php", text_peek(&all), all.n);
}

/* PHP's start, and the news of it. */
static int zygote_start_php(struct zygote *z, struct options *o) {
        _cleanup_free_ char *ini_files = NULL, *reason = NULL;
        struct ipc_message *m = &z->ready;
        int r;

        *m = (struct ipc_message){ .type = IPC_READY, .generation = z->generation };
        o->sapi.pool = z->pool;
        o->sapi.n_slots = SCOREBOARD_SLOTS;
        r = sapi_module_start(&o->sapi, &ini_files, &reason);
        zygote_raise_files(z);
        syscall(SYS_close_range, INHERIT_FIRST, ~0U,
                4U /* CLOSE_RANGE_CLOEXEC */); /* opcache's lock file and its like */
        if (r == 0)
                r = zygote_enter_chroot(z->pool, &reason);
        if (r == 0) {
                z->ready_fd = zygote_describe_php(ini_files);
                r = MIN(z->ready_fd, 0);
        }
        if (r < 0) {
                m->type = IPC_FAILED;
                snprintf(m->text, sizeof(m->text), "%s", reason ? reason : strerror(-r));
                ipc_message_send(z->ipc, m, NULL);
                return r;
        }
        m->status = sapi_module_exposed_version() ? 1 : 0;
        snprintf(m->text, sizeof(m->text), "%s", sapi_module_version());
        if (conf_model_forks(z->pool))
                return template_run(z);
        r = z->pool->worker_script ? 0 : warm_run(z);
        return r < 0 ? r : zygote_say_ready(z);
}

static int zygote_print(const struct options *o) {
        _cleanup_free_ char *reason = NULL;
        int r = sapi_print(&o->sapi, (enum sapi_print)o->print, &reason);

        if (r < 0)
                fprintf(stderr, "PHP does not start: %s\n", reason ? reason : strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* In each zygote that the loader forks. What follows is as after an exec. */
static void zygote_load(struct options *o, struct order *ret) {
        loader_run(ret);
        o->generation = ret->generation;
        o->n_listeners = ret->n_listeners;
        o->log_level = (uint64_t)ret->log_level;
        o->is_reload = ret->is_reload;
}

/* One that has been executed is the pool's user by then. */
static void zygote_become(const struct zygote *z, struct identity *who) {
        int r = identity_take_groups(who), fd;

        if (r < 0)
                poolchild_fail(z->ipc, "cannot look for the groups of the pool's user", r);
        fd = poolchild_enter(z->conf, who, INHERIT_N_FIXED + z->n_listeners, z->ipc);
        prctl(PR_SET_DUMPABLE, 0); /* with another user it is what fs.suid_dumpable says (proc(5)) */
        if (fd < 0)
                return;
        if (dup3(fd, INHERIT_CHROOT, O_CLOEXEC) < 0)
                poolchild_fail(z->ipc, "cannot prepare to enter the chroot", -errno);
        fd_close(fd);
}

int main(int argc, char **argv) {
        static struct options options = { .print = -1 };
        static struct order order;
        static struct zygote z = { .ipc = INHERIT_IPC,
                                   .lifeline_write = INHERIT_LIFELINE_WRITE,
                                   .signal_fd = -1,
                                   .boot = -1,
                                   .ready_fd = -1 };
        int r;

        program_init(argv[0]);
        r = options_parse(argc, argv, &options);
        if (r == 0 && options.check)
                return check_run(&options.sapi);
        if (r == 0 && options.print >= 0)
                return zygote_print(&options);
        title_init(argc, argv);
        if (r == 0 && options.is_loader)
                zygote_load(&options, &order);
        if (r < 0 || options.n_listeners == 0 || zygote_check_descriptors(&options) < 0) {
                fprintf(stderr, "fpmd-zygote is started by fpmd, not by hand.\n");
                return EXIT_FAILURE;
        }
        setpgid(0, 0); /* a terminal's Ctrl-C is for the master */
        expendable_prepare();
        prctl(PR_SET_DUMPABLE, 0); /* exec as another user made it dumpable: pools' workers could read each other */
        log_init(&(struct log_setup){ .journal_fd = options.no_journal ? -1 : INHERIT_JOURNAL,
                                      .file_fd = options.no_log ? -1 : INHERIT_LOG,
                                      .level = (enum log_level)options.log_level });

        z.generation = (uint32_t)options.generation;
        z.is_reload = options.is_reload;
        r = zygote_set_listeners(&z, options.n_listeners);
        if (r == 0)
                r = zygote_read_conf(&z);
        if (r == 0 && options.is_loader)
                zygote_become(&z, &order.who);
        if (r == 0)
                r = scoreboard_map(INHERIT_SCOREBOARD, &z.scoreboard);
        if (r == 0) {
                fd_close(INHERIT_SCOREBOARD);
                log_out_init(MIN(z.conf->global.log_timeout, ZYGOTE_LOG_PATIENCE), 0, z.scoreboard->header.logs_lost);
                warmup_share(z.pool);
                z.watchers = watchers_new(SCOREBOARD_SLOTS, ZYGOTE_WATCHERS * process_n_cpus());
                zygote_set_title(&z);
                zygote_set_dumpable(z.pool);
                reading_prepare(z.pool);
                r = zygote_check_identity(&z, &options);
        }
        if (r == 0)
                r = zygote_take_signals(&z);
        if (r == 0)
                r = setup_prepare(z.pool);
        if (r == 0)
                r = zygote_watch_copies(&z);
        if (r == 0)
                r = zygote_start_php(&z, &options);
        if (r < 0) {
                if (r != -ENOEXEC && r != -ECANCELED) /* PHP's reason is the master's to log */
                        log_error("zygote cannot start: %s", strerror(-r));
                log_settle();
                return EXIT_FAILURE;
        }
        r = zygote_loop(&z);
        sapi_module_stop();
        return r;
}
