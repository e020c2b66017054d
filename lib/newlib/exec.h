/* SPDX-License-Identifier: MIT */
/* Where an exec carries out its last steps; the program that begins after one takes it away. */
#ifndef NEWLIB_EXEC_H
#define NEWLIB_EXEC_H

#define EXEC_WINDOW 0x6f000000ul
#define EXEC_WINDOW_PAGES 5 /* the code, and the list */

#endif
