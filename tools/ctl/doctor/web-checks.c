/* SPDX-License-Identifier: MIT */
/* What web servers are told, beside what pools are. */

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "doctor/address.h"
#include "doctor/checks.h"
#include "doctor/unitnames.h"

#define WEB_CHECK_OWN  "/run/fpmd-" /* and a pool's name: how fpmd's own documents call a pool's socket */
#define WEB_CHECK_SLIP 2U           /* characters: more are no slip of a hand */

/* How the address is written in that place of the server's configuration. */
static void web_check_put_address(const struct doctor_backend *b, const char *address, struct text *out) {
        bool is_path = address[0] == '/';

        if (*b->upstream)
                text_printf(out, is_path ? "server unix:%s" : "server %s", address);
        else if (text_equal(b->server, "Apache"))
                text_printf(out, is_path ? "proxy:unix:%s|fcgi://localhost" : "fcgi://%s", address);
        else if (text_equal(b->server, "Caddy"))
                text_printf(out, is_path ? "php_fastcgi unix/%s" : "php_fastcgi %s", address);
        else
                text_printf(out, is_path ? "fastcgi_pass unix:%s" : "fastcgi_pass %s", address);
}

/* Whether no backend before is of the same server and address, and with roots of the same root; of all of them the
 * number. */
static bool web_check_is_first(const struct doctor_facts *f, size_t i, bool roots, size_t *ret_n) {
        const struct doctor_backend *b = &f->backends[i];

        *ret_n = 0;
        for (size_t k = 0; k < f->n_backends; k++) {
                const struct doctor_backend *other = &f->backends[k];

                if (!text_equal(other->server, b->server) || !doctor_address_is_same(other->address, b->address) ||
                    (roots && !text_equal(other->root, b->root)))
                        continue;
                if (k < i)
                        return false;
                (*ret_n)++;
        }
        return true;
}

static void web_check_put_place(const struct doctor_backend *b, size_t n, struct text *out) {
        if (*b->upstream)
                text_printf(out, " [%s, the upstream '%s' of %s:%u", b->upstream_place, b->upstream, b->file, b->line);
        else
                text_printf(out, " [%s:%u", b->file, b->line);
        if (*b->link)
                text_printf(out, ", by the link %s", b->link);
        if (n > 1)
                text_printf(out, ", and %zu more place%s", n - 1, n == 2 ? "" : "s");
        text_append_c(out, ']');
}

/* How many characters are to be changed, put in or taken out to make b of a; paths of sockets are short. */
static unsigned web_check_distance(const char *a, const char *b) {
        unsigned row[128], n = (unsigned)strlen(b);

        if (n >= ELEMENTSOF(row))
                return UINT_MAX;
        for (unsigned k = 0; k <= n; k++)
                row[k] = k;
        for (; *a; a++) {
                unsigned above = row[0]++;

                for (unsigned k = 1; k <= n; k++) {
                        unsigned changed = above + (*a != b[k - 1]), shorter = MIN(row[k], row[k - 1]) + 1;

                        above = row[k];
                        row[k] = MIN(changed, shorter);
                }
        }
        return row[n];
}

static bool web_check_is_used(const struct doctor_facts *f, const struct doctor_pool *p) {
        for (size_t i = 0; i < f->n_backends; i++)
                if (doctor_address_is_same(f->backends[i].address, p->listen))
                        return true;
        return false;
}

/* The pool that is meant: of those to which nobody sends requests one whose address is nearly this one, since the pool
 * of another site must not get this one's code. The only pool may also be meant by an address that is no other pool's
 * by its name: that one may have gone, and its site not. NULL: none. */
