/* SPDX-License-Identifier: MIT */
#pragma once
/* What fpmctl's subcommands share: options, exit codes, error lines, the way to the master. */

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/text.h"
#include "base/time.h"
#include "conf/options.h"
#include "ipc/control.h"

enum {
        CTL_EXIT_OK = 0,
        CTL_EXIT_FAILED = 1, /* asked, and the answer was no; or something broke on the way */
        CTL_EXIT_USAGE = 2,
        CTL_EXIT_HTTP = 22,        /* get: HTTP status 400 or above, as with curl -f */
        CTL_EXIT_UNAVAILABLE = 69, /* nobody answers; EX_UNAVAILABLE of sysexits.h */
        CTL_EXIT_CONFIG = 78,      /* EX_CONFIG */
};

#define CTL_CONFIG_DEFAULT FPMD_SYSCONFDIR "/fpmd.conf"

struct ctl {
        char *socket;  /* path of the control socket */
        bool is_given; /* by an option or by $RUNTIME_DIRECTORY */
};

/* Every subcommand: argv[0] is its name. Returns an exit code. */
int ctl_status_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_reload_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_drain_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_drain_end_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_leaks_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_get_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_check_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_import_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_list_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_enable_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_disable_main(struct ctl *ctl, int argc, char *argv[]);
int ctl_doctor_main(struct ctl *ctl, int argc, char *argv[]);

/* Options that every subcommand takes as well: rows for its getopt_long() table, and what to do with them. */
enum { CTL_OPTION_SOCKET = 0x1000, CTL_OPTION_RUNTIME_DIR, CTL_OPTION_OWN };
// clang-format off
#define CTL_COMMON_OPTIONS \
        { "socket", required_argument, NULL, CTL_OPTION_SOCKET }, \
        { "runtime-dir", required_argument, NULL, CTL_OPTION_RUNTIME_DIR }, \
        { "help", no_argument, NULL, 'h' }
// clang-format on

/* Takes a common option. CTL_OPTION_E_EXIT: the program ends now, with *ret_exit. */
enum { CTL_OPTION_E_EXIT = 1 };
int ctl_option(struct ctl *ctl, int c, const char *help, int *ret_exit);

/* "fpmctl: MESSAGE" on stderr. */
void ctl_print_error(const char *fmt, ...) _printf_(1, 2);

/* Seconds as a person writes them ("90", "0.5"), more than 0. 0 or -EINVAL. */
int ctl_parse_seconds(const char *s, usec_t *ret);

/* "2h 13m", "45s", "120ms": two units at most. */
void ctl_print_span(usec_t span, struct text *out);

/* Appends s with control characters made harmless for a terminal, padded to a width. */
void ctl_print_cell(const char *s, int width, struct text *out);

/* The configuration at path. 0 and *ret, the caller's; or a negative exit code after the problems were told. */
struct conf;
struct conf_options;
int ctl_load_conf(const char *path, const struct conf_options *options, struct conf **ret);

/* Sends the master a request, and has each part of its answer taken. timeout (0: none) is for each part. 0; what take
 * has returned; or a negative exit code after the error was told. */
struct ctl_answer {
        /* 1: there is more to come; 0: that was all; a negative exit code after the error was told. What it leaves in
         * the message is freed. */
        int (*take)(struct ipc_control_message *m, void *userdata);
        void *userdata;
};
int ctl_master_ask(const struct ctl *ctl, usec_t timeout, const struct ipc_control_message *request,
                   const struct ctl_answer *answer);

/* Has the master do something, waits until it has, and tells how it went. timeout as above. An exit code. */
int ctl_master_order(const struct ctl *ctl, usec_t timeout, const struct ipc_control_message *order);
