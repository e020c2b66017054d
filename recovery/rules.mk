# SPDX-License-Identifier: MIT
# The monitor: built like a server.

$(eval $(call service-image,monitor,$(SERVER_COMMON_SOURCES) $(wildcard recovery/*.c recovery/*.S)))