static const struct doctor_pool *web_check_meant(const struct doctor_facts *f, const char *address) {
        unsigned most = f->n_pools > 1 || text_has_prefix(address, WEB_CHECK_OWN) ? WEB_CHECK_SLIP : UINT_MAX;
        const struct doctor_pool *best = NULL;
        unsigned least = UINT_MAX;

        for (size_t i = 0; i < f->n_pools; i++) {
                const struct doctor_pool *p = &f->pools[i];
                unsigned distance = web_check_distance(p->listen, address);

                if (!*p->listen || (f->n_pools > 1 && web_check_is_used(f, p)) || distance > most ||
                    (best && distance >= least))
                        continue;
                best = p;
                least = distance;
        }
        return best;
}

static void web_check_put_next(const struct doctor_facts *f, const struct doctor_backend *b, struct text *out) {
        const struct doctor_pool *meant = web_check_meant(f, b->address);

        if (f->n_pools == 0) {
                text_append(out, *f->config_problems ? "mend the configuration first"
                                                     : "no pool is configured: \"fpmd -t\" says what is read");
                return;
        }
        text_append(out, "start what listens there, ");
        if (meant) {
                text_printf(out, "or, if the site is that of pool '%s', write \"", meant->name);
                web_check_put_address(b, meant->listen, out);
                text_printf(out, "\" and reload %s, ", b->server);
        }
        text_printf(out, "or take that out of %s's configuration, where its site has gone", b->server);
}

static void web_check_nobody(const struct doctor_facts *f, size_t i, struct doctor_findings *out) {
        const struct doctor_backend *b = &f->backends[i];
        struct doctor_finding *found;
        size_t n;

        if (!web_check_is_first(f, i, false, &n))
                return;
        found = doctor_findings_add(out, "address", DOCTOR_PROBLEM);
        text_printf(&found->what, "%s sends PHP requests to %s", b->server, b->address);
        web_check_put_place(b, n, &found->what);
        text_append(&found->what, ", where no pool listens, nor anybody else: 502");
        web_check_put_next(f, b, &found->next);
}

/* An address of a pool is the units' and the sockets' matter; another machine's is not ours. */
void doctor_web_check_addresses(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_backends; i++) {
                const struct doctor_backend *b = &f->backends[i];

                if (!doctor_facts_find_pool(f, b->address) && b->socket.holder == DOCTOR_HOLDER_NOBODY &&
                    doctor_address_is_here(b->address))
                        web_check_nobody(f, i, out);
        }
}

/* fpmd.socket has an owner of its own; that of an instance's socket unit is made of the pool's file, and a service
 * without one takes it from there. */
static void web_check_put_socket_owner(const struct doctor_facts *f, const struct doctor_pool *pool, const char *user,
                                       struct text *out) {
        const struct doctor_unit *socket = doctor_facts_find_unit(f, "fpmd.socket");

        if (text_equal(pool->unit, "fpmd.service") && socket && text_equal(socket->active, "active")) {
                text_printf(out, "systemctl edit fpmd.socket: SocketUser=%s and SocketGroup=%s below [Socket]; then ",
                            user, user);
                doctor_unitname_put_restart(pool->unit, out);
                return;
        }
        text_printf(out, "listen.owner = %s and listen.group = %s in %s, then ", user, user, pool->file);
        if (text_has_prefix(pool->unit, "fpmd@"))
                doctor_unitname_put_remake(pool->unit, out);
        else
                text_printf(out, "systemctl restart %s", pool->unit);
}

/* Of n places. */
static void web_check_closed(const struct doctor_facts *f, const struct doctor_backend *b, size_t n,
                             struct doctor_findings *out) {
        const struct doctor_pool *pool = doctor_facts_find_pool(f, b->address);
        struct doctor_finding *found = doctor_findings_add(out, "rights", DOCTOR_PROBLEM);

        text_printf(&found->what, "%s runs as %s, which may not connect to %s", b->server, b->user, b->address);
        web_check_put_place(b, n, &found->what);
        text_append(&found->what, ": 502; ");
        if (text_equal(b->obstacle, b->address)) {
                text_printf(&found->what, "it is for user %s and group %s (mode %04o)", b->socket.owner,
                            b->socket.group, (unsigned)b->socket.mode);
                web_check_put_socket_owner(f, pool, b->user, &found->next);
        } else {
                text_printf(&found->what, "the folder %s is closed to it", b->obstacle);
                text_printf(&found->next, "let %s enter %s, or have the socket elsewhere", b->user, b->obstacle);
        }
}

