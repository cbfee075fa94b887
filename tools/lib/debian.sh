# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by the shell tools, after say.sh: what they need of a Debian machine. They run on a machine that may have nothing but
# apt with its sources: no sudo, git, python, certificates or locale is assumed.

# Sets debian_codename. Debian 12 and 13 are the releases that this is known to work on.
debian_detect() {
        [ -r /etc/os-release ] || say_fail "no /etc/os-release: this needs Debian 12 or 13"
        debian_codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
        command -v apt-get >/dev/null || say_fail "no apt-get: this needs Debian 12 or 13"
        case $debian_codename in
        bookworm | trixie) ;;
        *) say_note "this is $(. /etc/os-release && echo "${PRETTY_NAME:-not Debian}"): only Debian 12 and 13 are tested" ;;
        esac
}

debian_need_root() {
        [ "$(id -u)" = 0 ] || say_fail "needs root; try: sudo $0"
}

debian_have() {
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

debian_known() {
        apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# debian_reaches USER FOLDER: could that user open a file in it? Asked as root; other users run nothing as somebody else.
debian_reaches() {
        [ "$(id -u)" != 0 ] || setpriv --reuid="$1" --regid="$1" --clear-groups test -x "$2" 2>/dev/null
}

# apt's own sources of this release, as one-line entries; third parties' are left out.
debian_sources() {
        apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
                sed -n 's/^Debian //p' | sort -u
}

# Brings apt's lists up to date, once a run.
debian_update() {
        [ -n "${debian_updated:-}" ] && return
        say_quietly apt-get -q update || say_fail "apt-get update failed"
        debian_updated=1
}

# debian_install PACKAGE... without recommends; services that come along stay off.
debian_install() {
        local missing=() package policy=
        for package; do
                debian_have "$package" || missing+=("$package")
        done
        [ ${#missing[@]} -eq 0 ] && return
        debian_update
        say_note "installing: ${missing[*]}"
        if [ ! -e /usr/sbin/policy-rc.d ]; then
                policy=1
                printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
                chmod 0755 /usr/sbin/policy-rc.d
        fi
        local status=0
        DEBIAN_FRONTEND=noninteractive say_quietly \
                apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "${missing[@]}" || status=$?
        [ -n "$policy" ] && rm -f /usr/sbin/policy-rc.d
        [ "$status" -eq 0 ] || say_fail "could not install: ${missing[*]}"
}

# The same for packages that help but that not every release has.
debian_install_known() {
        local package known=() wanted=
        for package; do
                debian_have "$package" || wanted=1
        done
        [ -n "$wanted" ] || return 0
        debian_update
        for package; do
                debian_known "$package" && known+=("$package")
        done
        [ ${#known[@]} -eq 0 ] || debian_install "${known[@]}"
}
