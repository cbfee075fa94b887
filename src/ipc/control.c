/* SPDX-License-Identifier: MIT */
/*
 * Control messages as bytes. One table per message says which field of the struct has which tag; encoder and decoder
 * walk the same tables, so they cannot disagree. The decoder believes no length: a packet comes from whoever may open
 * the socket, and the master must survive all of them.
 *
 * A pool's generations are flat: the tag of a generation's number opens the next one, and the generation tags after it
 * are its own.
 */

#include "ipc/control.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"

#define MAGIC        0x4c54434fU
#define HEADER_SIZE  8U
#define FIELD_SIZE   6U
#define NUMBER_SIZE  8U
#define TAG_LEFT_OUT 0x8000U /* added to a list's tag: the number of items cut off */

enum kind { NUMBER, TEXT, LIST };

struct field {
        uint16_t tag; /* 0 ends a table */
        enum kind kind;
        size_t offset;
};

/* clang-format off */
#define F(tag, kind, type, member) { tag, kind, offsetof(struct ipc_control_##type, member) }
static const struct field request_fields[] = {
        F(1,  LIST,   request,    pools),
        F(2,  NUMBER, request,    changed),
        F(3,  NUMBER, request,    requests),
        {},
};
static const struct field service_fields[] = {
        F(1,  TEXT,   service,    version),
        F(2,  NUMBER, service,    master_pid),
        F(3,  NUMBER, service,    state),
        F(4,  NUMBER, service,    uptime),
        F(5,  TEXT,   service,    config_path),
        F(6,  NUMBER, service,    reload_outcome),
        F(7,  TEXT,   service,    reload_text),
        F(8,  NUMBER, service,    reload_wall),
        F(9,  LIST,   service,    config_files),
        F(10, LIST,   service,    absent),
        F(11, LIST,   service,    spare),
        F(12, TEXT,   service,    reload_progress),
        {},
};
static const struct field generation_fields[] = {
        F(32, NUMBER, generation, number), /* opens a generation */
        F(33, NUMBER, generation, zygote_pid),
        F(34, NUMBER, generation, life),
        F(35, NUMBER, generation, n_workers),
        F(36, TEXT,   generation, php_version),
        F(37, TEXT,   generation, ini_files),
        F(38, TEXT,   generation, remarks),
        {},
};
static const struct field pool_fields[] = {
        F(1,  TEXT,   pool,       name),
        F(2,  NUMBER, pool,       park_pid),
        F(3,  LIST,   pool,       listen),
        F(4,  NUMBER, pool,       failed_starts),
        F(5,  TEXT,   pool,       problem),
        F(6,  NUMBER, pool,       ready),
        F(7,  TEXT,   pool,       health),
        {},
};
static const struct field result_fields[] = {
        F(1,  TEXT,   result,     text),
        {},
};
static const struct field no_fields[] = { {} };
#undef F
/* clang-format on */

static const struct field *control_fields_of(uint64_t type) {
        switch (type) {
        case IPC_CONTROL_STATUS:
        case IPC_CONTROL_END:
                return no_fields;
        case IPC_CONTROL_RELOAD:
        case IPC_CONTROL_DRAIN:
        case IPC_CONTROL_UNDRAIN:
        case IPC_CONTROL_LEAKS:
                return request_fields;
        case IPC_CONTROL_SERVICE:
                return service_fields;
        case IPC_CONTROL_POOL:
                return pool_fields;
        case IPC_CONTROL_DONE:
        case IPC_CONTROL_REFUSED:
                return result_fields;
        default:
                return NULL;
        }
}

#define X(number, symbol, name)                                                                                        \
        case number:                                                                                                   \
                return name;
#define DEFINE_NAMES(function, TABLE)                                                                                  \
        const char *function(uint64_t value) {                                                                         \
                switch (value) {                                                                                       \
                        TABLE(X)                                                                                       \
                default:                                                                                               \
                        return "unknown";                                                                              \
                }                                                                                                      \
        }
DEFINE_NAMES(ipc_control_type_name, IPC_CONTROL_TYPES)
DEFINE_NAMES(ipc_control_state_name, IPC_CONTROL_STATES)
DEFINE_NAMES(ipc_control_life_name, IPC_CONTROL_LIVES)
DEFINE_NAMES(ipc_control_outcome_name, IPC_CONTROL_OUTCOMES)
#undef DEFINE_NAMES
#undef X

