# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by the shell tools: how they speak and how they fail. Wants bash.

if [ -t 1 ]; then
        say_bold=$'\e[1m' say_dim=$'\e[2m' say_red=$'\e[31m' say_off=$'\e[0m'
else
        say_bold='' say_dim='' say_red='' say_off=''
fi

# A headline; what follows belongs to it.
say_step() {
        printf '%s==> %s%s\n' "$say_bold" "$*" "$say_off"
}

say_note() {
        printf '%s    %s%s\n' "$say_dim" "$*" "$say_off"
}

# The reason on stderr, and the end.
say_fail() {
        printf '%s%s: %s%s\n' "$say_red" "${0##*/}" "$*" "$say_off" >&2
        exit 1
}

# Runs a command quietly: its output is shown only when it fails.
say_quietly() {
        local log status=0
        log=$(mktemp)
        "$@" >"$log" 2>&1 </dev/null || status=$?
        if [ "$status" -ne 0 ]; then
                tail -n 40 "$log" >&2
                printf '%s failed with status %d: %s\n' "${0##*/}" "$status" "$*" >&2
        fi
        rm -f "$log"
        return "$status"
}
