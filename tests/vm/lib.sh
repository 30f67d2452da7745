# SPDX-License-Identifier: LGPL-2.1-or-later
# To be sourced by the tests of this folder: `vm SCENARIO [ARGUMENT...]` runs SCENARIO.py on the image that test-image.sh built.
vm() {
    local name=$1
    shift
    PYTHONDONTWRITEBYTECODE=1 python3 -u "$DMV_SOURCE/tests/vm/$name.py" "$DMV_BUILD/vm" "$@"
}
