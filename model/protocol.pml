/* SPDX-License-Identifier: MIT */
/*
 * The protocol of calls and crashes, for Spin (model/check.py runs it in all configurations).
 *
 * Two services: the file server (client regions, a service region, an outbox, events, nested calls) and the block
 * server below it (stateless, idempotent). Clients call; a device raises events; faults strike both servers and
 * the monitor at every step, as often as their budgets allow; one client may die, one may send poison.
 *
 * Rule: a d_step or atomic block is what the kernel does without a chance to be interrupted. Everything between two
 * such blocks is the servers' and the monitor's own running, in which a fault may strike.
 *
 * What is asserted (the words of docs/design.md):
 *   P1 exactly once     a client's region counts its requests; an OK reply means one more, any other reply none more, a
 *                       time-out none more or, if its fate is unknown, at most one
 *   P2 rollback ends    no transaction begins in an incarnation in which one was rolled back
 *   P3 no reply lost    every client comes to its end (no invalid end state) and no reply is of another incarnation's call
 *   P4 events           when all is quiet the region has seen everything that the device produced
 *   P5 outbox           the disk never holds what was not committed, and holds all that was when all is quiet
 *   P6 memory           what the server keeps in its own memory agrees with the regions it was derived from
 *   P7 poison           only the client that sent it is told POISON; all others are answered OK
 *   P8 unbind           the last transaction of a dead client commits exactly once
 *   P9 termination      there is no cycle in which nothing gets done (checked as absence of cycles)
 *   P10 handover        a capability that a client moves with its request changes hands when that takes effect and at no
 *                       other time: one of the two has it, and nothing of it is left in a slot between transactions
 *
 * Configuration: FAULTS, MONITOR_FAULTS (budgets), REQUESTS (of each client), WAITERS (clients that block on events),
 * EVENTS, NESTED (requests call the block server), CUT (each request is cut into two transactions), POISONED (the last client sends poison), MORTAL (client 0 may die),
 * BROKEN (recovery never succeeds: the service is given up), IMPATIENT (client 0 may give up waiting at any moment, and then
 * sends its next request), HANDOVER (each client moves a capability with its first request). A MUTANT_* leaves one rule out and must be caught.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef MONITOR_FAULTS
#define MONITOR_FAULTS 1
#endif
#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef REQUESTS
#define REQUESTS 1
#endif
#ifndef EVENTS
#define EVENTS 0
#endif
#ifndef WAITERS
#define WAITERS 0
#endif
#define POISON_LIMIT 2
#define RECOVERY_LIMIT 3
#define NOBODY CLIENTS

#ifdef POISONED
#define IS_POISONER(c) ((c) == CLIENTS - 1)
#else
#define IS_POISONER(c) false
#endif

#define FS 0
#define BLK 1
#define SERVICES 2

mtype = { RUNNING, FAILED, RESTORING, RECOVERING, DOWN };   /* stages */
mtype = { IDLE, QUEUED, SERVED, DEFERRED, REPLIED };        /* where a request is */
mtype = { OK, POISON, DEAD };                               /* what its client is told */

/* ---- the kernel's memory ---- */
mtype stage[SERVICES] = RECOVERING;
byte incarnation[SERVICES] = 1;
bool unacknowledged[SERVICES];  /* a fault record that the monitor has not acknowledged */
bool same_fault;                /* the latest fault of the file server is of the kind that recurs */
byte suspect = NOBODY;          /* whose request it was */
byte recovery_faults;           /* faults since the file server was last ready */
bool monitor_alive = true;

mtype call[CLIENTS] = IDLE;
mtype answer[CLIENTS] = OK;
byte kills[CLIENTS];            /* incarnations that died of this very request, in the same way */
bool client_dead[CLIENTS], unbinding[CLIENTS], closed[CLIENTS];
#ifdef IMPATIENT
byte request[CLIENTS];          /* number of its present request */
byte effect[CLIENTS];           /* of the request that was carried out last */
#endif

/* Committed regions, and the working copies that only the running transaction has. */
byte ssr[CLIENTS], working_ssr[CLIENTS];
bool part[CLIENTS], working_part[CLIENTS]; /* how far a request that is cut into two has come: in its region, too */
byte seen, working_seen;        /* events taken */
byte spent, working_spent;      /* events handed to waiters */
byte written, working_written;  /* end of the outbox */
byte drained, working_drained;  /* start of it */
byte unbound[CLIENTS];
bool in_transaction;            /* the working copies are in use */
bool answering[CLIENTS];        /* deferred requests that this transaction answers */

