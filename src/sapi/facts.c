/* SPDX-License-Identifier: MIT */
/* What an access log shows of the request in hand; see sapi.h. Nothing is copied: PHP lets go of it soon after. */

#include "sapi/internal.h"

static bool facts_are_there(void) {
        return sapi_current.io && !sapi_current.over;
}

void sapi_facts_get(struct sapi_facts *ret) {
        *ret = (struct sapi_facts){};
        if (!sapi_current.io)
                return;
        ret->status = sapi_request_status();
        ret->memory = sapi_current.memory_peak ?: zend_memory_peak_usage(true);
        if (!facts_are_there())
                return;
        ret->running = true;
        ret->script = sapi_current.script;
        ret->uri = SG(request_info).request_uri;
        ret->user = SG(request_info).auth_user;
}

const char *sapi_facts_param(const char *name, size_t *ret_n) {
        const char *value = facts_are_there() ? sapi_env_get(name, strlen(name)) : NULL;

        if (value)
                *ret_n = strlen(value);
        return value;
}

/* The value in a "Name: value" line, or NULL when the line is of another header. */
static const char *facts_header_value(const sapi_header_struct *h, const char *name, size_t *ret_n) {
        size_t n = strlen(name), at = n + 1, end = h->header_len;

        if (end <= n || strncasecmp(h->header, name, n) != 0 || h->header[n] != ':')
                return NULL;
        while (at < end && (h->header[at] == ' ' || h->header[at] == '\t'))
                at++;
        *ret_n = end - at;
        return h->header + at;
}

const char *sapi_facts_header(const char *name, size_t *ret_n) {
        zend_llist *headers = &SG(sapi_headers).headers;
        const sapi_header_struct *h;
        zend_llist_position at;

        if (!facts_are_there())
                return NULL;
        for (h = zend_llist_get_first_ex(headers, &at); h; h = zend_llist_get_next_ex(headers, &at)) {
                const char *value = facts_header_value(h, name, ret_n);

                if (value)
                        return value;
        }
        return NULL;
}
