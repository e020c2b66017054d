# SPDX-License-Identifier: MIT
# How one file is compiled, for each kind of code, and how a server's image is linked.
# Rule: an object's path is $(BUILD)/obj/KIND/ and the path of its source.

# kernel-objects, server-objects SOURCES: the objects of C and assembler files.
kernel-objects = $(patsubst %,$(BUILD)/obj/kernel/%.o,$(basename $(1)))
server-objects = $(patsubst %,$(BUILD)/obj/server/%.o,$(basename $(1)))

COMPILE_NEEDS := mk/flags.mk | $(BUILD)/manifest.mk

$(BUILD)/obj/kernel/%.o: %.c $(COMPILE_NEEDS)
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(KERNEL_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

$(BUILD)/obj/kernel/%.o: %.S $(COMPILE_NEEDS)
	@mkdir -p $(@D)
	$(call say,AS,$<) $(CC) $(ASSEMBLER_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

$(BUILD)/obj/server/%.o: %.c $(COMPILE_NEEDS)
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(SERVER_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

$(BUILD)/obj/server/%.o: %.S $(COMPILE_NEEDS)
	@mkdir -p $(@D)
	$(call say,AS,$<) $(CC) $(ASSEMBLER_FLAGS) $(DEPEND_FLAGS) -c $< -o $@

# service-image NAME,SOURCES: the rule for $(BUILD)/servers/NAME.elf at the base that the manifest gives it.
# Use: $(eval $(call service-image,fs,$(wildcard servers/fs/*.c)))
define service-image
SERVICE_IMAGES += $(BUILD)/servers/$(1).elf
DEPENDENCIES += $(patsubst %.o,%.d,$(call server-objects,$(2)))
$(BUILD)/servers/$(1).elf: $(call server-objects,$(2)) mk/server.ld
	@mkdir -p $$(@D)
	$$(call say,LD,$$@) $(LD) $(SERVER_LINK_FLAGS) -Ttext-segment=$$(SERVICE_BASE_$(1)) -o $$@ \
		$$(filter %.o,$$^)
endef
