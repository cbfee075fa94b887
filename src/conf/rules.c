/* SPDX-License-Identifier: MIT */
/*
 * Rules across directives and pools. Each is a function of one pool that appends to the problems and goes on; they see
 * completed values only (complete.c). Rules that php-fpm has as well come in its order and first say its line.
 *
 * Listen addresses are compared and checked without resolving host names: a test of a configuration must not wait for
 * DNS.
 */

#include "conf/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/names.h"
#include "base/number.h"
#include "conf/check.h"
#include "conf/complete.h"
#include "conf/conf.h"
#include "conf/credential.h"
#include "conf/machine.h"
#include "conf/network.h"
#include "conf/reach.h"
#include "conf/rows.h"
#include "conf/values.h"
#include "conf/warmup.h"
#include "log/access.h"

static void rules_listen_given(const struct conf_check *k, const struct conf_pool *pool) {
        if (pool->listen)
                return;
        conf_check_alert(k, pool, "no listen address have been defined!");
        conf_check_problem(k, pool, CONF_POOL_listen, "pool '%s' has no address to listen on", pool->name);
}

/* True when the text is an address that can be taken apart without DNS. *ret_r: what came of it. */
static bool rules_parse_numeric(const char *text, struct addr *ret, int *ret_r) {
        const char *colon = strrchr(text, ':');
        bool numeric = text[0] == '/' || text[0] == '[' || !colon || strspn(text, "0123456789.:") == strlen(text);

        *ret_r = 0;
        if (!numeric || colon == text)
                return false;
        *ret_r = addr_parse(text, ret);
        return true;
}

#define NO_PORT "a port is a number from 1 to 65535"

/* NULL: the form is good. A host name is taken on trust. */
static const char *rules_address_error(const char *text) {
        const char *colon = strrchr(text, ':');
        struct addr a;
        uint64_t port;
        int r;

        if (colon && colon > text && !colon[1])
                return NO_PORT;
        if (rules_parse_numeric(text, &a, &r))
                return r == 0               ? NULL
                       : r == -ENAMETOOLONG ? "the path is too long for a socket (107 bytes)"
                       : r == -ERANGE       ? NO_PORT
                                            : "not an address: a path, a port, host:port, [IPv6]:port or 'systemd'";
        if (number_parse_range(colon + 1, 1, 65535, &port) < 0)
                return NO_PORT;
        if (colon == text || text_has_prefix(text, "*:"))
                return "for all addresses write the port alone";
        return NULL;
}

static void rules_address(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                          const char *text) {
        const char *error;

        if (!text || text_equal(text, "systemd") || conf_complete_is_relative(text)) /* still relative: told already */
                return;
        error = rules_address_error(text);
        if (!error)
                return;
        if (text_equal(error, NO_PORT)) {
                const char *colon = strrchr(text, ':');

                text_printf(k->problems, "invalid port value '%s'\n", colon ? colon + 1 : text);
        }
        conf_check_problem(k, pool, row, "'%s': %s", text, error);
}

static bool rules_same_address(const char *a, const char *b) {
        struct addr x, y;
        int r, q;

        if (!a || !b || text_equal(a, "systemd"))
                return false;
        if (text_equal(a, b))
                return true;
        if (a[0] == '/' || b[0] == '/')
                return false;
        return rules_parse_numeric(a, &x, &r) && r == 0 && rules_parse_numeric(b, &y, &q) && q == 0 &&
               addr_equal(&x, &y);
}

/* One of a pool's two addresses. In php-fpm the status address is that of a pool of its own, which comes after all
 * others. */
struct owner {
        const struct conf_pool *pool;
        bool status;
};

/* In php-fpm's words. */
static void rules_tell_shared(const struct conf_check *k, struct owner later, struct owner earlier) {
        text_printf(
                k->problems, "[pool %s%s] unable to set listen address as it's already used in another pool '%s%s'\n",
                later.pool->name, later.status ? "_status" : "", earlier.pool->name, earlier.status ? "_status" : "");
}

/* Addresses that are the same have the same key, a part of their text: the path, or the port. NULL: nobody shares it.
 */
