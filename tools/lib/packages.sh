# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by the shell tools: the Debian packages that building, trying and testing take. Names hold for Debian 12 and 13; *_known lists
# what only one of them has.

packages_build=(gcc libc6-dev meson ninja-build pkgconf libsystemd-dev libacl1-dev php-dev libphp-embed systemtap-sdt-dev)
packages_build_known=(systemd-dev)

packages_deb=(build-essential debhelper dpkg-dev fakeroot lintian clang bpftool libbpf-dev libelf-dev zlib1g-dev libcmocka-dev python3)

packages_rpm=(rpm cpio git) # git is for meson dist

packages_oci=(mmdebstrap umoci)

packages_demo=(php-cli php-fpm systemd util-linux procps)

packages_test=(
        clang libclang-rt-dev llvm                            # the second compiler, and its sanitizers
        clang-format                                          # tools/format-check
        libcmocka-dev python3 python3-pytest                  # unit tests; the suites in Python
        libbpf-dev bpftool bpftrace libelf-dev zlib1g-dev     # fpmtrace
        php-cli php-fpm php-intl php-mbstring php-xml php-sqlite3 # php-fpm is the reference that ours is compared with
        prometheus python3-prometheus-client                  # promtool and the reference parser, for the metrics
        nginx-light apache2-bin caddy haproxy lighttpd        # real clients; nginx also for tools/bench
        systemd systemd-container debootstrap mount           # socket activation; the container of the system tests
        mandoc                                                # man pages say nothing that mandoc would mend
        spin                                                  # the model of the protocol of kept connections
        strace                                                # a test of reloads
        util-linux procps curl iproute2
)

packages_apps=(
        php-symfony-framework-bundle php-symfony-security-bundle php-symfony-twig-bundle php-symfony-form php-symfony-security-csrf php-symfony-runtime
        php-doctrine-orm php-laravel-framework
        mariadb-server-core mariadb-client-core php-mysql     # a private server; the service and its account are not needed
)
