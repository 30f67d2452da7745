/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmvd: arguments, signals, the loop. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/hash.h"
#include "config.h"
#include "daemon/log.h"
#include "daemon/manager.h"

static const char *arg_root, *arg_sysfs, *arg_procfs, *arg_listen;

static const char help[] = "dmvd [OPTION...]\n"
                           "\n"
                           "Driver multi-versioning daemon. A service manager or dmvctl passes its socket\n"
                           "(sd_listen_fds(3)), or it makes one.\n"
                           "\n"
                           "  --root DIR    everything is below this folder\n"
                           "  --sysfs DIR   hardware and loaded modules are read from here\n"
                           "  --procfs DIR  the kernel's state is read from here\n"
                           "  --listen PATH make this socket and listen on it\n"
                           "  --help        this text\n"
                           "  --version     the version\n";

/* Return: 0 to go on, 1 when done, -EINVAL. */
static int parse_arguments(int argc, char *argv[])
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"sysfs", required_argument, NULL, 's'},
        {"procfs", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"listen", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;) {
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
        case 'l':
            arg_listen = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return 1;
        case 'v':
            (void)puts("dmvd " DMV_VERSION);
            return 1;
        default:
            return -EINVAL;
        }
    }
    return optind == argc ? 0 : -EINVAL;
}

/* One connected socket was passed, and not a listening one: dmvctl wants one conversation. */
static bool is_transient(void)
{
    int listening = 1;
    socklen_t size = sizeof(listening);

    if (getsockopt(SD_LISTEN_FDS_START, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
        return false;
    return !listening;
}

static int block_signals(void)
{
    sigset_t set;

    if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
        sigaddset(&set, SIGCHLD) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
    (void)source;
    (void)si;
    dmv_manager_stop(userdata);
    return 0;
}

static int run(void)
{
    __attribute__((cleanup(sd_event_unrefp))) sd_event *event = NULL;
    DMV_CLEANUP(dmv_cleanup_manager) DmvManager *m = NULL;
    DmvRoots roots = {.fd = -1};
    int r = dmv_roots_init(&roots, arg_root, arg_sysfs, arg_procfs);

    if (r < 0) {
        dmv_log(LOG_ERR, "the root %s cannot be used: %s", arg_root ? arg_root : "/", strerror(-r));
        return r;
    }
    r = sd_event_default(&event);
    if (r >= 0)
        r = dmv_manager_new(event, &roots, !arg_listen && is_transient(), arg_listen, &m);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, m);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, on_signal, m);
    if (r >= 0)
        r = sd_event_set_watchdog(event, true);
    if (r >= 0)
        r = dmv_manager_start(m);
    dmv_roots_deinit(&roots);
    if (r < 0)
        return r;
    (void)sd_notify(0, "READY=1\nSTATUS=Watching the drivers of this host");
    r = sd_event_loop(event);
    (void)sd_notify(0, "STOPPING=1");
    return r;
}

int main(int argc, char *argv[])
{
    int r = parse_arguments(argc, argv);

    if (r != 0)
        return r < 0 ? DMV_EXIT_USAGE : DMV_EXIT_OK;
    (void)umask(022);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    dmv_crypto_init();
    dmv_log_init(!arg_listen && is_transient());
    r = block_signals();
    if (r == 0)
        r = run();
    if (r < 0)
        dmv_log(LOG_ERR, "stopped: %s", strerror(-r));
    return r < 0 ? DMV_EXIT_FAILED : DMV_EXIT_OK;
}