static const char *rules_address_key(const char *text) {
        const char *colon, *port;

        if (!text || text[0] == '/' || text_equal(text, "systemd"))
                return text && text[0] == '/' ? text : NULL;
        colon = strrchr(text, ':');
        port = colon ? colon + 1 : text;
        return port + strspn(port, "0");
}

/* Whether a pool before this one may have one of its addresses. From now on it has them. */
static bool rules_may_share(const struct conf_check *k, const struct conf_pool *pool, struct names *taken) {
        const char *keys[] = { rules_address_key(pool->listen), rules_address_key(pool->status_listen) };
        bool found = false;
        size_t unused;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                found |= keys[i] && names_find(taken, keys[i], &unused);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i] && names_put(taken, keys[i], 0) < 0)
                        k->problems->failed = true;
        return found;
}

/* A pool's two addresses against each other and against those of the pools before it, where they may be the same: of
 * thousands not each is compared with each. */
static void rules_shared_address(const struct conf_check *k, const struct conf_pool *pool, struct names *taken) {
        if (rules_same_address(pool->listen, pool->status_listen)) {
                rules_tell_shared(k, (struct owner){ pool, true }, (struct owner){ pool, false });
                conf_check_problem(k, pool, CONF_POOL_status_listen, "the pool listens on '%s' already",
                                   pool->status_listen);
        }
        if (!rules_may_share(k, pool, taken))
                return;
        for (const struct conf_pool *other = k->conf->pools; other < pool; other++) {
                bool both = rules_same_address(pool->listen, other->listen);
                bool status = rules_same_address(pool->status_listen, other->listen);

                if (both || rules_same_address(pool->listen, other->status_listen)) {
                        rules_tell_shared(k, (struct owner){ both ? pool : other, !both },
                                          (struct owner){ both ? other : pool, false });
                        conf_check_problem(k, pool, CONF_POOL_listen, "'%s' is taken by pool '%s' already",
                                           pool->listen, other->name);
                }
                if (status || rules_same_address(pool->status_listen, other->status_listen)) {
                        rules_tell_shared(k, (struct owner){ pool, true }, (struct owner){ other, !status });
                        conf_check_problem(k, pool, CONF_POOL_status_listen, "'%s' is taken by pool '%s' already",
                                           pool->status_listen, other->name);
                }
        }
}

static bool rules_positive(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                           unsigned v) {
        if (v == 0) {
                conf_check_alert(k, pool, "%s(0) must be a positive value", conf_pool_directives[row].name);
                conf_check_problem(k, pool, row, "with pm = dynamic it must be at least 1");
        }
        return v > 0;
}

static void rules_spawn_rate(const struct conf_check *k, const struct conf_pool *pool) {
        if (pool->max_spawn_rate > 0)
                return;
        conf_check_alert(k, pool, "pm.max_spawn_rate must be a positive value");
        conf_check_problem(k, pool, CONF_POOL_max_spawn_rate, "it must be at least 1");
}

static void rules_spare(const struct conf_check *k, const struct conf_pool *pool) {
        unsigned min = pool->min_spare_servers, max = pool->max_spare_servers, start = pool->start_servers;

        if (min > pool->max_children || max > pool->max_children) {
                conf_check_alert(k, pool,
                                 "pm.min_spare_servers(%u) and pm.max_spare_servers(%u) cannot be greater than "
                                 "pm.max_children(%u)",
                                 min, max, pool->max_children);
                conf_check_problem(k, pool, CONF_POOL_max_spare_servers, "there are %u workers at most",
                                   pool->max_children);
        }
        if (max < min) {
                conf_check_alert(k, pool, "pm.max_spare_servers(%u) must not be less than pm.min_spare_servers(%u)",
                                 max, min);
                conf_check_problem(k, pool, CONF_POOL_max_spare_servers, "%u is below %u", max, min);
        } else if (start < min || start > max) {
                conf_check_alert(k, pool,
                                 "pm.start_servers(%u) must not be less than pm.min_spare_servers(%u) and not greater "
                                 "than pm.max_spare_servers(%u)",
                                 start, min, max);
                conf_check_problem(k, pool, CONF_POOL_start_servers, "%u is not between %u and %u", start, min, max);
        }
}

