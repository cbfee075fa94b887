/* SPDX-License-Identifier: MIT */
/* The status for programs: one object; each pool's numbers are php-fpm's status object under "status". */

#include "view.h"

#include <string.h>

#include "base/json.h"
#include "status/json.h"

static void view_json_key_text(const char *key, const char *value, struct text *out) {
        text_printf(out, "\"%s\":", key);
        json_string(value, out);
        text_append_c(out, ',');
}

static void view_json_key_number(const char *key, uint64_t value, struct text *out) {
        text_printf(out, "\"%s\":%llu,", key, (unsigned long long)value);
}

static void view_json_print_item(const char *item, size_t i, struct text *out) {
        if (i > 0)
                text_append_c(out, ',');
        json_string(item, out);
}

static void view_json_key_list(const char *key, const struct ipc_control_list *list, struct text *out) {
        text_printf(out, "\"%s\":[", key);
        for (size_t i = 0; i < list->n; i++)
                view_json_print_item(list->items[i], i, out);
        text_append(out, "],");
}

static void view_json_print_service(const struct ipc_control_service *s, struct text *out) {
        view_json_key_text("version", s->version, out);
        view_json_key_text("state", ipc_control_state_name(s->state), out);
        view_json_key_number("master pid", s->master_pid, out);
        view_json_key_number("uptime", s->uptime / USEC_PER_SEC, out);
        view_json_key_text("config path", s->config_path, out);
        view_json_key_list("config files", &s->config_files, out);
        view_json_key_number("config files left out", s->config_files.n_left_out, out);
        view_json_key_list("not served", &s->absent, out);
        view_json_key_list("sockets without a pool", &s->spare, out);
        view_json_key_text("reload progress", s->reload_progress, out);

        text_append(out, "\"last reload\":{");
        view_json_key_text("outcome", ipc_control_outcome_name(s->reload_outcome), out);
        view_json_key_text("text", s->reload_text, out);
        text_printf(out, "\"time\":%llu},", (unsigned long long)(s->reload_wall / USEC_PER_SEC));
}

static void view_json_print_generation(const struct ipc_control_generation *g, struct text *out) {
        text_append_c(out, '{');
        view_json_key_number("number", g->number, out);
        view_json_key_number("zygote pid", g->zygote_pid, out);
        view_json_key_text("state", ipc_control_life_name(g->life), out);
        view_json_key_number("workers", g->n_workers, out);
        view_json_key_text("php version", g->php_version, out);
        text_append(out, "\"ini files\":[");
        ctl_view_each_file(g->ini_files, view_json_print_item, out);
        text_append(out, "],");
        view_json_key_text("warnings", g->remarks, out);
        out->n--; /* the last comma */
        text_append_c(out, '}');
}

static void view_json_print_pool(const struct ctl_view_pool *p, bool full, struct text *out) {
        const struct ipc_control_pool *pool = &p->message.pool;

        text_append_c(out, '{');
        view_json_key_text("name", pool->name, out);
        view_json_key_list("listen", &pool->listen, out);
        view_json_key_number("park pid", pool->park_pid, out);
        view_json_key_number("failed starts", pool->failed_starts, out);
        view_json_key_text("problem", pool->problem, out);
        text_printf(out, "\"ready\":%s,", pool->ready ? "true" : "false");
        view_json_key_text("health", pool->health, out);
        text_append(out, "\"generations\":[");
        for (size_t i = 0; i < pool->n_generations; i++) {
                if (i > 0)
                        text_append_c(out, ',');
                view_json_print_generation(&pool->generations[i], out);
        }
        text_append(out, "],\"status\":");
        if (p->error == 0) {
                status_json_render(&p->snapshot, full, out);
                text_append(out, ",\"park\":");
                status_json_park(&p->snapshot, out);
                text_append(out, ",\"overload\":");
                status_json_overload(&p->snapshot, out);
                text_append(out, ",\"denied\":");
                status_json_denied(&p->snapshot, out);
        } else
                text_append(out, "null,\"park\":null,\"overload\":null,\"denied\":null");
        text_append_c(out, '}');
}

void ctl_view_json(const struct ctl_view *v, bool full, struct text *out) {
        text_append_c(out, '{');
        view_json_print_service(&v->message.service, out);
        text_append(out, "\"pools\":[");
        for (size_t i = 0; i < v->n_pools; i++) {
                if (i > 0)
                        text_append_c(out, ',');
                view_json_print_pool(&v->pools[i], full, out);
        }
        text_append(out, "]}\n");
}
