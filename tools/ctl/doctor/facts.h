/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What fpmctl doctor knows of a machine. Collectors fill it in, checks read it, and neither knows the other. Every text
 * is the facts' own and never NULL, but where it says so; what could not be looked at is in a list of its own, so that
 * a check keeps silent about it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/time.h"

enum doctor_answer { DOCTOR_UNKNOWN, DOCTOR_NO, DOCTOR_YES };

/* Who listens at an address. */
enum doctor_holder {
        DOCTOR_HOLDER_UNKNOWN,
        DOCTOR_HOLDER_NOBODY,
        DOCTOR_HOLDER_FPMD,
        DOCTOR_HOLDER_PHP_FPM,
        DOCTOR_HOLDER_OTHER
};

struct doctor_socket {
        enum doctor_answer exists; /* of a unix socket: its file */
        const char *owner, *group; /* of the file; "" */
        mode_t mode;
        enum doctor_holder holder;
        const char *holder_name; /* "", or the program's */
        const char *holder_unit; /* php-fpm's service; "": not known */
        bool has_queue;          /* the next two are known */
        uint64_t waiting, limit;
};

struct doctor_unit {
        const char *name;
        /* systemd's words: LoadState, ActiveState, SubState, UnitFileState, Result */
        const char *load, *active, *sub, *enabled, *result;
        const char *user;
        enum doctor_answer has_user; /* there is such a user */
        const char *listen;          /* of a socket: its first address; "" */
        const char *owner, *group;   /* of a socket's file, as the unit has them; "" */
        mode_t mode;                 /* likewise; 0: not known */
        bool is_changed_on_disk;     /* NeedDaemonReload */
        bool has_private_tmp;
        bool is_gone;        /* an instance whose file is in no folder any more */
        bool is_triggered;   /* a socket unit that starts it, of whatever name, is enabled */
        uint64_t files;      /* LimitNOFILE; 0: not known */
        uint64_t memory_max; /* bytes; UINT64_MAX: none */
        uint64_t restarts;   /* NRestarts: since somebody has started it */
        uint64_t since;      /* usec since the epoch: its last change of state, a reload among them; 0: not known */
};

/* What its master says of a pool. Counters are since its start. */
struct doctor_life {
        bool known;                 /* it was asked, and has answered */
        bool absent;                /* it goes on without this pool, for which systemd has no socket */
        const char *health;         /* why it wants no requests, in one line; "": it wants some */
        const char *problem;        /* why PHP does not start */
        const char *old_php;        /* what of PHP is another on the disk since it has started; "" */
        const char *remarks;        /* what PHP has not taken of its settings, a line for each; "" */
        const char *reload_refusal; /* of its service's last reload; "" */
        uint64_t failed_starts;
        uint64_t active, max_children, waiting; /* workers with a request, of at most; connections that wait for one */
        uint64_t died, oom;                     /* workers; of them those that the kernel has killed for memory */
        uint64_t refused, peers;                /* requests by limits of the queue; connections by who may connect */
};

struct doctor_pool {
        const char *name, *file, *listen;
        const char *unit;          /* whose service runs it */
        const char *user;          /* "": not known */
        const char *file_obstacle; /* the part of the path of its file that is closed to its user, where its unit has
                                      failed; "" */
        unsigned line;
        unsigned max_children;                    /* 0: auto */
        unsigned service_max;                     /* workers of all pools of its service; 0: no limit */
        int backlog;                              /* -1: the default */
        bool has_chroot;                          /* in which folders are others */
        const char *open_basedir, *exec_basedirs; /* folders with colons between; "": any */
        const char *opcache_off;                  /* "FILE:LINE" of the pool's opcache.enable = 0; "" */
        unsigned opcache_strings;                 /* its opcache.interned_strings_buffer, MiB */
        bool says_strings;                        /* which it has of its own */
        bool is_of_many;                          /* its service has CONF_POOLS_MANY of them */
        struct doctor_socket socket;
        struct doctor_life life;
};

/* A configuration file of a service, and when it was written. */
struct doctor_file {
        const char *path, *unit;
        uint64_t written; /* usec since the epoch */
};