static void rules_dynamic(const struct conf_check *k, const struct conf_pool *pool) {
        bool min, max;
        int r;

        min = rules_positive(k, pool, CONF_POOL_min_spare_servers, pool->min_spare_servers);
        max = rules_positive(k, pool, CONF_POOL_max_spare_servers, pool->max_spare_servers);
        if (min && max && pool->max_children > 0)
                rules_spare(k, pool);
        if (pool->start_servers_worked_out) {
                r = conf_add_notice(k->conf, "NOTICE: [pool %s] pm.start_servers is not set. It's been set to %u.",
                                    pool->name, pool->start_servers);
                k->problems->failed |= r < 0;
                conf_count_notices(k->conf, k->problems);
        }
        rules_spawn_rate(k, pool);
}

static void rules_ondemand(const struct conf_check *k, const struct conf_pool *pool) {
        rules_spawn_rate(k, pool);
        if (pool->process_idle_timeout > 0)
                return;
        conf_check_alert(k, pool, "pm.process_idle_timeout(0s) must be greater than 0s");
        conf_check_problem(k, pool, CONF_POOL_process_idle_timeout, "with pm = ondemand it must be above 0s");
}

static void rules_pm(const struct conf_check *k, const struct conf_pool *pool) {
        if (!pool->pm && !pool->given[CONF_POOL_pm].file) {
                conf_check_alert(k, pool, "the process manager is missing (static, dynamic or ondemand)");
                conf_check_problem(k, pool, CONF_POOL_pm, "pool '%s' has none", pool->name);
        }
        if (!pool->max_children) {
                conf_check_alert(k, pool, "pm.max_children must be a positive value");
                conf_check_problem(k, pool, CONF_POOL_max_children, "pool '%s' could have no worker", pool->name);
        }
        if (pool->pm == CONF_PM_DYNAMIC)
                rules_dynamic(k, pool);
        else if (pool->pm == CONF_PM_ONDEMAND)
                rules_ondemand(k, pool);
}

/* what: "status" or "ping". */
static void rules_page(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                       const char *what) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-.~";
        const char *path = conf_value_text(&conf_pool_directives[row], pool);

        if (!path)
                return;
        if (path[0] != '/') {
                conf_check_error(k, pool, "the %s path '%s' must start with a '/'", what, path);
                conf_check_problem(k, pool, row, "'%s' must begin with a '/'", path);
        } else if (!path[1]) {
                conf_check_error(k, pool, "the %s path '%s' is not long enough", what, path);
                conf_check_problem(k, pool, row, "something must follow the '/'");
        } else if (path[strspn(path, allowed)]) {
                conf_check_error(k, pool,
                                 "the %s path '%s' must contain only the following characters '[alphanum]/_-.~'", what,
                                 path);
                conf_check_problem(k, pool, row, "'%s' must consist of letters, digits and /_-.~", path);
        }
}

static void rules_pages(const struct conf_check *k, const struct conf_pool *pool) {
        rules_page(k, pool, CONF_POOL_status_path, "status");
        rules_page(k, pool, CONF_POOL_ping_path, "ping");
        if (!pool->ping_path || pool->ping_response[0])
                return;
        conf_check_error(k, pool, "the ping response page '' is not long enough");
        conf_check_problem(k, pool, CONF_POOL_ping_response, "it is empty");
}

static void rules_timeouts(const struct conf_check *k, const struct conf_pool *pool) {
        usec_t slow = pool->request_slowlog_timeout, terminate = pool->request_terminate_timeout;

        if (slow > 0 && !pool->slowlog) {
                conf_check_error(k, pool, "'slowlog' must be specified for use with 'request_slowlog_timeout'");
                conf_check_problem(k, pool, CONF_POOL_request_slowlog_timeout, "it needs 'slowlog'");
        }
        if (slow > 0 && terminate > 0 && slow > terminate) {
                conf_check_error(k, pool,
                                 "'request_slowlog_timeout' (%" PRIu64
                                 ") can't be greater than 'request_terminate_timeout' (%" PRIu64 ")",
                                 slow / USEC_PER_SEC, terminate / USEC_PER_SEC);
                conf_check_problem(k, pool, CONF_POOL_request_slowlog_timeout, "it is above request_terminate_timeout");
        }
        if (pool->request_slowlog_trace_depth != 20 && !pool->slowlog) {
                conf_check_error(k, pool, "'slowlog' must be specified for use with 'request_slowlog_trace_depth'");
                conf_check_problem(k, pool, CONF_POOL_request_slowlog_trace_depth, "it needs 'slowlog'");
        }
}

