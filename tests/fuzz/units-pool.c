/* SPDX-License-Identifier: MIT */
/*
 * A pool file from memory, made into units: whatever it says, the drop-ins are lines as systemd.syntax(7) has them,
 * with the settings that we write and no other, PHP's user is never root, and the command line has the one file and
 * pool.
 */

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "conf/conf.h"
#include "fuzz.h"
#include "units/instance.h"
#include "units/poolfiles.h"

#define FILE_NAME "/etc/x y.conf"
#define IDLE      " --exit-idle-time 60000ms"
#define COMMAND   FPMD_SBINDIR "/fpmd -y \"" FILE_NAME "\" --pool "
#define REFUSAL   FPMD_SBINDIR "/fpmd --refuse "

static void check_characters(const char *line) {
        uint32_t point;
        size_t n;

        for (; *line; line += n) {
                n = utf8_decode(line, &point);
                assert(n > 0 && point >= 0x20 && (point < 0x7f || point > 0x9f));
        }
}

static void check_user(const char *value) {
        assert(strcmp(value, "root") != 0 && (!*value || strspn(value, "0") < strlen(value)));
}

/* Words, some in quotes; nothing in them is expanded, and no quote is left open. */
static void check_words(const char *s) {
        bool quoted = false;

        for (; *s; s++) {
                if (*s == '%' || *s == '$')
                        assert(quoted && s[1] == *s);
                if (*s == '\\')
                        assert(quoted && s[1] && strchr("\"\\", s[1]));
                if (*s == '"')
                        quoted = !quoted;
                else if (strchr("%$\\", *s))
                        s++;
                assert(quoted || *s != ';');
        }
        assert(!quoted);
}

static void check_command(const char *value, const char *name) {
        const char *rest = value + strlen(COMMAND);
        char sessions[256];

        snprintf(sessions, sizeof(sessions), " -d session.save_path=/var/lib/fpmd/%s -d session.gc_probability=1",
                 name);
        check_words(value);
        if (!*value || strncmp(value, REFUSAL, strlen(REFUSAL)) == 0)
                return;
        assert(strncmp(value, COMMAND, strlen(COMMAND)) == 0 && strncmp(rest, name, strlen(name)) == 0);
        rest += strlen(name);
        rest += strncmp(rest, IDLE, strlen(IDLE)) == 0 ? strlen(IDLE) : 0;
        assert(strcmp(rest, "") == 0 || strcmp(rest, sessions) == 0);
}

static void check_setting(const char *line, const char *name) {
        static const char *const known[] = {
                "SourcePath",
                "Conflicts",
                "User",
                "DynamicUser",
                "InaccessiblePaths",
                "Group",
                "Nice",
                "LimitNOFILE",
                "CapabilityBoundingSet",
                "AmbientCapabilities",
                "SystemCallFilter",
                "ExecStart",
                "ListenStream",
                "ReusePort",
                "DeferAcceptSec",
                "SocketUser",
                "SocketGroup",
                "SocketMode",
                "ExecStartPost",
                "Backlog",
        };
        const char *value = strchr(line, '=');
        size_t n = 0;

        assert(value && line[strlen(line) - 1] != '\\');
        value++;
        assert(!isblank(value[0]) && !isblank(line[strlen(line) - 1]));
        while (n < ELEMENTSOF(known) &&
               (strlen(known[n]) != (size_t)(value - 1 - line) || strncmp(known[n], line, strlen(known[n])) != 0))
                n++;
        assert(n < ELEMENTSOF(known));
        if (strcmp(known[n], "User") == 0 || strcmp(known[n], "Group") == 0)
                check_user(value);
        if (strcmp(known[n], "ExecStart") == 0)
                check_command(value, name);
}

static void check_lines(const struct text *t, const char *name) {
        _cleanup_free_ char *copy = strdup(text_peek(t));
        char *rest = copy, *line;

        assert(copy && strlen(copy) == t->n && (t->n == 0 || copy[t->n - 1] == '\n'));
        while ((line = strsep(&rest, "\n"))) {
                check_characters(line);
                if (*line && line[0] != '#' && line[0] != '[')
                        check_setting(line, name);
        }
}

static void check(const char *name, const struct instance_texts *t, int r) {
        assert(r == 0 || (r == INSTANCE_E_REFUSED && t->remarks.n > 0));
        assert(t->service.n > 0);
        check_lines(&t->service, name);
        check_lines(&t->socket, name);
}

static int on_pool(const char *file, const struct conf_pool *pool, void *userdata) {
        _cleanup_instance_texts_ struct instance_texts texts = {};
        int r;

        if (instance_name_error(pool->name))
                return 0;
        r = instance_describe(
                &(struct instance){ .file = file, .pool = pool, .exit_idle = 60 * USEC_PER_SEC, .dynamic_users = true },
                &texts);
        check(pool->name, &texts, r);
        return 0;
}

static int on_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        _cleanup_instance_texts_ struct instance_texts texts = {};

        assert(*problems);
        if (!instance_name_error(pool->name))
                check(pool->name, &texts,
                      instance_describe(&(struct instance){ .file = file, .pool = pool, .problems = problems },
                                        &texts));
        return 0;
}

static int on_remark(const char *line, void *userdata) {
        assert(*line);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const struct poolfiles_visitor visitor = { .pool = on_pool, .broken = on_broken, .remark = on_remark };

        assert(poolfiles_visit_text(FILE_NAME, (const char *)data, n, &visitor) == 0);
        return 0;
}
