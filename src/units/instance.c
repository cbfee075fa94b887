/* SPDX-License-Identifier: MIT */
/*
 * A drop-in has the pool's remarks as comments, so "systemctl cat" shows them, and its file as SourcePath=, so systemd
 * says when the file is newer than the units made of it. A pool that cannot be served has one too: the template's own
 * lines would start something else under its name, with the user of the template.
 */

#include "units/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/rows.h"
#include "units/remarks.h"
#include "units/serviceunit.h"
#include "units/socketunit.h"
#include "units/syntax.h"

#define DEFAULT_SOCKET "/run/fpmd-www.sock" /* of fpmd.socket */

/* It can have one owner: fpmd.socket removes the file when it stops, before the other one makes it. */
#define DEFAULT_SOCKET_IS_OWN "Conflicts=fpmd.socket\nAfter=fpmd.socket\n"

const char *instance_name_error(const char *name) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

        if (!*name || strlen(name) > CONF_POOL_NAME_MAX)
                return "a unit's name has 1 to 63 bytes here";
        if (name[strspn(name, allowed)])
                return "a unit's name has letters, digits and _.- here";
        return name[0] == '.' ? "a unit's name does not begin with a dot here" : NULL;
}

void instance_texts_done(struct instance_texts *t) {
        text_done(&t->service);
        text_done(&t->socket);
        text_done(&t->remarks);
}

static void instance_put_head(const char *file, const char *remarks, struct text *out) {
        text_append(out, "# Made by fpmd-generator; a change here is lost. \"systemctl edit\" makes one that stays.\n");
        syntax_put_comment(remarks, out);
        text_append(out, "\n[Unit]\n");
        (void)syntax_put("SourcePath", file, out);
}

/* The service of a pool that cannot be served. */
static int instance_refuse(const struct instance *i, const char *why, struct instance_texts *ret) {
        text_append(&ret->remarks, why);
        text_done(&ret->service);
        instance_put_head(i->file, why, &ret->service);
        text_append(&ret->service, "\n[Service]\n");
        serviceunit_put_refusal(why, &ret->service);
        return INSTANCE_E_REFUSED;
}

static int instance_refuse_directive(const struct instance *i, enum conf_pool_row row, const char *why,
                                     struct instance_texts *ret) {
        struct conf_where w = conf_check_where(i->pool, row);
        _cleanup_text_ struct text problem = {};

        text_printf(&problem, "[%s:%u] directive '%s': %s: pool '%s' is not served\n", w.file, w.line,
                    conf_pool_directives[row].name, why, i->pool->name);
        ret->remarks.failed |= problem.failed;
        return instance_refuse(i, text_peek(&problem), ret);
}

int instance_address(const char *name, const char *listen, char buf[static CONF_PATH_BYTES + 1]) {
        if (!text_equal(listen, "systemd"))
                return socketunit_address(listen, buf);
        snprintf(buf, CONF_PATH_BYTES + 1, "/run/fpmd-%s.sock", name);
        return 0;
}

bool instance_has_main_socket(const struct conf_pool *pool) {
        char address[CONF_PATH_BYTES + 1];

        return pool->listen && instance_address(pool->name, pool->listen, address) == 0 &&
               text_equal(address, DEFAULT_SOCKET);
}

/* 0; SOCKETUNIT_E_NAME or SOCKETUNIT_E_UNFIT, and there is no text. */
static int instance_put_socket(const struct instance *i, struct text *out, enum conf_pool_row *ret) {
        char address[CONF_PATH_BYTES + 1];
        int r;

        *ret = CONF_POOL_listen;
        if (!i->pool->listen || text_equal(i->pool->listen, "systemd")) { /* the template's own */
                if (instance_has_main_socket(i->pool)) {
                        instance_put_head(i->file, "", out);
                        text_append(out, DEFAULT_SOCKET_IS_OWN);
                }
                return 0;
        }
        if (i->taken || i->pool->listen_where.varies == CONF_VARIES_NOTHING ||
            socketunit_address(i->pool->listen, address) != 0)
                return SOCKETUNIT_E_NAME;
        instance_put_head(i->file, "", out);
        if (instance_has_main_socket(i->pool))
                text_append(out, DEFAULT_SOCKET_IS_OWN);
        text_append(out, "\n[Socket]\nListenStream=\n");
        r = socketunit_put(i->pool, address, conf_pool_shards(i->pool), out, ret);
        if (r != 0)
                text_done(out);
        return r;
}

/* A pool that names nobody owns nothing. */
static bool instance_is_dynamic(const struct instance *i) {
        return i->dynamic_users && !i->pool->user && !i->pool->group;
}

static int instance_put_service(const struct instance *i, struct instance_texts *ret) {
        const struct serviceunit unit = { .file = i->file,
                                          .name = i->pool->name,
                                          .dynamic = instance_is_dynamic(i),
                                          .exit_idle = i->pool->pm == CONF_PM_ONDEMAND ? i->exit_idle : 0 };
        enum conf_pool_row row;
        int r;

        instance_put_head(i->file, text_peek(&ret->remarks), &ret->service);
        text_append(&ret->service, "\n[Service]\n");
        r = serviceunit_put(&unit, i->pool, &ret->service, &row);
        if (r == SERVICEUNIT_E_ROOT)
                return instance_refuse_directive(i, row, "PHP does not run as root", ret);
        return r == 0 ? 0 : instance_refuse_directive(i, row, "a unit cannot hold it", ret);
}

static int instance_describe_all(const struct instance *i, struct instance_texts *ret) {
        _cleanup_text_ struct text unknown = {};
        enum conf_pool_row row;
        int r;

        r = instance_put_socket(i, &ret->socket, &row);
        if (i->problems)
                return instance_refuse(i, i->problems, ret);
        remarks_list_varying(i->pool, CONF_VARIES_NOTHING, &unknown);
        ret->remarks.failed |= unknown.failed;
        if (unknown.n > 0)
                return instance_refuse(i, text_peek(&unknown), ret);
        remarks_list(i->pool, instance_is_dynamic(i), &ret->remarks);
        if (r == SOCKETUNIT_E_UNFIT)
                return instance_refuse_directive(i, row, "a unit cannot hold it", ret);
        if (r != 0)
                return instance_refuse_directive(
                        i, row, i->taken ?: "a socket unit takes an address, not the name of a host", ret);
        return instance_put_service(i, ret);
}

int instance_describe(const struct instance *i, struct instance_texts *ret) {
        int r = instance_describe_all(i, ret);

        return ret->service.failed || ret->socket.failed || ret->remarks.failed ? -ENOMEM : r;
}
