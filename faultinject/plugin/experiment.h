/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modes "fork" and "single". The fork server runs the golden path once and forks at each point of the plan; the child
 * injects and runs to its outcome. "single" runs one experiment of the plan without forking, in a process of its own;
 * its record is identical.
 */
#ifndef FAULTINJECT_EXPERIMENT_H
#define FAULTINJECT_EXPERIMENT_H

#include "stops.h"

struct experiment_options {
    unsigned jobs;        /* children at a time, at least 1 */
    bool single;          /* the plan's first experiment, here */
    bool warm;
    bool early_end; /* of experiments whose state is the golden run's; needs warm */            /* warm up before the first fork */
    int64_t limit_ns;     /* virtual time at which a run is ended; after the verdict of the golden run */
    unsigned wall_ms;     /* a run that takes longer is given up as an error of the tool */
};

extern const struct stop_handlers experiment_handlers;
void experiment_configure(const struct experiment_options *options);

#endif
