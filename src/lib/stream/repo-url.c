/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which URLs a repository may have. curl knows two dozen schemes; three are what a stream needs, and
 * everything that could mean something else to the next parser (credentials, queries, fragments, control
 * characters) is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo-internal.h"

#define URL_MAX 2048

static int refuse(DmvError *reterr, const char *url, const char *why)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(url);

    dmv_error_set(reterr, DMV_STREAM_BAD_URL, NULL,
                  "write it as https://HOST/PATH, http://HOST/PATH or file:///PATH", "%s", why);
    dmv_error_set_what(reterr, "the URL %s cannot be used", clean ? clean : "?");
    return DMV_STREAM_BAD_URL;
}

/* What comes after "scheme://" of the schemes with a host, or NULL. */
static const char *host_of(const char *url)
{
    if (dmv_starts_with(url, "https://"))
        return url + strlen("https://");
    if (dmv_starts_with(url, "http://"))
        return url + strlen("http://");
    return NULL;
}

int dmv_repo_check_url(const char *url, DmvError *reterr)
{
    const char *host = host_of(url);
    size_t n = strlen(url);

    if (n > URL_MAX)
        return refuse(reterr, url, "it is too long");
    for (size_t i = 0; i < n; i++)
        if (url[i] <= ' ' || url[i] >= 0x7f || strchr("\\\"<>`{}|^#?$", url[i]))
            return refuse(reterr, url, "it holds a character that has no place there");
    if (dmv_starts_with(url, "file://"))
        return url[strlen("file://")] == '/'
                   ? 0
                   : refuse(reterr, url, "the path of a file URL has to be absolute");
    if (!host)
        return refuse(reterr, url, "only https, http and file are known");
    if (host[0] == '\0' || host[0] == '/' || host[0] == ':')
        return refuse(reterr, url, "it names no host");
    if (memchr(host, '@', strcspn(host, "/")))
        return refuse(reterr, url, "credentials do not belong into a URL");
    return 0;
}

bool dmv_repo_href_is_valid(const char *href)
{
    return dmv_relative_path_is_valid(href) && !strpbrk(href, "%?#:\"<>`{}|$ ");
}

static int unreadable(DmvError *reterr, const char *path, int error)
{
    if (error == EACCES || error == EPERM)
        return dmv_error_set(reterr, DMV_STREAM_UNREACHABLE, NULL,
                             "make the folder and everything in it readable for everybody",
                             "%s: the unprivileged user %u, who reads streams, may not read it", path,
                             (unsigned)geteuid());
    return dmv_error_set(reterr, DMV_STREAM_UNREACHABLE, NULL, NULL, "%s: %s", path, strerror(error));
}

int dmv_repo_check_local(const char *url, const char *relative, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText path = {0};
    struct stat st;
    char *base;

    if (!dmv_starts_with(url, "file://"))
        return 0;
    base = g_filename_from_uri(url, NULL, NULL);
    if (!base)
        return refuse(reterr, url, "its path is not encoded well");
    dmv_text_appendf(&path, "%s/%s", base, relative);
    g_free(base);
    if (path.error)
        return path.error;
    if (stat(path.data, &st) < 0)
        return unreadable(reterr, path.data, errno);
    if (!S_ISREG(st.st_mode))
        return dmv_error_set(reterr, DMV_STREAM_UNREACHABLE, NULL, NULL, "%s is not a regular file",
                             path.data);
    if (access(path.data, R_OK) < 0)
        return unreadable(reterr, path.data, errno);
    return 0;
}
