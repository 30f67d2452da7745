# SPDX-License-Identifier: LGPL-2.1-or-later
# Initrd images of a scratch host, and a small tool in the place of mkinitramfs that makes them: quick, and it may do what a test
# wants. To be sourced after lib.sh and golden_host; golden/initrd-step has the real tools.

# image OUT KVER MODULE: an image as initramfs-tools makes it, with that e1000e in it.
image() {
    local folder=$scratch/image
    mkdir -p "$folder/scripts" "$folder/usr/lib/modules/$2/kernel"
    echo functions >"$folder/scripts/functions"
    cp "$3" "$folder/usr/lib/modules/$2/kernel/e1000e.ko"
    (cd "$folder" && find . | LC_ALL=C sort | cpio --quiet -o -H newc | gzip -n) >"$1"
    rm -r "$folder"
}

# image_tool [BODY]: the tool, after golden_stream. It takes what was made for the file that the kernel's link leads to
# (/images/KVER/RELEASE, or own); BODY is run instead of the last step, which writes $image to $2. It has cat and nothing else.
image_tool() {
    local program library release kver
    mkdir -p "$root/bin" "$root/usr/sbin" "$root/images"
    for program in /bin/sh /bin/cat; do
        cp -L "$program" "$root/bin/"
        for library in $(ldd "$program" | grep -o '/[^ )]*[.]so[^ )]*'); do
            mkdir -p "$root$(dirname "$library")"
            [[ -e $root$library ]] || cp -L "$library" "$root$library"
        done
    done
    for kver in "$K1" "$K2"; do
        mkdir "$root/images/$kver" 2>/dev/null || continue # they are there
        image "$root/images/$kver/own" "$kver" "$root/usr/lib/modules/$kver/kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko"
        for release in generic-3.8.7 alt-4.0.0; do
            image "$root/images/$kver/$release" "$kver" "$scratch/modules/$kver/$release/e1000e.ko"
        done
    done
    cat >"$root/usr/sbin/mkinitramfs" <<SCRIPT
#!/bin/sh
image=/images/\$3/own
for tree in updates override; do
    for release in generic-3.8.7 alt-4.0.0; do
        file=/usr/lib/dmv/store/\$3/intel-e1000e/\${release%-*}/\${release#*-}/e1000e.ko
        [ /lib/modules/\$3/\$tree/e1000e.ko -ef \$file ] && image=/images/\$3/\$release
    done
done
${1:-cat \"\$image\" >\"\$2\"}
SCRIPT
    chmod 755 "$root/usr/sbin/mkinitramfs"
}
