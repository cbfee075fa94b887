/* SPDX-License-Identifier: MIT */
/*
 * fpmctl doctor: looks at the machine, and says what is wrong, the likeliest first, each with what to do next. It
 * works where no master runs, asks those that do, and changes nothing. Collectors fill in facts, checks make findings
 * of them.
 */

#include <stdio.h>

#include "ctl.h"
#include "doctor/checks.h"
#include "doctor/collect.h"
#include "doctor/report.h"
#include "masters.h"

#define DOCTOR_EXIT_UNSEEN 2 /* nothing wrong found, and not everything could be looked at */

static const char usage[] =
        "fpmctl doctor [--json] [OPTION...]\n"
        "\n"
        "Looks at units, sockets, the web servers' configuration, limits and the journal, asks masters that run,\n"
        "and says what is wrong, the likeliest first, with what to do next. Changes nothing; as root it sees more.\n"
        "Ends with 0 when nothing is wrong, with 1 when something is, and with 2 when it found nothing and could\n"
        "not look everywhere.\n"
        "\n"
        "  --json           for programs: one object, with findings and what was not looked at\n"
        "  -y FILE          fpmd's configuration\n"
        "  --nginx FILE     nginx's configuration, in place of the web servers that are installed\n"
        "  --apache FILE    Apache's\n"
        "  --caddy FILE     Caddy's\n"
        "  --php-ini DIR    the folder of PHP's settings\n";

static void doctor_collect(const struct ctl *ctl, const struct doctor_places *places, struct doctor_facts *f) {
        doctor_units_collect(f);
        doctor_pools_collect(f, places->config);
        ctl_masters_collect(ctl, f);
        doctor_webservers_collect(f, places);
        doctor_links_collect(f);
        doctor_units_collect_wanted(f);
        doctor_sockets_collect(f);
        doctor_reach_collect(f);
        doctor_processes_collect(f);
        doctor_opcache_collect(f, places->php_ini_dir);
        doctor_machine_collect(f);
        doctor_denials_collect(f);
        doctor_inierrors_collect(f);
}

static int doctor_run(const struct ctl *ctl, const struct doctor_places *places, bool json) {
        _cleanup_findings_ struct doctor_findings findings = {};
        _cleanup_facts_ struct doctor_facts facts;
        _cleanup_text_ struct text out = {};

        doctor_facts_init(&facts);
        doctor_collect(ctl, places, &facts);
        doctor_checks_run(&facts, &findings);
        (json ? doctor_report_json : doctor_report_text)(&facts, &findings, &out);
        if (facts.failed || findings.failed || out.failed) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        fputs(text_peek(&out), stdout);
        if (doctor_findings_count(&findings, DOCTOR_PROBLEM) > 0)
                return CTL_EXIT_FAILED;
        return facts.n_unseen > 0 ? DOCTOR_EXIT_UNSEEN : CTL_EXIT_OK;
}

int ctl_doctor_main(struct ctl *ctl, int argc, char *argv[]) {
        enum { JSON = CTL_OPTION_OWN, NGINX, APACHE, CADDY, PHP_INI };
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "json", no_argument, NULL, JSON },
                                                 { "nginx", required_argument, NULL, NGINX },
                                                 { "apache", required_argument, NULL, APACHE },
                                                 { "caddy", required_argument, NULL, CADDY },
                                                 { "php-ini", required_argument, NULL, PHP_INI },
                                                 {} };
        struct doctor_places places = {};
        bool json = false;
        int c, code;

        while ((c = getopt_long(argc, argv, "hy:", options, NULL)) != -1) {
                if (c == JSON)
                        json = true;
                else if (c == 'y')
                        places.config = optarg;
                else if (c == NGINX)
                        places.nginx = optarg;
                else if (c == APACHE)
                        places.apache = optarg;
                else if (c == CADDY)
                        places.caddy = optarg;
                else if (c == PHP_INI)
                        places.php_ini_dir = optarg;
                else if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        }
        if (optind != argc) {
                ctl_print_error("doctor takes no names; -h explains");
                return CTL_EXIT_USAGE;
        }
        return doctor_run(ctl, &places, json);
}
