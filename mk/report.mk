# SPDX-License-Identifier: MIT
# What a report's page draws its charts with: npm packages, pinned and checked. The build does not need them, so it goes on
# without them where they cannot be had; `make report` insists.

REPORT_LIBRARIES := $(BUILD)/report/vega.js
REPORT_NEEDS := setup/npm/package.json setup/npm/package-lock.json setup/fetch-npm | $(BUILD)/setup.done

ALL_TARGETS += $(REPORT_LIBRARIES)

$(REPORT_LIBRARIES): $(REPORT_NEEDS)
	$(call say,NPM,$(@D)) setup/fetch-npm $(if $(REPORT_REQUIRED),--require) $(@D)
