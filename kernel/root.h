/* SPDX-License-Identifier: MIT */
/* What the root domain is made of. All of it panics when memory is too small to start. */
#pragma once
#include "kernel/object.h"

typedef void root_give_function(struct domain *root, uint64_t slot, struct object *object, uint8_t rights);

/* Load `init` and the boot information page into the root domain; returns init's entry. */
uint64_t root_load(struct domain *root);

/* Capabilities for bundles, RAM disk and ports. */
void root_give_machine(struct domain *root, root_give_function *give);
