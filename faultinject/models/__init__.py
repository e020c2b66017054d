# SPDX-License-Identifier: MIT
"""Fault models: what is changed in the machine at a point of a service's execution.

Each is one small class; a campaign names it by `name`, or several by a group. docs/fault-models.md lists them,
docs/add-a-fault-model.md tells how another is added.
"""

from __future__ import annotations

from faultinject.errors import UsageError
from faultinject.models import boundary, code, memory, processor, registers, second
from faultinject.models.base import REGISTERS, RFLAGS, RIP, Change, Model, Segment, Target
from faultinject.models.registers import FLAG_BITS

__all__ = ["FLAG_BITS", "GROUPS", "MODELS", "REGISTERS", "RFLAGS", "RIP", "Change", "Model", "Segment", "Target",
           "parse_models"]

MODELS: dict[str, Model] = {model.name: model for module in (registers, memory, processor, code, boundary, second)
                            for model in module.MODELS}

#: Group -> the models that it stands for; "all" are all that strike services: neither the control nor those of programs.
GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(model.name for model in MODELS.values() if group in model.groups)
    for group in sorted({group for model in MODELS.values() for group in model.groups})}
GROUPS["all"] = tuple(name for name, model in MODELS.items() if name != "control" and "program" not in model.groups)


def parse_models(text: str) -> tuple[Model, ...]:
    """From a list of names of models and groups with commas; each model at most once."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in MODELS and word not in GROUPS:
            raise UsageError(f"there is no fault model {word}",
                             f"some of {', '.join(MODELS)}; or the groups {', '.join(GROUPS)}")
    names = [name for word in words for name in GROUPS.get(word, (word,))]
    if not names or len(set(names)) != len(names):
        raise UsageError(f"the list of models {text!r} is empty or names one twice",
                         f"some of {', '.join(MODELS)}; or the groups {', '.join(GROUPS)}")
    return tuple(MODELS[name] for name in names)