#ifdef HANDOVER
bool given[CLIENTS];            /* its capability is the service's, kept with its binding; else it is still its own */
bool had[CLIENTS] = true;       /* it is its own */
bool arrived, keep;             /* in the server's slot; to be kept at commit */
#endif

bool pending, taken;            /* notification bits: not yet delivered; delivered, not committed */
byte rolled_back;               /* the incarnation that was rolled back last, 0 for none */

/* The nested call of the file server's worker. */
mtype nested = IDLE;
byte nested_argument, nested_incarnation;

/* ---- the world outside ---- */
byte produced;                  /* events of the device */
byte disk;                      /* last outbox entry that reached the disk */
byte faults = FAULTS, monitor_faults = MONITOR_FAULTS;
byte finished;                  /* clients at their end */

/* ---- what the kernel does at the borders of a transaction ---- */

inline begin_transaction()
{
    assert(incarnation[FS] != rolled_back);                             /* P2 */
    for (i : 0 .. CLIENTS - 1) {
        working_ssr[i] = ssr[i];
        working_part[i] = part[i];
        answering[i] = false
    }
    working_seen = seen;
    working_spent = spent;
    working_written = written;
    working_drained = drained;
    in_transaction = true;
    i = 0
}

/* Outside of transactions there are no working copies (and the model has fewer states). */
inline forget()
{
    for (i : 0 .. CLIENTS - 1) {
        working_ssr[i] = 0;
        working_part[i] = false;
        answering[i] = false
    }
    working_seen = 0;
    working_spent = 0;
    working_written = 0;
    working_drained = 0;
    in_transaction = false;
#ifdef HANDOVER
    arrived = false;
    keep = false;
#endif
    i = 0
}

/* The one flip: client regions and service region together; then replies, then events. */
inline publish()
{
    for (i : 0 .. CLIENTS - 1) {
        ssr[i] = working_ssr[i];
        part[i] = working_part[i];
        if
        :: answering[i] && call[i] == DEFERRED -> call[i] = REPLIED; answer[i] = OK
        :: else
        fi
    }
    seen = working_seen;
    spent = working_spent;
    written = working_written;
    drained = working_drained;
    taken = false;
#ifdef HANDOVER
    if
    :: keep -> given[client] = true; had[client] = false
    :: else
    fi;
#endif
    forget()
}

inline rollback()
{
#ifdef MUTANT_NO_ROLLBACK
    for (i : 0 .. CLIENTS - 1) {
        ssr[i] = (in_transaction -> working_ssr[i] : ssr[i]);
        part[i] = (in_transaction -> working_part[i] : part[i])
    }
#endif
#ifdef MUTANT_ARRIVAL_STAYS
    stays = arrived;
    forget();
    arrived = stays;
#else
    forget();
#endif
#ifndef MUTANT_EVENT_LOST
    pending = pending || taken;
#endif
    taken = false;
    rolled_back = incarnation[FS]
}

inline handed_over()
{
#ifdef HANDOVER
    for (i : 0 .. CLIENTS - 1) {
        assert(closed[i] || (given[i] == (ssr[i] > 0) && given[i] != had[i])) /* P10 */
    }
    i = 0
#else
    skip
#endif
}

#define FAULT_STRIKES atomic { faults > 0 && finished < CLIENTS -> faults-- }

