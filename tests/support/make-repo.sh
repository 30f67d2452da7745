#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make-repo.sh DIR: DIR/repo is a repository with a record "dmv" and one file at Packages/x.rpm, which is no package: what is
# in it is not the business of the transport. DIR/plain is a repository without the record.
set -eu
dir=$1
. "$(dirname "$0")/stream.sh"

mkdir -p "$dir/repo/Packages" "$dir/plain"
{ echo '{"text":"'; head -c 3000 /dev/urandom | base64; echo '"}'; } > "$dir/dmv.yaml"
stream_repo "$dir/repo" "$dir/dmv.yaml"
stream_repo "$dir/plain"
head -c 200000 /dev/urandom > "$dir/repo/Packages/x.rpm"
stream_tls "$dir"
ln -s ../repo "$dir/expired/repo"
