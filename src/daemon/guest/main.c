/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-guest: asks one channel of a Xen host about its guests, or stops guests by libvirt. Started with one
 * connected socket (sd_listen_fds protocol), by systemd or by dmvd. Speaks io.dmv.Guest and ends with the
 * connection. Not for people.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/guest/confine.h"
#include "daemon/guest/worker.h"

static const char *arg_root;
static DmvGuestOptions arg_options;

static int parse_arguments(int argc, char *argv[])
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"libvirt", required_argument, NULL, 'l'},
        {"xenstore", required_argument, NULL, 'x'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    uint64_t seconds = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (c) {
        case 'r':
            arg_root = optarg;
            break;
        case 'l':
            arg_options.libvirt = optarg;
            break;
        case 'x':
            arg_options.xenstore = optarg;
            break;
        case 't':
            if (dmv_parse_u64(optarg, DMV_GUEST_STOP_SECONDS_MAX, &seconds) < 0)
                return -EINVAL;
            arg_options.seconds = (unsigned)seconds;
            break;
        default:
            return -EINVAL;
        }
    return optind == argc ? 0 : -EINVAL;
}

static int run(void)
{
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots roots = {.fd = -1};
    __attribute__((cleanup(sd_event_unrefp))) sd_event *event = NULL;
    __attribute__((cleanup(dmv_cleanup_guest_worker))) DmvGuestWorker *w = NULL;
    int r = dmv_roots_init(&roots, arg_root, NULL, NULL);

    if (r == 0)
        r = sd_event_new(&event);
    if (r >= 0)
        r = dmv_guest_worker_new(event, &roots, &arg_options, &w);
    if (r == 0)
        r = dmv_guest_confine();
    return r < 0 ? r : sd_event_loop(event);
}

int main(int argc, char *argv[])
{
    int r;

    if (parse_arguments(argc, argv) < 0) {
        (void)fprintf(stderr, "usage: dmv-guest [--root DIR] [--libvirt URI] [--xenstore SOCKET] "
                              "[--timeout SECONDS], with a socket as sd_listen_fds(3) says\n");
        return DMV_EXIT_USAGE;
    }
    r = run();
    if (r < 0)
        (void)fprintf(stderr, "dmv-guest: %s\n",
                      r == -ENOTCONN ? "no socket was passed; dmvd or systemd start this program"
                                     : strerror(-r));
    return r < 0 ? DMV_EXIT_FAILED : DMV_EXIT_OK;
}