/* ---- the file server ---- */
proctype file_server()
{
    byte client = NOBODY;
    byte i, total;
    bool deterministic;
#ifdef IMPATIENT
    byte serving;
#endif
#ifdef MUTANT_ARRIVAL_STAYS
    bool stays;
#endif

start: /* start_recovered: rebuild from the regions, one at a time */
    total = 0;
    i = 0;
#ifdef BROKEN
    if
    :: incarnation[FS] > 1 -> goto failed
    :: else
    fi;
#endif
    do
    :: i < CLIENTS && !closed[i] -> total = total + ssr[i]; i++
    :: i < CLIENTS && closed[i] -> i++
    :: i == CLIENTS -> break
    :: FAULT_STRIKES; goto failed
    od;
    atomic {
        i = 0;
        stage[FS] = RUNNING;
        recovery_faults = 0
    }

idle:
    client = NOBODY;
end_idle:
    if
    :: d_step { call[0] == QUEUED -> client = 0; call[0] = SERVED; begin_transaction() }; goto serve
    :: d_step { call[1] == QUEUED -> client = 1; call[1] = SERVED; begin_transaction() }; goto serve
#if CLIENTS > 2
    :: d_step { call[2] == QUEUED -> client = 2; call[2] = SERVED; begin_transaction() }; goto serve
#endif
    :: d_step { pending -> pending = false; taken = true; begin_transaction() }; goto event
    :: d_step { unbinding[0] && !closed[0] -> begin_transaction() }; goto unbind
    :: d_step { drained < written -> begin_transaction() }; goto drain
    :: FAULT_STRIKES; goto failed
    fi;

serve:
#ifdef IMPATIENT
    serving = request[client];
#endif
    if
    :: IS_POISONER(client) -> deterministic = true; goto failed
    :: !IS_POISONER(client)
    :: FAULT_STRIKES; goto failed
    fi;
#ifdef HANDOVER
    d_step {
        assert(!arrived);                                               /* P10 */
        arrived = had[client];
        keep = arrived
    };
#ifdef MUTANT_KEPT_AT_ONCE
    d_step { given[client] = true; had[client] = false };
#endif
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
#endif
#ifdef NESTED
    d_step { nested = QUEUED; nested_argument = 0; nested_incarnation = incarnation[FS] };
    if
    :: nested == REPLIED
    :: FAULT_STRIKES; goto failed
    fi;
    assert(nested_incarnation == incarnation[FS]);                      /* P3 */
    d_step { nested = IDLE; nested_argument = 0; nested_incarnation = 0 };
#endif
#ifdef CUT
    if
    :: !working_part[client] -> working_part[client] = true; goto again
    :: working_part[client] -> working_part[client] = false
    fi;
#endif
    if
    :: client < WAITERS && working_seen == working_spent -> goto defer
    :: client < WAITERS && working_seen > working_spent -> working_spent++
    :: client >= WAITERS -> working_written++
    fi;
#ifdef MUTANT_EARLY_EFFECT
    disk = (working_written > disk -> working_written : disk);
    assert(disk <= written);                                            /* P5 */
#endif
    d_step { working_ssr[client]++; total++ };
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
#ifdef MUTANT_TWO_FLIPS
    ssr[client] = working_ssr[client];
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
#endif
#ifdef MUTANT_NO_RESTART
    if
    :: true
    :: faults > 0 -> d_step { faults--; rollback(); call[client] = QUEUED }; goto idle
    fi;
#endif
    d_step {
        publish();
#ifdef IMPATIENT
        effect[client] = serving;
#endif
        if
#ifdef MUTANT_ABANDONED_REPLY
        :: call[client] == SERVED || call[client] == QUEUED ->
#else
        :: call[client] == SERVED ->
#endif
            call[client] = REPLIED; answer[client] = OK; kills[client] = 0
        :: else /* it died or gave up meanwhile: the effect stays, the reply has nobody to go to */
        fi
    }
    goto check;

#ifdef CUT
again: /* commits; the request is run again from its start and finds in its region how far it has come */
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    atomic { skip; d_step {
        publish();
        if
        :: call[client] == SERVED -> call[client] = QUEUED
        :: else
        fi
    } }
    goto check;
#endif

defer: /* commits too; the request stays with its client */
    atomic { skip; d_step {
        publish();
        if
        :: call[client] == SERVED -> call[client] = DEFERRED
        :: else
        fi
    } }
    goto check;

event: /* a transaction on the service region that may open client regions */
    working_seen = produced;
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    d_step {
        for (i : 0 .. CLIENTS - 1) {
            if
            :: call[i] == DEFERRED && working_spent < working_seen ->
                answering[i] = true;
                working_ssr[i]++;
                working_spent++;
#ifdef IMPATIENT
                effect[i] = request[i];
#endif
                total++
#ifdef MUTANT_ANSWER_AT_ONCE
                ;
                call[i] = REPLIED;
                answer[i] = OK
#endif
            :: else
            fi
        }
        i = 0
    }
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    d_step { publish() }
    goto check;

unbind: /* the last transaction of a binding */
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    d_step {
        assert(!closed[0]);
        total = total - working_ssr[0];
        publish();
        unbound[0]++;
        closed[0] = true;
#ifdef HANDOVER
        given[0] = false;
#endif
        ssr[0] = 0;
        part[0] = false
    }
    goto check;

drain: /* outward effects, after their commit: at least once, harmless when repeated */
    atomic { skip; d_step { nested = QUEUED; nested_argument = drained + 1; nested_incarnation = incarnation[FS] } };
    if
    :: nested == REPLIED
    :: FAULT_STRIKES; goto failed
    fi;
    assert(nested_incarnation == incarnation[FS]);                      /* P3 */
    d_step { nested = IDLE; nested_argument = 0; nested_incarnation = 0; working_drained++; publish() }

check: /* audit: derive again and compare */
    atomic { skip; d_step {
        byte sum;
        sum = 0;
        for (i : 0 .. CLIENTS - 1) {
            sum = sum + ssr[i]
        }
        i = 0;
        assert(sum == total);                                           /* P6 */
        handed_over();
        sum = 0
    } }
    goto idle;

failed: /* the kernel: park, roll back, record */
    atomic { skip; d_step {
        if
        :: client != NOBODY && call[client] == SERVED ->
#ifdef MUTANT_PARKED_DROPPED
            call[client] = IDLE;
#else
            call[client] = QUEUED;
#endif
            kills[client] = (deterministic -> kills[client] + 1 : kills[client])
        :: else
        fi;
        if
        :: stage[FS] == RECOVERING -> recovery_faults++
        :: else
        fi;
        rollback();
        handed_over();
        nested = IDLE;
        nested_argument = 0;
        nested_incarnation = 0;
        same_fault = deterministic;
        suspect = client;
        deterministic = false;
        client = NOBODY;
        total = 0;
        stage[FS] = FAILED;
        unacknowledged[FS] = true
    } }
end_failed:
    if
    :: stage[FS] == RECOVERING -> goto start
    :: stage[FS] == DOWN
    fi
}

