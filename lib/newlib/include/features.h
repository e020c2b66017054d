/* SPDX-License-Identifier: MIT */
/* The name by which programs for other C libraries ask for newlib's own header. */
#include <sys/features.h>
