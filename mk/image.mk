# SPDX-License-Identifier: MIT
# The system bundle and the ISO. Included last: the folders' rules have named what ships by then.
#
# SERVICE_IMAGES     ELF files of the services, the monitor and init; bundled by their names without .elf
# SHIPPED_PROGRAMS   programs that ship inside the image (user/rules.mk)

BUNDLE_FILES := $(SERVICE_IMAGES) $(SHIPPED_PROGRAMS)

$(BUILD)/system.bundle: tools/bundle.py $(BUNDLE_FILES)
	$(call say,BUNDLE,$@) $(PYTHON) tools/bundle.py create --strip $@ $(foreach file,$(BUNDLE_FILES),\
		$(basename $(notdir $(file)))=$(file))

$(BUILD)/perdure.iso: $(BUILD)/perdure.elf $(wildcard boot/grub.cfg)
	$(call say,ISO,$@) rm -rf $(BUILD)/iso && mkdir -p $(BUILD)/iso/boot/grub && \
		cp $(BUILD)/perdure.elf $(BUILD)/iso/boot/perdure.elf && \
		cp boot/grub.cfg $(BUILD)/iso/boot/grub/grub.cfg && \
		grub-mkrescue -d /usr/lib/grub/i386-pc -o $@ $(BUILD)/iso >$(BUILD)/iso.log 2>&1 || \
		{ cat $(BUILD)/iso.log >&2; exit 1; }
