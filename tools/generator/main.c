/* SPDX-License-Identifier: MIT */
/*
 * fpmd-generator: systemd runs it at its start and at each "systemctl daemon-reload" (systemd.generator(7)). Each pool
 * of the folders that units.conf names becomes an instance of fpmd@.socket and fpmd@.service: it writes what the pool's
 * file says into drop-ins of these. It starts nothing and enables nothing; "systemctl enable fpmd@NAME.socket" does.
 *
 * It has no event loop, links no PHP, asks no other process, and ends after a while whatever it was given: an include
 * may lead to a file that never ends.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "conf/ownunit.h"
#include "output.h"
#include "report.h"
#include "units/addresses.h"
#include "units/claims.h"
#include "units/instance.h"
#include "units/poolfiles.h"
#include "units/unitsconf.h"

#define SECONDS_MAX 30

struct generator {
        struct unitsconf conf;
        struct claims names, addresses;
        int folder_fd, early_fd; /* what is in the second comes before what an administrator has */
};

static void generator_done(struct generator *g) {
        unitsconf_done(&g->conf);
        claims_done(&g->names);
        claims_done(&g->addresses);
        fd_close(g->folder_fd);
        fd_close(g->early_fd);
}

static int generator_remark(const char *line, _unused_ void *userdata) {
        report_lines(NULL, line);
        return 0;
}

/* A file that was written for this instance by name comes before what a folder has. */
static bool generator_is_elsewhere(const char *name) {
        char path[sizeof(FPMD_SYSCONFDIR "/instances/.conf") + CONF_POOL_NAME_MAX];

        snprintf(path, sizeof(path), FPMD_SYSCONFDIR "/instances/%s.conf", name);
        return access(path, F_OK) == 0;
}

/* Whether the pool may have units under its name; else says why not. Negative: -errno. */
static int generator_claim_name(struct generator *g, const char *name, struct conf_where where) {
        const char *why = instance_name_error(name), *who = "";
        _cleanup_text_ struct text problem = {};
        int r = 0;

        if (!why && generator_is_elsewhere(name))
                why = FPMD_SYSCONFDIR "/instances has a file of that name, which comes first";
        if (!why)
                r = claims_take(&g->names, name, where, &who);
        if (r < 0)
                return r;
        if (!why && r == CLAIMS_E_TAKEN)
                why = "the name is taken already, see ";
        if (!why)
                return true;
        text_printf(&problem, "[%s:%u] pool '%s' has no unit: %s%s\n", where.file, where.line, name, why, who);
        report_lines(NULL, text_peek(&problem));
        return problem.failed ? -ENOMEM : false;
}

/* A folder that cannot be written is the one pool's loss: what is about its name has no bearing on the next one. */
static int generator_tell_unwritten(const char *unit, int r) {
        _cleanup_text_ struct text problem = {};

        if (r == 0 || r == -ENOMEM)
                return r;
        text_printf(&problem, "cannot write the drop-in of %s: %s\n", unit, strerror(-r));
        report_lines(unit, text_peek(&problem));
        return problem.failed ? -ENOMEM : 0;
}

/* fpmd.socket has the instance's address, and gives way to it: at the next boot, and when fpmd.service starts, which
 * goes on with its other pools. Both are as they were when the instance is disabled. "systemctl status" says why it is
 * inactive. */
static int generator_hide_main(struct generator *g, const struct conf_pool *pool) {
        _cleanup_text_ struct text why = {};
        int r;

        if (!instance_has_main_socket(pool) || !conf_ownunit_is_enabled(FPMD_UNIT_FOLDERS, pool->name))
                return 0;
        r = output_hide(g->folder_fd, "fpmd.service.requires", "fpmd.socket");
        if (r == 0)
                r = output_hide(g->early_fd, "sockets.target.wants", "fpmd.socket");
        text_printf(
                &why,
                "[Unit]\nDescription=Listen socket of fpmd, which gives way to fpmd@%s.socket: that is enabled, and "
                "has its address\n",
                pool->name);
        if (r == 0)
                r = why.failed ? -ENOMEM : output_write(g->folder_fd, "fpmd.socket", &why);
        return generator_tell_unwritten("fpmd.socket", r);
}

