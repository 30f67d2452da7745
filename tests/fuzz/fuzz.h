/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fuzz target: with libFuzzer it runs on what the fuzzer thinks of, with replay.c on the files of its
 * corpus. It calls abort() where something does not hold; everything else is for the sanitizers.
 */
#ifndef DMV_TESTS_FUZZ_H
#define DMV_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int holds)
{
    if (!holds)
        abort();
}

#endif
