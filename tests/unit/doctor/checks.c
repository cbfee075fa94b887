/* SPDX-License-Identifier: MIT */
/* tools/ctl/doctor/checks.h as tables of sentences: a machine, what is said of it, and what to do next. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "doctor/checks.h"

#define MIB ((uint64_t)1 << 20)

struct machine {
        const char *sentence;
        struct doctor_unit units[2];
        struct doctor_pool pools[2];
        struct doctor_file file;
        struct doctor_backend backends[2];
        const char *problems, *opcache_off, *php_fpm, *denial;
        uint64_t worker_memory, memory_total, somaxconn;
        bool lacks_opcache;
        const char *check; /* of the first finding, the only one of its level; NULL: nothing is found */
        enum doctor_level level;
        const char *what, *next; /* parts of it */
};

/* What rows have in common. */
#define SERVICE .name = "fpmd.service", .load = "loaded", .active = "active", .enabled = "enabled"
#define SOCKET  .name = "fpmd.socket", .load = "loaded", .active = "active", .enabled = "enabled"
#define SERVED  .holder = DOCTOR_HOLDER_FPMD, .exists = DOCTOR_YES
#define POOL                                                                                                           \
        .name = "www", .file = "/etc/fpmd/pool.d/www.conf", .line = 1, .listen = "/run/fpmd-www.sock",                 \
        .unit = "fpmd.service", .user = "www-data", .backlog = -1
#define NGINX .server = "nginx", .user = "www-data", .file = "/etc/nginx/site", .line = 7

