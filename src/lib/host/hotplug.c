/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that is plugged in, unplugged, bound or unbound: udev's monitor on the daemon's loop. The daemon
 * then observes anew; what the event itself says is only used to name the device in the journal.
 */
#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "host/observe.h"

struct DmvHotplug {
    struct udev *udev;
    struct udev_monitor *monitor;
    sd_event_source *source;
    void (*cb)(const char *action, const char *slot, void *userdata);
    void *userdata;
};

DMV_DEFINE_CLEANUP(DmvHotplug *, cleanup_hotplug, dmv_hotplug_free);

static int on_event(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    DmvHotplug *h = userdata;

    (void)source;
    (void)fd;
    (void)events;
    for (;;) {
        struct udev_device *d = udev_monitor_receive_device(h->monitor);
        const char *action, *slot;

        if (!d) /* nothing more, or a message that was not udev's */
            return 0;
        action = udev_device_get_action(d);
        slot = udev_device_get_sysname(d);
        if (action && slot)
            h->cb(action, slot, h->userdata);
        (void)udev_device_unref(d);
    }
}

int dmv_hotplug_new(struct sd_event *event, void (*cb)(const char *action, const char *slot, void *userdata),
                    void *userdata, DmvHotplug **ret)
{
    DMV_CLEANUP(cleanup_hotplug) DmvHotplug *h = calloc(1, sizeof(*h));
    int r;

    if (!h)
        return -ENOMEM;
    h->cb = cb;
    h->userdata = userdata;
    h->udev = udev_new();
    h->monitor = h->udev ? udev_monitor_new_from_netlink(h->udev, "udev") : NULL;
    if (!h->monitor)
        return errno > 0 ? -errno : -ENOMEM;
    r = udev_monitor_filter_add_match_subsystem_devtype(h->monitor, "pci", NULL);
    if (r >= 0)
        r = udev_monitor_enable_receiving(h->monitor);
    if (r >= 0)
        r = sd_event_add_io(event, &h->source, udev_monitor_get_fd(h->monitor), EPOLLIN, on_event, h);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(h->source, "pci-hotplug");
    *ret = DMV_TAKE_PTR(h);
    return 0;
}

DmvHotplug *dmv_hotplug_free(DmvHotplug *h)
{
    if (!h)
        return NULL;
    (void)sd_event_source_disable_unref(h->source);
    if (h->monitor)
        (void)udev_monitor_unref(h->monitor);
    if (h->udev)
        (void)udev_unref(h->udev);
    free(h);
    return NULL;
}
