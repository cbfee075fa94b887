/* SPDX-License-Identifier: MIT */
/*
 * See plan.h. First the pools that run (which of them end, which leave their address), then those that are asked for,
 * since these may take the addresses that are left.
 */

#include "master/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "units/advice.h"

bool plan_starts(const struct plan_step *s) {
        return s->action == PLAN_START || s->action == PLAN_REPLACE;
}

static bool plan_lists(const char *names, const char *name) {
        size_t n = strlen(name);

        for (const char *p = names; *p;) {
                size_t k = strcspn(p, "\n");

                if (k == n && memcmp(p, name, n) == 0)
                        return true;
                p += k + (p[k] == '\n');
        }
        return false;
}

static bool plan_asks_for(const struct plan_scope *s, const struct plan_wanted *w) {
        return s->all || (s->changed && w->changed) || plan_lists(s->names, w->name);
}

/* What a plan is made of: the picture, and whose place in it a name means. */
struct plan_maker {
        const struct plan_input *in;
        struct names running, wanted;
        struct plan plan;
        struct text *problems;
};

static void plan_maker_done(struct plan_maker *k) {
        names_done(&k->running);
        names_done(&k->wanted);
        plan_done(&k->plan);
}

static const struct plan_wanted *plan_find_wanted(const struct plan_maker *k, const char *name) {
        size_t i;

        return names_find(&k->wanted, name, &i) ? &k->in->wanted[i] : NULL;
}

static size_t plan_find_running(const struct plan_maker *k, const char *name) {
        size_t i;

        return names_find(&k->running, name, &i) ? i : PLAN_NO_STEP;
}

static bool plan_is_at(const struct plan_running *r, const struct plan_wanted *w) {
        return text_equal(r->listen, w->listen) ||
               (r->bound.n > 0 && w->address.n > 0 && addr_equal(&r->bound, &w->address));
}

/* A pool that ends must not leave an activated socket behind that nobody serves. */
static int plan_drop(const struct plan_running *r, struct plan_step *ret, struct text *problems) {
        *ret = (struct plan_step){ .action = PLAN_DROP,
                                   .address = PLAN_ADDRESS_GIVEN_UP,
                                   .page = r->page ? PLAN_PAGE_CLOSED : PLAN_PAGE_KEPT };
        if (!r->of_systemd || r->left)
                return 0;
        text_printf(problems,
                    "the pool '%s' is gone from the configuration, but its socket is the service manager's: "
                    "stop the socket "
                    "unit and restart the service\n",
                    r->name);
        return PLAN_E_REFUSED;
}

static enum plan_page plan_page(const char *has, const char *wants) {
        if (text_equal(has, wants))
                return PLAN_PAGE_KEPT;
        return wants ? PLAN_PAGE_OPENED : PLAN_PAGE_CLOSED;
}

/* A pool that runs: whether it goes on, ends, or gets another generation, and whether it leaves its address. */
static int plan_running(struct plan_maker *k, size_t i) {
        const struct plan_input *in = k->in;
        const struct plan_running *r = &in->running[i];
        const struct plan_wanted *w = plan_find_wanted(k, r->name);
        struct plan_step *ret = &k->plan.steps[k->plan.n_steps++];

        if (r->ends)
                ret->action = PLAN_DRAIN;
        else if (!w && (in->scope.all || in->scope.changed))
                return plan_drop(r, ret, k->problems);
        else if (w && plan_asks_for(&in->scope, w))
                *ret = (struct plan_step){ .action = PLAN_REPLACE,
                                           .address = r->of_systemd || plan_is_at(r, w) ? PLAN_ADDRESS_KEPT
                                                                                        : PLAN_ADDRESS_GIVEN_UP,
                                           .page = plan_page(r->page, w->page) };
        return 0;
}

/* Native code of a pool may have left a process behind that has the sockets, and would take the heir's connections. */
static int plan_check_heir(const struct plan_running *r, const struct plan_wanted *w, struct text *problems) {
        if (r->uid == w->uid)
                return 0;
        text_printf(
                problems,
                "the pool '%s' cannot have the address of the pool '%s' (listen = %s), which has another user, in a "
                "reload: restart the service\n",
                w->name, r->name, w->listen);
        return PLAN_E_REFUSED;
}