static const struct machine machines[] = {
        { "a machine that is as it should be", .units = { { SERVICE }, { SOCKET } },
          .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .socket = { SERVED }, .may_connect = DOCTOR_YES } } },
        { "a configuration with mistakes is told with them", .problems = "[/etc/fpmd/fpmd.conf:3] unknown entry",
          .check = "configuration", .what = "[/etc/fpmd/fpmd.conf:3] unknown entry", .next = "fpmd -t" },
        { "a service that has failed, with systemd's reason",
          .units = { { SERVICE },
                     { .name = "fpmd.socket",
                       .load = "loaded",
                       .active = "failed",
                       .result = "service-start-limit-hit" } },
          .check = "unit", .what = "fpmd.socket has failed (service-start-limit-hit)",
          .next = "journalctl -u fpmd.socket" },
        { "a masked unit", .units = { { .name = "fpmd.service", .load = "masked" } }, .check = "unit",
          .what = "fpmd.service is masked", .next = "systemctl unmask fpmd.service" },
        { "a unit that systemd has not read again", .units = { { SERVICE, .is_changed_on_disk = true }, { SOCKET } },
          .check = "unit", .what = "has been changed since systemd read it", .next = "systemctl daemon-reload" },
        { "nobody has enabled the socket",
          .units = { { .name = "fpmd.service", .load = "loaded", .active = "inactive" },
                     { .name = "fpmd.socket", .load = "loaded", .active = "inactive" } },
          .pools = { { POOL, .socket = { .holder = DOCTOR_HOLDER_NOBODY } } }, .check = "unit",
          .what = "fpmd.socket is inactive, so nobody listens", .next = "systemctl enable --now fpmd.socket" },
        { "the units are not installed",
          .units = { { .name = "fpmd.service", .load = "not-found", .active = "inactive" },
                     { .name = "fpmd.socket", .load = "not-found", .active = "inactive" } },
          .pools = { { POOL } }, .check = "unit", .what = "fpmd's units are not installed", .next = "install" },
        { "an instance that nobody asks for may be off",
          .units = { { SERVICE }, { .name = "fpmd@b.service", .load = "loaded", .active = "inactive" } },
          .pools = { { POOL, .socket = { SERVED } },
                     { .name = "b", .listen = "/run/b.sock", .unit = "fpmd@b.service", .backlog = -1 } },
          .check = "unit", .level = DOCTOR_NOTE, .what = "fpmd@b.service is inactive",
          .next = "systemctl enable --now" },
        { "it must not be when a web server sends requests there",
          .units = { { SERVICE }, { .name = "fpmd@b.service", .load = "loaded", .active = "inactive" } },
          .pools = { { POOL, .socket = { SERVED } },
                     { .name = "b", .listen = "/run/b.sock", .unit = "fpmd@b.service", .backlog = -1 } },
          .backends = { { NGINX, .address = "/run/b.sock" } }, .check = "unit",
          .what = "and a web server sends requests there", .next = "systemctl enable --now" },
        { "it runs, and will not after a boot",
          .units = { { .name = "fpmd.service", .load = "loaded", .active = "active", .enabled = "disabled" },
                     { .name = "fpmd.socket", .load = "loaded", .active = "active", .enabled = "disabled" } },
          .pools = { { POOL, .socket = { SERVED } } }, .check = "unit", .what = "does not after the next boot",
          .next = "systemctl enable fpmd.socket" },
        { "the web server has another path than the pool", .units = { { SERVICE }, { SOCKET } },
          .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/php/fpm.sock", .socket = { .holder = DOCTOR_HOLDER_NOBODY } },
                        { NGINX, .address = "/run/php/fpm.sock", .socket = { .holder = DOCTOR_HOLDER_NOBODY } } },
          .check = "address",
          .what = "nginx sends PHP requests to /run/php/fpm.sock [/etc/nginx/site:7, and 1 more place]",
          .next = "\"fastcgi_pass unix:/run/fpmd-www.sock\" (pool 'www')" },
        { "Apache writes it differently", .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { .server = "Apache", .address = "/x", .socket = { .holder = DOCTOR_HOLDER_NOBODY } } },
          .check = "address", .what = "Apache sends PHP requests to /x",
          .next = "proxy:unix:/run/fpmd-www.sock|fcgi://localhost" },
        { "another machine's address is not ours to judge; that no pool is used is",
          .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "10.1.2.3:9000", .socket = { .holder = DOCTOR_HOLDER_NOBODY } } },
          .check = "use", .level = DOCTOR_NOTE, .what = "No web server of this machine sends requests to a pool",
          .next = "example" },
        { "a socket for somebody else", .units = { { SERVICE }, { SOCKET } },
          .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock",
                          .socket = { SERVED, .owner = "root", .group = "adm", .mode = 0640 }, .may_connect = DOCTOR_NO,
                          .obstacle = "/run/fpmd-www.sock" } },
          .check = "rights",
          .what = "nginx runs as www-data, which may not connect to /run/fpmd-www.sock [/etc/nginx/site:7]: 502; it is "
                  "for user root and group adm (mode 0640)",
          .next = "systemctl edit fpmd.socket: SocketUser=www-data" },
        { "an instance's socket is made of its file", .units = { { .name = "fpmd@b.service", .active = "active" } },
          .pools = { { .name = "b", .file = "b.conf", .listen = "/run/b.sock", .unit = "fpmd@b.service" } },
          .backends = { { NGINX, .address = "/run/b.sock", .socket = { SERVED }, .may_connect = DOCTOR_NO,
                          .obstacle = "/run/b.sock" } },
          .check = "rights", .what = "which may not connect to /run/b.sock",
          .next = "listen.owner = www-data and listen.group = www-data in b.conf, then systemctl daemon-reload and "
                  "systemctl restart fpmd@b.socket fpmd@b.service" },
        { "a folder on the way that is closed", .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .socket = { SERVED }, .may_connect = DOCTOR_NO,
                          .obstacle = "/run" } },
          .check = "rights", .what = "the folder /run is closed to it", .next = "let www-data enter /run" },
        { "php-fpm has the pool's path",
          .pools = { { POOL, .socket = { .holder = DOCTOR_HOLDER_PHP_FPM, .holder_name = "php-fpm8.2" } } },
          .check = "socket",
          .what = "Pool 'www' is to listen on /run/fpmd-www.sock [/etc/fpmd/pool.d/www.conf:1], and php-fpm8.2 does",
          .next = "systemctl disable --now" },
        { "a file that nobody listens on",
          .pools = { { POOL, .socket = { .holder = DOCTOR_HOLDER_NOBODY, .exists = DOCTOR_YES } } }, .check = "socket",
          .what = "nobody listens there: the file is what somebody has left behind", .next = "start fpmd" },
        { "a pool of a unit that nobody has started may be off", .units = { { SERVICE }, { SOCKET } },
          .pools = { { POOL, .socket = { SERVED } },
                     { .name = "b",
                       .listen = "/run/b.sock",
                       .unit = "fpmd@b.service",
                       .backlog = -1,
                       .socket = { .holder = DOCTOR_HOLDER_NOBODY } } } },
        { "the unit listens elsewhere", .units = { { SERVICE }, { SOCKET } },
          .pools = { { POOL, .socket = { .holder = DOCTOR_HOLDER_NOBODY, .exists = DOCTOR_NO } } }, .check = "socket",
          .what = "and nobody listens there", .next = "ListenStream= and the pool's listen must be the same" },
        { "an instance that listens elsewhere, by its own units' names",
          .units = { { .name = "fpmd@b.service", .active = "active" },
                     { .name = "fpmd@b.socket", .active = "active" } },
          .pools = { { .name = "b",
                       .listen = "/run/b.sock",
                       .unit = "fpmd@b.service",
                       .socket = { .holder = DOCTOR_HOLDER_NOBODY } } },
          .check = "socket", .what = "and nobody listens there",
          .next = "systemctl status fpmd@b.socket shows in its line Listen where it listens: ListenStream= and the "
                  "pool's listen must be the same; after a change systemctl restart fpmd@b.socket fpmd@b.service" },
        { "PHP that does not start",
          .pools = { { POOL, .socket = { SERVED },
                       .life = { .known = true,
                                 .failed_starts = 3,
                                 .problem = "no such file\nx",
                                 .health = "failing: PHP does not start" } } },
          .check = "php", .what = "PHP of pool 'www' does not start (tries: 3): no such file; its clients get 503",
          .next = "systemctl reload fpmd.service; journalctl -u fpmd.service -x -e" },
        { "a pool that is stuck",
          .pools = { { POOL, .socket = { SERVED }, .life = { .known = true, .health = "stuck: 3 connections wait" } } },
          .check = "stuck", .what = "Pool 'www' is stuck: 3 connections wait: 504",
          .next = "ps -o pid,stat,wchan,args -u www-data" },
        { "a pool that somebody has drained may be meant to be",
          .pools = { { .name = "b",
                       .unit = "fpmd@b.service",
                       .listen = "",
                       .backlog = -1,
                       .life = { .known = true, .health = "draining: 0 of 2 workers busy" } } },
          .check = "drain", .level = DOCTOR_NOTE, .what = "Pool 'b' is drained",
          .next = "fpmctl --runtime-dir /run/fpmd-b undrain b" },
        { "connections that wait for a worker",
          .pools = { { POOL, .socket = { SERVED },
                       .life = { .known = true, .active = 4, .max_children = 4, .waiting = 9 } } },
          .check = "busy", .what = "Pool 'www' has 4 workers, all of them busy, and 9 more connections",
          .next = "fpmctl status --full" },
        { "and while one more worker may come",
          .pools = { { POOL, .socket = { SERVED },
                       .life = { .known = true, .active = 3, .max_children = 4, .waiting = 9 } } } },
        { "workers that have died",
          .pools = { { POOL, .socket = { SERVED }, .life = { .known = true, .died = 5, .oom = 2 } } },
          .check = "deaths", .level = DOCTOR_NOTE,
          .what = "5 workers of pool 'www' have died since it has started, 2 of them since memory was out: 502",
          .next = "journalctl -u fpmd.service -x -p warning" },
        { "requests that were refused",
          .pools = { { POOL, .socket = { SERVED }, .life = { .known = true, .refused = 7 } } }, .check = "refused",
          .level = DOCTOR_NOTE, .what = "has refused 7 requests with 503", .next = "fpmctl status" },
        { "a web server that a list leaves out",
          .pools = { { POOL, .socket = { SERVED }, .life = { .known = true, .peers = 1 } } }, .check = "peers",
          .level = DOCTOR_NOTE, .what = "has closed 1 connection since", .next = "www.conf:1]" },
        { "a site outside of open_basedir",
          .pools = { { POOL, .socket = { SERVED }, .open_basedir = "/var/www/:/usr/share/php" } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .root = "/var/wwwroot" } }, .check = "root",
          .what = "/var/wwwroot [/etc/nginx/site:7], which is outside open_basedir of pool 'www'",
          .next = "add /var/wwwroot to open_basedir" },
        { "and one inside", .pools = { { POOL, .socket = { SERVED }, .open_basedir = "/usr/share/php:/var/www/" } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .root = "/var/www/site" } } },
        { "a site outside of the fence", .pools = { { POOL, .socket = { SERVED }, .exec_basedirs = "/srv/b" } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .root = "/srv/a" } }, .check = "root",
          .what = "outside security.exec_basedir", .next = "systemctl reload fpmd.service" },
        { "a site in a /tmp that the service does not see",
          .units = { { SERVICE, .has_private_tmp = true }, { SOCKET } }, .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .root = "/tmp/site" } }, .check = "root",
          .what = "fpmd.service has a /tmp of its own: 404", .next = "PrivateTmp=no" },
        { "a site that the pool's user cannot read", .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock", .root = "/home/a/site", .may_read = DOCTOR_NO,
                          .root_obstacle = "/home/a" } },
          .check = "root", .what = "The user of pool 'www', www-data, cannot read /home/a/site",
          .next = "open /home/a to it" },
        { "a file that is younger than what runs", .units = { { SERVICE, .since = 1000 }, { SOCKET } },
          .file = { .path = "/etc/fpmd/pool.d/www.conf", .unit = "fpmd.service", .written = 1001 }, .check = "reload",
          .what = "was written after fpmd.service last read its configuration",
          .next = "systemctl reload fpmd.service" },
        { "a service that is not up reads it when it starts",
          .units = { { .name = "fpmd.service", .active = "inactive", .since = 1000 }, { SOCKET } },
          .file = { .path = "/etc/fpmd/pool.d/www.conf", .unit = "fpmd.service", .written = 1001 } },
        { "a full queue", .pools = { { POOL, .socket = { SERVED, .has_queue = true, .waiting = 128, .limit = 128 } } },
          .check = "queue", .what = "128 connections wait on /run/fpmd-www.sock", .next = "fpmctl status --full" },
        { "a queue with room",
          .pools = { { POOL, .socket = { SERVED, .has_queue = true, .waiting = 127, .limit = 128 } } } },
        { "too few descriptors for so many workers", .units = { { SERVICE, .files = 1024 }, { SOCKET } },
          .pools = { { POOL, .max_children = 1000, .socket = { SERVED } } }, .check = "files",
          .what = "fpmd.service may open 1024 files, and 1000 workers (pm.max_children) take about 3080",
          .next = "LimitNOFILE=6160" },
        { "more workers than memory", .pools = { { POOL, .max_children = 100, .socket = { SERVED } } },
          .worker_memory = 30 * MIB, .memory_total = 2000 * MIB, .check = "memory",
          .what = "100 workers (pm.max_children) of 30 MiB each, as they are now, would take 3000 MiB, and there are "
                  "2000",
          .next = "lower pm.max_children" },
        { "many pools that do so only together",
          .pools = { { POOL, .max_children = 60, .socket = { SERVED } },
                     { .name = "b", .unit = "fpmd.service", .listen = "", .max_children = 40, .backlog = -1 } },
          .worker_memory = 30 * MIB, .memory_total = 2000 * MIB, .check = "memory", .level = DOCTOR_NOTE,
          .what = "100 workers (pm.max_children) of 30 MiB each", .next = "pool.budget" },
        { "who share a budget",
          .pools = { { POOL, .max_children = 60, .service_max = 50, .socket = { SERVED } },
                     { .name = "b",
                       .unit = "fpmd.service",
                       .listen = "",
                       .max_children = 40,
                       .service_max = 50,
                       .backlog = -1 } },
          .worker_memory = 30 * MIB, .memory_total = 2000 * MIB },
        { "more than the unit may have", .units = { { SERVICE, .memory_max = 1000 * MIB }, { SOCKET } },
          .pools = { { POOL, .max_children = 50, .socket = { SERVED } } }, .worker_memory = 30 * MIB,
          .memory_total = 2000 * MIB, .check = "memory", .what = "50 workers (pm.max_children of fpmd.service)",
          .next = "auto" },
        { "PHP without opcache", .lacks_opcache = true, .check = "opcache", .what = "loads opcache",
          .next = "-opcache, then systemctl reload fpmd" },
        { "opcache that somebody has turned off", .opcache_off = "/etc/php/8.2/fpm/php.ini:1800", .check = "opcache",
          .what = "opcache is off [/etc/php/8.2/fpm/php.ini:1800]", .next = "opcache.enable = 1" },
        { "and for one pool", .pools = { { POOL, .socket = { SERVED }, .opcache_off = "/etc/fpmd/pool.d/www.conf:9" } },
          .check = "opcache", .what = "opcache is off [/etc/fpmd/pool.d/www.conf:9]", .next = "opcache.enable = 1" },
        { "AppArmor has denied something", .denial = "apparmor=\"DENIED\" operation=\"open\" profile=\"fpmd\"",
          .check = "denials", .what = "operation=\"open\"", .next = "aa-logprof" },
        { "SELinux has", .denial = "avc:  denied  { read } comm=\"fpmd-zygote\"", .check = "denials",
          .what = "{ read }", .next = "audit2why" },
        { "a backlog that the kernel cuts",
          .pools = { { POOL, .socket = { SERVED } },
                     { .name = "b", .file = "b.conf", .unit = "", .listen = "", .backlog = 9000 } },
          .somaxconn = 4096, .check = "backlog", .level = DOCTOR_NOTE,
          .what = "Pool 'b' has listen.backlog = 9000 [b.conf], and the kernel makes 4096 of it",
          .next = "net.core.somaxconn=9000" },
        { "a web server that sends to php-fpm may mean that", .pools = { { POOL, .socket = { SERVED } } },
          .backends = { { NGINX, .address = "/run/fpmd-www.sock" },
                        { NGINX, .address = "127.0.0.1:9000",
                          .socket = { .holder = DOCTOR_HOLDER_PHP_FPM, .holder_name = "php-fpm8.2" } } },
          .check = "use", .level = DOCTOR_NOTE, .what = "where php-fpm8.2 listens, not fpmd",
          .next = "man fpmd-from-php-fpm" },
        { "php-fpm beside", .php_fpm = "process 7 (php-fpm8.2)", .check = "beside", .level = DOCTOR_NOTE,
          .what = "php-fpm runs beside fpmd: process 7 (php-fpm8.2)", .next = "systemctl disable --now" },
};

