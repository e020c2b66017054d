/* SPDX-License-Identifier: MIT */
/* Programs that mean harm. Rule: attackers.c. */
#ifndef USER_KERNELTEST_ATTACKERS_H
#define USER_KERNELTEST_ATTACKERS_H

#include "guest.h"

/* What each of them is given, besides SLOT_SELF_DOMAIN and SLOT_SELF_THREAD. */
#define ATTACKER_PORTAL 64       /* of rng */
#define ATTACKER_SERVICE 65      /* rng itself, RIGHT_GRANT */
#define ATTACKER_NOTIFICATION 66 /* of the test */
#define REVOKED_MEMORY 67        /* what hostile.c gives and takes away */
#define REVOKED_NOTIFICATION 68
#define ATTACKER_LAST_SLOT REVOKED_NOTIFICATION

#define HONEST_SEED 42
#define HONEST_SCRATCH 10 /* board.scratch: the first number of that stream */
#define TOUCH_SCRATCH 11  /* board.scratch: the address to touch */

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_RUN, TOUCHES };

/* Seeds its stream and draws from it, again and again: status[] counts wrong answers, word[] is the most ticks that both calls
 * took, order[] how many nanoseconds too late it woke at most. */
_Noreturn void honest_client(uint64_t number);

_Noreturn void attack_memory(uint64_t number);        /* takes all it can, gives it back */
_Noreturn void attack_capabilities(uint64_t number);  /* the longest chain of copies, revoked at once */
_Noreturn void attack_threads(uint64_t number);       /* as many as there may be */
_Noreturn void attack_domains(uint64_t number);       /* one inside the other, killed at once */
_Noreturn void attack_calls(uint64_t number);         /* the longest request there is, and nonsense */
_Noreturn void attack_notifications(uint64_t number); /* signals */
_Noreturn void attack_bindings(uint64_t number);      /* binds as often as it may, and unbinds */
_Noreturn void attack_slots(uint64_t number);         /* forged capability indices */
_Noreturn void attack_registers(uint64_t number);     /* any system call whatever */
_Noreturn void attack_lending(uint64_t number);       /* lends what is not its own */
_Noreturn void touch_address(uint64_t touch);         /* once: board.scratch[TOUCH_SCRATCH] */
_Noreturn void call_again_and_again(uint64_t way);    /* the guest service; lending in, out, a message, or words alone */
_Noreturn void use_what_is_revoked(uint64_t number);  /* REVOKED_*; status[] counts answers that cannot be */

#endif