/* Where a web server sends PHP requests. */
struct doctor_backend {
        const char *server; /* "nginx" */
        const char *user;   /* the web server's; "": not known */
        const char *address;
        const char *link; /* what the server names, where that is a link to the address; "" */
        const char *file;
        unsigned line;
        const char *upstream;           /* the server's name for the address; "": it has none */
        const char *upstream_place;     /* "FILE:LINE" of the address, which is not in the line above then */
        const char *root;               /* the document root, or the folder of its scripts; "": not known */
        const char *root_place;         /* "FILE:LINE" that names it; "": as above */
        enum doctor_answer root_exists; /* there is such a folder */
        struct doctor_socket socket;
        enum doctor_answer may_connect; /* the web server's user, by the rights of files */
        const char *obstacle;           /* the first part of the path that is closed to it; "" */
        bool has_scripts_only;          /* in the root: the web server need not look there */
        enum doctor_answer may_enter;   /* the web server's user, the document root */
        const char *entry_obstacle;
        enum doctor_answer may_read; /* the pool's user, the document root */
        const char *root_obstacle;
};

/* A socket of systemd's that a service has, and no pool for it. */
struct doctor_spare {
        const char *unit;   /* the service */
        const char *socket; /* "'NAME' (ADDRESS)" */
};

struct doctor_unseen {
        const char *what, *why;
};

struct doctor_facts {
        const char *config, *config_problems; /* problems: lines; "": none */
        bool lacks_pools;                     /* the configuration does not even tell which pools it has */
        struct doctor_unit *units;
        size_t n_units;
        struct doctor_pool *pools;
        size_t n_pools;
        struct doctor_file *files;
        size_t n_files;
        struct doctor_backend *backends;
        size_t n_backends;
        struct doctor_spare *spares;
        size_t n_spares;
        struct doctor_unseen *unseen;
        size_t n_unseen;
        enum doctor_answer has_opcache;
        const char *opcache_off;  /* "FILE:LINE" that turns it off for all pools; "" */
        unsigned opcache_strings; /* opcache.interned_strings_buffer, MiB */
        bool says_strings;        /* else PHP's default holds */
        const char *php_ini_dir;
        const char *php_fpm;      /* a php-fpm that runs: "PID (NAME)"; "" */
        const char *php_fpm_unit; /* its service; "" */
        const char *ini_error;    /* what PHP has said of a settings file that has not been written since; "" */
        const char *ini_unit;     /* whose service read it */
        const char *denial;       /* the youngest line of the journal about something denied to fpmd; "" */
        uint64_t n_denials;
        bool run_is_full;       /* nothing can be made below /run */
        uint64_t somaxconn;     /* 0: not known */
        uint64_t memory_total;  /* bytes; 0: not known */
        uint64_t worker_memory; /* bytes of an average worker (PSS); 0: not known */

        char **kept; /* every text */
        size_t n_kept;
        bool failed; /* out of memory */
};

/* Empty, with every text "". */
void doctor_facts_init(struct doctor_facts *f);
void doctor_facts_done(struct doctor_facts *f);
#define _cleanup_facts_ _cleanup_(doctor_facts_done)

/* A copy that lives as long as the facts; NULL is "". Out of memory: "", and failed is set. */
const char *doctor_facts_keep(struct doctor_facts *f, const char *s);
const char *doctor_facts_print(struct doctor_facts *f, const char *fmt, ...) _printf_(2, 3);

/* A fresh one at the end of its list, texts "". NULL: out of memory, and failed is set. */
struct doctor_unit *doctor_facts_add_unit(struct doctor_facts *f);
struct doctor_pool *doctor_facts_add_pool(struct doctor_facts *f);
struct doctor_file *doctor_facts_add_file(struct doctor_facts *f);
struct doctor_backend *doctor_facts_add_backend(struct doctor_facts *f);
struct doctor_spare *doctor_facts_add_spare(struct doctor_facts *f);

/* Lines about a configuration. One that is there already, since two services read the file, is not told again, nor what
 * only follows from others. */
void doctor_facts_add_problems(struct doctor_facts *f, const char *problems);

/* Once for each what. */
void doctor_facts_unseen(struct doctor_facts *f, const char *what, const char *why);

/* NULL: there is none. */
const struct doctor_unit *doctor_facts_find_unit(const struct doctor_facts *f, const char *name);

/* The pool that listens where the web server sends; NULL: none. */
const struct doctor_pool *doctor_facts_find_pool(const struct doctor_facts *f, const char *address);
