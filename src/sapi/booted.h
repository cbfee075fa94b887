/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A booted process (worker.script) among the files of this folder: booted.c runs the script and its requests,
 * between.c puts back what a request has changed, betweenini.c the settings, betweenmodules.c asks the extensions.
 * The rule of all: a request finds what the boot has left.
 */

#include "sapi/internal.h"

/* The script waits in fpmd_handle_request(): sapi_request_run() is a call of its callback. */
bool sapi_booted_waits(void);
/* The script runs, and has not come that far. */
bool sapi_booted_boots(void);
/* The script runs, and no reply is for what it prints. */
bool sapi_booted_is_between(void);
/* In place of a request's life of its own. False: PHP is not fit for another one. */
bool sapi_booted_request(const struct sapi_request *request);

/* bootio.c: the boot's client that is none. say: what the script has printed, in the log. */
extern const struct sapi_io sapi_bootio;
void sapi_bootio_say(const char *script);

/* callables.c: the functions of such pools; for module start-up. */
void sapi_callables_register(void);

/* The callback, while a call of it waits for its request; for the function. False: the worker is to end. */
struct sapi_booted_call {
        zend_fcall_info fci;
        zend_fcall_info_cache fcc;
};
bool sapi_booted_serve(struct sapi_booted_call *call);

/* between.c: start, in module start-up; remember, once, when the boot has ended, the settings before the extensions
 * end; back, after each request. */
void sapi_between_start(void);
void sapi_between_remember_settings(void);
void sapi_between_remember(void);
void sapi_between_back(void);
/* Those of the boot are PHP's to call again. */
void sapi_between_give_shutdown_functions(void);

/* betweenini.c: as above. */
void sapi_betweenini_start(void);
void sapi_betweenini_remember(void);
void sapi_betweenini_back(void);

/* betweenhandlers.c: error and exception handlers, as above. */
void sapi_betweenhandlers_remember(void);
void sapi_betweenhandlers_back(void);

/* betweenstreams.c: of streams, as above. */
void sapi_betweenstreams_start(void);
void sapi_betweenstreams_remember(void);
void sapi_betweenstreams_back(void);
/* php://input's stream is the request list's in PHP: it goes with its request here, unless the application has kept an
 * open php://input, which reads from it. Then it is emptied. */
void sapi_betweenstreams_free_body(php_stream *body);

/* betweenglobals.c: superglobals. make: those of the request; back: those of the boot. */
void sapi_betweenglobals_remember(void);
void sapi_betweenglobals_make(void);
void sapi_betweenglobals_back(void);

/* betweensession.c: sessions. start_request: PHP's own start, for the boot, whose session would be nobody's. remember:
 * before the boot's ends; begin, end: before and after the extension's own, see betweenmodules.c. call_destructors: of
 * what goes with it, which is before its reply ends and before it is saved, as PHP does it; an exception that one
 * throws stays, and those after it are not called. */
zend_result sapi_betweensession_start_request(void);
void sapi_betweensession_remember(void);
void sapi_betweensession_begin(void);
void sapi_betweensession_call_destructors(void);
void sapi_betweensession_end(void);

/* leaks.c: what a request leaves behind. begin: before it, decides whether it is examined; request_ends: its code has
 * come to its end; end: the script calls for the next one; give_up: it does not. callback: that of the call.
 * leaksites.c: start, for module start-up; hold: calls meanwhile are not the script's. */
void sapi_leaks_begin(const struct sapi_boot *boot, const zval *callback);
void sapi_leaks_request_ends(void);
bool sapi_leaks_end(const zval *callback); /* false: garbage has thrown, into the script */
void sapi_leaks_give_up(void);
void sapi_leaksites_start(void);
void sapi_leaksites_hold(bool held);

/* template.c, of a boot whose process is forked. look: the boot has ended, and nothing of it has been reset yet. begin:
 * of a fork's request. end: of a fork, in place of PHP's request shutdown. */
void sapi_template_look(void);
void sapi_template_begin(void);
void sapi_template_end(void);

/* betweenmodules.c: what extensions need. say: names those that the table does not know; begin, end: of a request.
 * end_between: of what the script has begun since then, before the next begin. */
void sapi_betweenmodules_say(void);
void sapi_betweenmodules_begin(void);
void sapi_betweenmodules_end(void);
void sapi_betweenmodules_end_between(void);
/* The process ends: those that the table does not know. */
void sapi_betweenmodules_end_unknown(void);
