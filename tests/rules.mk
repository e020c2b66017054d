# SPDX-License-Identifier: MIT
# Unit tests on the build machine, with Check, AddressSanitizer and UndefinedBehaviorSanitizer.
#
# Every C file below tests/unit/ that names what it tests in one of its first ten lines is a test program:
#     /* sources: ssr/ssr.c servers/fs/ */        compiled together with the test; a folder means all of its C files
#     /* flags: -DPAGE_COUNT=16 */                optional, for all of its files

UNIT_TEST_FILES := $(shell grep -l -m 1 '^[ /*]*sources:' $(wildcard tests/unit/*.c tests/unit/*/*.c) /dev/null)
unit-name = $(subst /,_,$(patsubst tests/unit/%.c,%,$(1)))
unit-line = $(shell sed -n '1,10s|^[ /*]*$(2): *\([^*]*\).*|\1|p' $(1))
unit-sources = $(foreach word,$(call unit-line,$(1),sources),$(if $(filter %/,$(word)),$(wildcard $(word)*.c),$(word)))

# unit-test NAME,FILES,FLAGS
define unit-test
UNIT_TEST_PROGRAMS += $(BUILD)/tests/unit/$(1)
DEPENDENCIES += $(patsubst %.c,$(BUILD)/obj/host/$(1)/%.d,$(2))

$(BUILD)/obj/host/$(1)/%.o: %.c $(COMPILE_NEEDS)
	@mkdir -p $$(@D)
	$$(call say,CC,$$< [test]) $(CC) $(HOST_TEST_FLAGS) $(3) $$(DEPEND_FLAGS) -c $$< -o $$@

$(BUILD)/tests/unit/$(1): $(patsubst %.c,$(BUILD)/obj/host/$(1)/%.o,$(2))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@) $(CC) $(HOST_TEST_FLAGS) -o $$@ $$^ $(HOST_TEST_LIBRARIES)
endef

$(foreach file,$(UNIT_TEST_FILES),$(eval $(call unit-test,$(call unit-name,$(file)),\
	$(file) $(call unit-sources,$(file)),$(call unit-line,$(file),flags))))

.PHONY: unit-tests
unit-tests: $(UNIT_TEST_PROGRAMS)

# Coverage-guided fuzzing on the build machine: every tests/fuzz/fuzz_NAME.c is a program,
# built by clang with libFuzzer and the same sanitizers (tools/fuzz_host.py runs them).
FUZZ_FILES := $(shell grep -l -m 1 '^[ /*]*sources:' $(wildcard tests/fuzz/fuzz_*.c) /dev/null)

# fuzz-program NAME,FILES,FLAGS
define fuzz-program
FUZZ_PROGRAMS += $(BUILD)/fuzz/$(1)
DEPENDENCIES += $(patsubst %.c,$(BUILD)/obj/fuzz/$(1)/%.d,$(2))

$(BUILD)/obj/fuzz/$(1)/%.o: %.c $(COMPILE_NEEDS)
	@mkdir -p $$(@D)
	$$(call say,CC,$$<) $(FUZZ_CC) $(3) $(FUZZ_FLAGS) $$(DEPEND_FLAGS) -c $$< -o $$@

$(BUILD)/fuzz/$(1): $(patsubst %.c,$(BUILD)/obj/fuzz/$(1)/%.o,$(2))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@) $(FUZZ_CC) $(FUZZ_FLAGS) -o $$@ $$^
endef

$(foreach file,$(FUZZ_FILES),$(eval $(call fuzz-program,$(patsubst tests/fuzz/fuzz_%.c,%,$(file)),\
	$(file) tests/fuzz/fuzz.c $(filter-out $(call unit-line,$(file),except),$(call unit-sources,$(file))),\
	$(call unit-line,$(file),flags))))

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)
