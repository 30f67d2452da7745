#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make-rpms.sh DIR: the packages of tests/unit/test-rpm.c. All of them call themselves dmv-test-1.0-1.noarch and are correctly
# signed unless their name says otherwise, so that each differs from a good one in exactly one respect.
set -eu
dir=$1
. "$(dirname "$0")/stream.sh"
trap 'stream_stop_agents "$dir"' EXIT
STREAM_PREFIX=/lib/modules/6.1.0-test/dmv/test/generic

mkdir -p "$dir/contents/firmware/x" "$dir/rpms"
head -c 70000 /dev/urandom > "$dir/contents/a.ko"
head -c 3000 /dev/urandom > "$dir/contents/firmware/x/y.bin"
echo '{"name":"test"}' > "$dir/contents/info.json"

stream_key "$dir" good rsa3072
stream_key "$dir" ed ed25519
stream_key "$dir" evil rsa2048
stream_key "$dir" short rsa1024
stream_key "$dir" subkey rsa2048 cert
stream_key "$dir" revoked ed25519
stream_gpg "$dir" subkey --quick-add-key "$(stream_fingerprint "$dir" subkey)" rsa2048 sign never
stream_export "$dir" subkey
sed 's/^:-----/-----/' "$dir"/gnupg-revoked/openpgp-revocs.d/*.rev |
    gpg --homedir "$dir/gnupg-revoked" --batch --quiet --import > /dev/null 2>&1
stream_export "$dir" revoked
gpg --homedir "$dir/gnupg-good" --batch --quiet --export > "$dir/binary.pgp"
gpg --homedir "$dir/gnupg-good" --batch --quiet --export-secret-keys --armor --pinentry-mode loopback --passphrase '' \
    > "$dir/secret.asc"
cat "$dir/good.asc" "$dir/ed.asc" > "$dir/two-blocks.asc"

# Certificates with an end, made on the first day of 2020 for one day
day() { echo "202001${1}T000000"; }
stream_key "$dir" expired ed25519 sign seconds=86400 "$(day 01)"
stream_key "$dir" old-subkey rsa2048 cert never "$(day 01)"
stream_gpg "$dir" old-subkey --faked-system-time "$(day 01)" \
    --quick-add-key "$(stream_fingerprint "$dir" old-subkey)" rsa2048 sign seconds=86400
stream_export "$dir" old-subkey
# renewed and cut short later: both own signatures are in the certificate, as in one that was fetched again and again
changed() {
    local fingerprint
    cp -r "$dir/gnupg-$1" "$dir/gnupg-$2"
    fingerprint=$(stream_fingerprint "$dir" "$2")
    stream_gpg "$dir" "$2" --faked-system-time "$(day "$3")" --quick-set-expire "$fingerprint" "$4"
    stream_gpg "$dir" "$2" --import "$dir/$1.asc"
    stream_export "$dir" "$2"
}
changed expired renewed 03 never
stream_key "$dir" lasting ed25519 sign never "$(day 01)"
changed lasting cut-short 03 seconds=86400
# somebody else certifies the expired one while it counts, and says nothing about an end. Once more if the agent is too busy.
certify() {
    stream_gpg "$dir" lasting --export-secret-keys | stream_gpg "$dir" certified --import &&
        stream_gpg "$dir" certified --import "$dir/expired.asc" &&
        stream_gpg "$dir" certified --faked-system-time 20200101T120000 --quick-sign-key "$(stream_fingerprint "$dir" expired)"
}
mkdir -m 700 "$dir/gnupg-certified"
certify || { sleep 2; certify; }
stream_gpg "$dir" certified --export --armor expired@example.invalid > "$dir/certified.asc"
# without the signature that would say when it ends
mkdir "$dir/split"
(cd "$dir/split" && stream_gpg "$dir" good --export | gpgsplit)
cat "$dir"/split/*public_key "$dir"/split/*user_id | gpg --enarmor 2> /dev/null |
    sed 's/ARMORED FILE/PUBLIC KEY BLOCK/' > "$dir/no-signature.asc"
mkdir -m 700 "$dir/gnupg-both"
gpg --homedir "$dir/gnupg-both" --batch --quiet --import "$dir/good.asc" "$dir/ed.asc" > /dev/null 2>&1
stream_export "$dir" both
sed 's/^[A-Za-z0-9+\/]\{64\}$/AAAA/' "$dir/good.asc" > "$dir/damaged.asc"

copy='cp -r $C/* $D/'
all=$STREAM_PREFIX

# package NAME INSTALL FILES [PREAMBLE] [SCRIPTS] [PAYLOAD]: built and signed with the good key
package() {
    stream_spec "$2" "$3" "${4:-}" "${5:-}" | stream_build "$dir" "$dir/rpms/$1" -bb "${6:-w6.gzdio}"
    stream_sign "$dir" good "$dir/rpms/$1"
}

stream_spec "$copy" "$all" | stream_build "$dir" "$dir/rpms/unsigned" -bb
for key in good ed evil subkey; do
    cp "$dir/rpms/unsigned" "$dir/rpms/$key"
    stream_sign "$dir" "$key" "$dir/rpms/$key"
done
cp "$dir/rpms/unsigned" "$dir/rpms/old-subkey"
stream_sign "$dir" old-subkey "$dir/rpms/old-subkey" "--faked-system-time $(day 01)"
for key in expired lasting; do
    cp "$dir/rpms/unsigned" "$dir/rpms/$key"
    stream_sign "$dir" "$key" "$dir/rpms/$key" "--faked-system-time $(day 01)"
done
cp "$dir/rpms/unsigned" "$dir/rpms/sha1"
stream_sign "$dir" good "$dir/rpms/sha1" '--digest-algo SHA1'
cp "$dir/rpms/good" "$dir/rpms/delsign"
rpmsign --delsign "$dir/rpms/delsign" > /dev/null 2>&1
package xz "$copy" "$all" '' '' w2.xzdio
package zstd "$copy" "$all" '' '' w3.zstdio
package bzip2 "$copy" "$all" '' '' w3.bzdio
package uncompressed "$copy" "$all" '' '' w.ufdio
package nevra "$copy" "$all" 'Epoch: 1'
package outside "$copy; rm \$D/a.ko; mkdir -p \$B/etc; echo x > \$B/etc/evil" "$all
/etc/evil"
package sibling "$copy; rm \$D/a.ko; mkdir -p \${D}x; echo x > \${D}x/a.ko" "$all
${STREAM_PREFIX}x/a.ko"
package above "$copy" "%dir /lib/modules
$all"
package owner "$copy" "%dir /lib/modules/6.1.0-test/dmv
%dir /lib/modules/6.1.0-test/dmv/test
$all"
package not-ascii "$copy; touch \$D/\$(printf '\303\244').ko" "$all"
package suid "$copy" "%attr(4755,root,root) $STREAM_PREFIX/a.ko
$STREAM_PREFIX/info.json
$STREAM_PREFIX/firmware"
package caps "$copy" "%caps(cap_net_admin=ep) $STREAM_PREFIX/a.ko
$STREAM_PREFIX/info.json
$STREAM_PREFIX/firmware"
package ghost "$copy" "%ghost $STREAM_PREFIX/a.ko
$STREAM_PREFIX/info.json
$STREAM_PREFIX/firmware"
package device "$copy; rm \$D/a.ko" "%dev(c,1,1) %attr(0600,root,root) $STREAM_PREFIX/a.ko
$STREAM_PREFIX/info.json
$STREAM_PREFIX/firmware"
package fifo "$copy; rm \$D/a.ko; mkfifo \$D/a.ko" "$all"
package symlink "$copy; rm \$D/a.ko; ln -s /etc/shadow \$D/a.ko" "$all"
package hardlink "$copy; rm \$D/a.ko; ln \$D/firmware/x/y.bin \$D/firmware/x/z.bin" "$all"
package extra "$copy; : > \$D/b.ko" "$all"
package missing "$copy; rm \$D/firmware/x/y.bin" "$all"
package empty-list ':' ''
package content "$copy; tr a b < \$C/a.ko > \$D/a.ko" "$all"
package size "$copy; head -c 69999 \$C/a.ko > \$D/a.ko" "$all"
package bomb "$copy; truncate -s 200M \$D/a.ko" "$all" '' '' w1.zstdio
package many "$copy; for i in \$(seq 4200); do : > \$D/\$i; done" "$all"
package md5 "%define _binary_filedigest_algorithm 1
$copy" "$all"
package usr "mkdir -p \$B/usr; mv \$B/lib \$B/usr/lib; cp -r \$C/* \$B/usr$STREAM_PREFIX/" "/usr$STREAM_PREFIX"
mark=$dir/scriptlet-ran
package scriptlet "$copy" "$all" 'Requires: kernel-that-nobody-has = 7' "%pre
touch $mark
%post
touch $mark
%posttrans
touch $mark
%triggerin -- bash
touch $mark"
stream_spec "$copy" "$all" | stream_build "$dir" "$dir/rpms/source" -bs
stream_sign "$dir" good "$dir/rpms/source"

python3 - "$dir/rpms" <<'PY'
# Bytes changed after signing, and headers changed before it: what no packaging tool makes.
import gzip, hashlib, os, struct, sys
folder = sys.argv[1]

def load(name):
    return open(os.path.join(folder, name), 'rb').read()

def save(name, data):
    open(os.path.join(folder, name), 'wb').write(data)

def section(x, at):
    entries, data = struct.unpack('>II', x[at + 8:at + 16])
    return 16 + entries * 16 + data

def bounds(x):
    start = 96 + section(x, 96)
    start += -start % 8
    return start, start + section(x, start)

good = load('good')
start, end = bounds(good)
flip = lambda x, at: x[:at] + bytes([x[at] ^ 1]) + x[at + 1:]
save('header-bit', flip(good, good.index(b'A package for tests', start)))
save('payload-bit', flip(good, end + (len(good) - end) // 2))
save('truncated', good[:end + (len(good) - end) // 2])
save('trailing', good + b'more')
save('cut-header', good[:start + 40])
save('nothing', b'')
save('noise', os.urandom(5000))
# a package whose payload is no archive
noise = gzip.compress(b'no archive' * 100)
save('noise-gz', good[:end] + noise)
# the signature of one package before the header and payload of another
other = load('content')
save('grafted', good[:start] + other[bounds(other)[0]:])

def payload(name):
    x = load(name)
    return x[bounds(x)[1]:]

def resealed(name, new_name, change, other_payload=None):
    """Changes the header or the payload and makes all digests right again; it is signed afterwards."""
    x = load(name)
    a, b = bounds(x)
    old, old_body, sig = x[a:b], x[b:], x[96:a]
    new, body = change(bytearray(old)), old_body
    if other_payload:
        body = payload(other_payload)
        for unpack in (bytes, gzip.decompress):
            new = new.replace(*(hashlib.sha256(unpack(y)).hexdigest().encode() for y in (old_body, body)))
    for algorithm in ('sha1', 'sha256'):
        sig = sig.replace(hashlib.new(algorithm, old).hexdigest().encode(), hashlib.new(algorithm, new).hexdigest().encode())
    sig = sig.replace(hashlib.md5(old + old_body).digest(), hashlib.md5(bytes(new) + body).digest())
    save(new_name, x[:96] + sig + bytes(new) + body)

def entry(header, wanted):
    count = struct.unpack('>I', header[8:12])[0]
    for i in range(count):
        tag, kind, offset, n = struct.unpack('>IIII', header[16 + i * 16:32 + i * 16])
        if tag == wanted:
            return 16 + i * 16, 16 + count * 16 + offset
    raise SystemExit('no tag %d' % wanted)

def traversal(h):
    old, new = b'/lib/modules/6.1.0-test/dmv/test/generic/\0', b'/lib/modules/6.1.0-test/dmv/test/../../\0'
    assert h.count(old) == 1 and len(new) <= len(old)
    return h.replace(old, new[:-1].ljust(len(old) - 1, b'/') + b'\0')

def big_link(h):
    struct.pack_into('>I', h, entry(h, 1028)[1] + 4, 0xfffffff0) # entry 0 is the folder
    return h

def lying_digest(h):
    digest = hashlib.sha256(open(os.path.join(folder, '../contents/a.ko'), 'rb').read()).hexdigest().encode()
    assert h.count(digest) == 1
    return h.replace(digest, b'0' * 64)

def lying_size(h):
    h = bytearray(h)
    old, new = struct.pack('>I', 70000), struct.pack('>I', 69999)
    assert h.count(old) == 1
    return h.replace(old, new)

def not_cpio(h):
    old = b'cpio\0'
    assert h.count(old) == 1
    return h.replace(old, b'drpm\0')

same = lambda h: h
resealed('unsigned', 'traversal', traversal)
resealed('unsigned', 'lying-digest', lying_digest)
resealed('unsigned', 'lying-size', lying_size)
resealed('unsigned', 'not-cpio', not_cpio)
resealed('unsigned', 'payload-missing', same, 'missing')
resealed('unsigned', 'payload-extra', same, 'extra')
resealed('unsigned', 'payload-noise', same, 'noise-gz')
resealed('symlink', 'big-link', big_link)
PY
for name in traversal big-link lying-digest lying-size not-cpio payload-missing payload-extra payload-noise; do
    rpmsign --delsign "$dir/rpms/$name" > /dev/null 2>&1
    stream_sign "$dir" good "$dir/rpms/$name"
done
