/* SPDX-License-Identifier: MIT */
/*
 * Input: from the line into the region, and from the region to readers that wait.
 *
 * Rule: a byte taken from the UART is gone from it, so it is written, with its number, into page 0 of the outbox before anything
 * is done with it. A rollback leaves it there; recovery takes from there what the region has not counted yet. (Between the
 * port's answer and that write lie three instructions; only a death right there loses a byte.)
 */
#ifndef SERVERS_CONSOLE_INPUT_H
#define SERVERS_CONSOLE_INPUT_H

/* Take all bytes that have come and that there is room for. */
void input_drain(void);

/* Take the bytes that a dead incarnation had taken and not committed. */
void input_recover(void);

/* Answer deferred READs with what is ready. */
void input_serve_readers(void);

/* A READ has made room: let the UART interrupt again if it was stopped. */
void input_resume(void);

#endif
