/* SPDX-License-Identifier: MIT */
/*
 * Input: from the line into the region, and from the region to readers that wait.
 *
 * Rule: a byte taken from the UART is gone from it, so it must not be lost with the transaction that took
 * it. It goes, with its number, into a journal in the outbox before anything is done with it; a rollback
 * leaves it there, and recovery takes from there what the region has not counted yet. Even between the
 * port's answer and the journal it is not lost: the kernel leaves it in the message page, and the outbox
 * says which byte was being taken.
 */
#ifndef SERVERS_CONSOLE_INPUT_H
#define SERVERS_CONSOLE_INPUT_H

/* Take all bytes that have come and that there is room for. */
void input_drain(void);

/* After a crash, before the message page is used: put the byte that was being taken into the journal. */
void input_recover_taking(void);

/* Take the bytes that a dead incarnation had taken and not committed. */
void input_recover(void);

/* Ctrl-C was typed: tell the process service, and end the READs that wait. It may be told twice of one if the console dies. */
void input_tell_interrupt(void);

/* Answer deferred READs with what is ready. */
void input_serve_readers(void);

/* A READ has made room: let the UART interrupt again if it was stopped. */
void input_resume(void);

#endif
