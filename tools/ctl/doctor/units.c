/* SPDX-License-Identifier: MIT */
/* Units, asked of systemd over D-Bus. A unit that is not loaded is loaded for the question, as systemctl show does. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/account.h"
#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/unitnames.h"

#define UNITS_SYSTEMD "org.freedesktop.systemd1"
#define UNITS_MANAGER "org.freedesktop.systemd1.Manager"
#define UNITS_UNIT    "org.freedesktop.systemd1.Unit"
#define UNITS_SERVICE "org.freedesktop.systemd1.Service"
#define UNITS_SOCKET  "org.freedesktop.systemd1.Socket"

struct units_question {
        sd_bus *bus;
        struct doctor_facts *f;
        const char *path; /* the unit's object */
};

static const char *units_text(const struct units_question *q, const char *interface, const char *property) {
        _cleanup_free_ char *value = NULL;

        if (sd_bus_get_property_string(q->bus, UNITS_SYSTEMD, q->path, interface, property, NULL, &value) < 0)
                return "";
        return doctor_facts_keep(q->f, value);
}

static uint64_t units_number(const struct units_question *q, const char *interface, const char *property) {
        uint64_t value;

        if (sd_bus_get_property_trivial(q->bus, UNITS_SYSTEMD, q->path, interface, property, NULL, 't', &value) < 0)
                return 0;
        return value;
}

static uint64_t units_count(const struct units_question *q, const char *interface, const char *property) {
        uint32_t value;

        if (sd_bus_get_property_trivial(q->bus, UNITS_SYSTEMD, q->path, interface, property, NULL, 'u', &value) < 0)
                return 0;
        return value;
}

static bool units_boolean(const struct units_question *q, const char *interface, const char *property) {
        int value;

        return sd_bus_get_property_trivial(q->bus, UNITS_SYSTEMD, q->path, interface, property, NULL, 'b', &value) >=
                       0 &&
               value;
}

/* An array of kind ("Stream") and address. */
static const char *units_listen(const struct units_question *q) {
        sd_bus_message *reply = NULL;
        const char *kind, *address = "", *kept = "";

        if (sd_bus_get_property(q->bus, UNITS_SYSTEMD, q->path, UNITS_SOCKET, "Listen", NULL, &reply, "a(ss)") >= 0 &&
            sd_bus_message_enter_container(reply, 'a', "(ss)") > 0 &&
            sd_bus_message_read(reply, "(ss)", &kind, &address) > 0)
                kept = doctor_facts_keep(q->f, address);
        sd_bus_message_unref(reply);
        return kept;
}

static bool units_is_enabled(const struct units_question *q, const char *name) {
        sd_bus_message *reply = NULL;
        const char *state = "";
        bool is = sd_bus_call_method(q->bus, UNITS_SYSTEMD, "/org/freedesktop/systemd1", UNITS_MANAGER,
                                     "GetUnitFileState", NULL, &reply, "s", name) >= 0 &&
                  sd_bus_message_read(reply, "s", &state) >= 0 && text_has_prefix(state, "enabled");

        sd_bus_message_unref(reply);
        return is;
}

/* A pool's socket may have a unit of any name. */
static bool units_is_triggered(const struct units_question *q) {
        char **names = NULL;
        bool any = false;

        if (sd_bus_get_property_strv(q->bus, UNITS_SYSTEMD, q->path, UNITS_UNIT, "TriggeredBy", NULL, &names) < 0)
                return false;
        for (char **name = names; name && *name; name++) {
                any |= units_is_enabled(q, *name);
                free(*name);
        }
        free(names);
        return any;
}

/* One that systemd makes for the service is there while that runs. */
static enum doctor_answer units_has_user(const struct units_question *q, const char *user) {
        if (!*user || units_boolean(q, UNITS_SERVICE, "DynamicUser"))
                return DOCTOR_UNKNOWN;
        return account_user(user, &(struct account){}) == -ENOENT ? DOCTOR_NO : DOCTOR_YES;
}

