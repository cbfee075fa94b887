/* SPDX-License-Identifier: MIT */
/*
 * The template fpmd@.service has everything that does not depend on the pool. Here is what the pool's file says: the
 * user, the priority, the chroot's capability, and the command line, which has this one file and this one pool.
 *
 * A user that systemd makes (DynamicUser=) has a number that another unit may have later, so it is to own nothing but
 * the folders that systemd gives to whoever is the next one. PHP's sessions are there and not in the folder for all,
 * which such a unit does not see; and PHP removes old ones itself, as Debian's timer looks there alone.
 */

#include "units/serviceunit.h"

#include <inttypes.h>
#include <string.h>

#include "base/printable.h"
#include "units/syntax.h"

/* systemd gives each service so many as the hard limit. */
#define FILES_GIVEN (512U * 1024U)

#define USER_BYTES_MAX  ((size_t)31)
#define SESSIONS_OF_ALL "/var/lib/php/sessions"
#define FPMD_STATE_DIR  "/var/lib/fpmd"

#define SERVICEUNIT_COMMAND "ExecStart=\nExecStart=" FPMD_SBINDIR "/fpmd"

/* Of what is wrong with a file: a command line has its limits. */
#define REASONS_MAX      32
#define REASON_BYTES_MAX ((size_t)2000)

/* By its name or number: who has which number is not asked (whoever starts as root finds that out: conf/machine.c). */
static bool serviceunit_is_root(const char *name) {
        return text_equal(name, "root") || (name && *name && strspn(name, "0") == strlen(name));
}

/* fpmd-NAME, where that is a user's name for systemd; else fpmd_ and a number made of the name (FNV-1a). */
static void serviceunit_put_dynamic_user(const char *name, struct text *out) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        uint64_t sum = 0xcbf29ce484222325;

        if (strlen(name) <= USER_BYTES_MAX - strlen("fpmd-") && !name[strspn(name, letters)]) {
                text_printf(out, "User=fpmd-%s\n", name);
                return;
        }
        for (; *name; name++)
                sum = (sum ^ (unsigned char)*name) * 0x100000001b3;
        text_printf(out, "User=fpmd_%016" PRIx64 "\n", sum);
}

static void serviceunit_put_dynamic(const struct serviceunit *unit, struct text *out) {
        text_append(out, "DynamicUser=yes\n");
        serviceunit_put_dynamic_user(unit->name, out);
        text_append(out, "Group=\nInaccessiblePaths=-" SESSIONS_OF_ALL "\n");
}

static int serviceunit_put_account(const struct conf_pool *pool, struct text *out, enum conf_pool_row *ret) {
        *ret = CONF_POOL_user;
        if (serviceunit_is_root(pool->user))
                return SERVICEUNIT_E_ROOT;
        if (pool->user && syntax_put("User", pool->user, out) != 0)
                return SERVICEUNIT_E_UNFIT;
        if (pool->user && !pool->group)
                text_append(out, "Group=\n"); /* the user's own, not the template's */
        *ret = CONF_POOL_group;
        if (serviceunit_is_root(pool->group))
                return SERVICEUNIT_E_ROOT;
        if (pool->group && syntax_put("Group", pool->group, out) != 0)
                return SERVICEUNIT_E_UNFIT;
        return 0;
}

/* What php-fpm does as root, and the unit's lines do without. */
static void serviceunit_put_privileges(const struct conf_pool *pool, struct text *out) {
        if (pool->process_priority != CONF_INT_UNSET)
                text_printf(out, "Nice=%d\nSystemCallFilter=setpriority\n", MIN(pool->process_priority, 19));
        if (pool->rlimit_files > FILES_GIVEN)
                text_printf(out, "LimitNOFILE=%u\n", pool->rlimit_files);
        if (pool->chroot)
                text_append(out, "CapabilityBoundingSet=CAP_SYS_CHROOT\nAmbientCapabilities=CAP_SYS_CHROOT\n"
                                 "SystemCallFilter=chroot capset\n");
}

static int serviceunit_put_command(const struct serviceunit *unit, struct text *out) {
        text_append(out, SERVICEUNIT_COMMAND " -y ");
        if (syntax_put_word(unit->file, out) != 0)
                return SERVICEUNIT_E_UNFIT;
        text_append(out, " --pool ");
        if (syntax_put_word(unit->name, out) != 0)
                return SERVICEUNIT_E_UNFIT;
        if (unit->exit_idle > 0)
                text_printf(out, " --exit-idle-time %llums", (unsigned long long)(unit->exit_idle / USEC_PER_MSEC));
        if (unit->dynamic)
                text_printf(out, " -d session.save_path=" FPMD_STATE_DIR "/%s -d session.gc_probability=1", unit->name);
        text_append_c(out, '\n');
        return 0;
}

int serviceunit_put(const struct serviceunit *unit, const struct conf_pool *pool, struct text *out,
                    enum conf_pool_row *ret) {
        int r;

        if (unit->dynamic)
                serviceunit_put_dynamic(unit, out);
        r = serviceunit_put_account(pool, out, ret);
        if (r != 0)
                return r;
        serviceunit_put_privileges(pool, out);
        *ret = CONF_POOL_listen;
        return serviceunit_put_command(unit, out);
}

static void serviceunit_put_reason(const char *line, size_t n, struct text *out) {
        _cleanup_text_ struct text shown = {};

        printable_append(&shown, line, MIN(n, REASON_BYTES_MAX), PRINTABLE_TERMINAL);
        text_append(out, " --refuse ");
        if (syntax_put_word(text_peek(&shown), out) != 0)
                text_append(out, "\"a line that cannot be shown\"");
        out->failed |= shown.failed;
}

void serviceunit_put_refusal(const char *why, struct text *out) {
        const char *line;
        size_t n, n_lines = 0;

        text_append(out, SERVICEUNIT_COMMAND);
        while (n_lines++ < REASONS_MAX && (line = text_word(&why, "\n", &n)))
                serviceunit_put_reason(line, n, out);
        text_append_c(out, '\n');
}
