# SPDX-License-Identifier: LGPL-2.1-or-later
# Keys, RPMs and repositories for tests, good and hostile ones, made with the real tools. Sourced by scripts; everything is
# made below the folder that the caller names, and nothing of the user's GnuPG or rpm configuration is used.

export LC_ALL=C.UTF-8

# stream_gpg DIR NAME ARGUMENTS...: gpg, unattended, with the key pair of that name. What it says is shown if it fails
stream_gpg() {
    local home=$1/gnupg-$2 status=0
    shift 2
    gpg --homedir "$home" --batch --yes --quiet --pinentry-mode loopback --passphrase '' "$@" 2> "$home/said" || {
        status=$?
        cat "$home/said" >&2
    }
    return $status
}

# stream_key DIR NAME ALGORITHM [USAGE [EXPIRE [TIME]]]: a key pair in DIR/gnupg-NAME, its certificate as DIR/NAME.asc. TIME: when it
# is made, like 20200101T000000
stream_key() {
    mkdir -p -m 700 "$1/gnupg-$2"
    stream_gpg "$1" "$2" ${6:+--faked-system-time "$6"} --quick-gen-key "$2 <$2@example.invalid>" "$3" "${4:-sign}" "${5:-never}"
    stream_export "$1" "$2"
}

# stream_fingerprint DIR NAME: of the primary key
stream_fingerprint() {
    stream_gpg "$1" "$2" --list-keys --with-colons | awk -F: '/^fpr/ { print $10; exit }'
}

# stream_export DIR NAME: writes the certificate again, after the key pair was changed
stream_export() {
    gpg --homedir "$1/gnupg-$2" --batch --quiet --export --armor > "$1/$2.asc" 2> /dev/null
}

# stream_stop_agents DIR: ends the gpg agents that were started for the keys of DIR
stream_stop_agents() {
    local home
    for home in "$1"/gnupg-*; do
        gpgconf --homedir "$home" --kill all
    done
}

# stream_sign DIR NAME RPM [GPG-ARGUMENTS]: signs in place
stream_sign() {
    local nothing='%{nil}'
    GNUPGHOME=$1/gnupg-$2 rpmsign --addsign --define "_gpg_name $2" --define '__gpg /usr/bin/gpg' \
        --define "_gpg_path $1/gnupg-$2" --define "_gpg_sign_cmd_extra_args ${4:-$nothing}" "$3" > /dev/null 2>&1
}

# stream_spec INSTALL FILES [PREAMBLE] [SCRIPTS]: a spec on stdout. In INSTALL, $D is the release's folder in the build root
# and $C the folder with the contents.
stream_spec() {
    cat <<SPEC
Name: dmv-test
Version: 1.0
Release: 1
Summary: test
License: LGPL-2.1-or-later
BuildArch: noarch
AutoReqProv: no
${3:-}
%description
A package for tests.
%install
B=%{buildroot}
D=%{buildroot}$STREAM_PREFIX
C=%{contents}
mkdir -p \$D
$1
${4:-}
%files
%defattr(0644,root,root,0755)
$2
SPEC
}

# stream_build DIR OUT KIND [PAYLOAD]: builds the spec on stdin; KIND is -bb or -bs, PAYLOAD like w9.gzdio
stream_build() {
    local top
    top=$(mktemp -d "$1/build.XXXXXX")
    cat > "$top/package.spec"
    rpmbuild "$3" --quiet --define "_topdir $top" --define "_rpmdir $top/out" --define "_srcrpmdir $top/out" \
        --define "_dbpath $top/db" --define "_tmppath $top" --define "contents $1/contents" \
        --define '_rpmfilename %%{NAME}.rpm' --define '__os_install_post %{nil}' \
        --define "_binary_payload ${4:-w6.gzdio}" "$top/package.spec" > "$top/log" 2>&1 || {
        cat "$top/log" >&2
        return 1
    }
    mv "$top"/out/*.rpm "$2"
    rm -rf "$top"
}

# stream_repo DIR [RECORD-FILE]: repository metadata for what lies in DIR, with the file as record "dmv"
stream_repo() {
    createrepo_c --quiet --checksum sha256 "$1"
    [ $# -lt 2 ] || modifyrepo_c --mdtype=dmv --no-compress "$2" "$1/repodata" > /dev/null
}

# stream_certificate DIR DAYS: DIR/tls.pem and DIR/tls.key for 127.0.0.1, by the authority of DIR or the folder above
stream_certificate() {
    local ca=$1
    [ -e "$ca/ca.key" ] || ca=$1/..
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=127.0.0.1' \
        -keyout "$1/tls.key" -out "$1/tls.csr" 2> /dev/null
    openssl x509 -req -in "$1/tls.csr" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial -days "$2" \
        -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$1/tls.pem" 2> /dev/null
}

# stream_tls DIR: a throw-away authority DIR/ca.pem, a certificate in DIR and an expired one in DIR/expired
stream_tls() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test authority' \
        -keyout "$1/ca.key" -out "$1/ca.pem" 2> /dev/null
    stream_certificate "$1" 30
    mkdir -p "$1/expired"
    stream_certificate "$1/expired" 0 # valid until now
}
