/* SPDX-License-Identifier: MIT */
/* fpm_get_status(): the array that PHP gets, as the provider writes it; see sapi.h. */

#include "sapi/internal.h"

/* Where fpm_get_status() writes to: the whole array, and the process that is being written. */
struct sapi_status_writer {
        zval *all;
        zval procs;
        zval *process; /* NULL: the pool's own values */
};

static int (*status_provider)(struct sapi_status_writer *w);

void sapi_status_set_provider(int (*provider)(struct sapi_status_writer *w)) {
        status_provider = provider;
}

static zval *status_target(struct sapi_status_writer *w) {
        return w->process ? w->process : w->all;
}

void sapi_status_put_text(struct sapi_status_writer *w, const char *key, const char *value) {
        add_assoc_string(status_target(w), key, value);
}

void sapi_status_put_number(struct sapi_status_writer *w, const char *key, int64_t value) {
        add_assoc_long(status_target(w), key, (zend_long)value);
}

void sapi_status_put_real(struct sapi_status_writer *w, const char *key, double value) {
        add_assoc_double(status_target(w), key, value);
}

void sapi_status_begin_process(struct sapi_status_writer *w) {
        zval process;

        array_init(&process);
        w->process = zend_hash_next_index_insert(Z_ARRVAL(w->procs), &process);
}

bool sapi_status_fill(zval *ret) {
        struct sapi_status_writer w = { .all = ret };

        if (!status_provider)
                return false;
        array_init(ret);
        array_init(&w.procs);
        if (status_provider(&w) < 0) {
                zval_ptr_dtor(&w.procs);
                zval_ptr_dtor(ret);
                return false;
        }
        add_assoc_zval(ret, "procs", &w.procs);
        return true;
}
