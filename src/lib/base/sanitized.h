/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is this a build with AddressSanitizer? It maps terabytes of shadow, and its leak checker attaches to the
 * process. */
#ifndef DMV_BASE_SANITIZED_H
#define DMV_BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define DMV_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DMV_SANITIZED 1
#endif
#endif
#ifndef DMV_SANITIZED
#define DMV_SANITIZED 0
#endif

#endif
