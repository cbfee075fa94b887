/* SPDX-License-Identifier: MIT */
/* The web servers that are installed here: the first of each one's places that is there. A place that was asked for
 * must be there. */

#include "base/text.h"
#include "doctor/apache.h"
#include "doctor/caddy.h"
#include "doctor/collect.h"
#include "doctor/nginx.h"

struct webservers_kind {
        bool (*read)(struct doctor_facts *f, const char *path);
        const char *places[3];
};

static void webservers_read(struct doctor_facts *f, const struct webservers_kind *kind, const char *asked) {
        if (asked) {
                if (!kind->read(f, asked))
                        doctor_facts_unseen(f, asked, "it is not there, or cannot be read");
                return;
        }
        for (size_t i = 0; kind->places[i]; i++)
                if (kind->read(f, kind->places[i]))
                        return;
}

void doctor_webservers_collect(struct doctor_facts *f, const struct doctor_places *places) {
        static const struct webservers_kind kinds[] = {
                { doctor_nginx_read, { "/etc/nginx/nginx.conf" } },
                { doctor_apache_read, { "/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf" } },
                { doctor_caddy_read, { "/etc/caddy/Caddyfile" } },
        };
        const char *const asked[] = { places->nginx, places->apache, places->caddy };
        bool all = !asked[0] && !asked[1] && !asked[2];

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (all || asked[i])
                        webservers_read(f, &kinds[i], asked[i]);
}
