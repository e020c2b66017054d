# SPDX-License-Identifier: MIT
# What runs above the services: init, and the programs that come with the system.
#
# Rule: init is built like a server; every program is built by lib/perdure-cc, one folder one program.

INIT_SOURCES := $(wildcard user/init/*.c user/init/*.S) $(CLIENT_SOURCES) servers/common/memory.c \
	servers/common/format.c
$(eval $(call service-image,init,$(INIT_SOURCES)))

PROGRAM_NAMES := $(filter-out init,$(patsubst user/%/,%,$(sort $(dir $(wildcard user/*/*.c)))))
PROGRAM_FLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g -ffile-prefix-map=$(CURDIR)=. $(WARNING_FLAGS) -I.

# program NAME: $(BUILD)/programs/NAME from user/NAME/*.c.
define program
PROGRAM_OBJECTS_$(1) := $(patsubst %.c,$(BUILD)/obj/program/%.o,$(wildcard user/$(1)/*.c))
DEPENDENCIES += $$(PROGRAM_OBJECTS_$(1):.o=.d)
$(BUILD)/programs/$(1): $$(PROGRAM_OBJECTS_$(1)) $(SYSROOT_FILES)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@) $(PROGRAM_CC) -o $$@ $$(PROGRAM_OBJECTS_$(1))
endef
$(foreach name,$(PROGRAM_NAMES),$(eval $(call program,$(name))))

$(BUILD)/obj/program/user/%.o: user/%.c $(PROGRAM_CC) $(SYSROOT_FILES)
	@mkdir -p $(@D)
	$(call say,CC,$<) $(PROGRAM_CC) $(PROGRAM_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

# Part of the kernel image: what must be there without a disk.
SHIPPED_PROGRAMS := $(foreach name,$(filter shell bench sha256 recovery,$(PROGRAM_NAMES)),$(BUILD)/programs/$(name))
# The shell's commands that another shell runs as programs (/system): the same file under more names.
SHELL_COMMANDS := services top crash trace policy ps df free uptime
PROGRAMS := $(PROGRAM_NAMES:%=$(BUILD)/programs/%)
ALL_TARGETS += $(PROGRAMS)
include user/foreign/rules.mk
