# SPDX-License-Identifier: MIT
# The system bundle and the ISO. Included last: the folders' rules have named what ships by then.
#
# SERVICE_IMAGES     ELF files of the services, the monitor and init; bundled by their names without .elf
# SHIPPED_PROGRAMS   programs that ship inside the image (user/rules.mk)
# SHELL_COMMANDS     further names of the shell in it
# SYSTEM_SERVICES_NAME, SYSTEM_IMAGES_NAME   what the system NAME has (abi/manifest.toml)

# (Where the manifest has not been read yet, there is none at all.)
ifeq ($(and $(SYSTEM_SERVICES_full),$(if $(SYSTEM_SERVICES_$(SYSTEM)),,unknown)),unknown)
$(error abi/manifest.toml has no [system.$(SYSTEM)]: correct SYSTEM=$(SYSTEM), or add it)
endif

SYSTEM_LIST := $(BUILD)/system$(SYSTEM_SUFFIX).list
BUNDLE_FILES := $(filter $(SYSTEM_IMAGES_$(SYSTEM):%=$(BUILD)/servers/%.elf),$(SERVICE_IMAGES)) $(SHIPPED_PROGRAMS)

# What the manifest gives each server is what its source uses.
$(BUILD)/servers.checked: $(wildcard abi/*.toml tools/abi*.py servers/*/*.[chS])
	@$(PYTHON) tools/abigen.py --check --servers servers
	@touch $@

# The services of this system, for init: an entry of the bundle.
$(SYSTEM_LIST): $(BUILD)/manifest.mk
	@printf '%s\n' $(SYSTEM_SERVICES_$(SYSTEM)) > $@

$(SYSTEM_BUNDLE): tools/bundle.py $(SYSTEM_LIST) $(BUNDLE_FILES) $(BUILD)/servers.checked
	$(call say,BUNDLE,$@) $(PYTHON) tools/bundle.py create --strip $@ system=$(SYSTEM_LIST) \
		$(foreach file,$(BUNDLE_FILES),$(basename $(notdir $(file)))=$(file)) \
		$(foreach name,$(SHELL_COMMANDS),$(name)=$(BUILD)/programs/shell)

$(KERNEL_ISO): $(KERNEL) $(wildcard boot/grub.cfg)
	$(call say,ISO,$@) rm -rf $(BUILD)/iso && mkdir -p $(BUILD)/iso/boot/grub && \
		cp $(KERNEL) $(BUILD)/iso/boot/perdure.elf && \
		cp boot/grub.cfg $(BUILD)/iso/boot/grub/grub.cfg && \
		grub-mkrescue -d /usr/lib/grub/i386-pc -o $@ $(BUILD)/iso >$(BUILD)/iso.log 2>&1 || \
		{ cat $(BUILD)/iso.log >&2; exit 1; }
