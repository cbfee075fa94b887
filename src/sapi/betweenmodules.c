/* SPDX-License-Identifier: MIT */
/*
 * THE table of extensions with functions for a request's begin and end, and what they need between two requests of a
 * booted script, whose own request goes on:
 *
 *   PAIR     the end's functions and the begin's, at the end of each request: what they reset the boot has no part in
 *   EACH     the end's at its end, the begin's at its begin: that looks at the request
 *   BY_HAND  between.c does it: what the boot has set must stay
 *   NOTHING  what they reset is no request's, or is the boot's
 *
 * One that is not here is left alone, and told of in the log.
 */

#include "sapi/booted.h"

#include "log/log.h"

enum betweenmodules_need { NOTHING, PAIR, EACH, BY_HAND };

static const struct betweenmodules_row {
        const char *name;
        enum betweenmodules_need need;
} betweenmodules_table[] = {
        { "apcu", NOTHING },         /* its stack of callers is empty between requests */
        { "cgi-fcgi", BY_HAND },     /* ours: sapi_functions_end() */
        { "date", BY_HAND },         /* the time zone */
        { "ffi", NOTHING },          /* callbacks, which the application holds */
        { "filter", PAIR },          /* copies of the input */
        { "gd", NOTHING },           /* a cache of fonts */
        { "gmp", PAIR },             /* the state of its random numbers */
        { "imap", PAIR },            /* errors and alerts */
        { "intl", PAIR },            /* the last error */
        { "json", PAIR },            /* the last error */
        { "libxml", PAIR },          /* errors, stream context; what between.c sets again */
        { "mbstring", BY_HAND },     /* encodings */
        { "mysqli", PAIR },          /* the last error of a connection attempt; mysqli_report() */
        { "mysqlnd", NOTHING },      /* for debugging */
        { "odbc", NOTHING },         /* counts of links */
        { "pcntl", NOTHING },        /* the boot's handlers */
        { "pcre", BY_HAND },         /* the last error */
        { "pdo_dblib", NOTHING },    /* the last error of a connection attempt, which is told at once */
        { "pdo_mysql", NOTHING },    /* for debugging */
        { "pgsql", PAIR },           /* the link that functions without one mean; open transactions */
        { "phar", NOTHING },         /* archives, which the application may be in */
        { "random", PAIR },          /* seeds */
        { "readline", NOTHING },     /* completion */
        { "session", EACH },         /* most of it; the rest: betweensession.c */
        { "soap", PAIR },            /* the error handler's switch */
        { "sockets", NOTHING },      /* a buffer */
        { "spl", NOTHING },          /* autoloaders */
        { "standard", BY_HAND },     /* most of between.c */
        { "tidy", NOTHING },         /* the pool's setting */
        { "Zend OPcache", NOTHING }, /* the script is in it, and so stays a user of it */
        { "zlib", EACH },            /* output compression */
};

static enum betweenmodules_need betweenmodules_look_up(const char *name, bool *ret_known) {
        for (size_t i = 0; i < ELEMENTSOF(betweenmodules_table); i++)
                if (strcasecmp(betweenmodules_table[i].name, name) == 0) {
                        *ret_known = true;
                        return betweenmodules_table[i].need;
                }
        *ret_known = false;
        return NOTHING;
}

static bool betweenmodules_has_functions(const zend_module_entry *m) {
        return m->request_startup_func || m->request_shutdown_func || m->post_deactivate_func;
}

/* Those of the table that are loaded. */
static struct {
        const zend_module_entry *module;
        enum betweenmodules_need need;
} betweenmodules[ELEMENTSOF(betweenmodules_table)];
static size_t betweenmodules_n;

static void betweenmodules_find(void) {
        const zend_module_entry *m;

        betweenmodules_n = 0;
        ZEND_HASH_FOREACH_PTR(&module_registry, m) {
                bool known;
                enum betweenmodules_need need = betweenmodules_look_up(m->name, &known);

                if (known && (need == PAIR || need == EACH) && betweenmodules_n < ELEMENTSOF(betweenmodules)) {
                        betweenmodules[betweenmodules_n].module = m;
                        betweenmodules[betweenmodules_n++].need = need;
                }
        }
        ZEND_HASH_FOREACH_END();
}

void sapi_betweenmodules_say(void) {
        const zend_module_entry *m;

        ZEND_HASH_FOREACH_PTR(&module_registry, m) {
                bool known;

                (void)betweenmodules_look_up(m->name, &known);
                if (!known && betweenmodules_has_functions(m))
                        log_warning("extension %s is not known to worker.script: what it keeps for a request is not "
                                    "reset between requests",
                                    m->name);
        }
        ZEND_HASH_FOREACH_END();
}

static void betweenmodules_shut_down(const zend_module_entry *m) {
        if (m->request_shutdown_func)
                (void)m->request_shutdown_func(m->type, m->module_number);
}

void sapi_betweenmodules_end_unknown(void) {
        const zend_module_entry *m;

        ZEND_HASH_REVERSE_FOREACH_PTR(&module_registry, m) {
                bool known;

                (void)betweenmodules_look_up(m->name, &known);
                if (!known)
                        betweenmodules_shut_down(m);
        }
        ZEND_HASH_FOREACH_END();
}

static void betweenmodules_startup(const zend_module_entry *m) {
        if (m->request_startup_func)
                (void)m->request_startup_func(m->type, m->module_number);
}

void sapi_betweenmodules_begin(void) {
        sapi_betweensession_begin();
        for (size_t i = 0; i < betweenmodules_n; i++)
                if (betweenmodules[i].need == EACH)
                        betweenmodules_startup(betweenmodules[i].module);
}

void sapi_betweenmodules_end_between(void) {
        for (size_t i = betweenmodules_n; i-- > 0;)
                if (betweenmodules[i].need == EACH)
                        betweenmodules_shut_down(betweenmodules[i].module);
        sapi_betweensession_end();
}

/* In the reverse order of their start. */
void sapi_betweenmodules_end(void) {
        if (betweenmodules_n == 0)
                betweenmodules_find();
        for (size_t i = betweenmodules_n; i-- > 0;) {
                const zend_module_entry *m = betweenmodules[i].module;

                betweenmodules_shut_down(m);
                if (betweenmodules[i].need != PAIR)
                        continue;
                if (m->post_deactivate_func)
                        (void)m->post_deactivate_func();
                betweenmodules_startup(m);
        }
        sapi_betweensession_end();
}