/* ---- the block server ---- */
proctype block_server()
{
    byte argument, caller;

start:
    stage[BLK] = RUNNING;
end_idle:
    atomic { nested == QUEUED -> nested = SERVED; argument = nested_argument; caller = nested_incarnation };
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    assert(argument <= written);                                        /* P5 */
    disk = (argument > disk -> argument : disk);
    if
    :: true
    :: FAULT_STRIKES; goto failed
    fi;
    d_step {
        if
#ifdef MUTANT_STALE_REPLY
        :: nested == SERVED || nested == QUEUED -> nested = REPLIED; nested_incarnation = caller
#else
        :: nested == SERVED && nested_incarnation == caller -> nested = REPLIED
#endif
        :: else /* the caller died: its reply has nobody to go to */
        fi;
        argument = 0;
        caller = 0
    }
    goto end_idle;

failed:
    atomic { skip; d_step {
        if
        :: nested == SERVED && nested_incarnation == caller -> nested = QUEUED
        :: else
        fi;
        argument = 0;
        caller = 0;
        stage[BLK] = FAILED;
        unacknowledged[BLK] = true
    } }
    stage[BLK] == RECOVERING;
    goto start
}

/* ---- the monitor: holds nothing that it does not read from the kernel again ---- */

#define MONITOR_FAULT_STRIKES atomic { monitor_faults > 0 -> monitor_faults-- }; goto crashed

proctype monitor()
{
    byte s = SERVICES, i;

start:
end_idle:
    if
    :: atomic { unacknowledged[FS] -> s = FS }
    :: atomic { unacknowledged[BLK] -> s = BLK }
    fi;
#ifdef MUTANT_ACKNOWLEDGE_FIRST
    unacknowledged[s] = false;
#endif
    if
    :: true
    :: MONITOR_FAULT_STRIKES
    fi;
    /* decide: a pure function of the records */
    if
    :: s == FS && recovery_faults >= RECOVERY_LIMIT ->
        d_step { /* GIVE_UP: allowed in stage FAILED alone */
            if
            :: stage[FS] == FAILED ->
                stage[FS] = DOWN;
                for (i : 0 .. CLIENTS - 1) {
                    if
                    :: call[i] == QUEUED || call[i] == DEFERRED -> call[i] = REPLIED; answer[i] = DEAD
                    :: else
                    fi;
                    closed[i] = true
                }
                i = 0
            :: else
            fi
        };
        goto acknowledge
    :: s == FS && recovery_faults < RECOVERY_LIMIT && stage[FS] == FAILED && suspect != NOBODY && same_fault ->
        d_step { /* POISON: a parked request alone can be dropped */
#ifndef MUTANT_NO_POISON_LIMIT
            if
            :: kills[suspect] >= POISON_LIMIT && call[suspect] == QUEUED ->
                call[suspect] = REPLIED;
                answer[suspect] = POISON;
                kills[suspect] = 0
            :: else
            fi
#else
            skip
#endif
        }
    :: else
    fi;
    if
    :: true
    :: MONITOR_FAULT_STRIKES
    fi;
    d_step { /* RESTORE: idempotent, in bounded steps */
        if
        :: stage[s] == FAILED -> stage[s] = RESTORING
        :: else
        fi
    };
    if
    :: true
    :: MONITOR_FAULT_STRIKES
    fi;
    d_step { /* RESTART: checked against the stage */
        if
#ifdef MUTANT_STAGE_UNCHECKED
        :: true -> stage[s] = RECOVERING; incarnation[s]++
#else
        :: stage[s] == RESTORING -> stage[s] = RECOVERING; incarnation[s]++
#endif
        :: else
        fi
    };
    if
    :: true
    :: MONITOR_FAULT_STRIKES
    fi;
acknowledge:
    atomic { skip; d_step { /* ACKNOWLEDGE: last; refused if another record has come meanwhile */
        if
        :: stage[s] != FAILED ->
            unacknowledged[s] = false;
            suspect = (s == FS -> NOBODY : suspect);
            same_fault = (s == FS -> false : same_fault)
        :: else
        fi;
        s = SERVICES
    } };
    goto start;

crashed:
    atomic { skip; d_step { monitor_alive = false; s = SERVICES } };
end_crashed:
    monitor_alive;
    goto start
}

