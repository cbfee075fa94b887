/* SPDX-License-Identifier: MIT */
/* See http.h. Paths are compared byte for byte, so nothing is decoded. */

#include "status/http.h"

#include <string.h>
#include <strings.h>

#include "fcgi/params.h"

bool status_http_begins(uint8_t byte) {
        return byte == '\r' || byte == '\n' || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static bool http_is(const char *s, size_t n, const char *word) {
        return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* Up to the next blank, or the line's end; *line is moved behind it. */
static size_t http_word(const char **line, const char *end) {
        const char *begin = *line, *blank = memchr(begin, ' ', (size_t)(end - begin)) ?: end;

        *line = blank + (blank < end);
        return (size_t)(blank - begin);
}

static bool http_is_printable(const char *s, const char *end) {
        for (; s < end; s++)
                if (*s < ' ' || *s > '~')
                        return false;
        return true;
}

static unsigned http_check_version(const char *s, size_t n) {
        if (n != 8 || memcmp(s, "HTTP/", 5) != 0 || s[6] != '.')
                return 400;
        return s[5] == '1' && s[7] >= '0' && s[7] <= '9' ? 0 : 505;
}

/* RFC 9112, 2.2: empty lines in front of a request mean nothing. How many bytes they are. */
static size_t http_count_blank(const char *data, size_t n) {
        size_t k = 0;

        while (k < n && (data[k] == '\n' || (data[k] == '\r' && k + 1 < n && data[k + 1] == '\n')))
                k += data[k] == '\r' ? 2 : 1;
        return k;
}

/* RFC 9112, 3.2.2: a target may begin with scheme and host, as for a proxy. How many bytes they are. */
static size_t http_count_host(const char *target, size_t n) {
        static const char *const schemes[] = { "http://", "https://" };

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                size_t n_scheme = strlen(schemes[i]), k = n_scheme;

                if (n < n_scheme || strncasecmp(target, schemes[i], n_scheme) != 0)
                        continue;
                while (k < n && target[k] != '/' && target[k] != '?')
                        k++;
                return k > n_scheme ? k : 0;
        }
        return 0;
}

/* Path and query of a target; false: it is none. */
static bool http_parse_target(const char *target, size_t n, struct status_http_head *ret) {
        size_t n_host = http_count_host(target, n);
        const char *path = target + n_host, *end = target + n, *query = memchr(path, '?', (size_t)(end - path));

        ret->path = path;
        ret->n_path = (size_t)((query ?: end) - path);
        ret->query = query ? query + 1 : "";
        ret->n_query = query ? (size_t)(end - query) - 1 : 0;
        if (n_host > 0 && ret->n_path == 0) {
                ret->path = strchr(target, '/'); /* of the scheme: there is none of its own */
                ret->n_path = 1;
        }
        return ret->n_path > 0 && ret->path[0] == '/';
}

/* Method, target, version: 0, or the status of the refusal. */
static unsigned http_parse_line(const char *line, const char *end, struct status_http_head *ret) {
        const char *method = line, *target;
        size_t n_method = http_word(&line, end), n_target;
        unsigned refusal;

        target = line;
        n_target = http_word(&line, end);
        if (!http_is_printable(method, end) || !http_parse_target(target, n_target, ret))
                return 400;
        refusal = http_check_version(line, (size_t)(end - line));
        if (refusal != 0)
                return refusal;
        ret->no_body = http_is(method, n_method, "HEAD");
        if (!ret->no_body && !http_is(method, n_method, "GET"))
                return 405;
        return 0;
}

/* Whether there is an empty line behind the first one, whose end is given. */
static bool http_has_end(const char *line_end, const char *end) {
        for (const char *s = line_end; s; s = memchr(s, '\n', (size_t)(end - s))) {
                s++;
                if (s < end && *s == '\r')
                        s++;
                if (s < end && *s == '\n')
                        return true;
        }
        return false;
}

int status_http_parse(const char *data, size_t n, struct status_http_head *ret) {
        size_t n_seen = MIN(n, (size_t)STATUS_HTTP_HEAD_MAX);
        const char *line = data + http_count_blank(data, n_seen), *end = data + n_seen;
        const char *newline = memchr(line, '\n', (size_t)(end - line)), *line_end;

        *ret = (struct status_http_head){};
        if (newline) {
                line_end = newline - (newline > line && newline[-1] == '\r');
                ret->agent = http_is(line, (size_t)(line_end - line), STATUS_HTTP_AGENT);
                if (ret->agent)
                        return 0;
                ret->refusal = http_parse_line(line, line_end, ret);
                if (ret->refusal != 0 || http_has_end(newline, end))
                        return 0;
        }
        if (n < STATUS_HTTP_HEAD_MAX)
                return STATUS_HTTP_E_MORE;
        ret->refusal = 431;
        return 0;
}

size_t status_http_params(const struct status_http_head *head, uint8_t out[static STATUS_HTTP_PARAMS_MAX]) {
        const char *method = head->no_body ? "HEAD" : "GET";
        const struct fcgi_pair pairs[] = {
                { "REQUEST_METHOD", strlen("REQUEST_METHOD"), method, strlen(method) },
                { "SCRIPT_NAME", strlen("SCRIPT_NAME"), head->path, head->n_path },
                { "QUERY_STRING", strlen("QUERY_STRING"), head->query, head->n_query },
        };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                n += fcgi_params_encode(out + n, &pairs[i]);
        return n;
}

/* Lines of a CGI reply's head, and what is behind it. */
static void http_append_headers(const char *head, const char *end, struct text *out) {
        for (const char *line = head; line < end;) {
                const char *next = memchr(line, '\n', (size_t)(end - line));

                next = next ? next + 1 : end;
                if (strncmp(line, "Status:", MIN((size_t)(next - line), strlen("Status:"))) != 0)
                        text_append_n(out, line, (size_t)(next - line));
                line = next;
        }
}

static void http_append_status(const char *reply, size_t n_head, struct text *out) {
        static const char word[] = "Status: ";
        const char *s = memmem(reply, n_head, word, strlen(word)), *eol;

        if (!s) {
                text_append(out, "HTTP/1.1 200 OK\r\n");
                return;
        }
        s += strlen(word);
        eol = memchr(s, '\r', (size_t)(reply + n_head - s)) ?: reply + n_head;
        text_append(out, "HTTP/1.1 ");
        text_append_n(out, s, (size_t)(eol - s));
        text_append(out, "\r\n");
}

void status_http_respond(const char *reply, size_t n, bool no_body, struct text *out) {
        const char *end = memmem(reply, n, "\r\n\r\n", 4), *body = end ? end + 4 : reply + n;
        size_t n_head = (size_t)((end ? end + 2 : reply + n) - reply), n_body = (size_t)(reply + n - body);

        http_append_status(reply, n_head, out);
        http_append_headers(reply, reply + n_head, out);
        if (!no_body)
                text_printf(out, "Content-Length: %zu\r\n", n_body);
        text_append(out, "Connection: close\r\n\r\n");
        if (!no_body)
                text_append_n(out, body, n_body);
}

void status_http_refuse(unsigned status, struct text *out) {
        static const struct {
                unsigned status;
                const char *reason, *more;
        } rows[] = {
                { 400, "Bad Request", "" },
                { 405, "Method Not Allowed", "Allow: GET, HEAD\r\n" },
                { 431, "Request Header Fields Too Large", "" },
                { 505, "HTTP Version Not Supported", "" },
        };
        _cleanup_text_ struct text reply = {};
        size_t i = 0;

        while (i + 1 < ELEMENTSOF(rows) && rows[i].status != status)
                i++;
        text_printf(&reply, "Status: %u %s\r\n%sContent-type: text/plain;charset=UTF-8\r\n\r\n%u %s\n", rows[i].status,
                    rows[i].reason, rows[i].more, rows[i].status, rows[i].reason);
        status_http_respond(text_peek(&reply), reply.n, false, out);
}
