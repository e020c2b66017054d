/* SPDX-License-Identifier: MIT */
/* There is one file system, and no table of mounted ones. */
