/* SPDX-License-Identifier: MIT */
#include "doctor/unitnames.h"

#include <string.h>

#define UNITNAME_SERVICE ".service"
#define UNITNAME_OWN     "fpmd" UNITNAME_SERVICE

/* The bytes before ".service"; 0: there is none. */
static size_t unitname_length(const char *service) {
        return text_has_suffix(service, UNITNAME_SERVICE) ? strlen(service) - strlen(UNITNAME_SERVICE) : 0;
}

bool doctor_unitname_put_socket(const char *service, struct text *out) {
        size_t n = unitname_length(service);

        if (n > 0)
                text_printf(out, "%.*s.socket", (int)n, service);
        return n > 0;
}

bool doctor_unitname_put_folder(const char *service, struct text *out) {
        size_t n = unitname_length(service);
        const char *at = memchr(service, '@', n);

        if (n == 0)
                return false;
        if (at)
                text_printf(out, "/run/%.*s-%.*s", (int)(at - service), service, (int)(n - (size_t)(at - service) - 1),
                            at + 1);
        else
                text_printf(out, "/run/%.*s", (int)n, service);
        return true;
}

void doctor_unitname_put_ctl(const char *service, struct text *out) {
        _cleanup_text_ struct text folder = {};

        text_append(out, "fpmctl");
        if (text_equal(service, UNITNAME_OWN) || !doctor_unitname_put_folder(service, &folder))
                return;
        text_printf(out, " --runtime-dir %s", text_peek(&folder));
        out->failed |= folder.failed;
}

void doctor_unitname_put_restart(const char *service, struct text *out) {
        text_append(out, "systemctl restart ");
        if (text_has_prefix(service, "fpmd") && doctor_unitname_put_socket(service, out))
                text_append_c(out, ' ');
        text_append(out, service);
}

const char *doctor_unitname_remake(const char *unit) {
        return text_has_prefix(unit, "fpmd@") ? "systemctl daemon-reload and " : "";
}

void doctor_unitname_put_remake(const char *service, struct text *out) {
        text_append(out, doctor_unitname_remake(service));
        doctor_unitname_put_restart(service, out);
}

void doctor_unitname_put_disable(const char *service, struct text *out) {
        text_printf(out, "systemctl disable --now %s", *service ? service : "of the service that it is in, if any");
}
