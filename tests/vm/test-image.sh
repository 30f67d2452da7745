#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The image that the tests of this folder start from; see make-image.
set -eu -o pipefail
bash "$DMV_SOURCE/tests/vm/make-image" "$DMV_BUILD/vm"
