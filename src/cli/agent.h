/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* polkit's agent for a text terminal: who asks for the password where no desktop does. */
#ifndef DMV_CLI_AGENT_H
#define DMV_CLI_AGENT_H

#include <signal.h>
#include <sys/types.h>

/**
 * dmv_agent_start() - have pkttyagent(1) ask at this terminal, for this process
 * @mask: signals that the agent has blocked
 *
 * Returns when the agent is registered, or 5 seconds later. An agent of the session goes first. Without
 * polkit's programs there is none, and the call that needs it says so.
 *
 * Return: its process, for dmv_agent_stop(); 0: there is none.
 */
pid_t dmv_agent_start(const sigset_t *mask);
/* Ends it. 0 is fine. */
void dmv_agent_stop(pid_t pid);

#endif