void doctor_web_check_rights(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_backends; i++) {
                const struct doctor_backend *b = &f->backends[i];
                size_t n;

                if (doctor_facts_find_pool(f, b->address) && b->may_connect == DOCTOR_NO &&
                    web_check_is_first(f, i, false, &n))
                        web_check_closed(f, b, n, out);
        }
}

/* Whether path is the folder, or below it. */
static bool web_check_is_below(const char *path, const char *folder, size_t n) {
        while (n > 1 && folder[n - 1] == '/')
                n--;
        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0' || folder[n - 1] == '/');
}

/* Folders with colons between; one that is relative may be anything. */
static bool web_check_is_allowed(const char *path, const char *folders) {
        const char *folder;
        size_t n;

        if (!*folders)
                return true;
        while ((folder = text_word(&folders, ":", &n)))
                if (folder[0] != '/' || web_check_is_below(path, folder, n))
                        return true;
        return false;
}

static void web_check_fence(const struct doctor_backend *b, const struct doctor_pool *pool, const char *directive,
                            struct doctor_findings *out) {
        bool opens = text_equal(directive, "open_basedir");
        const char *folders = opens ? pool->open_basedir : pool->exec_basedirs;
        struct doctor_finding *found;

        if (web_check_is_allowed(b->root, folders))
                return;
        found = doctor_findings_add(out, "root", DOCTOR_PROBLEM);
        text_printf(&found->what, "%s serves %s [%s:%u], which is outside %s of pool '%s' (%s): each script is refused",
                    b->server, b->root, b->file, b->line, directive, pool->name, folders);
        text_printf(&found->next, "add %s to %s in %s, then systemctl reload %s", b->root, directive, pool->file,
                    pool->unit);
}

/* In the file and line that name it. */
static void web_check_put_root_place(const struct doctor_backend *b, struct text *out) {
        if (*b->root_place)
                text_append(out, b->root_place);
        else
                text_printf(out, "%s:%u", b->file, b->line);
}

static void web_check_no_root(const struct doctor_backend *b, struct doctor_findings *out) {
        struct doctor_finding *found = doctor_findings_add(out, "root", DOCTOR_PROBLEM);

        text_printf(&found->what, "%s serves %s [", b->server, b->root);
        web_check_put_root_place(b, &found->what);
        text_append(&found->what, "], and there is no such folder: 404");
        text_append(&found->next, "write the site's folder there (");
        web_check_put_root_place(b, &found->next);
        text_printf(&found->next, ") and reload %s, or make it: mkdir -p %s", b->server, b->root);
}

