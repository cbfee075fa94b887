/* SPDX-License-Identifier: MIT */
#include "master/summary.h"

#include "master/batches.h"
#include "master/spare.h"

/* What PHP has not taken of the settings of those that are renewed, each line once. The log has it already. */
static void summary_list_untaken(const struct master *m, struct text *ret) {
        for (size_t i = 0; i < m->n_pools; i++) {
                const struct master_pool *mp = m->pools[i];

                if (mp->state == STATE_POOL_RENEWS)
                        text_append_lines_once(ret, "warning: ", pool_next_remarks(mp->pool));
        }
}

/* Pools that the service goes on without. */
static void summary_list_absent(const struct conf *conf, struct text *ret) {
        for (char *const *line = conf->absent_lines; line && *line; line++)
                text_printf(ret, "warning: %s\n", *line);
}

void summary_collect(struct master *m) {
        struct text *remarks = &m->reload.remarks;

        text_done(remarks);
        *remarks = (struct text){};
        summary_list_absent(m->reload.conf, remarks);
        spare_list(&m->inherited, "warning: ", remarks);
        summary_list_untaken(m, remarks);
}

void summary_write(const struct master *m, struct text *ret) {
        _cleanup_text_ struct text lines = {};
        size_t n_failed = batches_list_failed(m, "", &lines), n = m->reload.n_renewed - n_failed;

        if (m->conf->n_pools == 0)
                text_append(ret, "reload done: each pool has a unit of its own that is enabled, and the service ends");
        else if (m->reload.n_renewed == 0)
                text_append(ret, "reload done, no pool's settings have changed");
        else
                text_printf(ret, "%s%zu pool%s renewed", m->reload.in_part ? "reload done in part, " : "reload done, ",
                            n, n == 1 ? "" : "s");
        if (n_failed > 0)
                text_printf(ret, ", %zu not yet", n_failed);
}

void summary_write_remarks(const struct master *m, struct text *ret) {
        batches_list_failed(m, "warning: ", ret);
        text_append(ret, text_peek(&m->reload.remarks));
}
