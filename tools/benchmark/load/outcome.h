/* SPDX-License-Identifier: MIT */
#pragma once
/* How a request can end. The table is the only list: the JSON has a number for each row. */

/*   name       in JSON     what it means */
#define LOAD_OUTCOMES(X)                                                                                               \
        X(OK, "ok")             /* the reply that was expected, whole */                                               \
        X(ABORTED, "aborted")   /* given up by this client, on purpose; what came of the reply was right */            \
        X(CONNECT, "connect")   /* no connection */                                                                    \
        X(CLOSED, "closed")     /* the connection ended before the reply did */                                        \
        X(TIMEOUT, "timeout")   /* no end of the reply in time */                                                      \
        X(PROTOCOL, "protocol") /* what came is neither FastCGI nor HTTP */                                            \
        X(REFUSED, "refused")   /* FastCGI's protocol status says that the request was not run */                      \
        X(STATUS, "status")     /* another HTTP status than expected */                                                \
        X(BODY, "body")         /* other bytes than expected, or more, or fewer */

enum load_outcome {
#define X(name, text) LOAD_OUTCOME_##name,
        LOAD_OUTCOMES(X)
#undef X
                N_LOAD_OUTCOMES
};

static inline const char *load_outcome_text(enum load_outcome outcome) {
        static const char *const texts[] = {
#define X(name, text) text,
                LOAD_OUTCOMES(X)
#undef X
        };

        return texts[outcome];
}
