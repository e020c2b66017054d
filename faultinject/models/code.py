# SPDX-License-Identifier: MIT
"""Faults in the code that is about to be executed: flipped bits, and what programmers do wrong.

The software faults are those of W. T. Ng and P. M. Chen (The systematic improvement of fault tolerance in the Rio file
cache, FTCS 1999), as far as machine code shows them, and the pointer and overrun faults that EDFI (C. Giuffrida,
A. Kuijsten, A. S. Tanenbaum, PRDC 2013) has beside them. Each strikes the first instruction at or after its point that it
applies to; one that meets none within 4096 instructions of the service changes nothing. What is changed in the code stays
so until a recovery restores it, so that a request which is run again does not meet it any more: these are the faults of
code that went wrong, not of code that was written wrong, which would kill every incarnation and is the matter of poison.
"""

from __future__ import annotations

from faultinject.draw import Draw
from faultinject.models.base import UNKNOWN, UNTIL_RESTORED, Change, Model, Target, damage, describe_damage

#: In the order of enum mutation of the plugin.
(SKIP, BRANCH_INVERT, BRANCH_NEVER, OFF_BY_ONE, STUCK_LOOP, SOURCE, DESTINATION, MISSING_STORE, MISSING_START,
 MISSING_ARGUMENT, POINTER, OVERRUN) = range(12)
#: How far a wild pointer may point: the lower half of the address space.
WILD_BITS = 47
OVERRUN_MOST = 512


class CodeBitflip(Model):
    """One bit of the first four bytes of the next instruction is inverted in memory, and stays so."""

    name = "code-bitflip"
    explanation = "one bit of the code about to execute inverted"
    permanence = UNTIL_RESTORED
    groups = ("code", "hardware")
    _BYTES = 4

    def choices(self, target: Target = UNKNOWN) -> int:
        return 8 * self._BYTES

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        place = source.below(8 * self._BYTES)
        return Change("code", place // 8, damage(place % 8))

    def describe(self, change: Change) -> str:
        return f"byte {change.a} of the instruction, {describe_damage(change.b)}"


class _Mutation(Model):
    groups = ("code", "software")
    permanence = UNTIL_RESTORED
    mutation = SKIP

    def draw(self, source: Draw, target: Target = UNKNOWN) -> Change:
        return Change("mutate", self.mutation, self.choice(source))

    def choice(self, source: Draw) -> int:
        """Of what the mutation leaves open."""
        return 0

    def describe(self, change: Change) -> str:
        return self.explanation


class SkippedInstruction(_Mutation):
    """The next instruction is replaced by NOPs."""

    name = "sw-skip"
    explanation = "the next instruction left out"


class InvertedBranch(_Mutation):
    """The next conditional jump has the opposite condition."""

    name = "sw-branch-invert"
    explanation = "the next condition inverted"
    mutation = BRANCH_INVERT


class MissingBranch(_Mutation):
    """The next conditional jump is replaced by NOPs: a check that was forgotten."""

    name = "sw-branch-missing"
    explanation = "the next conditional jump left out"
    mutation = BRANCH_NEVER


class OffByOne(_Mutation):
    """The next comparison of order takes equality to the other side: < becomes <=, > becomes >=, and so on."""

    name = "sw-off-by-one"
    explanation = "the next < made <=, or the like"
    mutation = OFF_BY_ONE


class StuckLoop(_Mutation):
    """The next conditional jump backward is always taken: a loop that does not end."""

    name = "sw-stuck-loop"
    explanation = "the next loop does not end"
    mutation = STUCK_LOOP


class _WrongOperand(_Mutation):
    def choices(self, target: Target = UNKNOWN) -> int:
        return 7

    def choice(self, source: Draw) -> int:
        return source.below(7)

    def describe(self, change: Change) -> str:
        return f"{self.explanation}, {change.b + 1} further"


class WrongSource(_WrongOperand):
    """The next instruction with two operands reads another register of the same eight."""

    name = "sw-wrong-source"
    explanation = "the next instruction reads another register"
    mutation = SOURCE


class WrongDestination(_WrongOperand):
    """The next instruction with two operands writes another register of the same eight."""

    name = "sw-wrong-destination"
    explanation = "the next instruction writes another register"
    mutation = DESTINATION


class MissingStore(_Mutation):
    """The next instruction that writes memory is replaced by NOPs: an assignment that was forgotten."""

    name = "sw-missing-store"
    explanation = "the next store left out"
    mutation = MISSING_STORE


class MissingInitialisation(_Mutation):
    """The next instruction that sets a register to a constant is replaced by NOPs."""

    name = "sw-missing-init"
    explanation = "the next initialisation left out"
    mutation = MISSING_START


class MissingArgument(_Mutation):
    """The next instruction that sets a register in which arguments are passed is replaced by NOPs."""

    name = "sw-missing-argument"
    explanation = "the next argument left out"
    mutation = MISSING_ARGUMENT


class NullPointer(_Mutation):
    """The register that the next access to memory is based on becomes 0 (the stack pointer is spared)."""

    name = "sw-null-pointer"
    explanation = "the next pointer is null"
    mutation = POINTER


class WildPointer(_Mutation):
    """The register that the next access to memory is based on becomes any number of 47 bits."""

    name = "sw-wild-pointer"
    explanation = "the next pointer points anywhere"
    mutation = POINTER

    def choices(self, target: Target = UNKNOWN) -> int:
        return 1 << WILD_BITS

    def choice(self, source: Draw) -> int:
        return source.below(1 << WILD_BITS)

    def describe(self, change: Change) -> str:
        return f"the next pointer is {change.b:#x}"


class Overrun(_Mutation):
    """The next copying or filling of memory (a repeated string instruction) goes on for up to 512 elements too many."""

    name = "sw-overrun"
    explanation = "the next copy goes on too far"
    mutation = OVERRUN

    def choices(self, target: Target = UNKNOWN) -> int:
        return OVERRUN_MOST

    def choice(self, source: Draw) -> int:
        return 1 + source.below(OVERRUN_MOST)

    def describe(self, change: Change) -> str:
        return f"the next copy goes on for {change.b} more"


MODELS = (CodeBitflip(), SkippedInstruction(), InvertedBranch(), MissingBranch(), OffByOne(), StuckLoop(), WrongSource(),
          WrongDestination(), MissingStore(), MissingInitialisation(), MissingArgument(), NullPointer(), WildPointer(),
          Overrun())
