/* SPDX-License-Identifier: MIT */
/* There is no network here: names of hosts are not looked up. */
