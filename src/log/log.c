/* SPDX-License-Identifier: MIT */
/*
 * One log per process, the only state of its kind in a library here: what logs must work from the first line of main()
 * to the last breath of a worker, and so needs no handle. An entry goes to every log that is set up; what becomes of
 * it where it is not taken at once, and how long that is waited for, is out.c's. PHP code runs beside this in
 * workers, so nothing here reads the environment after log_init().
 *
 * When stderr is the journal and the native socket is there, stderr gets no lines: the journal would have each entry
 * twice. When stderr is the journal and the socket is not (a sandbox hides it), lines carry "<N>", which tells journald
 * the priority: sd-daemon(3).
 *
 * Not for signal handlers: it allocates, and reads the time zone.
 */

#include "log/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "base/time.h"
#include "log/journal.h"
#include "log/line.h"
#include "log/out.h"
#include "log/syslog.h"

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Who waits for it at its end holds up who starts the service anew. */
#define LOG_SETTLE_LIMIT USEC_PER_SEC

static const char *const log_level_names[] = {
        [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_ALERT] = "alert",
};

static struct {
        struct log_setup setup;
        struct log_out journal;
        struct log_out file;
        struct log_out err;
        bool priorities; /* stderr is the journal */
        const char *pool;
        bool says;   /* a worker under php-fpm's name */
        bool caught; /* and somebody reads what it says on stderr */
} log_state = {
        .setup = { .journal_fd = -1, .file_fd = -1, .to_stderr = true, .level = LOG_LEVEL_NOTICE },
        .journal = { .fd = -1, .journal = true },
        .file = { .fd = -1 },
        .err = { .fd = STDERR_FILENO },
};

void log_init(const struct log_setup *setup) {
        bool journal = log_stderr_is_journal();

        tzset();
        log_state.setup = *setup;
        if (!setup->identity.ident)
                log_state.setup.identity = (struct log_identity){ .ident = program_name(), .facility = LOG_DAEMON };
        log_out_change(&log_state.journal, setup->journal_fd);
        log_state.journal.syslog = log_syslog_is(setup->journal_fd);
        log_out_change(&log_state.file, setup->file_fd);
        log_out_change(&log_state.err, !setup->to_stderr || (journal && setup->journal_fd >= 0) ? -1 : STDERR_FILENO);
        log_state.priorities = journal;
}

void log_set_identity(const struct log_identity *identity) {
        log_state.setup.identity = *identity;
}

const struct log_identity *log_identity(void) {
        return &log_state.setup.identity;
}

void log_set_level(enum log_level level) {
        log_state.setup.level = level;
}

void log_renew_file(void) {
        log_out_renew(&log_state.file);
}

void log_add_stderr(int fd, bool again) {
        if (log_state.err.fd < 0 && !(log_state.priorities && log_state.setup.journal_fd >= 0) &&
            (again || !fd_is_same_file(log_state.file.fd, fd)))
                log_out_change(&log_state.err, fd);
}

void log_set_pool(const char *pool) {
        log_state.pool = pool;
}

bool log_enabled(enum log_level level) {
        return level >= log_state.setup.level &&
               (log_state.setup.journal_fd >= 0 || log_state.file.fd >= 0 || log_state.err.fd >= 0);
}

/* Of which log an entry is. */
static enum log_kind log_kind_of(const struct log_entry *entry) {
        return entry->event == LOG_EVENT_WORKER_OUTPUT ? LOG_KIND_OUTPUT : LOG_KIND_ERROR;
}

/* 0 or -EAGAIN. */
static int log_give(struct log_out *out, const struct log_entry *entry, const struct text *t) {
        out->kind = log_kind_of(entry);
        if (!t->failed)
                return log_out_write(out, t->data, t->n);
        log_out_lose(out->kind);
        return -EAGAIN;
}

static int log_write_journal(const struct log_entry *entry, const char *pool) {
        _cleanup_text_ struct text t = {};

        (void)log_journal_format(log_identity(), pool, entry, &t);
        return log_give(&log_state.journal, entry, &t);
}

/* What is for the journal alone is not for syslog. */
static int log_write_syslog(const struct log_entry *entry, const struct log_line *line) {
        _cleanup_text_ struct text t = {};

        if (entry->journal_only)
                return 0;
        log_syslog_format(log_identity(), line->pool, line->wall, entry, &t);
        return log_give(&log_state.journal, entry, &t);
}

