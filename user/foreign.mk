# SPDX-License-Identifier: MIT
# Programs that nobody here wrote, from Debian's sources and unchanged: they show what the C library is good for.
#
# Rule: nothing of them is in this tree and none is part of `make all`: setup/fetch-source brings the sources when a target
# below is asked for.

# foreign-source PACKAGE: the directory with its source; fetched once.
foreign-source = $$(setup/fetch-source $(1) $$(awk '$$1 == "$(1)" { print $$2; exit }' setup/sources.lock))

# Debian's build makes a header that names the machine; so does this.
$(BUILD)/foreign/lua5.4-deb-multiarch.h:
	@mkdir -p $(@D)
	@echo '#define DEB_HOST_MULTIARCH "x86_64-perdure"' > $@

$(BUILD)/programs/lua: $(PROGRAM_CC) $(SYSROOT_FILES) setup/sources.lock $(BUILD)/foreign/lua5.4-deb-multiarch.h
	@mkdir -p $(@D)
	$(call say,FOREIGN,$@) source=$(call foreign-source,lua5.4) && cd $$source/src && \
		$(CURDIR)/$(PROGRAM_CC) -std=gnu99 -O2 -DLUA_COMPAT_5_3 -I$(abspath $(BUILD)/foreign) -o $(abspath $@) $$(ls l*.c | grep -v luac.c) -lm

$(BUILD)/programs/minigzip: $(PROGRAM_CC) $(SYSROOT_FILES) setup/sources.lock
	@mkdir -p $(@D)
	$(call say,FOREIGN,$@) source=$(call foreign-source,zlib) && cd $$source && \
		$(CURDIR)/$(PROGRAM_CC) -std=gnu99 -O2 -DHAVE_UNISTD_H -I. -o $(abspath $@) test/minigzip.c \
		adler32.c compress.c crc32.c deflate.c gzclose.c gzlib.c gzread.c gzwrite.c infback.c inffast.c inflate.c \
		inftrees.c trees.c uncompr.c zutil.c

$(BUILD)/programs/bzip2: $(PROGRAM_CC) $(SYSROOT_FILES) setup/sources.lock
	@mkdir -p $(@D)
	$(call say,FOREIGN,$@) source=$(call foreign-source,bzip2) && cd $$source && \
		$(CURDIR)/$(PROGRAM_CC) -O2 -D_FILE_OFFSET_BITS=64 -o $(abspath $@) bzip2.c blocksort.c huffman.c crctable.c \
		randtable.c compress.c decompress.c bzlib.c

.PHONY: foreign
foreign: $(BUILD)/programs/lua $(BUILD)/programs/minigzip $(BUILD)/programs/bzip2
