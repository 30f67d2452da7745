#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sample of `tools/suite valgrind` on the programs of this build, of tests that no clock bounds.
set -eu -o pipefail

if grep -aq __asan_init "$DMV_BUILD/tests/test-intent"; then
    echo "this build has a sanitizer of its own, valgrind has nothing to add"
    exit 0
fi
export VALGRIND_BUILD=$DMV_BUILD
export VALGRIND_GOLDEN=
export VALGRIND_TESTS="test-intent test-json test-generation test-vl-message"
bash "$DMV_SOURCE/tools/suite" valgrind | tee valgrind.log
grep -q "^clean: $(wc -w <<<"$VALGRIND_TESTS"):" valgrind.log
rm valgrind.log
