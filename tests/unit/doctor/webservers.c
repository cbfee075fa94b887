/* SPDX-License-Identifier: MIT */
/* The readers of web servers' configurations (tools/ctl/doctor), each row a file with what is to be found in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "doctor/apache.h"
#include "doctor/caddy.h"
#include "doctor/nginx.h"

struct file {
        const char *says;
        bool (*read)(struct doctor_facts *f, const char *path);
        const char *text;
        const char *other; /* the file "other" beside it */
        struct {
                const char *address, *root, *user;
                unsigned line;
                const char *upstream; /* name and line of its address; NULL: it has none */
        } found[3];
        const char *unseen;
};

static const struct file files[] = {
        { "a socket, and the user", doctor_nginx_read,
          "user web grp;\nhttp {\n server {\n  location / { fastcgi_pass unix:/run/a.sock; }\n }\n}\n",
          .found = { { "/run/a.sock", "", "web", 4 } } },
        { "a port; without a user it is nobody", doctor_nginx_read, "fastcgi_pass 127.0.0.1:9000;",
          .found = { { "127.0.0.1:9000", "", "nobody", 1 } } },
        { "the document root of the block around it, also where it comes later", doctor_nginx_read,
          "http { root /outer; server { location ~ \\.php$ { fastcgi_pass a:1; } root '/in ner'; } fastcgi_pass b:1; }",
          .found = { { "a:1", "/in ner", "nobody", 1 }, { "b:1", "/outer", "nobody", 1 } } },
        { "the folder of SCRIPT_FILENAME, which is more than the document root", doctor_nginx_read,
          "root /r;\nlocation / { fastcgi_param SCRIPT_FILENAME /srv/a$fastcgi_script_name; fastcgi_pass a:1; }\n"
          "location /b { fastcgi_pass b:1; fastcgi_param SCRIPT_FILENAME /srv/b/public/index.php; }\n"
          "location /c { fastcgi_pass c:1; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; }\n",
          .found = { { "a:1", "/srv/a", "nobody", 2 },
                     { "b:1", "/srv/b/public", "nobody", 3 },
                     { "c:1", "/r", "nobody", 4 } } },
        { "of one that is partly made at run time the part that is not", doctor_nginx_read,
          "fastcgi_pass a:1; fastcgi_param SCRIPT_FILENAME /srv/site-$host/index.php;",
          .found = { { "a:1", "/srv", "nobody", 1 } } },
        { "an upstream that comes later, each of its servers", doctor_nginx_read,
          "server { fastcgi_pass fpm; }\nupstream fpm { server unix:/a; server 127.0.0.1:1 backup; }",
          .found = { { "/a", "", "nobody", 1, "fpm:2" }, { "127.0.0.1:1", "", "nobody", 1, "fpm:2" } } },
        { "braces, quotes and comments in words", doctor_nginx_read,
          "# fastcgi_pass c;\nlocation ~ \"^/x{2}/\" { set $a \"};\"; return 200 'fastcgi_pass b;'; }\n"
          "log_format f '${host} {x}';\nfastcgi_pass d:1; # e",
          .found = { { "d:1", "", "nobody", 4 } } },
        { "what is made at run time cannot be told", doctor_nginx_read, "\nfastcgi_pass $where;",
          .unseen = "fastcgi_pass $where" },
        { "an included file, which says where it is", doctor_nginx_read, "root /r;\ninclude othe?;\n",
          .other = "\n\nfastcgi_pass unix:/o;", .found = { { "/o", "/r", "nobody", 3 } } },
        { "one that includes itself ends", doctor_nginx_read, "include other;\nfastcgi_pass z:1;",
          .other = "include other;", .found = { { "z:1", "", "nobody", 2 } } },
        { "more braces than blocks", doctor_nginx_read, "}}}} fastcgi_pass a:1; {{{{",
          .found = { { "a:1", "", "nobody", 1 } } },

        { "Apache's handler, and its user", doctor_apache_read,
          "User web\n<FilesMatch \"\\.php$\">\n  SetHandler "
          "\"proxy:unix:/run/a.sock|fcgi://localhost/\"\n</FilesMatch>\n",
          .found = { { "/run/a.sock", "", "web", 3 } } },
        { "a port", doctor_apache_read, "ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9000/var/www/$1",
          .found = { { "127.0.0.1:9000", "", "", 1 } } },
        { "a name for a balancer is no address", doctor_apache_read,
          "<Proxy \"fcgi://localhost/\" enablereuse=on>\n# SetHandler \"proxy:unix:/x|fcgi://y\"" },
        { "variables, and a line that goes on", doctor_apache_read,
          "Define sock /run/v.sock\nUser ${nobody_has_it}\nSetHandler \\\n \"proxy:unix:${sock}|fcgi://localhost\"",
          .found = { { "/run/v.sock", "", "", 4 } } },
        { "an included file", doctor_apache_read, "IncludeOptional oth*\nSetHandler \"proxy:unix:/b|fcgi://x\"",
          .other = "SetHandler \"proxy:unix:/a|fcgi://x\"", .found = { { "/a", "", "", 1 }, { "/b", "", "", 2 } } },

        { "Caddy", doctor_caddy_read, "localhost {\n\troot * /srv\n\tphp_fastcgi unix//run/a.sock\n}\n",
          .found = { { "/run/a.sock", "", "caddy", 3 } } },
        { "a matcher, two addresses, a block", doctor_caddy_read, "php_fastcgi /blog/* a:1 b:2 {\n}\n",
          .found = { { "a:1", "", "caddy", 1 }, { "b:2", "", "caddy", 1 } } },
        { "an imported file", doctor_caddy_read, "import other\n", .other = "php_fastcgi c:3\n",
          .found = { { "c:3", "", "caddy", 1 } } },
};

