# SPDX-License-Identifier: MIT
# The fault injector's part inside QEMU (GPL-2.0-or-later, as QEMU's plugins must be). It needs none of QEMU's headers.

FI_PLUGIN := $(BUILD)/fi/plugin.so
FI_FLAGS := -std=gnu17 -O2 -g -fPIC -fvisibility=hidden $(filter-out -Wmissing-prototypes,$(WARNING_FLAGS)) \
	-ffile-prefix-map=$(CURDIR)=.

ALL_TARGETS += $(FI_PLUGIN)

$(FI_PLUGIN): $(wildcard faultinject/plugin/*.c) $(wildcard faultinject/plugin/*.h) mk/flags.mk
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(FI_FLAGS) -shared -o $@ $(filter %.c,$^) -lm
