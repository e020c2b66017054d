# SPDX-License-Identifier: MIT
# Every folder here with a main.c is a service: its files and common/ make $(BUILD)/servers/FOLDER.elf.

SERVER_COMMON_SOURCES := $(wildcard servers/common/*.c servers/common/*.S) lib/perdure/boot.c lib/perdure/text.c
SERVER_NAMES := $(filter-out common,$(patsubst servers/%/main.c,%,$(sort $(wildcard servers/*/main.c))))

$(foreach name,$(SERVER_NAMES),$(eval $(call service-image,$(name),\
	$(SERVER_COMMON_SOURCES) $(wildcard servers/$(name)/*.c servers/$(name)/*.S))))

# Echo without server state regions: the same objects at another base.
$(eval $(call service-image,echo0,$(SERVER_COMMON_SOURCES) $(wildcard servers/echo/*.c)))
