/* SPDX-License-Identifier: MIT */
/*
 * How PHP ends in a worker, whose process ends right after it.
 *
 * PHP's own end, php_module_shutdown(), frees what the zygote has made and all workers share: each page of it is copied
 * first, to be thrown away, and that is most of what a worker's life costs. So here memory is left to the process, and
 * what can be seen from outside happens: connections that persist are closed in PHP's ways (a database hears that its
 * client goes). An extension that is not known to have nothing else to end has PHP end in full.
 */

#include <zend_extensions.h>

#include "sapi/internal.h"

#include "log/log.h"

/* THE table of extensions whose own end frees memory, closes what ends with the process, and does no more. (Not here,
 * for one: snmp, whose library writes a file then.) */
static const char *const ending_plain[] = {
        "apcu",      "bcmath", "bz2",          "cgi-fcgi", "curl",      "date",      "dba",       "dom",
        "enchant",   "exif",   "FFI",          "filter",   "gd",        "gmp",       "hash",      "iconv",
        "igbinary",  "intl",   "json",         "libxml",   "lexbor",    "mbstring",  "mysqli",    "mysqlnd",
        "openssl",   "pcntl",  "pcre",         "PDO",      "pdo_dblib", "pdo_mysql", "pdo_pgsql", "pdo_sqlite",
        "pgsql",     "Phar",   "random",       "readline", "session",   "SimpleXML", "soap",      "sockets",
        "sodium",    "SPL",    "sqlite3",      "standard", "tidy",      "uri",       "xml",       "xmlreader",
        "xmlwriter", "xsl",    "Zend OPcache", "zip",      "zlib"
};

static bool ending_is_plain(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(ending_plain); i++)
                if (strcasecmp(ending_plain[i], name) == 0)
                        return true;
        return false;
}

static bool ending_has_end(const zend_module_entry *m) {
        return m->module_shutdown_func || (m->globals_size > 0 && m->globals_dtor);
}

/* The name of an extension whose end may be more than memory, or NULL. */
static const char *ending_unknown(void) {
        const zend_module_entry *m;
        zend_llist_position at;

        ZEND_HASH_FOREACH_PTR(&module_registry, m) {
                if (ending_has_end(m) && !ending_is_plain(m->name))
                        return m->name;
        }
        ZEND_HASH_FOREACH_END();
        for (const zend_extension *e = zend_llist_get_first_ex(&zend_extensions, &at); e;
             e = zend_llist_get_next_ex(&zend_extensions, &at))
                if (e->shutdown && !ending_is_plain(e->name))
                        return e->name;
        return NULL;
}

bool sapi_ending_in_short(void) {
        const char *unknown = ending_unknown();

        if (unknown) {
                log_debug("extension %s may have more than memory to end: PHP ends in full", unknown);
                return false;
        }
        zend_hash_graceful_reverse_destroy(&EG(persistent_list));
        return true;
}