static const char *text_or_none(const char *s) {
        return s ?: "";
}

static void fill_socket(struct doctor_socket *s, const struct doctor_socket *from) {
        *s = *from;
        s->owner = text_or_none(from->owner);
        s->group = text_or_none(from->group);
        s->holder_name = text_or_none(from->holder_name);
}

static void fill_unit(struct doctor_facts *f, const struct doctor_unit *from) {
        struct doctor_unit *u = doctor_facts_add_unit(f);

        *u = *from;
        u->load = text_or_none(from->load);
        u->active = text_or_none(from->active);
        u->enabled = text_or_none(from->enabled);
        u->result = text_or_none(from->result);
        u->user = text_or_none(from->user);
        u->memory_max = from->memory_max ?: UINT64_MAX;
}

static void fill_pool(struct doctor_facts *f, const struct doctor_pool *from) {
        struct doctor_pool *p = doctor_facts_add_pool(f);

        *p = *from;
        p->file = text_or_none(from->file);
        p->user = text_or_none(from->user);
        p->open_basedir = text_or_none(from->open_basedir);
        p->exec_basedirs = text_or_none(from->exec_basedirs);
        p->opcache_off = text_or_none(from->opcache_off);
        p->life.health = text_or_none(from->life.health);
        p->life.problem = text_or_none(from->life.problem);
        fill_socket(&p->socket, &from->socket);
}

