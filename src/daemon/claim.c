/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The claim on a root's state. See claim.h.
 *
 * It is flock(2)'s, so one of a daemon that died is none. Who else stored something is known by three files,
 * of which every change touches one: intent, state of the boot machine, history.
 */
#include "daemon/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/staging.h"
#include "host/fs.h"

/* A daemon for one call waits for the call before it; one that serves others must not make them wait. */
#define WAIT_USEC 3000000
#define POLL_USEC 10000

static const char *const watched[DMV_N_WATCHED] = {DMV_STATE_DIR "/history.jsonl", DMV_STATE_DIR "/boot.json",
                                                   DMV_STATE_DIR "/state.json"};

static void identify(const DmvManager *m, DmvFileMark ret[DMV_N_WATCHED])
{
    for (size_t i = 0; i < DMV_N_WATCHED; i++) {
        struct stat st;

        ret[i] = fstatat(m->roots.fd, watched[i], &st, AT_SYMLINK_NOFOLLOW) == 0
                     ? (DmvFileMark){.inode = st.st_ino,
                                     .size = st.st_size,
                                     .sec = st.st_mtim.tv_sec,
                                     .nsec = st.st_mtim.tv_nsec}
                     : (DmvFileMark){0};
    }
}

void dmv_claim_note(DmvManager *m)
{
    identify(m, m->marks);
}

static bool is_as_noted(const DmvManager *m)
{
    DmvFileMark now[DMV_N_WATCHED];

    identify(m, now);
    for (size_t i = 0; i < DMV_N_WATCHED; i++)
        if (now[i].inode != m->marks[i].inode || now[i].size != m->marks[i].size ||
            now[i].sec != m->marks[i].sec || now[i].nsec != m->marks[i].nsec)
            return false;
    return true;
}

bool dmv_claim_is_behind(const DmvManager *m)
{
    return m->claim < 0 && !m->job && !is_as_noted(m);
}

static int on_turn_over(sd_event_source *source, void *userdata)
{
    (void)source;
    dmv_claim_drop(userdata);
    return 0;
}

void dmv_claim_drop(DmvManager *m)
{
    if (m->claim < 0 || m->job)
        return;
    m->claim_end = sd_event_source_disable_unref(m->claim_end);
    dmv_claim_note(m);
    m->claim = dmv_close(m->claim);
}

/* Return: 0; -EWOULDBLOCK; another negative errno. */
static int lock(int fd, uint64_t patience)
{
    for (uint64_t waited = 0;; waited += POLL_USEC) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || waited >= patience)
            return -errno;
        (void)usleep(POLL_USEC);
    }
}

static int take(DmvManager *m, uint64_t patience, DmvError *reterr)
{
    int r;

    if (m->claim >= 0)
        return 0;
    r = dmv_fs_mkdirs(m->roots.fd, DMV_STATE_DIR, 0700);
    if (r == 0) /* no filesystem with a file that is open for writing can become read-only */
        r = m->claim =
            dmv_fs_open(m->roots.fd, DMV_CLAIM_PATH, O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (r == -EROFS)
        return 0; /* nobody stores anything there */
    if (r >= 0)
        r = lock(m->claim, patience);
    if (r == 0)
        r = sd_event_add_defer(m->event, &m->claim_end, on_turn_over, m);
    if (r >= 0)
        return is_as_noted(m) ? 0 : dmv_manager_reload(m);
    m->claim = dmv_close(m->claim);
    if (r == -EWOULDBLOCK)
        return dmv_error_set(reterr, DMV_BUSY, NULL, "try again when it is done",
                             "another dmvd is changing something on this root");
    return dmv_error_set(reterr, r, NULL, NULL, "%s: %s", DMV_CLAIM_PATH, strerror(-r));
}

int dmv_claim_lock(DmvManager *m, DmvError *reterr)
{
    return take(m, m->transient ? WAIT_USEC : 0, reterr);
}

int dmv_claim_try(DmvManager *m)
{
    return take(m, 0, NULL);
}

/* The daemon before may have died in the middle of a change. */
static void recovered(DmvManager *m)
{
    if (dmv_manager_look(m) < 0)
        dmv_log(LOG_ERR, "the host cannot be looked at after a transaction was undone");
    else if (!m->state_problem)
        dmv_staging_settle(m);
}

int dmv_claim_take(DmvManager *m, DmvError *reterr)
{
    bool had = m->claim >= 0;
    int r = dmv_claim_lock(m, reterr);

    if (r == 0 && m->state_problem)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, "dmvctl doctor", "%s", m->state_problem);
    if (r != 0 || had)
        return r;
    if (!dmv_job_recovery_is_due(m)) {
        if (m->before.set) /* of a daemon that has died */
            dmv_staging_settle(m);
        return 0;
    }
    r = dmv_job_recover(m, recovered);
    return r < 0 ? r
                 : dmv_error_set(reterr, DMV_BUSY, NULL, "try again",
                                 "a transaction that was interrupted is undone first");
}
