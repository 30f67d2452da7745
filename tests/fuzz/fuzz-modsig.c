/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a module, and certificates: whatever a fuzzer appends, nobody whom we trust has signed it. */
#include "fuzz.h"
#include "trust/modsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *signer = NULL;

    must(dmv_certificates_new(&c) == 0);
    must(dmv_modsig_verify(data, size, c, NULL, &signer, &e) > 0);
    must(e.why && !signer);
    must(dmv_certificates_add(c, data, size, NULL) >= 0);
    return 0;
}
