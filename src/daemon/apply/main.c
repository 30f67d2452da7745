/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-apply: the only process of dmv that changes module trees and the store. Started by dmvd with a socket.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/apply/applier.h"
#include "daemon/apply/confine.h"
#include "dmv/outcome.h"

static const char *arg_root, *arg_sysfs, *arg_procfs;

static int parse_arguments(int argc, char *argv[])
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"sysfs", required_argument, NULL, 's'},
        {"procfs", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (c) {
        case 'r':
            arg_root = optarg;
            break;
        case 's':
            arg_sysfs = optarg;
            break;
        case 'p':
            arg_procfs = optarg;
            break;
        default:
            return -EINVAL;
        }
    return optind == argc ? 0 : -EINVAL;
}

/* A signal ends the loop between two calls, never within a change. */
static int watch_signals(sd_event *event)
{
    sigset_t set;
    int r;

    if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
        sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
    return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

static int serve(sd_event *event, const DmvRoots *roots)
{
    __attribute__((cleanup(dmv_cleanup_applier))) DmvApplier *w = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_applier_new(event, roots, &w);

    if (r == 0)
        r = dmv_applier_start(w);
    if (r == 0)
        r = dmv_confine(roots);
    if (r < 0)
        return r;
    r = sd_event_loop(event);
    if (dmv_applier_finish(w, &e) != 0) {
        (void)fprintf(stderr, "dmv-apply: %s: %s\n", e.what ? e.what : "undo failed", e.why ? e.why : "");
        return -EIO;
    }
    return r;
}

static int run(void)
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots roots = {.fd = -1};
    __attribute__((cleanup(sd_event_unrefp))) sd_event *event = NULL;
    int r = dmv_roots_init(&roots, arg_root, arg_sysfs, arg_procfs);

    if (r == 0)
        r = sd_event_new(&event);
    if (r >= 0)
        r = watch_signals(event);
    return r < 0 ? r : serve(event, &roots);
}

int main(int argc, char *argv[])
{
    int r;

    dmv_crypto_init();
    if (parse_arguments(argc, argv) < 0) {
        (void)fprintf(stderr, "usage: dmv-apply [--root DIR] [--sysfs DIR] [--procfs DIR], with a socket as "
                              "sd_listen_fds(3) says\n");
        return DMV_EXIT_USAGE;
    }
    r = run();
    if (r < 0)
        (void)fprintf(stderr, "dmv-apply: %s\n", strerror(-r));
    return r < 0 ? DMV_EXIT_FAILED : DMV_EXIT_OK;
}
