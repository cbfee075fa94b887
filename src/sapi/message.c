/* SPDX-License-Identifier: MIT */
/*
 * What PHP has to say goes to two places: to the web server, as FCGI_STDERR, where its administrators look for it
 * ("PHP message: ..."; several of one request are joined by "; ", since web servers log what they get as one line),
 * and to our own log as an entry with fields. PHP's error_log directive takes a message away before it comes here.
 *
 * PHP hands over text only. Which source line an entry belongs to is learnt from an error observer, which runs just
 * before; a message is taken for the observed error when it ends as PHP ends them. Others come from error_log() and
 * belong to the line that runs.
 */

#include <syslog.h>

#include "sapi/internal.h"

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"

static struct {
        zend_string *file; /* ours, of the request's memory unless interned */
        uint32_t line;
} observed;

static struct {
        bool on;
        struct text text;
} collected;

static const struct {
        int severity;
        enum log_level level;
} levels[] = {
        { LOG_CRIT, LOG_LEVEL_ALERT },
        { LOG_ERR, LOG_LEVEL_ERROR },
        { LOG_WARNING, LOG_LEVEL_WARNING },
        { LOG_INFO, LOG_LEVEL_NOTICE },
};

static enum log_level message_level(int severity) {
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (severity <= levels[i].severity)
                        return levels[i].level;
        return LOG_LEVEL_DEBUG;
}

static void message_error_seen(int type, zend_string *file, uint32_t line, zend_string *message) {
        sapi_message_forget();
        if (!sapi_current.io || sapi_current.over || !file)
                return;
        observed.file = zend_string_copy(file);
        observed.line = line;
}

void sapi_message_observe(void) {
        zend_observer_error_register(message_error_seen);
}

void sapi_message_forget(void) {
        if (observed.file)
                zend_string_release(observed.file);
        observed.file = NULL;
}

/* "... in FILE on line N", as PHP ends its own messages. */
static bool message_ends_as_observed(const char *message) {
        char end[32];
        size_t n = strlen(message), n_file, n_end;

        if (!observed.file)
                return false;
        n_file = ZSTR_LEN(observed.file);
        n_end = (size_t)snprintf(end, sizeof(end), " on line %" PRIu32, observed.line);
        return n > n_file + n_end && memcmp(message + n - n_end, end, n_end) == 0 &&
               memcmp(message + n - n_end - n_file, ZSTR_VAL(observed.file), n_file) == 0;
}

static void message_write_entry(enum log_level level, enum log_event event, const char *message) {
        struct log_entry e = { .level = level, .event = event, .message = message };

        if (event == LOG_EVENT_PHP_ERROR && sapi_current.io && program_is_php_fpm())
                e.journal_only = true;
        if (!log_enabled(level))
                return;
        if (sapi_current.io) {
                e.method = SG(request_info).request_method;
                e.uri = SAPI_ENV("REQUEST_URI");
                e.script = sapi_current.script;
        }
        if (event == LOG_EVENT_PHP_ERROR && message_ends_as_observed(message)) {
                e.code_file = ZSTR_VAL(observed.file);
                e.code_line = observed.line;
        } else if (event == LOG_EVENT_PHP_ERROR && sapi_current.io && EG(current_execute_data)) {
                e.code_file = zend_get_executed_filename();
                e.code_line = zend_get_executed_lineno();
        }
        if (event == LOG_EVENT_NONE)
                log_say(&e);
        else
                (void)log_write(&e);
}

/* Under php-fpm's name a request's messages are no lines of the log, but something the worker says on stderr, which
 * catch_workers_output may put there. */
static void message_say_on_stderr(const char *message) {
        _cleanup_text_ struct text t = { 0 };

        if (!sapi_current.io || !program_is_php_fpm() || !sapi_module_pool()->catch_workers_output)
                return;
        text_printf(&t, "NOTICE: PHP message: %s\n", message);
        if (!t.failed)
                (void)fd_write_all(STDERR_FILENO, t.data, t.n);
}

/* False: the peer is gone. */
static bool message_tell_peer(const char *prefix, const char *message) {
        const struct sapi_io *io = sapi_current.io;
        smart_str out = { 0 };
        int r;

        if (!io || sapi_current.finished || !sapi_settings.logging)
                return true;
        if (sapi_current.said_error)
                smart_str_appends(&out, "; ");
        smart_str_appends(&out, prefix);
        smart_str_appends(&out, message);
        smart_str_0(&out);
        sapi_current.said_error = true;
        r = out.s ? io->write_error(sapi_current.ctx, ZSTR_VAL(out.s), ZSTR_LEN(out.s)) : 0;
        smart_str_free(&out);
        return r >= 0;
}

/* Under php-fpm's name PHP's messages outside of requests, those of its start-up, are lines in its words. */
static void message_write_outside(int severity, const char *message) {
        _cleanup_text_ struct text t = { 0 };

        text_printf(&t, "PHP message: %s", message);
        if (!program_is_php_fpm() || t.failed)
                message_write_entry(message_level(severity), LOG_EVENT_PHP_ERROR, message);
        else
                message_write_entry(LOG_LEVEL_NOTICE, LOG_EVENT_PHP_ERROR, text_peek(&t));
}

/* PHP's log_message hook. */
void sapi_message_php(const char *message, int severity) {
        if (collected.on) {
                if (*text_peek(&collected.text))
                        text_append(&collected.text, "; ");
                text_append(&collected.text, message);
        }
        if (sapi_current.io)
                message_write_entry(message_level(severity), LOG_EVENT_PHP_ERROR, message);
        else
                message_write_outside(severity, message);
        message_say_on_stderr(message);
        if (!message_tell_peer("PHP message: ", message))
                php_handle_aborted_connection();
}

/* Our own word on a request; safe outside of PHP's try blocks. */
void sapi_message_printf(enum log_level level, const char *fmt, ...) {
        _cleanup_text_ struct text t = { 0 };
        va_list ap;

        va_start(ap, fmt);
        text_vprintf(&t, fmt, ap);
        va_end(ap);
        message_write_entry(level, LOG_EVENT_NONE, text_peek(&t));
        (void)message_tell_peer("", text_peek(&t));
}

void sapi_message_write(enum log_level level, const char *message) {
        message_write_entry(level, LOG_EVENT_NONE, message);
}

void sapi_message_collect(void) {
        text_done(&collected.text);
        collected.text = (struct text){ 0 };
        collected.on = true;
}

char *sapi_message_collected(void) {
        char *s = NULL;

        collected.on = false;
        if (!*text_peek(&collected.text) || text_finish(&collected.text, &s, NULL) < 0)
                s = NULL;
        text_done(&collected.text);
        return s;
}
