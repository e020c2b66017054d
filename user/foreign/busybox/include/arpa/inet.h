/* SPDX-License-Identifier: MIT */
/* There is no network here. */
