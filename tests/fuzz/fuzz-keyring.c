/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of package keys is taken or refused with a reason, whatever stands in it, and twice the same way.
 * What does not begin like an armour is put into one, for no fuzzer finds a checksum by chance.
 */
#include <rpm/rpmpgp.h>
#include <string.h>

#include "fuzz.h"
#include "trust/package/rpm.h"

/* 2026: before the end of some of the corpus, after that of others */
#define NOW 1780000000

DMV_DEFINE_CLEANUP(DmvPackageKeys *, cleanup_keyring, dmv_package_keys_free);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(cleanup_keyring) DmvPackageKeys *k = NULL;
    DMV_CLEANUP_FREE char *armour = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *text = (const char *)data;
    int r;

    if (size > 0 && data[0] != '-') {
        text = armour = pgpArmorWrap(PGPARMOR_PUBKEY, data, size);
        must(text != NULL);
        size = strlen(text);
    }
    must(dmv_package_keys_new(&k) == 0);
    r = dmv_package_keys_add(k, text, size, NOW, &e);
    must(r == 0 || (r == DMV_RPM_BAD_KEY_FILE && e.why && e.next));
    must(dmv_package_keys_add(k, text, size, NOW, NULL) == r);
    return 0;
}