static void control_put_le(struct text *out, uint64_t value, size_t n) {
        for (size_t i = 0; i < n; i++)
                text_append_c(out, (char)(value >> (8 * i)));
}

static uint64_t control_get_le(const uint8_t *in, size_t n) {
        uint64_t value = 0;

        for (size_t i = 0; i < n; i++)
                value |= (uint64_t)in[i] << (8 * i);
        return value;
}

static void control_put_number(struct text *out, unsigned tag, uint64_t value) {
        control_put_le(out, tag, 2);
        control_put_le(out, NUMBER_SIZE, 4);
        control_put_le(out, value, NUMBER_SIZE);
}

static void control_put_text(struct text *out, unsigned tag, const char *s) {
        size_t n = strnlen(s, IPC_CONTROL_TEXT_MAX - 1);

        control_put_le(out, tag, 2);
        control_put_le(out, n + 1, 4);
        text_append_n(out, s, n);
        text_append_c(out, '\0');
}

/* Lists take what fits, with room kept for texts and for the count of what is left out. */
static void control_put_list(struct text *out, unsigned tag, const struct ipc_control_list *list) {
        const size_t room = IPC_CONTROL_PACKET_MAX - IPC_CONTROL_TEXT_MAX;

        for (size_t i = 0; i < list->n; i++) {
                if (out->n + FIELD_SIZE + strlen(list->items[i]) >= room) {
                        control_put_number(out, tag | TAG_LEFT_OUT, list->n - i);
                        return;
                }
                control_put_text(out, tag, list->items[i]);
        }
}

static void control_put_fields(struct text *out, const struct field *fields, const void *base) {
        for (const struct field *f = fields; f->tag != 0; f++) {
                const void *member = (const char *)base + f->offset;

                if (f->kind == NUMBER)
                        control_put_number(out, f->tag, *(const uint64_t *)member);
                else if (f->kind == LIST)
                        control_put_list(out, f->tag, member);
                else if (*(const char *const *)member)
                        control_put_text(out, f->tag, *(const char *const *)member);
        }
}

int ipc_control_encode(const struct ipc_control_message *m, uint8_t **ret, size_t *ret_n) {
        const struct field *fields = control_fields_of(m->type);
        _cleanup_text_ struct text out = {};
        char *data;
        int r;

        if (!fields || (m->type == IPC_CONTROL_POOL && m->pool.n_generations > IPC_CONTROL_GENERATIONS_MAX))
                return -EINVAL;

        control_put_le(&out, MAGIC, 4);
        control_put_le(&out, IPC_CONTROL_VERSION, 2);
        control_put_le(&out, m->type, 2);
        control_put_fields(&out, fields, &m->request);
        for (size_t i = 0; m->type == IPC_CONTROL_POOL && i < m->pool.n_generations; i++)
                control_put_fields(&out, generation_fields, &m->pool.generations[i]);
        if (out.n > IPC_CONTROL_PACKET_MAX)
                return -EMSGSIZE;

        r = text_finish(&out, &data, ret_n);
        if (r < 0)
                return r;
        *ret = (uint8_t *)data;
        return 0;
}

static const struct field *control_find_field(const struct field *fields, uint16_t tag) {
        for (; fields->tag != 0; fields++)
                if (fields->tag == tag)
                        return fields;
        return NULL;
}

static int control_list_append(struct ipc_control_list *list, char *item) {
        /* Grown at each power of two. */
        if ((list->n & (list->n - 1)) == 0) {
                char **p = reallocarray(list->items, MAX(list->n * 2, (size_t)1), sizeof(*p));

                if (!p)
                        return -ENOMEM;
                list->items = p;
        }
        list->items[list->n++] = item;
        return 0;
}

/* The bytes of a field, as a packet has them. */
struct control_value {
        uint16_t tag;
        uint8_t *data;
        size_t n;
};

static int control_get_field(const struct field *f, void *base, const struct control_value *v) {
        void *member = (char *)base + f->offset;

        if (f->kind == NUMBER) {
                if (v->n != NUMBER_SIZE)
                        return -EPROTO;
                *(uint64_t *)member = control_get_le(v->data, NUMBER_SIZE);
                return 0;
        }
        if (v->n == 0 || memchr(v->data, '\0', v->n) != v->data + v->n - 1)
                return -EPROTO;
        if (f->kind == LIST)
                return control_list_append(member, (char *)v->data);
        *(const char **)member = (const char *)v->data;
        return 0;
}