static void fill_backend(struct doctor_facts *f, const struct doctor_backend *from) {
        struct doctor_backend *b = doctor_facts_add_backend(f);

        *b = *from;
        b->user = text_or_none(from->user);
        b->file = text_or_none(from->file);
        b->root = text_or_none(from->root);
        b->obstacle = text_or_none(from->obstacle);
        b->root_obstacle = text_or_none(from->root_obstacle);
        fill_socket(&b->socket, &from->socket);
}

static void fill(const struct machine *m, struct doctor_facts *f) {
        doctor_facts_init(f);
        for (size_t i = 0; i < 2; i++) {
                if (m->units[i].name)
                        fill_unit(f, &m->units[i]);
                if (m->pools[i].name)
                        fill_pool(f, &m->pools[i]);
                if (m->backends[i].address)
                        fill_backend(f, &m->backends[i]);
        }
        if (m->file.path)
                *doctor_facts_add_file(f) = m->file;
        f->config_problems = text_or_none(m->problems);
        f->opcache_off = text_or_none(m->opcache_off);
        f->php_fpm = text_or_none(m->php_fpm);
        f->denial = text_or_none(m->denial);
        f->n_denials = m->denial != NULL;
        f->worker_memory = m->worker_memory;
        f->memory_total = m->memory_total;
        f->somaxconn = m->somaxconn;
        f->has_opcache = m->lacks_opcache ? DOCTOR_NO : DOCTOR_UNKNOWN;
}

