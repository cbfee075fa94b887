/* SPDX-License-Identifier: MIT */
/* A php-fpm that runs beside, and what a worker of fpmd's takes of memory: its share of pages that several have (PSS),
 * as the sum of the shares is what all of them take. */

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/holders.h"

#define PROCESSES_FILE_MAX 65536

struct processes {
        struct doctor_facts *f;
        uint64_t pss, n_workers;
        bool closed; /* one could not be looked at */
};

static void processes_add_worker(struct processes *p, const char *pid) {
        _cleanup_free_ char *data = NULL;
        const char *pss;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%.32s/smaps_rollup", pid);
        if (fd_read_file(path, PROCESSES_FILE_MAX, &data, NULL) < 0 || !(pss = text_behind_key(data, "Pss"))) {
                p->closed = true;
                return;
        }
        p->pss += strtoull(pss, NULL, 10) * 1024;
        p->n_workers++;
}

static void processes_look_at(struct processes *p, const char *pid) {
        char program[256];

        if (!doctor_holders_program(pid, program, sizeof(program))) {
                if (geteuid() != 0)
                        p->closed = true;
                return;
        }
        if (doctor_holders_kind(program) == DOCTOR_HOLDER_PHP_FPM && !*p->f->php_fpm) {
                p->f->php_fpm = doctor_facts_print(p->f, "process %s (%s)", pid, program);
                p->f->php_fpm_unit = doctor_holders_unit(p->f, pid);
        }
        if (text_equal(program, "fpmd-zygote"))
                processes_add_worker(p, pid);
}

void doctor_processes_collect(struct doctor_facts *f) {
        struct processes p = { .f = f };
        const struct dirent *entry;
        DIR *proc;

        proc = opendir("/proc");
        while (proc && (entry = readdir(proc)))
                if (isdigit((unsigned char)entry->d_name[0]))
                        processes_look_at(&p, entry->d_name);
        if (proc)
                closedir(proc);
        if (p.n_workers > 0)
                f->worker_memory = p.pss / p.n_workers;
        if (p.closed)
                doctor_facts_unseen(f, "processes of other users", "ask as root");
}
