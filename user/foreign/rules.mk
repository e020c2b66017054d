# SPDX-License-Identifier: MIT
# Programs that nobody here wrote, from Debian's sources and unchanged: they show what the C library is good for.
#
# Rule: nothing of them is in this tree and none is part of `make all`: user/foreign/build brings and builds them, one recipe
# a package, when `make foreign` or one of the targets below is asked for.

FOREIGN_RECIPES := $(patsubst user/foreign/%.sh,%,$(wildcard user/foreign/*.sh))

.SECONDEXPANSION:
$(BUILD)/foreign/%.done: user/foreign/%.sh $$(shell find user/foreign/$$* -type f 2>/dev/null) user/foreign/build setup/sources.lock $(PROGRAM_CC) $(SYSROOT_FILES)
	@mkdir -p $(@D)
	$(call say,FOREIGN,$*) user/foreign/build $*
	@touch $@

.PHONY: foreign $(FOREIGN_RECIPES:%=foreign-%)
foreign: $(FOREIGN_RECIPES:%=$(BUILD)/foreign/%.done)
$(FOREIGN_RECIPES:%=foreign-%): foreign-%: $(BUILD)/foreign/%.done