static int generator_write(struct generator *g, const char *name, const struct instance_texts *texts) {
        char unit[128], socket[128];
        int r;

        snprintf(unit, sizeof(unit), "fpmd@%s.service", name);
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", name);
        report_lines(unit, text_peek(&texts->remarks));
        r = output_write(g->folder_fd, unit, &texts->service);
        if (r == 0 && texts->socket.n > 0)
                r = output_write(g->folder_fd, socket, &texts->socket);
        return generator_tell_unwritten(unit, r);
}

/* *ret: why the pool's address is not its own, or NULL. The text is the caller's to free. */
static int generator_claim_address(struct generator *g, const struct conf_pool *pool, char **ret) {
        char address[CONF_PATH_BYTES + 1];
        const char *who;
        int r;

        *ret = NULL;
        if (!pool->listen || instance_address(pool->name, pool->listen, address) != 0)
                return 0;
        r = addresses_take(&g->addresses, address, pool->listen_where.file ? pool->listen_where : pool->where, &who);
        if (r == ADDRESSES_E_TAKEN && asprintf(ret, "it is taken already, see %s", who) < 0)
                return -ENOMEM;
        return r < 0 ? r : 0;
}

static int generator_take(struct generator *g, struct instance *instance) {
        _cleanup_instance_texts_ struct instance_texts texts = {};
        const struct conf_pool *pool = instance->pool;
        _cleanup_free_ char *taken = NULL;
        int r;

        r = generator_claim_name(g, pool->name, pool->where);
        if (r <= 0)
                return r;
        r = generator_claim_address(g, pool, &taken);
        if (r < 0)
                return r;
        instance->taken = taken;
        r = instance_describe(instance, &texts);
        if (r >= 0 && !taken)
                r = generator_hide_main(g, pool);
        return r < 0 ? r : generator_write(g, pool->name, &texts);
}

static int generator_pool(const char *file, const struct conf_pool *pool, void *userdata) {
        struct generator *g = userdata;

        return generator_take(g, &(struct instance){ .file = file,
                                                     .pool = pool,
                                                     .exit_idle = g->conf.exit_idle,
                                                     .dynamic_users = g->conf.dynamic_users });
}

static int generator_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        return generator_take(userdata, &(struct instance){ .file = file, .pool = pool, .problems = problems });
}

static int generator_run(struct generator *g) {
        const struct poolfiles_visitor visitor = { .begin = report_begin,
                                                   .pool = generator_pool,
                                                   .broken = generator_broken,
                                                   .remark = generator_remark,
                                                   .userdata = g };
        _cleanup_text_ struct text problems = {};
        int r;

        r = unitsconf_load(FPMD_SYSCONFDIR "/units.conf", &g->conf, &problems);
        report_lines(NULL, text_peek(&problems));
        return r == 0 ? poolfiles_visit(g->conf.folders, g->conf.n_folders, &visitor) : r;
}

int main(int argc, char *argv[]) {
        _cleanup_(generator_done) struct generator g = { .folder_fd = -1, .early_fd = -1 };
        int r;

        if (argc != 2 && argc != 4) {
                fputs("fpmd-generator FOLDER [EARLY LATE]\n"
                      "Writes drop-ins of the units fpmd@NAME into FOLDER, and into EARLY what fpmd.socket\n"
                      "gives up for one of them. systemd runs it.\n",
                      stderr);
                return EXIT_FAILURE;
        }
        signal(SIGALRM, report_late);
        alarm(SECONDS_MAX);
        umask(022);
        g.folder_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g.early_fd = open(argv[argc == 4 ? 2 : 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = g.folder_fd < 0 || g.early_fd < 0 ? -errno : generator_run(&g);
        if (r >= 0)
                return EXIT_SUCCESS;
        report_lines(NULL, strerror(-r));
        return EXIT_FAILURE;
}
