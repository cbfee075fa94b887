/* SPDX-License-Identifier: MIT */
/*
 * A packet on the control socket, from whoever may open it: what is decoded is bounded and can be shown, and encoding
 * it again gives a packet that says the same.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fuzz.h"
#include "ipc/control.h"

static void check_list(const struct ipc_control_list *list, size_t n) {
        size_t total = 0;

        for (size_t i = 0; i < list->n; i++)
                total += strlen(list->items[i]) + 1;
        assert(total <= n);
}

static void check_texts(const char *const *texts, size_t n_texts, size_t n) {
        for (size_t i = 0; i < n_texts; i++)
                assert(texts[i] && strlen(texts[i]) < MAX(n, (size_t)1));
}

static void check_message(const struct ipc_control_message *m, size_t n) {
        const struct ipc_control_service *s = &m->service;
        const struct ipc_control_pool *p = &m->pool;

        switch (m->type) {
        case IPC_CONTROL_STATUS:
        case IPC_CONTROL_END:
                break;
        case IPC_CONTROL_RELOAD:
        case IPC_CONTROL_DRAIN:
        case IPC_CONTROL_UNDRAIN:
        case IPC_CONTROL_LEAKS:
                check_list(&m->request.pools, n);
                break;
        case IPC_CONTROL_SERVICE:
                check_texts((const char *const[]){ s->version, s->config_path, s->reload_text }, 3, n);
                check_list(&s->config_files, n);
                break;
        case IPC_CONTROL_POOL:
                assert(p->n_generations <= IPC_CONTROL_GENERATIONS_MAX && p->scoreboard_fd == -1);
                check_texts((const char *const[]){ p->name, p->problem }, 2, n);
                check_list(&p->listen, n);
                for (size_t i = 0; i < p->n_generations; i++) {
                        const struct ipc_control_generation *g = &p->generations[i];

                        check_texts((const char *const[]){ g->php_version, g->ini_files, g->remarks }, 3, n);
                }
                break;
        case IPC_CONTROL_DONE:
        case IPC_CONTROL_REFUSED:
                check_texts(&m->result.text, 1, n);
                break;
        }
}

/* Once encoded by us, a message stays what it is. */
static void check_again(const struct ipc_control_message *m) {
        _cleanup_control_message_ struct ipc_control_message again = {};
        _cleanup_free_ uint8_t *first = NULL, *second = NULL;
        size_t n_first, n_second;

        if (ipc_control_encode(m, &first, &n_first) < 0)
                return; /* it may be larger: fields that the packet left out are there now */
        assert(ipc_control_decode(first, n_first, &again) == 0 && again.type == m->type);
        check_message(&again, n_first);
        if (ipc_control_encode(&again, &second, &n_second) == 0 && n_first < IPC_CONTROL_PACKET_MAX / 2)
                assert(n_first == n_second && memcmp(first, second, n_first) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        _cleanup_control_message_ struct ipc_control_message m = {};

        if (ipc_control_decode(data, n, &m) < 0)
                return 0;
        check_message(&m, n);
        check_again(&m);
        return 0;
}
