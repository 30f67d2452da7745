# SPDX-License-Identifier: LGPL-2.1-or-later
# Small kernel modules by the assembler alone, for tests that need many of them in little time.
#
# To be sourced. depmod, modprobe, modinfo, libkmod and libelf take them for real ones: .modinfo, ELF notes, exported and
# needed symbols are all there. No kernel could load them: there is no code in them.

# The section __versions of what is needed with a version: 64 bytes each, an unsigned long and a name.
_dmv_small_versions() {
    local value name text=''
    for value; do
        name=${value%=*}
        [[ $value == *=* ]] || continue
        text+=".quad ${value#*=}"$'\n'".ascii \"$name\""$'\n'".zero $((56 - ${#name}))"$'\n'
    done
    [[ -z $text ]] || printf '.section __versions,"a",%%progbits\n%s.text\n' "$text"
}

# dmv_small_module OUT NAME KVER [OPTION...]
#   OUT                  path of the .ko; the folder has to be there
#   NAME                 the module's name, with underscores
#   KVER                 kernel release for its vermagic ("-" leaves vermagic out)
#   --version V          MODULE_VERSION
#   --alias PATTERN      MODULE_ALIAS; may repeat
#   --depends A,B        what .modinfo says; depmod looks at the symbols instead
#   --exports SYMBOL[=CRC]
#                        a symbol that other modules may need, with its version (0x...); may repeat
#   --needs SYMBOL[=CRC] a symbol of another module or of the kernel, makes depmod see a dependency; with the version of it that
#                        the module was built against, which is what `modprobe --dump-modversions` shows; may repeat
#   --firmware FILE      MODULE_FIRMWARE; may repeat
#   --variant V, --note-version V, --note-release V
#                        records 1, 2, 3 of .note.XenServer
#   --build-id HEX       40 hex digits, "none" leaves the note out; by default made of name, kernel, version and notes
#   --salt TEXT          bytes in .text, so that two modules that say the same differ
dmv_small_module() {
    local out=$1 name=$2 kver=$3
    shift 3
    local version='' depends='' variant='' note_version='' note_release='' build_id='' salt='' value text=''
    local -a aliases=() exports=() needs=() firmware=()
    while (($#)); do
        value=${2?"dmv_small_module: $1 needs a value"}
        case $1 in
        --version) version=$value ;;
        --alias) aliases+=("$value") ;;
        --depends) depends=$value ;;
        --exports) exports+=("$value") ;;
        --needs) needs+=("$value") ;;
        --firmware) firmware+=("$value") ;;
        --variant) variant=$value ;;
        --note-version) note_version=$value ;;
        --note-release) note_release=$value ;;
        --build-id) build_id=$value ;;
        --salt) salt=$value ;;
        *)
            echo "dmv_small_module: unknown option $1" >&2
            return 2
            ;;
        esac
        shift 2
    done
    if [[ -z $build_id ]]; then
        build_id=$(printf '%s|' "$name" "$kver" "$version" "$variant" "$note_version" "$note_release" "$salt" | sha1sum)
        build_id=${build_id%% *}
    fi

    text+=$'.section .modinfo,"a",%progbits\n.asciz "license=GPL"\n'
    [[ -z $version ]] || text+=".asciz \"version=$version\""$'\n'
    for value in "${aliases[@]}"; do text+=".asciz \"alias=$value\""$'\n'; done
    for value in "${firmware[@]}"; do text+=".asciz \"firmware=$value\""$'\n'; done
    text+=".asciz \"depends=$depends\""$'\n'".asciz \"name=$name\""$'\n'
    [[ $kver == - ]] || text+=".asciz \"vermagic=$kver SMP preempt mod_unload modversions \""$'\n'
    text+=$'.text\n'".asciz \"$name $version $salt\""$'\n'
    for value in "${needs[@]}"; do text+=".long ${value%=*} - ."$'\n'; done
    text+=$(_dmv_small_versions "${needs[@]}")$'\n'
    if ((${#exports[@]})); then
        text+=$'.section __ksymtab_strings,"a",%progbits\n'
        for value in "${exports[@]}"; do text+="__kstrtab_${value%=*}: .asciz \"${value%=*}\""$'\n'; done
        text+=$'.text\n'
        for value in "${exports[@]}"; do
            text+=".globl ${value%=*}"$'\n'"${value%=*}: .long 0"$'\n'
            [[ $value != *=* ]] || text+=".globl __crc_${value%=*}"$'\n'"__crc_${value%=*} = ${value#*=}"$'\n'
        done
    fi
    if [[ $build_id != none ]]; then
        text+=$'.section .note.gnu.build-id,"a",%note\n.balign 4\n.long 4, '"$((${#build_id} / 2)), 3"$'\n.asciz "GNU"\n'
        local i
        for ((i = 0; i < ${#build_id}; i += 2)); do text+=".byte 0x${build_id:i:2}"$'\n'; done
    fi
    if [[ -n $variant$note_version$note_release ]]; then
        text+=$'.section .note.XenServer,"a",%note\n.balign 4\n'
        local type=0
        for value in "$variant" "$note_version" "$note_release"; do
            type=$((type + 1))
            [[ -z $value ]] || text+=".long 10, $((${#value} + 1)), $type"$'\n.asciz "XenServer"\n.balign 4\n.asciz "'"$value"$'"\n.balign 4\n'
        done
    fi
    text+=$'.section .gnu.linkonce.this_module,"aw",%progbits\n.zero 24\n'".asciz \"$name\""$'\n.zero 64\n'
    text+=$'.section .note.GNU-stack,"",%progbits\n'
    printf '%s' "$text" | "${DMV_AS:-as}" -o "$out" -
}