/* 0 or -EAGAIN. */
static int log_write_line(struct log_out *out, bool priority, const struct log_line *line) {
        _cleanup_text_ struct text t = {};

        if (out->cut)
                text_append_c(&t, '\n');
        if (priority)
                text_printf(&t, "<%d>", log_line_priority(line->entry->level));
        log_line_format(line, &t);
        return log_give(out, line->entry, &t);
}

static int log_write_all(const char *function, unsigned code_line, const struct log_entry *entry) {
        const char *pool = entry->pool ? entry->pool : log_state.pool;
        const struct log_line line = {
                .entry = entry,
                .pool = pool,
                .wall = time_wall(),
                .detail_pid = log_state.setup.level == LOG_LEVEL_DEBUG ? getpid() : 0,
                .function = function,
                .code_line = code_line,
        };
        bool dropped = false;

        if (log_state.setup.journal_fd >= 0)
                dropped |= (log_state.journal.syslog ? log_write_syslog(entry, &line)
                                                     : log_write_journal(entry, pool)) < 0;
        if (entry->journal_only)
                return dropped ? -EAGAIN : 0;
        if (log_state.file.fd >= 0)
                dropped |= log_write_line(&log_state.file, false, &line) < 0;
        if (log_state.err.fd >= 0)
                dropped |= log_write_line(&log_state.err, log_state.priorities, &line) < 0;
        return dropped ? -EAGAIN : 0;
}

int log_write_at(const char *function, unsigned line, const struct log_entry *entry) {
        int saved = errno, r;

        if (!log_enabled(entry->level))
                return 0;
        r = log_write_all(function, line, entry);
        errno = saved;
        return r;
}

/* A message that is wanted and whole; without memory for it, it is lost. */
_printf_(3, 0) static bool log_compose(struct text *t, enum log_level level, const char *fmt, va_list ap) {
        if (!log_enabled(level))
                return false;
        text_vprintf(t, fmt, ap);
        if (t->failed)
                log_out_lose(LOG_KIND_ERROR);
        return !t->failed;
}

void log_printf_at(const char *function, unsigned line, enum log_level level, const char *fmt, ...) {
        _cleanup_text_ struct text t = {};
        int saved = errno;
        va_list ap;

        va_start(ap, fmt);
        if (log_compose(&t, level, fmt, ap))
                log_write_at(function, line, &(struct log_entry){ .level = level, .message = text_peek(&t) });
        va_end(ap);
        errno = saved;
}

void log_set_said(bool caught) {
        log_state.says = program_is_php_fpm();
        log_state.caught = caught;
}

/* As php-fpm's workers write: the level and the text. */
static void log_say_on_stderr(const struct log_entry *entry) {
        _cleanup_text_ struct text t = {};

        for (const char *s = log_level_names[entry->level]; *s; s++)
                text_append_c(&t, (char)toupper((unsigned char)*s));
        text_printf(&t, ": %s\n", entry->message);
        if (t.failed || fd_write_all(STDERR_FILENO, t.data, t.n) < 0)
                log_out_lose(LOG_KIND_OUTPUT);
}

void log_say(const struct log_entry *entry) {
        struct log_entry e = *entry;
        int saved = errno;

        e.journal_only |= log_state.says;
        (void)log_write(&e);
        if (log_state.says && log_state.caught && log_enabled(e.level))
                log_say_on_stderr(&e);
        errno = saved;
}

void log_say_printf(enum log_level level, const char *fmt, ...) {
        _cleanup_text_ struct text t = {};
        va_list ap;

        va_start(ap, fmt);
        if (log_compose(&t, level, fmt, ap))
                log_say(&(struct log_entry){ .level = level, .message = text_peek(&t) });
        va_end(ap);
}

enum log_level log_level_own(void) {
        return program_is_php_fpm() ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE;
}

bool log_stderr_is_journal(void) {
        return log_journal_is_stream(STDERR_FILENO, getenv("JOURNAL_STREAM"));
}

int log_open_journal(void) {
        return log_journal_connect(LOG_JOURNAL_SOCKET);
}

int log_open_syslog(void) {
        int fd = log_open_journal();

        return fd >= 0 ? fd : log_syslog_connect();
}

void log_settle(void) {
        if (log_state.setup.journal_fd >= 0)
                log_journal_settle(log_state.setup.journal_fd, LOG_SETTLE_LIMIT);
}

int log_level_from_name(const char *name, enum log_level *ret) {
        for (size_t i = LOG_LEVEL_DEBUG; i < ELEMENTSOF(log_level_names); i++)
                if (strcasecmp(name, log_level_names[i]) == 0) {
                        *ret = (enum log_level)i;
                        return 0;
                }
        return -EINVAL;
}

const char *log_level_name(enum log_level level) {
        return log_level_names[level];
}
