# SPDX-License-Identifier: MIT
# The C library of programs: newlib, the system-call layer under it, and what both share with init.
#
# Rule: programs are built with lib/perdure-cc alone, as anyone's are, against $(BUILD)/sysroot.

SYSROOT := $(BUILD)/sysroot
PROGRAM_CC := lib/perdure-cc

# What init has too: no C library, no floating point.
CLIENT_SOURCES := $(wildcard lib/perdure/*.c lib/elf/*.c lib/spawn/*.c)
CLIENT_OBJECTS := $(call server-objects,$(CLIENT_SOURCES))
GLUE_OBJECTS := $(patsubst lib/newlib/%.c,$(BUILD)/obj/program/lib/newlib/%.o,$(wildcard lib/newlib/*.c)) \
	$(BUILD)/obj/program/lib/newlib/exec_stub.o
DEPENDENCIES += $(CLIENT_OBJECTS:.o=.d) $(GLUE_OBJECTS:.o=.d)

$(CLIENT_OBJECTS): SERVER_FLAGS += -Ilib
TARGET_FLAGS = $(shell cat lib/newlib/target-flags) -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-isystem $(SYSROOT)/include
GLUE_FLAGS = $(TARGET_FLAGS) -D_GNU_SOURCE -std=gnu17 -O2 -g -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)=. $(WARNING_FLAGS) -Ilib -I$(BUILD)/include

$(SYSROOT)/newlib.done: lib/newlib/build-newlib lib/newlib/prepare_source.py lib/newlib/target-flags \
		$(shell find lib/newlib/include -name '*.h') | $(BUILD)/manifest.mk
	@lib/newlib/build-newlib $(SYSROOT) $(BUILD)/newlib
	@touch $@

$(BUILD)/obj/program/lib/newlib/%.o: lib/newlib/%.c lib/newlib/target-flags $(SYSROOT)/newlib.done
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(GLUE_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

$(BUILD)/obj/program/lib/newlib/exec_stub.o: lib/newlib/exec_stub.S $(BUILD)/manifest.mk
	@mkdir -p $(@D)
	$(call say,AS,$<) $(CC) -I$(BUILD)/include -c $< -o $@

$(SYSROOT)/lib/crt0.o: lib/newlib/crt0.S $(SYSROOT)/newlib.done
	$(call say,AS,$<) $(CC) -c $< -o $@

$(SYSROOT)/lib/libperdure.a: $(GLUE_OBJECTS) $(CLIENT_OBJECTS)
	$(call say,AR,$@) rm -f $@ && $(AR) rc $@ $^

# Libraries that programs name out of habit: what they would hold is in libc or not there at all.
$(SYSROOT)/lib/libdl.a $(SYSROOT)/lib/libpthread.a $(SYSROOT)/lib/librt.a $(SYSROOT)/lib/libutil.a: \
		$(SYSROOT)/newlib.done
	$(call say,AR,$@) rm -f $@ && $(AR) rc $@

# Headers for programs that make system calls themselves (the shell, the measurements, the exercisers).
CLIENT_HEADERS := $(wildcard lib/perdure/*.h lib/elf/*.h lib/spawn/*.h lib/newlib/*.h)
$(SYSROOT)/headers.done: $(CLIENT_HEADERS) $(SYSROOT)/newlib.done $(BUILD)/manifest.mk
	@mkdir -p $(foreach header,$(CLIENT_HEADERS:lib/%=%),$(SYSROOT)/include/$(dir $(header)))
	@$(foreach header,$(CLIENT_HEADERS:lib/%=%),cp lib/$(header) $(SYSROOT)/include/$(header);)
	@rm -rf $(SYSROOT)/include/abi && cp -r $(BUILD)/include/abi $(SYSROOT)/include/abi
	@touch $@

SYSROOT_FILES := $(SYSROOT)/headers.done $(addprefix $(SYSROOT)/lib/,crt0.o libperdure.a libdl.a libpthread.a \
	librt.a libutil.a)
ALL_TARGETS += $(SYSROOT_FILES)

.PHONY: sysroot
sysroot: $(SYSROOT_FILES)
