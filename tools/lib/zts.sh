# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by tools/test, after say.sh and debian.sh: a thread-safe PHP, which no Debian release has, out of Debian's own source package.
# It has the extensions that tests use, by the names of Debian's packages, so the settings of Debian's php-fpm load them.

packages_zts=(dpkg-dev gcc make pkgconf php-dev libphp-embed libxml2-dev libsqlite3-dev libssl-dev libffi-dev libonig-dev zlib1g-dev)

zts_options=(
        --disable-all --disable-cgi --disable-phpdbg --enable-zts --disable-zend-signals --enable-zend-max-execution-timers --enable-embed=shared --without-pear
        --enable-session --enable-filter --enable-pcntl --with-libxml --with-zlib --with-openssl
        --enable-opcache --enable-ctype=shared --enable-tokenizer=shared --enable-posix=shared --enable-calendar=shared
        --enable-dba=shared --enable-sockets=shared --with-ffi=shared --with-iconv=shared --enable-mbstring=shared --enable-dom=shared
        --enable-xml=shared --enable-simplexml=shared --enable-phar=shared --enable-pdo=shared --with-sqlite3=shared --with-pdo-sqlite=shared
)

# The source package of this machine's libphp, and the versions of it that apt knows, the installed one first.
zts_source() {
        local package
        package=libphp$(php-config --version | cut -d. -f1-2)-embed
        zts_name=$(dpkg-query -W -f '${source:Package}' "$package") || return 1
        mapfile -t zts_versions < <(
                {
                        dpkg-query -W -f '${source:Version}\n' "$package"
                        zts_apt_cache madison "$zts_name" | awk -F ' *[|] *' '/Sources/ { print $2 }'
                } | awk '!seen[$0]++'
        )
}

# Lists of their own: those of the machine need not have sources.
zts_apt_options() {
        printf '%s\n' -q -o "Dir::Etc::SourceList=$zts_work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
                -o "Dir::State::Lists=$zts_work/lists" -o "Dir::Cache=$zts_work/cache" -o APT::Sandbox::User=root
}

zts_apt_get() {
        local options
        mapfile -t options < <(zts_apt_options)
        apt-get "${options[@]}" "$@"
}

zts_apt_cache() {
        local options
        mapfile -t options < <(zts_apt_options)
        apt-cache "${options[@]}" "$@"
}

# A mirror may have lost the newest one already, or not have it yet.
zts_download() {
        local version
        mkdir -p "$zts_work/lists/partial" "$zts_work/cache/archives/partial"
        debian_sources | sed 's/^deb /deb-src /' >"$zts_work/sources.list"
        zts_apt_get update || return 1
        zts_source || return 1
        for version in "${zts_versions[@]}"; do
                (cd "$zts_work" && zts_apt_get source --download-only "$zts_name=$version" && dpkg-source -x ./*"_$version.dsc" source) && return
                rm -rf "$zts_work/source"
        done
        return 1
}

zts_compile() {
        umask 022
        cd "$zts_work/source" || return 1
        sed -i 's,/@DEBIAN_PHP_API@,,' scripts/php-config.in scripts/phpize.in # Debian's rules put it there
        ./configure --prefix="$1" --with-config-file-path="$1/fpm" CFLAGS=-O1 CXXFLAGS=-O1 "${zts_options[@]}" &&
                make -j"$(nproc)" &&
                make install
}

# The settings of Debian's php-fpm, without those of extensions that are not there.
zts_settings() {
        local release from extensions file
        release=$("$1/bin/php-config" --version | cut -d. -f1-2)
        from=/etc/php/$release/fpm
        extensions=$("$1/bin/php-config" --extension-dir)
        mkdir -p "$1/fpm/conf.d"
        { cat "$from/php.ini"; printf '\n[PHP]\ninclude_path = ".:/usr/share/php"\n'; } >"$1/fpm/php.ini" # Debian's is compiled in
        for file in "$from"/conf.d/*.ini; do
                [ ! -e "$extensions/$(sed -n 's/^\(zend_\)\?extension *= *//p' "$file" | sed 's/\.so$//').so" ] || cp -L "$file" "$1/fpm/conf.d/"
        done
}

# zts_trusted FOLDER: nobody but root and who asks can have put anything there. Its parent may be everybody's, as /var/tmp is; then nobody else can
# replace it, if that has the sticky bit.
zts_trusted() {
        local kind owner mode
        read -r owner mode kind < <(stat -c '%u %a %F' "$1")
        if [ "$kind" = directory ] && { [ "$owner" = 0 ] || [ "$owner" = "$(id -u)" ]; } && ! ((8#$mode & 8#022)); then
                return
        fi
        echo "$1 is not used: it is a $kind of user $owner, mode $mode; what is run must be a directory of root's, or of one's own, that nobody else can write to."
        echo "Remove it, and it is built anew."
        return 1
}

# zts_build FOLDER: it is there, built unless it was before; what is said goes to stdout.
zts_build() {
        local version
        version=$(php-config --version) || return 1
        if [ -e "$1" ] || [ -L "$1" ]; then
                zts_trusted "$1" || return 1
                [ "$(cat "$1/built" 2>/dev/null)" != "$version ${zts_options[*]}" ] || return 0
                rm -rf "$1"
        fi
        mkdir -m 0755 "$1" || return 1 # not by make: it would take one that somebody has just made
        zts_work=$(mktemp -d "$1.XXXXXX")
        chmod 0755 "$zts_work"
        (zts_download && zts_compile "$1" && zts_settings "$1" && echo "$version ${zts_options[*]}" >"$1/built")
        local status=$?
        rm -rf "$zts_work"
        return "$status"
}