static void expect(const struct machine *m, const struct doctor_findings *l) {
        if (!m->check) {
                if (l->n > 0)
                        fail_msg("%s: %s", m->sentence, text_peek(&l->items[0].what));
                return;
        }
        if (doctor_findings_count(l, m->level) != 1)
                fail_msg("%s: %zu findings: %s", m->sentence, l->n, l->n > 0 ? text_peek(&l->items[0].what) : "");
        if (!text_equal(l->items[0].check, m->check) || l->items[0].level != m->level ||
            !strstr(text_peek(&l->items[0].what), m->what) || !strstr(text_peek(&l->items[0].next), m->next))
                fail_msg("%s: %s: %s\nNext: %s", m->sentence, l->items[0].check, text_peek(&l->items[0].what),
                         text_peek(&l->items[0].next));
}

static void test_a_machine_is_told_what_is_wrong(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(machines); i++) {
                _cleanup_findings_ struct doctor_findings found = {};
                _cleanup_facts_ struct doctor_facts f;

                fill(&machines[i], &f);
                doctor_checks_run(&f, &found);
                expect(&machines[i], &found);
        }
}

/* What is likelier comes first, and notes last. */
static void test_order(void **state) {
        static const struct machine broken = { "several things",
                                               .units = { { SERVICE }, { SOCKET } },
                                               .pools = { { POOL, .socket = { SERVED } } },
                                               .backends = { { NGINX, .address = "/x",
                                                               .socket = { .holder = DOCTOR_HOLDER_NOBODY } } },
                                               .opcache_off = "php.ini:1",
                                               .php_fpm = "process 7 (php-fpm8.2)",
                                               .problems = "[a:1] b" };
        static const char *const order[] = { "configuration", "address", "opcache", "use", "beside" };
        _cleanup_findings_ struct doctor_findings found = {};
        _cleanup_facts_ struct doctor_facts f;

        fill(&broken, &f);
        doctor_checks_run(&f, &found);
        assert_int_equal(found.n, ELEMENTSOF(order));
        for (size_t i = 0; i < found.n; i++)
                assert_string_equal(found.items[i].check, order[i]);
        assert_int_equal(doctor_findings_count(&found, DOCTOR_NOTE), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_machine_is_told_what_is_wrong),
                cmocka_unit_test(test_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