/* Sockets for a pool that has none at its address: another pool's that leaves them, or new ones. */
static void plan_listeners(const struct plan_input *in, const struct plan_wanted *w, struct plan *p, size_t at) {
        struct plan_step *s = &p->steps[at];

        s->listeners = PLAN_LISTENERS_OPENED;
        for (size_t i = 0; i < in->n_running; i++) {
                if (p->steps[i].address == PLAN_ADDRESS_KEPT || !plan_is_at(&in->running[i], w))
                        continue;
                p->steps[i].address = PLAN_ADDRESS_PASSED_ON;
                s->listeners = PLAN_LISTENERS_TAKEN;
                s->from = i;
                return;
        }
}

/* The sockets that the pool would need are the service manager's to open. */
static bool plan_lacks_socket(const struct plan_input *in, const struct plan_wanted *w, const struct plan_step *s) {
        return text_equal(w->listen, "systemd") || (s->action == PLAN_START && in->activated);
}

/* A pool that is asked for. */
static int plan_wanted(struct plan_maker *k, size_t i) {
        const struct plan_input *in = k->in;
        const struct plan_wanted *w = &in->wanted[i];
        size_t at = plan_find_running(k, w->name);
        struct plan *p = &k->plan;

        if (at != PLAN_NO_STEP && in->running[at].ends) {
                text_printf(k->problems, "the pool '%s' is still ending; try again\n", w->name);
                return PLAN_E_REFUSED;
        }
        if (at == PLAN_NO_STEP) {
                at = p->n_steps++;
                p->steps[at] = (struct plan_step){ .action = PLAN_START, .page = plan_page(NULL, w->page) };
        }
        p->of_wanted[i] = at;
        if (p->steps[at].action == PLAN_REPLACE && p->steps[at].address == PLAN_ADDRESS_KEPT)
                return 0;
        if (!plan_lacks_socket(in, w, &p->steps[at])) {
                plan_listeners(in, w, p, at);
                return 0;
        }
        text_printf(k->problems,
                    "the pool '%s' (listen = %s) has no socket: the service manager passes sockets only at a start; ",
                    w->name, w->listen);
        advice_put_absent(w->name, "this service", k->problems);
        text_append(k->problems, "\n");
        return PLAN_E_REFUSED;
}

static int plan_steps(struct plan_maker *k) {
        const struct plan_input *in = k->in;
        int r = 0;

        for (size_t i = 0; i < in->n_running; i++)
                r = MAX(r, plan_running(k, i));
        for (size_t i = 0; i < in->n_wanted; i++) {
                k->plan.of_wanted[i] = PLAN_NO_STEP;
                if (plan_asks_for(&in->scope, &in->wanted[i]))
                        r = MAX(r, plan_wanted(k, i));
        }
        return r;
}

static int plan_prepare(struct plan_maker *k) {
        const struct plan_input *in = k->in;
        int r = 0;

        for (size_t i = 0; r == 0 && i < in->n_running; i++)
                r = names_put(&k->running, in->running[i].name, i);
        for (size_t i = 0; r == 0 && i < in->n_wanted; i++)
                r = names_put(&k->wanted, in->wanted[i].name, i);
        k->plan.steps = calloc(in->n_running + in->n_wanted + 1, sizeof(*k->plan.steps));
        k->plan.of_wanted = calloc(in->n_wanted + 1, sizeof(*k->plan.of_wanted));
        return k->plan.steps && k->plan.of_wanted ? r : -ENOMEM;
}

int plan_make(const struct plan_input *in, struct plan *ret, struct text *problems) {
        _cleanup_(plan_maker_done) struct plan_maker k = { .in = in, .problems = problems };
        int r = plan_prepare(&k);

        if (r == 0)
                r = plan_steps(&k);
        if (r != 0)
                return r;
        *ret = k.plan;
        k.plan = (struct plan){};
        return 0;
}

int plan_check_heirs(const struct plan_input *in, const struct plan *p, struct text *problems) {
        int r = 0;

        for (size_t i = 0; i < in->n_wanted; i++) {
                size_t at = p->of_wanted[i];

                if (at != PLAN_NO_STEP && p->steps[at].listeners == PLAN_LISTENERS_TAKEN)
                        r = MAX(r, plan_check_heir(&in->running[p->steps[at].from], &in->wanted[i], problems));
        }
        return r;
}

void plan_done(struct plan *p) {
        free(p->steps);
        free(p->of_wanted);
        *p = (struct plan){};
}
