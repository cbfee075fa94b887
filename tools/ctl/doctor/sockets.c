/* SPDX-License-Identifier: MIT */
/* The addresses of pools and of web servers: what is there, and who listens. Nobody connects, which would start a
 * service. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/holders.h"

static void sockets_look_at_file(struct doctor_facts *f, const char *path, struct doctor_socket *s) {
        const struct passwd *user;
        const struct group *group;
        struct stat st;

        if (stat(path, &st) < 0) {
                s->exists = errno == ENOENT || errno == ENOTDIR ? DOCTOR_NO : DOCTOR_UNKNOWN;
                if (s->exists == DOCTOR_UNKNOWN)
                        doctor_facts_unseen(f, path, strerror(errno));
                return;
        }
        user = getpwuid(st.st_uid);
        group = getgrgid(st.st_gid);
        s->exists = DOCTOR_YES;
        s->mode = st.st_mode & 07777U;
        s->owner = user ? doctor_facts_keep(f, user->pw_name) : doctor_facts_print(f, "%u", (unsigned)st.st_uid);
        s->group = group ? doctor_facts_keep(f, group->gr_name) : doctor_facts_print(f, "%u", (unsigned)st.st_gid);
}

static void sockets_look_at(struct doctor_facts *f, const struct doctor_listeners *l, const char *address,
                            struct doctor_socket *s) {
        const struct doctor_listener *one = doctor_listeners_find(l, address);

        if (address[0] == '/')
                sockets_look_at_file(f, address, s);
        if (!one) {
                s->holder = l->known == DOCTOR_YES ? DOCTOR_HOLDER_NOBODY : DOCTOR_HOLDER_UNKNOWN;
                return;
        }
        s->holder = one->holder;
        s->holder_name = one->holder_name;
        s->holder_unit = one->holder_unit;
        s->has_queue = one->has_queue;
        s->waiting = one->waiting;
        s->limit = one->limit;
        if (s->holder == DOCTOR_HOLDER_UNKNOWN)
                doctor_facts_unseen(f, doctor_facts_print(f, "who listens on %s", address), "ask as root");
}

void doctor_sockets_collect(struct doctor_facts *f) {
        _cleanup_listeners_ struct doctor_listeners l = {};

        doctor_listeners_read(f, &l);
        doctor_listeners_ask_queues(&l);
        doctor_holders_find(f, &l);
        for (size_t i = 0; i < f->n_pools; i++)
                sockets_look_at(f, &l, f->pools[i].listen, &f->pools[i].socket);
        for (size_t i = 0; i < f->n_backends; i++)
                sockets_look_at(f, &l, f->backends[i].address, &f->backends[i].socket);
}
