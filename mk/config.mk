# SPDX-License-Identifier: MIT
# What the build is made with and where it goes. Rule: everything that is built is under $(BUILD).

BUILD := build
PYTHON := /usr/bin/python3
CC := gcc
LD := ld
AR := ar
OBJCOPY := objcopy

# Which [system.NAME] of abi/manifest.toml is built: `make SYSTEM=minimal` makes $(BUILD)/perdure-minimal.elf. Objects and
# programs are the same in all of them.
SYSTEM := full
SYSTEM_SUFFIX := $(patsubst %,-%,$(filter-out full,$(SYSTEM)))
KERNEL := $(BUILD)/perdure$(SYSTEM_SUFFIX).elf
KERNEL_ISO := $(KERNEL:.elf=.iso)

# `make V=1` shows whole commands, otherwise one short line each.
ifeq ($(V),1)
Q :=
say =
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2);
endif

# Two jobs unless told otherwise.
ifeq ($(filter -j% --jobs%,$(MAKEFLAGS)),)
MAKEFLAGS += -j2
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
export PYTHONDONTWRITEBYTECODE := 1
.DELETE_ON_ERROR:
.SUFFIXES:
