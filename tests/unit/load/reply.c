/* SPDX-License-Identifier: MIT */
/* Replies as the load generator reads them: CGI's and HTTP's heads, HTTP's framing, and what is not the expected body.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "http.h"
#include "reply.h"

static const struct load_expect hello = { .status = 200,
                                          .data = { (const uint8_t *)"he", (const uint8_t *)"llo" },
                                          .n = { 2, 3 } };

static const struct {
        const char *says, *reply;
        enum load_outcome outcome, part;
} cgi[] = {
        { "a plain page", "Content-type: text/html\r\n\r\nhello", LOAD_OUTCOME_OK, LOAD_OUTCOME_OK },
        { "a status field", "X: y\r\nStatus: 404 Not Found\r\n\r\nhello", LOAD_OUTCOME_STATUS, LOAD_OUTCOME_STATUS },
        { "status in any case", "status:200 OK\r\n\r\nhello", LOAD_OUTCOME_OK, LOAD_OUTCOME_OK },
        { "another byte", "A: b\r\n\r\nhellO", LOAD_OUTCOME_BODY, LOAD_OUTCOME_BODY },
        { "a byte too many", "A: b\r\n\r\nhello!", LOAD_OUTCOME_BODY, LOAD_OUTCOME_BODY },
        { "a byte too few", "A: b\r\n\r\nhell", LOAD_OUTCOME_BODY, LOAD_OUTCOME_OK },
        { "another byte, and too few", "A: b\r\n\r\nhalf", LOAD_OUTCOME_BODY, LOAD_OUTCOME_BODY },
        { "nothing of the body", "A: b\r\n\r\n", LOAD_OUTCOME_BODY, LOAD_OUTCOME_OK },
        { "no end of the head", "A: b\r\nhello", LOAD_OUTCOME_STATUS, LOAD_OUTCOME_OK },
};

/* Fed in pieces of every size. */
static void test_cgi(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cgi); i++) {
                for (size_t piece = 1; piece <= strlen(cgi[i].reply); piece++) {
                        const uint8_t *p = (const uint8_t *)cgi[i].reply;
                        struct load_reply r;

                        load_reply_begin(&r, &hello);
                        for (size_t n = strlen(cgi[i].reply), used; n > 0; p += used, n -= used) {
                                used = MIN(n, piece);
                                if (r.status == 0)
                                        used = load_reply_head(&r, p, used);
                                else
                                        load_reply_body(&r, p, used);
                        }
                        if (load_reply_judge(&r) != cgi[i].outcome || load_reply_judge_part(&r) != cgi[i].part)
                                fail_msg("%s, in pieces of %zu: %s, as a part %s", cgi[i].says, piece,
                                         load_outcome_text(load_reply_judge(&r)),
                                         load_outcome_text(load_reply_judge_part(&r)));
                }
        }
}

static const struct {
        const char *says, *reply;
        enum load_http_state state;
        enum load_outcome outcome;
} http[] = {
        { "a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", LOAD_HTTP_DONE, LOAD_OUTCOME_OK },
        { "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=f\r\nllo\r\n0\r\n\r\n",
          LOAD_HTTP_DONE, LOAD_OUTCOME_OK },
        { "a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
          LOAD_HTTP_DONE, LOAD_OUTCOME_OK },
        { "chunks cut off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", LOAD_HTTP_CHUNK_LINE,
          LOAD_OUTCOME_OK },
        { "to the end", "HTTP/1.1 200 OK\r\n\r\nhello", LOAD_HTTP_CLOSE, LOAD_OUTCOME_OK },
        { "an error", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nhello", LOAD_HTTP_DONE,
          LOAD_OUTCOME_STATUS },
        { "no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", LOAD_HTTP_DONE, LOAD_OUTCOME_BODY },
        { "more than was said", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", LOAD_HTTP_BROKEN,
          LOAD_OUTCOME_OK },
        { "a chunk of another length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n",
          LOAD_HTTP_BROKEN, LOAD_OUTCOME_BODY },
};

static void test_http(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(http); i++) {
                for (size_t piece = 1; piece <= strlen(http[i].reply); piece++) {
                        struct load_http h = {};
                        struct load_reply r;
                        size_t n = strlen(http[i].reply);

                        load_reply_begin(&r, &hello);
                        for (size_t at = 0; at < n && h.state != LOAD_HTTP_BROKEN; at += piece)
                                load_http_take(&h, &r, (const uint8_t *)http[i].reply + at, MIN(piece, n - at));
                        if (h.state != http[i].state || load_reply_judge(&r) != http[i].outcome)
                                fail_msg("%s, in pieces of %zu: state %d, %s", http[i].says, piece, h.state,
                                         load_outcome_text(load_reply_judge(&r)));
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_cgi), cmocka_unit_test(test_http) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
