/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls on one connection of our server, pipelined and one by one, next to a process that only sends the same
 * bytes back: what the socket and the scheduler cost is in both, so the ratio is what Varlink costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/benchkit.h"
#include "base/cleanup.h"
#include "varlink/varlink.h"

#define PIPELINED 300000u
#define ONE_BY_ONE 30000u
#define ROUNDS 3

static const char call_text[] =
    "{\"method\":\"org.example.probe.Echo\",\"parameters\":{\"text\":\"0000:3b:00.0\",\"number\":7}}";

static void give_up(const char *what, int r)
{
    (void)fprintf(stderr, "bench-varlink: %s: %s\n", what, strerror(r < 0 ? -r : errno));
    exit(1);
}

static int on_echo(VlCall *c, json_object *params, void *userdata)
{
    (void)userdata;
    return vl_call_reply(c, json_object_get(params));
}

static void leave(unsigned n, void *userdata)
{
    if (n == 0)
        (void)sd_event_exit(userdata, 0);
}

static int serve(int fd)
{
    sd_event *event = NULL;
    VlServer *server = NULL;
    int r;

    r = sd_event_new(&event);
    if (r >= 0)
        r = vl_server_new(event, NULL, &server);
    if (r >= 0)
        r = vl_server_add_interface(
            server, "interface org.example.probe\n"
                    "method Echo(text: string, number: int) -> (text: string, number: int)\n");
    if (r >= 0)
        r = vl_server_bind(server, "org.example.probe.Echo", on_echo, 0, NULL);
    if (r >= 0)
        r = vl_server_add_connection(server, fd);
    if (r < 0)
        return 1;
    vl_server_on_connections(server, leave, event);
    r = sd_event_loop(event);
    vl_server_free(server);
    sd_event_unref(event);
    return r < 0;
}

static int echo(int fd)
{
    static char buffer[65536];

    for (;;) {
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n <= 0)
            return n < 0;
        for (ssize_t sent = 0; sent < n;) {
            ssize_t m = write(fd, buffer + sent, (size_t)(n - sent));

            if (m < 0)
                return 1;
            sent += m;
        }
    }
}

/* Reads what is there. Return: how many messages ended in it. */
static unsigned count_messages(int fd)
{
    static char buffer[65536];
    ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    unsigned messages = 0;

    if (n == 0 || (n < 0 && errno != EAGAIN))
        give_up("recv", -ECONNRESET);
    for (const char *p = buffer; n > 0 && (p = memchr(p, '\0', (size_t)(buffer + n - p))); p++)
        messages++;
    return messages;
}

/* Sends and receives as fast as both go. */
static void run_pipelined(int fd)
{
    static char batch[sizeof(call_text) * 500];
    size_t to_send = PIPELINED * sizeof(call_text), sent = 0;
    unsigned received = 0;

    for (unsigned i = 0; i < 500; i++)
        memcpy(batch + i * sizeof(call_text), call_text, sizeof(call_text));
    while (received < PIPELINED) {
        struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < to_send ? POLLOUT : 0))};

        if (poll(&p, 1, -1) < 0)
            give_up("poll", 0);
        if (p.revents & POLLOUT) {
            size_t at = sent % sizeof(batch), n = sizeof(batch) - at;
            ssize_t m =
                send(fd, batch + at, n < to_send - sent ? n : to_send - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

            if (m < 0 && errno != EAGAIN)
                give_up("send", 0);
            sent += m > 0 ? (size_t)m : 0;
        }
        if (p.revents & ~POLLOUT)
            received += count_messages(fd);
    }
}

static void run_one_by_one(int fd)
{
    for (unsigned i = 0; i < ONE_BY_ONE; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (send(fd, call_text, sizeof(call_text), MSG_NOSIGNAL) < 0 || poll(&p, 1, -1) < 0)
            give_up("send", 0);
        while (count_messages(fd) == 0)
            if (poll(&p, 1, -1) < 0)
                give_up("poll", 0);
    }
}

/* Calls per second with a process of that kind at the other end. */
static double measure(int (*other)(int), void (*run)(int), unsigned n)
{
    DMV_CLEANUP_CLOSE int mine = -1;
    int pair[2], status;
    double began, seconds;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        give_up("socketpair", 0);
    pid = fork();
    if (pid < 0)
        give_up("fork", 0);
    if (pid == 0) {
        close(pair[1]);
        _exit(other(pair[0]));
    }
    close(pair[0]);
    mine = pair[1];
    began = bench_now();
    run(mine);
    seconds = bench_now() - began;
    mine = dmv_close(mine);
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        give_up("the other process", -ECHILD);
    return n / seconds;
}

/* What json-c alone needs to read and write the same messages, in messages per second. */
static double measure_json(unsigned n)
{
    double began = bench_now();

    for (unsigned i = 0; i < n; i++) {
        json_tokener *t = json_tokener_new();
        json_object *o = json_tokener_parse_ex(t, call_text, sizeof(call_text));

        if (!o || !json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN))
            give_up("json-c", -EINVAL);
        json_object_put(o);
        json_tokener_free(t);
    }
    return n / (bench_now() - began);
}

static void print_json(double calls)
{
    double json = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double a = measure_json(PIPELINED);

        json = a > json ? a : json;
    }
    (void)printf(
        "varlink against json-c: %.0f calls/s, json-c alone reads and writes %.0f messages/s, ratio %.2f\n",
        calls, json, calls / json);
}

/* Return: our calls per second. */
static double print_figure(const char *name, void (*run)(int), unsigned n)
{
    double ours = 0, plain = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double a = measure(serve, run, n), b = measure(echo, run, n);

        ours = a > ours ? a : ours;
        plain = b > plain ? b : plain;
    }
    (void)printf("varlink %s: %.0f calls/s, echo of the same bytes %.0f/s, ratio %.2f\n", name, ours, plain,
                 ours / plain);
    return ours;
}

int main(void)
{
    double pipelined = print_figure("pipelined", run_pipelined, PIPELINED);

    (void)print_figure("round trips", run_one_by_one, ONE_BY_ONE);
    print_json(pipelined);
    return 0;
}
