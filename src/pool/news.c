/* SPDX-License-Identifier: MIT */
#include "pool/news.h"

#include <signal.h>
#include <string.h>

#include "base/program.h"
#include "log/log.h"
#include "pool/budget.h"
#include "scoreboard/overload.h"

/* Once a second; static pools have nothing to decide. */
static void news_of_round(const struct generation *g, const struct scale_input *in) {
        unsigned n_busy = g->n_accepting > in->n_idle ? g->n_accepting - in->n_idle : 0;

        if (in->pm == CONF_PM_ONDEMAND)
                log_debug("[pool %s] currently %u active children, %u spare children", g->pool->name, n_busy,
                          in->n_idle);
        else
                log_debug("[pool %s] currently %u active children, %u spare children, %u running children. "
                          "Spawning rate %u",
                          g->pool->name, n_busy, in->n_idle, in->n_workers, in->state.rate);
}

/* php-fpm names no pool. */
static void news_of_process_max(const struct pool *p) {
        if (program_is_php_fpm())
                log_warning("The maximum number of processes has been reached. Please review your configuration and "
                            "consider raising 'process.max'");
        else
                log_warning("[pool %s] more workers are needed than process.max (%u) allows all pools together",
                            p->name, p->env->process_max);
}

void news_of_plan(struct generation *g, const struct scale_input *in, const struct scale_plan *plan) {
        struct pool *p = g->pool;

        if (plan->is_round)
                news_of_round(g, in);
        if (plan->reached_max) {
                p->n_max_reached++;
                log_warning("[pool %s] server reached %smax_children setting (%u), consider raising it", p->name,
                            g->conf->pm == CONF_PM_ONDEMAND ? "" : "pm.", in->max_children); /* as php-fpm has it */
        }
        if (plan->busy && plan->spawn > 0)
                log_warning("[pool %s] seems busy (you may need to increase pm.start_servers, or "
                            "pm.min/max_spare_servers), "
                            "spawning %u children, there are %u idle, and %u total children",
                            p->name, plan->spawn, in->n_idle + in->n_pending, in->n_workers);
        if (plan->reached_budget) {
                overload_count(p->scoreboard, SCOREBOARD_OVERLOAD_claimed);
                log_debug(
                        "[pool %s] more workers are needed, and pool.budget (%u) is used up: others give up idle ones",
                        p->name, p->env->budget->limit);
        }
        if (plan->reached_process_max)
                news_of_process_max(p);
}

void news_growing(struct generation *g, unsigned n) {
        if (g == g->pool->current && g->conf->pm != CONF_PM_STATIC)
                g->n_growing += n;
}

void news_of_growth(struct generation *g) {
        if (g->n_growing == 0)
                return;
        if (g->conf->pm == CONF_PM_ONDEMAND) {
                g->n_growing--;
                log_debug("[pool %s] got accept without idle child available .... I forked", g->pool->name);
        } else if (g->zygote.n_asked == 0) {
                log_debug("[pool %s] %u child(ren) have been created dynamically", g->pool->name, g->n_growing);
                g->n_growing = 0;
        }
}

void news_of_signal(const struct pool_worker *w, int sig) {
        log_debug("[pool %s] sending signal %d SIG%s to child %d", w->generation->pool->name, sig,
                  sigabbrev_np(sig) ?: "?", w->pid);
}

void news_of_drain(const struct generation *g) {
        const struct pool *p = g->pool;

        for (uint32_t i = p->n_used; i-- > 0 && program_is_php_fpm() && !g->drain.begun;)
                if (p->workers[i].state > WORKER_ASKED && p->workers[i].generation == g)
                        news_of_signal(&p->workers[i], SIGQUIT);
}
