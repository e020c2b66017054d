# SPDX-License-Identifier: MIT
# The kernel: boot/, kernel/ and ssr/ in one image, with the system bundle in it.

SYSTEM_BUNDLE := $(BUILD)/system$(SYSTEM_SUFFIX).bundle
BUNDLE_OBJECT := $(BUILD)/obj/kernel/boot/bundle$(SYSTEM_SUFFIX).o
KERNEL_SOURCES := $(filter-out boot/bundle.S,$(wildcard boot/*.c boot/*.S kernel/*.c kernel/*.S kernel/x86_64/*.c \
	kernel/x86_64/*.S ssr/*.c))
KERNEL_OBJECTS := $(call kernel-objects,$(KERNEL_SOURCES)) $(BUNDLE_OBJECT)
DEPENDENCIES += $(KERNEL_OBJECTS:.o=.d)

$(BUNDLE_OBJECT): boot/bundle.S $(SYSTEM_BUNDLE) $(COMPILE_NEEDS)
	@mkdir -p $(@D)
	$(call say,AS,$<) $(CC) $(ASSEMBLER_FLAGS) -DSYSTEM_BUNDLE='"$(SYSTEM_BUNDLE)"' $(DEPEND_FLAGS) -c $< -o $@

$(KERNEL): $(KERNEL_OBJECTS) boot/kernel.ld
	$(call say,LD,$@) $(LD) $(KERNEL_LINK_FLAGS) -o $@ $(KERNEL_OBJECTS)

# Entry and exit save and load every register of the thread, so the fast path has none to preserve; the CPU's own
# data it addresses through %gs (a GNU extension).
$(BUILD)/obj/kernel/kernel/fastpath.o: KERNEL_FLAGS += -std=gnu17 -ffixed-rbp $(addprefix -fcall-used-,rbx r12 r13 r14 r15)
