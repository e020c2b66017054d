/* SPDX-License-Identifier: MIT */
/* Included before each file of a fuzzed service: its variables come into sections of their own, which a crash wipes. */
#pragma clang section bss = "server_bss" data = "server_data"
