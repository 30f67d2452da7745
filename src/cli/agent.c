/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* polkit's agent for a text terminal. See agent.h. */
#include "agent.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define REGISTER_MSEC 5000
/* It puts the terminal back when it is asked to end. */
#define END_MSEC 2000
#define TURN_MSEC 10

static _Noreturn void become_agent(int notify, const sigset_t *mask)
{
    char fd[16];

    (void)snprintf(fd, sizeof(fd), "%d", notify);
    if (sigprocmask(SIG_SETMASK, mask, NULL) == 0 && fcntl(notify, F_SETFD, 0) == 0)
        (void)execlp("pkttyagent", "pkttyagent", "--notify-fd", fd, "--fallback", (char *)NULL);
    _exit(127);
}

pid_t dmv_agent_start(const sigset_t *mask)
{
    DMV_CLEANUP_CLOSE int ours = -1, theirs = -1;
    struct pollfd p = {.events = POLLIN};
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return 0;
    ours = fds[0];
    theirs = fds[1];
    pid = fork();
    if (pid < 0)
        return 0;
    if (pid == 0)
        become_agent(theirs, mask);
    theirs = dmv_close(theirs);
    p.fd = ours;
    /* it closes its end when it is registered, or has ended */
    (void)poll(&p, 1, REGISTER_MSEC);
    return pid;
}

void dmv_agent_stop(pid_t pid)
{
    if (pid <= 0)
        return;
    (void)kill(pid, SIGTERM);
    (void)kill(pid, SIGCONT);
    for (int waited = 0; waitpid(pid, NULL, WNOHANG) == 0; waited += TURN_MSEC) {
        if (waited >= END_MSEC)
            (void)kill(pid, SIGKILL);
        (void)poll(NULL, 0, TURN_MSEC);
    }
}
