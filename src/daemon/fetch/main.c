/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-fetch: started with one connected socket (sd_listen_fds protocol), by systemd or by dmvd. Speaks
 * io.dmv.Fetch and ends with the connection. Not for people.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "confine.h"
#include "worker.h"

int main(void)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *folder = NULL;
    int r;

    r = dmv_fetch_confine(&folder, &e);
    if (r < 0) {
        fprintf(stderr, "dmv-fetch: %s: %s\n", e.what ? e.what : "cannot start",
                e.why ? e.why : strerror(-r));
        return DMV_EXIT_FAILED;
    }
    dmv_crypto_init();
    r = dmv_fetch_worker_run(folder);
    if (r < 0) {
        fprintf(stderr, "dmv-fetch: %s\n",
                r == -ENOTCONN ? "no socket was passed; dmvd or systemd start this program" : strerror(-r));
        return DMV_EXIT_FAILED;
    }
    return DMV_EXIT_OK;
}
