/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish(1): how a vendor or a site runs a stream. */
#include "cli/publish/command.h"

int main(int argc, char **argv)
{
    return dmv_publish_main(argc, argv);
}