static int control_get_left_out(const struct field *f, void *base, const struct control_value *v) {
        struct ipc_control_list *list = (void *)((char *)base + f->offset);

        if (f->kind != LIST || v->n != NUMBER_SIZE)
                return -EPROTO;
        list->n_left_out = control_get_le(v->data, NUMBER_SIZE);
        return 0;
}

/* Every text that the packet does not bring is "", never NULL. */
static void control_preset_texts(const struct field *fields, void *base) {
        for (; fields->tag != 0; fields++)
                if (fields->kind == TEXT)
                        *(const char **)(void *)((char *)base + fields->offset) = "";
}

static int control_get_generation_field(struct ipc_control_pool *pool, const struct field *f,
                                        const struct control_value *v) {
        if (f->tag == generation_fields[0].tag) {
                if (pool->n_generations == IPC_CONTROL_GENERATIONS_MAX)
                        return -EPROTO;
                control_preset_texts(generation_fields, &pool->generations[pool->n_generations++]);
        }
        if (pool->n_generations == 0)
                return -EPROTO;
        return control_get_field(f, &pool->generations[pool->n_generations - 1], v);
}

static int control_get_any(struct ipc_control_message *m, const struct field *fields, const struct control_value *v) {
        const struct field *f = control_find_field(fields, v->tag & ~TAG_LEFT_OUT);

        if (f)
                return v->tag & TAG_LEFT_OUT ? control_get_left_out(f, &m->request, v)
                                             : control_get_field(f, &m->request, v);
        f = m->type == IPC_CONTROL_POOL ? control_find_field(generation_fields, v->tag) : NULL;
        return f ? control_get_generation_field(&m->pool, f, v) : 0;
}

static int control_get_fields(struct ipc_control_message *m, const struct field *fields, uint8_t *data, size_t n) {
        while (n > 0) {
                struct control_value v;
                int r;

                if (n < FIELD_SIZE)
                        return -EPROTO;
                v = (struct control_value){ .tag = (uint16_t)control_get_le(data, 2),
                                            .data = data + FIELD_SIZE,
                                            .n = control_get_le(data + 2, 4) };
                if (v.n > n - FIELD_SIZE)
                        return -EPROTO;
                r = control_get_any(m, fields, &v);
                if (r < 0)
                        return r;
                data += FIELD_SIZE + v.n;
                n -= FIELD_SIZE + v.n;
        }
        return 0;
}

int ipc_control_decode(const uint8_t *data, size_t n, struct ipc_control_message *ret) {
        _cleanup_control_message_ struct ipc_control_message m;
        const struct field *fields;
        int r;

        memset(&m, 0, sizeof(m)); /* {} promises the union's first member only */
        if (n < HEADER_SIZE || n > IPC_CONTROL_PACKET_MAX || control_get_le(data, 4) != MAGIC)
                return -EPROTO;
        if (control_get_le(data + 4, 2) != IPC_CONTROL_VERSION)
                return -EPROTONOSUPPORT;
        fields = control_fields_of(control_get_le(data + 6, 2));
        if (!fields)
                return -EPROTO;

        m.type = (enum ipc_control_type)control_get_le(data + 6, 2);
        if (m.type == IPC_CONTROL_POOL)
                m.pool.scoreboard_fd = -1;
        control_preset_texts(fields, &m.request);
        m.bytes = malloc(n);
        if (!m.bytes)
                return -ENOMEM;
        memcpy(m.bytes, data, n);
        r = control_get_fields(&m, fields, m.bytes + HEADER_SIZE, n - HEADER_SIZE);
        if (r < 0)
                return r;

        *ret = m;
        m = (struct ipc_control_message){};
        return 0;
}

void ipc_control_message_done(struct ipc_control_message *m) {
        const struct field *fields = control_fields_of(m->type);

        for (const struct field *f = fields; f && f->tag != 0; f++)
                if (f->kind == LIST)
                        free(((struct ipc_control_list *)(void *)((char *)&m->request + f->offset))->items);
        if (m->type == IPC_CONTROL_POOL)
                fd_close(m->pool.scoreboard_fd);
        free(m->bytes);
        *m = (struct ipc_control_message){};
}
