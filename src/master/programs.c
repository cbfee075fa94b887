/* SPDX-License-Identifier: MIT */
#include "master/programs.h"

#include <string.h>

#include "base/macros.h"
#include "base/program.h"

int programs_open_all(struct pool_env *env, struct text *problems) {
        const struct {
                const char *name;
                int *fd;
        } rows[] = { { "fpmd-zygote", &env->zygote_fd },
                     { "fpmd-park", &env->park_fd },
                     { "fpmd-logger", &env->logger_fd } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                *rows[i].fd = program_open(rows[i].name);
                if (*rows[i].fd >= 0)
                        continue;
                text_printf(problems, "cannot find %s beside this program or in %s: %s\n", rows[i].name,
                            FPMD_LIBEXECDIR, strerror(-*rows[i].fd));
                return *rows[i].fd;
        }
        return 0;
}
