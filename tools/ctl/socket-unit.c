/* SPDX-License-Identifier: MIT */
/* A whole unit around the lines of units/socketunit, for a pool of fpmd.service. */

#include "socket-unit.h"

#include "conf/rows.h"
#include "units/socketunit.h"

void socket_unit_write(const struct conf_pool *pool, unsigned n_shards, struct text *out) {
        char address[CONF_PATH_BYTES + 1];
        enum conf_pool_row row;

        if (text_equal(pool->listen, "systemd"))
                return;
        text_printf(out,
                    "# /etc/systemd/system/fpmd-%s.socket\n[Unit]\nDescription=Listen socket of the PHP pool "
                    "%s\n\n[Socket]\n",
                    pool->name, pool->name);
        socketunit_resolve(pool->listen, address);
        if (socketunit_put(pool, address, n_shards, out, &row) != 0)
                text_printf(out, "# no unit can hold '%s'\n", conf_pool_directives[row].name);
        if (!socketunit_is_tcp(pool->listen))
                text_append(out, "RemoveOnStop=yes\n");
        text_printf(out, "FileDescriptorName=%s\nService=fpmd.service\n\n[Install]\nWantedBy=sockets.target\n",
                    pool->name);
}
