# SPDX-License-Identifier: MIT
# The kernel: boot/, kernel/ and ssr/ in one image, with the system bundle in it.

KERNEL_SOURCES := $(wildcard boot/*.c boot/*.S kernel/*.c kernel/*.S kernel/x86_64/*.c kernel/x86_64/*.S ssr/*.c)
KERNEL_OBJECTS := $(call kernel-objects,$(KERNEL_SOURCES))
DEPENDENCIES += $(KERNEL_OBJECTS:.o=.d)

$(BUILD)/obj/kernel/boot/bundle.o: ASSEMBLER_DEFINES := -DSYSTEM_BUNDLE='"$(BUILD)/system.bundle"'
$(BUILD)/obj/kernel/boot/bundle.o: $(BUILD)/system.bundle

$(BUILD)/perdure.elf: $(KERNEL_OBJECTS) boot/kernel.ld
	$(call say,LD,$@) $(LD) $(KERNEL_LINK_FLAGS) -o $@ $(KERNEL_OBJECTS)

# Entry and exit save and load every register of the thread, so the fast path has none to preserve; the CPU's own
# data it addresses through %gs (a GNU extension).
$(BUILD)/obj/kernel/kernel/fastpath.o: KERNEL_FLAGS += -std=gnu17 -ffixed-rbp $(addprefix -fcall-used-,rbx r12 r13 r14 r15)
