/* SPDX-License-Identifier: MIT */
#include "units/advice.h"

void advice_put_absent(const char *pool, const char *service, struct text *out) {
        text_printf(out,
                    "fpmctl enable %s gives it a unit of its own; or make a socket unit with FileDescriptorName=%s for "
                    "%s, and restart that (fpmd.service(7)); or give its file another ending than .conf",
                    pool, pool, service);
}

void advice_put_spare(const char *service, struct text *out) {
        text_printf(out,
                    "systemctl list-sockets names its unit, and systemctl disable --now with that name takes it away; "
                    "or give a pool the socket's name or address, and restart %s",
                    service);
}

void advice_put_spare_line(const char *socket, const char *service, struct text *out) {
        text_printf(out, "the socket %s from the service manager has no pool, and nobody serves its clients: ", socket);
        advice_put_spare(service, out);
}
