# SPDX-License-Identifier: MIT
# Compiler flags, one set for each kind of code. Rule: no folder has flags of its own.

INCLUDE_FLAGS := -I. -Ilib -I$(BUILD)/include
WARNING_FLAGS := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
DEPEND_FLAGS = -MMD -MP -MF $(@:.o=.d)

# What kernel and servers share: no floating point, no position independence, no tables for unwinding.
FREESTANDING_FLAGS := -std=c17 -ffreestanding -O2 -fno-align-loops -g -mgeneral-regs-only -mcrc32 -fno-pic -fno-pie \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fno-common -ffile-prefix-map=$(CURDIR)=. $(WARNING_FLAGS) $(INCLUDE_FLAGS)

KERNEL_FLAGS := $(FREESTANDING_FLAGS) -mcmodel=kernel -mno-red-zone
SERVER_FLAGS := $(FREESTANDING_FLAGS) -ffunction-sections -fdata-sections
ASSEMBLER_FLAGS := -D__ASSEMBLER__ -ffile-prefix-map=$(CURDIR)=. -g $(INCLUDE_FLAGS)

# Code under test, run on the build machine.
HOST_TEST_FLAGS := -std=gnu17 -O1 -g -mcrc32 -fno-strict-aliasing -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(WARNING_FLAGS) $(INCLUDE_FLAGS) -DHOST_TEST=1
HOST_TEST_LIBRARIES := -lcheck -lsubunit -lrt -lm -lpthread

# The same under libFuzzer, which comes with clang; gcc has had its say on warnings.
FUZZ_CC := clang
FUZZ_FLAGS := $(filter-out -W%,$(HOST_TEST_FLAGS)) -O2 -w -fsanitize=fuzzer -DHOST_FUZZ=1

STATIC_LINK_FLAGS := -static -nostdlib --build-id=none -z noexecstack -z separate-code -z max-page-size=4096
KERNEL_LINK_FLAGS := $(STATIC_LINK_FLAGS) -T boot/kernel.ld
SERVER_LINK_FLAGS := $(STATIC_LINK_FLAGS) --gc-sections -T mk/server.ld
