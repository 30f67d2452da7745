# SPDX-License-Identifier: LGPL-2.1-or-later
# To be sourced by the tests of this folder: `vm SCENARIO` builds the image where it is missing and runs SCENARIO.py on it.
vm() {
    local folder=$DMV_BUILD/vm
    bash "$DMV_SOURCE/tests/vm/make-image" "$folder" || return 1
    PYTHONDONTWRITEBYTECODE=1 python3 -u "$DMV_SOURCE/tests/vm/$1.py" "$folder"
}
