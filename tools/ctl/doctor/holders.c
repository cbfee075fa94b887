/* SPDX-License-Identifier: MIT */
/* Each process's descriptors are looked through once, for all listeners. A socket of systemd's is open in systemd and
 * in the service that got it: the service says more. */

#include "doctor/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define HOLDERS_PATH       320
#define HOLDERS_CGROUP_MAX 65536

static bool holders_read_link(const char *path, char *buf, size_t n) {
        ssize_t length = readlink(path, buf, n - 1);

        if (length < 0)
                return false;
        buf[length] = '\0';
        return true;
}

bool doctor_holders_program(const char *pid, char *buf, size_t n) {
        char path[HOLDERS_PATH], target[4096];
        const char *slash;

        snprintf(path, sizeof(path), "/proc/%.32s/exe", pid);
        if (!holders_read_link(path, target, sizeof(target)))
                return false;
        slash = strrchr(target, '/');
        snprintf(buf, n, "%s", slash ? slash + 1 : target);
        buf[strcspn(buf, " ")] = '\0'; /* "(deleted)", after an upgrade */
        return true;
}

const char *doctor_holders_unit(struct doctor_facts *f, const char *pid) {
        static const char suffix[] = ".service";
        _cleanup_free_ char *data = NULL;
        char path[HOLDERS_PATH], *end = NULL, *slash;

        snprintf(path, sizeof(path), "/proc/%.32s/cgroup", pid);
        if (fd_read_file(path, HOLDERS_CGROUP_MAX, &data, NULL) < 0)
                return "";
        for (char *next = data; (next = strstr(next, suffix)); next++)
                end = next; /* a user's manager has services in its own */
        if (!end)
                return "";
        end[strlen(suffix)] = '\0';
        slash = strrchr(data, '/');
        return slash ? doctor_facts_keep(f, slash + 1) : "";
}

enum doctor_holder doctor_holders_kind(const char *program) {
        if (text_has_prefix(program, "php-fpm"))
                return DOCTOR_HOLDER_PHP_FPM;
        return text_equal(program, "fpmd") || text_has_prefix(program, "fpmd-") ? DOCTOR_HOLDER_FPMD
                                                                                : DOCTOR_HOLDER_OTHER;
}

/* php-fpm and fpmd say more than any other program. */
static void holders_take(struct doctor_facts *f, struct doctor_listener *one, const char *pid, const char *program) {
        enum doctor_holder kind = doctor_holders_kind(program);

        if (one->holder == DOCTOR_HOLDER_FPMD || one->holder == DOCTOR_HOLDER_PHP_FPM)
                return;
        if (one->holder == DOCTOR_HOLDER_OTHER && kind == DOCTOR_HOLDER_OTHER)
                return;
        one->holder = kind;
        one->holder_name = doctor_facts_keep(f, program);
        one->holder_unit = doctor_holders_unit(f, pid);
}

static void holders_take_inode(struct doctor_facts *f, struct doctor_listeners *l, uint64_t inode, const char *pid) {
        char program[256];

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].inode == inode && doctor_holders_program(pid, program, sizeof(program)))
                        holders_take(f, &l->items[i], pid, program);
}

static void holders_look_at(struct doctor_facts *f, struct doctor_listeners *l, const char *pid) {
        char path[HOLDERS_PATH], target[64];
        _cleanup_dir_ DIR *dir = NULL;
        const struct dirent *entry;
        uint64_t inode;

        snprintf(path, sizeof(path), "/proc/%.32s/fd", pid);
        dir = opendir(path);
        while (dir && (entry = readdir(dir))) {
                snprintf(path, sizeof(path), "/proc/%.32s/fd/%.32s", pid, entry->d_name);
                if (holders_read_link(path, target, sizeof(target)) &&
                    sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
                        holders_take_inode(f, l, inode, pid);
        }
}

void doctor_holders_find(struct doctor_facts *f, struct doctor_listeners *l) {
        _cleanup_dir_ DIR *proc = opendir("/proc");
        const struct dirent *entry;

        while (proc && (entry = readdir(proc)))
                if (isdigit((unsigned char)entry->d_name[0]))
                        holders_look_at(f, l, entry->d_name);
}