static void units_ask(const struct units_question *q, struct doctor_unit *u) {
        bool is_service = text_has_suffix(u->name, ".service");
        const char *own = is_service ? UNITS_SERVICE : UNITS_SOCKET;

        u->load = units_text(q, UNITS_UNIT, "LoadState");
        u->active = units_text(q, UNITS_UNIT, "ActiveState");
        u->sub = units_text(q, UNITS_UNIT, "SubState");
        u->enabled = units_text(q, UNITS_UNIT, "UnitFileState");
        u->is_changed_on_disk = units_boolean(q, UNITS_UNIT, "NeedDaemonReload");
        u->since = units_number(q, UNITS_UNIT, "StateChangeTimestamp");
        u->result = units_text(q, own, "Result");
        if (!is_service) {
                u->listen = units_listen(q);
                u->owner = units_text(q, own, "SocketUser");
                u->group = units_text(q, own, "SocketGroup");
                u->mode = (mode_t)units_count(q, own, "SocketMode");
                return;
        }
        u->user = units_text(q, own, "User");
        u->has_user = units_has_user(q, u->user);
        u->restarts = units_count(q, own, "NRestarts");
        u->is_triggered = units_is_triggered(q);
        u->has_private_tmp = units_boolean(q, own, "PrivateTmp");
        u->files = units_number(q, own, "LimitNOFILE");
        u->memory_max = units_number(q, own, "MemoryMax");
        if (u->memory_max == 0)
                u->memory_max = UINT64_MAX;
}

static void units_add(sd_bus *bus, struct doctor_facts *f, const char *name) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        struct units_question q = { bus, f, NULL };
        int r;

        if (doctor_facts_find_unit(f, name))
                return;
        r = sd_bus_call_method(bus, UNITS_SYSTEMD, "/org/freedesktop/systemd1", UNITS_MANAGER, "LoadUnit", &error,
                               &reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &q.path);
        if (r >= 0) {
                struct doctor_unit *u = doctor_facts_add_unit(f);

                if (u) {
                        u->name = doctor_facts_keep(f, name);
                        units_ask(&q, u);
                }
        } else {
                doctor_facts_unseen(f, name, error.message ? error.message : strerror(-r));
        }
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
}

/* Names only: adding asks again over the same connection. */
static int units_read_names(sd_bus_message *reply, struct text *names) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL, NULL,
                                                  NULL, NULL, NULL)) > 0)
                text_printf(names, "%s ", name);
        return r < 0 ? r : 0;
}

static void units_list(sd_bus *bus, struct doctor_facts *f) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        _cleanup_text_ struct text names = {};
        const char *list, *name;
        size_t n;
        int r;

        r = sd_bus_call_method(bus, UNITS_SYSTEMD, "/org/freedesktop/systemd1", UNITS_MANAGER, "ListUnitsByPatterns",
                               &error, &reply, "asas", 0, 3, "fpmd@*.service", "fpmd@*.socket", "php*-fpm.service");
        if (r >= 0)
                r = units_read_names(reply, &names);
        if (r < 0)
                doctor_facts_unseen(f, "units of pools", error.message ? error.message : strerror(-r));
        list = text_peek(&names);
        while ((name = text_word(&list, " ", &n)))
                units_add(bus, f, doctor_facts_print(f, "%.*s", (int)n, name));
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
}

static sd_bus *units_open(struct doctor_facts *f) {
        sd_bus *bus;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                return bus;
        doctor_facts_unseen(f, "units", doctor_facts_print(f, "systemd cannot be asked: %s", strerror(-r)));
        return NULL;
}

void doctor_units_collect(struct doctor_facts *f) {
        sd_bus *bus = units_open(f);

        if (!bus)
                return;
        units_add(bus, f, "fpmd.socket");
        units_add(bus, f, "fpmd.service");
        units_list(bus, f);
        sd_bus_flush_close_unref(bus);
}

void doctor_units_collect_wanted(struct doctor_facts *f) {
        sd_bus *bus = f->n_units > 0 ? units_open(f) : NULL;

        for (size_t i = 0; bus && i < f->n_backends; i++) {
                const struct doctor_pool *pool = doctor_facts_find_pool(f, f->backends[i].address);
                _cleanup_text_ struct text socket = {};

                if (!pool || doctor_facts_find_unit(f, pool->unit))
                        continue;
                units_add(bus, f, pool->unit);
                if (doctor_unitname_put_socket(pool->unit, &socket))
                        units_add(bus, f, text_peek(&socket));
                f->failed |= socket.failed;
        }
        sd_bus_flush_close_unref(bus);
}