/* The kernel's one fixed rule. */
proctype kernel_rule()
{
end_quiet:
    do
#ifndef MUTANT_NO_MONITOR_RESTART
    :: atomic { !monitor_alive && (unacknowledged[FS] || unacknowledged[BLK]) -> monitor_alive = true }
#else
    :: false
#endif
    od
}

/* ---- clients and the device ---- */
proctype client(byte self)
{
    byte sent, done;
    bool doubt;                 /* a request that was given up may have been carried out, or is about to be */

    do
    :: sent < REQUESTS ->
#ifdef IMPATIENT
        d_step { sent++; request[self] = sent };
#else
        sent++;
#endif
        if
        :: atomic { stage[FS] == DOWN -> answer[self] = DEAD; call[self] = REPLIED }
        :: atomic { stage[FS] != DOWN -> call[self] = QUEUED }
        fi;
        if
        :: call[self] == REPLIED
#ifdef IMPATIENT
        :: d_step { /* an answer that the running transaction has given already is waited for */
                self == 0 && (call[0] == QUEUED || call[0] == SERVED || (call[0] == DEFERRED && !answering[0])) ->
#ifndef MUTANT_FATE_NOT_DONE
                doubt = doubt || call[0] != QUEUED || part[0];
#endif
                call[0] = IDLE;
                kills[0] = 0
            };
            goto next
#endif
#ifdef MORTAL
        :: atomic { self == 0 && call[0] != REPLIED -> call[0] = IDLE; client_dead[0] = true; unbinding[0] = true };
            goto end
#endif
        fi;
        d_step {
            if
            :: answer[self] == OK ->
                done = (doubt && ssr[self] == done + 2 -> done + 2 : done + 1);
                doubt = false;
#ifdef IMPATIENT
                assert(effect[self] == sent);                               /* P3 */
#endif
                assert(ssr[self] == done)                                   /* P1 */
            :: answer[self] != OK -> assert(stage[FS] == DOWN || ssr[self] == done)
            fi;
            assert(answer[self] != POISON || IS_POISONER(self));            /* P7 */
#ifndef BROKEN
            assert(answer[self] != DEAD);
            assert(answer[self] != OK || !IS_POISONER(self));
#endif
            call[self] = IDLE;
            answer[self] = OK
        }
#ifdef IMPATIENT
next:
        skip
#endif
    :: sent == REQUESTS -> break
    od;
end:
    finished++
}

proctype device()
{
    do
    :: produced < EVENTS -> d_step { produced++; pending = true }
    :: produced == EVENTS -> break
    od
}

/* When nothing else can run: is everything where it has to be? */
proctype observer()
{
    timeout;
    assert(finished == CLIENTS);                                            /* P3 */
    if
    :: stage[FS] != DOWN ->
        assert(stage[FS] == RUNNING && stage[BLK] == RUNNING);
        assert(seen == produced);                                           /* P4 */
        assert(drained == written && disk == written);                      /* P5 */
        assert(unbound[0] == (client_dead[0] -> 1 : 0))                     /* P8 */
    :: else
    fi
}

init {
    byte i;
    atomic {
        run file_server();
        run block_server();
        run monitor();
        run kernel_rule();
        run device();
        for (i : 0 .. CLIENTS - 1) {
            run client(i)
        }
        i = 0;
        run observer()
    }
}