/* Who may not enter the document root: the web server's user, which looks for each file, and the pool's. */
static void web_check_readers(const struct doctor_backend *b, const struct doctor_pool *pool,
                              struct doctor_findings *out) {
        bool both = b->may_enter == DOCTOR_NO && b->may_read == DOCTOR_NO && !text_equal(b->user, pool->user) &&
                    text_equal(b->entry_obstacle, b->root_obstacle);
        struct doctor_finding *found;

        if (b->may_enter == DOCTOR_NO) {
                found = doctor_findings_add(out, "root", DOCTOR_PROBLEM);
                text_printf(&found->what, "%s runs as %s, which cannot enter %s, and serves %s [", b->server, b->user,
                            b->entry_obstacle, b->root);
                web_check_put_root_place(b, &found->what);
                text_append(&found->what, "]: 403 or 404");
                if (both)
                        text_printf(&found->what, "; nor can the user of pool '%s', %s", pool->name, pool->user);
                text_printf(&found->next, "setfacl -m u:%s:x", b->user);
                if (both)
                        text_printf(&found->next, " -m u:%s:x", pool->user);
                text_printf(&found->next,
                            " %s (Debian's package acl), or chmod o+x %s, by which everybody can; namei -l %s shows "
                            "the rights",
                            b->entry_obstacle, b->entry_obstacle, b->root);
        }
        if (b->may_read == DOCTOR_NO && !both && (b->may_enter != DOCTOR_NO || !text_equal(b->user, pool->user))) {
                found = doctor_findings_add(out, "root", DOCTOR_PROBLEM);
                text_printf(&found->what, "The user of pool '%s', %s, cannot read %s, which %s serves [%s:%u]: 404",
                            pool->name, pool->user, b->root, b->server, b->file, b->line);
                text_printf(&found->next, "open %s to it; namei -l %s shows the rights", b->root_obstacle, b->root);
        }
}

static void web_check_root(const struct doctor_facts *f, const struct doctor_backend *b, const struct doctor_pool *pool,
                           struct doctor_findings *out) {
        const struct doctor_unit *u = doctor_facts_find_unit(f, pool->unit);
        struct doctor_finding *found;

        if (b->root_exists == DOCTOR_NO && !pool->has_chroot) {
                web_check_no_root(b, out);
                return;
        }
        web_check_fence(b, pool, "open_basedir", out);
        web_check_fence(b, pool, "security.exec_basedir", out);
        if (u && u->has_private_tmp &&
            (web_check_is_below(b->root, "/tmp", 4) || web_check_is_below(b->root, "/var/tmp", 8))) {
                found = doctor_findings_add(out, "root", DOCTOR_PROBLEM);
                text_printf(&found->what, "%s serves %s [%s:%u], and %s has a /tmp of its own: 404", b->server, b->root,
                            b->file, b->line, u->name);
                text_printf(&found->next, "move the site elsewhere, or PrivateTmp=no by systemctl edit %s", u->name);
        }
        web_check_readers(b, pool, out);
}

void doctor_web_check_roots(const struct doctor_facts *f, struct doctor_findings *out) {
        for (size_t i = 0; i < f->n_backends; i++) {
                const struct doctor_pool *pool = doctor_facts_find_pool(f, f->backends[i].address);
                size_t n;

                if (pool && *f->backends[i].root && web_check_is_first(f, i, true, &n))
                        web_check_root(f, &f->backends[i], pool, out);
        }
}

/* Requests that go to php-fpm, and pools that get none, may both be meant. */
void doctor_web_check_use(const struct doctor_facts *f, struct doctor_findings *out) {
        bool used = f->n_backends == 0;
        struct doctor_finding *found;
        size_t n;

        for (size_t i = 0; i < f->n_backends; i++) {
                const struct doctor_backend *b = &f->backends[i];

                used |= doctor_facts_find_pool(f, b->address) != NULL;
                if (b->socket.holder != DOCTOR_HOLDER_PHP_FPM || doctor_facts_find_pool(f, b->address) ||
                    !web_check_is_first(f, i, false, &n))
                        continue;
                found = doctor_findings_add(out, "use", DOCTOR_NOTE);
                text_printf(&found->what, "%s sends PHP requests to %s", b->server, b->address);
                web_check_put_place(b, n, &found->what);
                text_printf(&found->what, ", where %s listens, not fpmd", b->socket.holder_name);
                text_append(&found->next, "nothing, if that is meant; man fpmd-from-php-fpm moves it");
        }
        if (used || f->n_pools == 0)
                return;
        found = doctor_findings_add(out, "use", DOCTOR_NOTE);
        text_append(&found->what, "No web server of this machine sends requests to a pool of fpmd");
        text_append(&found->next, "/usr/share/doc/fpmd/web has an example for each web server");
}