static void put(const char *folder, const char *name, const char *text) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
}

static void expect_upstream(const char *says, const struct doctor_backend *b, const char *upstream) {
        const char *line = strrchr(b->upstream_place, ':');
        char found[64];

        snprintf(found, sizeof(found), "%s%s", b->upstream, line ? line : "");
        if (!text_equal(found, upstream ? upstream : ""))
                fail_msg("%s: upstream %s", says, found);
}

static void expect(const struct file *file, const struct doctor_facts *f) {
        size_t n = 0;

        while (n < ELEMENTSOF(file->found) && file->found[n].address)
                n++;
        if (f->n_backends != n)
                fail_msg("%s: %zu addresses", file->says, f->n_backends);
        for (size_t i = 0; i < n; i++) {
                const struct doctor_backend *b = &f->backends[i];

                if (!text_equal(b->address, file->found[i].address) || !text_equal(b->root, file->found[i].root) ||
                    !text_equal(b->user, file->found[i].user) || b->line != file->found[i].line)
                        fail_msg("%s: %s, root %s, user %s, line %u", file->says, b->address, b->root, b->user,
                                 b->line);
                expect_upstream(file->says, b, file->found[i].upstream);
        }
        if (file->unseen && (f->n_unseen != 1 || !strstr(f->unseen[0].what, file->unseen)))
                fail_msg("%s: it is not told that it was not seen", file->says);
}

static void test_files_are_read_as_web_servers_read_them(void **state) {
        char folder[] = "/tmp/doctor-XXXXXX", path[64], other[64];

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/main", folder);
        snprintf(other, sizeof(other), "%s/other", folder);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_facts_ struct doctor_facts f;

                doctor_facts_init(&f);
                put(folder, "main", files[i].text);
                if (files[i].other)
                        put(folder, "other", files[i].other);
                assert_true(files[i].read(&f, path));
                expect(&files[i], &f);
                unlink(other);
        }
        unlink(path);
        assert_int_equal(rmdir(folder), 0);
}

static void test_no_file_is_no_web_server(void **state) {
        _cleanup_facts_ struct doctor_facts f;

        doctor_facts_init(&f);
        assert_false(doctor_nginx_read(&f, "/nonexistent/nginx.conf"));
        assert_false(doctor_apache_read(&f, "/nonexistent/apache2.conf"));
        assert_false(doctor_caddy_read(&f, "/nonexistent/Caddyfile"));
        assert_int_equal(f.n_unseen, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_files_are_read_as_web_servers_read_them),
                cmocka_unit_test(test_no_file_is_no_web_server),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
