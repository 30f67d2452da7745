/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hotplug, in namespaces of its own: there nobody else hears what is sent, and no udevd of this machine is
 * needed. What udevd would send to libudev's monitors is sent here in the same form (struct
 * monitor_netlink_header of systemd).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/observe.h"

#define UDEV_GROUP 2
#define SLOT "0000:00:1f.7"

typedef struct Header {
    char prefix[8];
    uint32_t magic, header_size, properties_off, properties_len;
    uint32_t subsystem_hash, devtype_hash, tag_bloom_hi, tag_bloom_lo;
} Header;

/* MurmurHash2 by Austin Appleby (public domain), seed 0: what the monitor's filter compares. */
static uint32_t murmur2(const char *s)
{
    const uint32_t m = 0x5bd1e995;
    size_t n = strlen(s);
    uint32_t h = (uint32_t)n;

    for (; n >= 4; n -= 4, s += 4) {
        uint32_t k;

        memcpy(&k, s, 4);
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    for (size_t i = n; i-- > 0;)
        h ^= (uint32_t)(unsigned char)s[i] << (8 * i);
    if (n > 0)
        h *= m;
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

static void write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(10);
    (void)close(fd);
}

/* A network and a /run of our own, the latter with the sign by which libudev knows that udevd is there. */
static void enter_namespaces(void)
{
    if (geteuid() != 0) {
        char users[64], groups[64];

        (void)snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
        (void)snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(11);
        write_to("/proc/self/setgroups", "deny");
        write_to("/proc/self/uid_map", users);
        write_to("/proc/self/gid_map", groups);
    }
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/udev", 0755) < 0)
        _exit(12);
    write_to("/run/udev/control", "");
}

static void send_event(int fd, const char *action, const char *subsystem)
{
    struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_groups = UDEV_GROUP};
    char properties[512];
    int n = snprintf(properties, sizeof(properties),
                     "ACTION=%s%cDEVPATH=/devices/pci0000:00/" SLOT "%cSUBSYSTEM=%s%cSEQNUM=1%c", action, 0,
                     0, subsystem, 0, 0);
    Header header = {
        .prefix = "libudev",
        .magic = htonl(0xfeedcafe),
        .header_size = sizeof(header),
        .properties_off = sizeof(header),
        .properties_len = (uint32_t)n,
        .subsystem_hash = htonl(murmur2(subsystem)),
    };
    struct iovec iov[] = {{&header, sizeof(header)}, {properties, (size_t)n}};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2};

    if (sendmsg(fd, &message, 0) < 0)
        _exit(13);
}

static char heard[256];

static void on_hotplug(const char *action, const char *slot, void *userdata)
{
    size_t n = strlen(heard);

    (void)snprintf(heard + n, sizeof(heard) - n, "%s %s %s;", (const char *)userdata, action, slot);
}

static void child(void)
{
    sd_event *event = NULL;
    DmvHotplug *h = NULL;
    int fd;

    enter_namespaces();
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (fd < 0 || sd_event_new(&event) < 0 || dmv_hotplug_new(event, on_hotplug, (char *)"pci", &h) < 0)
        _exit(14);
    send_event(fd, "add", "pci");
    send_event(fd, "add", "usb"); /* not ours */
    send_event(fd, "bind", "pci");
    send_event(fd, "remove", "pci");
    while (sd_event_run(event, 0) > 0)
        continue;
    if (strcmp(heard, "pci add " SLOT ";pci bind " SLOT ";pci remove " SLOT ";") != 0) {
        (void)fprintf(stderr, "heard: %s\n", heard);
        _exit(15);
    }
    h = dmv_hotplug_free(h);
    send_event(fd, "add", "pci");
    if (h || sd_event_run(event, 0) != 0)
        _exit(16);
    (void)sd_event_unref(event);
    (void)close(fd);
    _exit(0);
}

static void test_events(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        child();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* On this machine as it is, with or without udevd. */
static void test_made_and_gone(void **state)
{
    sd_event *event = NULL;
    DmvHotplug *h = NULL;

    (void)state;
    assert_true(sd_event_new(&event) >= 0);
    assert_int_equal(dmv_hotplug_new(event, on_hotplug, NULL, &h), 0);
    assert_non_null(h);
    assert_null(dmv_hotplug_free(h));
    assert_null(dmv_hotplug_free(NULL));
    (void)sd_event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_made_and_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
