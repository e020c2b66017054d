# SPDX-License-Identifier: MIT
"""Running Perdure in QEMU and injecting faults into it.

The system under test is the shipped binary, unmodified: everything here is on the host's side, and the part inside
QEMU is a plugin (faultinject/plugin). Flow of a campaign, file by file:

    campaign  -> machine (QEMU's command line)  -> plugin mode "golden" -> records (timeline, outcome)
              -> plan (faults sampled from the timeline, models)        -> plugin mode "fork"
              -> records (one a fault) -> finding (oracle: replies, disk; classify) -> schema, store -> summary -> table
"""
