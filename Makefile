# SPDX-License-Identifier: MIT
# The one door. Rule: this file names what there is to do; how is in mk/ and in each folder's rules.mk.

.DEFAULT_GOAL := all

include mk/config.mk
include mk/flags.mk
include mk/compile.mk

FOLDERS := boot kernel ssr servers recovery lib user faultinject bench model tests

# These need neither set-up nor the generated manifest.
LIGHT_GOALS := help clean doctor
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(LIGHT_GOALS),$(MAKECMDGOALS)),all),)
include $(BUILD)/manifest.mk
include $(wildcard $(addsuffix /rules.mk,$(FOLDERS)))
include mk/image.mk
include mk/report.mk
-include $(DEPENDENCIES)
endif

.PHONY: help all run demo campaign report bench test soak doctor clean

help: ## list what there is to do
	@echo "Perdure: make TARGET"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-12s %s\n' "$$target" "$$text"; done
	@echo "And ./perdure --help: run a program, compile one, campaigns of your own."

all: $(KERNEL) $(KERNEL_ISO) $(ALL_TARGETS) ## build everything into build/ (kernel ELF, ISO, programs)

run: all ## boot to the console and its shell (Ctrl-A X leaves)
	@$(MAKE) --no-print-directory -s foreign-busybox || \
		echo "run: BusyBox, whose shell has pipes and jobs, cannot be built (above): the small shell instead"
	@PERDURE_KERNEL=$(KERNEL) ./perdure console

demo: all ## crash the file system under load at least 200 times, compare every file
	@./perdure demo

# About two minutes on two processors; more, or another: make campaign CAMPAIGN="--service blk --n 500".
CAMPAIGN ?= --service fs --model reg-bitflip,memory-abort,hang,kill --n 15000 --seed 1

campaign: all ## inject faults into the file system for about two minutes, print the table
	@./perdure campaign $(CAMPAIGN)

# Another: make report REPORT="build/c1/campaign.sqlite build/c2/campaign.sqlite -o compared.html".
REPORT ?= build/campaign/campaign.sqlite -o build/campaign/report.html

report: export REPORT_REQUIRED := 1
report: all ## write the page of the last campaign, fetching what draws its charts
	@./perdure report $(REPORT)

bench: all ## measure calls, recovery and file operations in instructions
	@./perdure bench

foreign: ## build programs of others from Debian's sources, unchanged: Lua, SQLite, zlib, bzip2

test: $(BUILD)/manifest.mk $(BUILD)/setup-test.done ## run all tests; the last line says how many passed and failed
	@$(PYTHON) tools/run_tests.py $(TESTS)

# Some lines of tools/soak.toml: make soak SOAK="fuzz mixed"; what there is: make soak SOAK=--list.
SOAK ?=

soak: $(BUILD)/setup-test.done all fuzz-programs ## run everything at its full size, for hours; the last line says what holds
	@$(PYTHON) tools/soak.py $(SOAK)

doctor: ## say what the build and the tests need, what is present and what is missing
	@setup/doctor

clean: ## remove build/ (downloaded and built sources stay in ~/.cache/perdure)
	rm -rf $(BUILD)

# Set-up, then the generated headers: everything that compiles waits for this file.
$(BUILD)/setup.done: setup/packages setup/doctor
	@setup/doctor --install
	@mkdir -p $(@D) && touch $@

$(BUILD)/setup-test.done: setup/packages-test setup/doctor | $(BUILD)/setup.done
	@setup/doctor --install-test
	@touch $@

$(BUILD)/manifest.mk: $(BUILD)/setup.done $(wildcard abi/*.toml tools/abi*.py)
	@$(PYTHON) tools/abigen.py --include $(BUILD)/include --manual $(BUILD)/docs/reference.md --make $@
	@touch $@
