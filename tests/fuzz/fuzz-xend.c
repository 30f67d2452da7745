/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs of xend: a configuration of S-expressions, and lists of sockets. */
#include "dmv/outcome.h"
#include "fuzz.h"
#include "model/xend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DmvXendConf c = {.port = 1};
    int r = dmv_xend_conf_parse((const char *)data, size, &c);

    must(r == 0 || r == DMV_MALFORMED);
    must(r == 0 || c.port == 1);
    (void)dmv_tcp_listens((const char *)data, size, DMV_XEND_PORT);
    return 0;
}
