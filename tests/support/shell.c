/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shell lines and the hostile web server. */
#include "shell.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

char *shell_text(const char *format, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, format);
    assert_true(vasprintf(&s, format, ap) >= 0);
    va_end(ap);
    return s;
}

int shell(const char *format, ...)
{
    DMV_CLEANUP_FREE char *line = NULL;
    va_list ap;
    int r;

    va_start(ap, format);
    assert_true(vasprintf(&line, format, ap) >= 0);
    va_end(ap);
    r = system(line);
    return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

static void serve(Webserver *s, const char *dir, const char *address_or_certificate, const char *key)
{
    DMV_CLEANUP_FREE char *script = NULL;
    DMV_CLEANUP_FREE char *root = shell_text("%s/repo", dir);
    int in[2], out[2];
    char line[16] = "";
    FILE *from;

    assert_non_null(getenv("DMV_SOURCE"));
    script = shell_text("%s/tests/support/hostile-http.py", getenv("DMV_SOURCE"));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", script, root, address_or_certificate, key, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    from = fdopen(out[0], "r");
    assert_non_null(from);
    assert_non_null(fgets(line, sizeof(line), from));
    fclose(from);
    s->hold = in[1];
    s->port = atoi(line);
    assert_true(s->port > 0);
}

void webserver_start(Webserver *s, const char *dir, int https)
{
    DMV_CLEANUP_FREE char *cert = shell_text("%s/tls.pem", dir);
    DMV_CLEANUP_FREE char *key = shell_text("%s/tls.key", dir);

    serve(s, dir, https ? cert : NULL, key);
}

void webserver_start_at(Webserver *s, const char *dir, const char *address)
{
    serve(s, dir, address, NULL);
}

void webserver_stop(Webserver *s)
{
    int status;

    if (s->pid <= 0)
        return;
    close(s->hold);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
}
