/* SPDX-License-Identifier: MIT */
/* The kernel's own limits, and this machine's memory. */

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/text.h"
#include "doctor/collect.h"

#define MACHINE_FILE_MAX 65536

/* The number of a file of /proc behind a key, or at its beginning; 0: it cannot be told. */
static uint64_t machine_number(struct doctor_facts *f, const char *path, const char *key) {
        _cleanup_free_ char *data = NULL;
        const char *number;
        int r;

        r = fd_read_file(path, MACHINE_FILE_MAX, &data, NULL);
        if (r < 0) {
                doctor_facts_unseen(f, path, strerror(-r));
                return 0;
        }
        number = key ? text_behind_key(data, key) : data;
        return number ? strtoull(number, NULL, 10) : 0;
}

/* A tmpfs may be full of bytes or of files. */
static bool machine_is_full(const char *path) {
        struct statvfs st;

        return statvfs(path, &st) == 0 && st.f_blocks > 0 && (st.f_bavail == 0 || (st.f_files > 0 && st.f_favail == 0));
}

void doctor_machine_collect(struct doctor_facts *f) {
        f->run_is_full = machine_is_full("/run");
        f->somaxconn = machine_number(f, "/proc/sys/net/core/somaxconn", NULL);
        f->memory_total = machine_number(f, "/proc/meminfo", "MemTotal") * 1024;
}