static void rules_access_format(const struct conf_check *k, const struct conf_pool *pool) {
        _cleanup_(log_access_format_freep) struct log_access_format *format = NULL;
        _cleanup_text_ struct text reason = {};
        int r;

        if (!pool->access_log || !pool->access_format)
                return; /* nothing is written: a format that was never used is not refused now */
        r = log_access_format_new(pool->access_format, &format, &reason);
        if (r > 0) {
                text_printf(k->problems, "WARNING: %s\n", text_peek(&reason));
                conf_check_error(k, pool, "wrong format for access.format '%s'", pool->access_format);
                conf_check_problem(k, pool, CONF_POOL_access_format, "%s", text_peek(&reason));
        }
        k->problems->failed |= r < 0;
}

static void rules_extensions(const struct conf_check *k, const struct conf_pool *pool) {
        for (char **e = pool->limit_extensions; e && *e; e++)
                if (strchr(*e, ','))
                        conf_check_problem(k, pool, CONF_POOL_limit_extensions,
                                           "'%s': blanks stand between extensions, not commas", *e);
}

static void rules_pool(const struct conf_check *k, const struct conf_pool *pool, struct names *taken) {
        conf_machine_check_user(k, pool);
        rules_listen_given(k, pool);
        if (text_equal(pool->status_listen, "systemd"))
                conf_check_problem(k, pool, CONF_POOL_status_listen,
                                   "write its address; a socket of the service manager is known by it");
        conf_network_check(k, pool);
        rules_pm(k, pool);
        rules_pages(k, pool);
        rules_access_format(k, pool);
        rules_timeouts(k, pool);
        rules_shared_address(k, pool, taken);
        rules_extensions(k, pool);
        conf_warmup_check(k, pool);
        conf_reach_check(k, pool);
        conf_machine_check_pool(k, pool);
}

/* The names that php-fpm knows on Linux. */
static void rules_mechanism(const struct conf_check *k) {
        static const char *const names[] = { "epoll", "poll", "select" };
        const char *mechanism = k->conf->global.events_mechanism;
        _cleanup_text_ struct text problem = {};

        if (!mechanism)
                return;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcasecmp(mechanism, names[i]) == 0)
                        return;
        text_printf(&problem, "event mechanism '%s' is not available on this system", mechanism);
        text_printf(k->problems, "%s\n", text_peek(&problem));
        conf_check_global_problem(k, CONF_GLOBAL_events_mechanism, text_peek(&problem));
}

int conf_rules_check(struct conf *c, const struct conf_options *options, struct text *problems) {
        struct conf_check k = { .conf = c, .options = options, .problems = problems };
        _cleanup_names_ struct names taken = {};
        int r;

        r = conf_complete(&k);
        if (r < 0)
                return r;
        conf_machine_check_global(&k);
        rules_mechanism(&k);
        if (c->n_pools == 0 && !c->left)
                text_printf(problems,
                            "No pool defined. at least one pool section must be specified in config file\n"
                            "[%s] directive 'include': no pool is defined: at least one [section] is needed, here or "
                            "in what is included\n",
                            c->files[0]);
        for (size_t i = 0; i < c->n_pools; i++)
                rules_pool(&k, &c->pools[i], &taken);
        return problems->failed ? -ENOMEM : 0;
}

int conf_rules_check_late(struct conf *c, const struct conf_options *options, struct text *problems) {
        struct conf_check k = { .conf = c, .options = options, .problems = problems };

        for (size_t i = 0; i < c->n_pools; i++) {
                conf_machine_check_names(&k, &c->pools[i]);
                conf_machine_find_peers(&k, &c->pools[i]);
                conf_credential_read(&k, &c->pools[i]);
                rules_address(&k, &c->pools[i], CONF_POOL_listen, c->pools[i].listen);
                rules_address(&k, &c->pools[i], CONF_POOL_status_listen, c->pools[i].status_listen);
        }
        return problems->failed ? -ENOMEM : 0;
}
