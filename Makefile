# SPDX-License-Identifier: MIT
#
# make            build/libthreadleak.so and build/libthreadleak.a
# make check      every test                     make lint     style and static checks
# make bench      the figures of docs/bench.md   make fuzz     bounded, hostile input
# make install    PREFIX=/usr/local DESTDIR=     make clean
# V=1 shows the commands.

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share

CC := gcc
PYTHON := /usr/bin/python3
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS ?= -O2 -g
Q := $(if $(V),,@)
RUNTIME_FLAGS := -std=gnu11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -fno-exceptions \
	-fno-stack-protector $(WARNINGS) -Ihelper/include

RUNTIME := $(wildcard helper/runtime/*.c)
HEADERS := $(wildcard helper/include/*.h helper/runtime/*.h)
SHARED_OBJECTS := $(RUNTIME:helper/runtime/%.c=build/shared/%.o)
ARCHIVE_OBJECTS := $(RUNTIME:helper/runtime/%.c=build/archive/%.o)
LIBRARY := build/libthreadleak.so.$(VERSION)

.PHONY: all
all: build/libthreadleak.so build/libthreadleak.a build/threadleak-static.ld

build/shared/%.o: helper/runtime/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(RUNTIME_FLAGS) -c $< -o $@

build/archive/%.o: helper/runtime/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(RUNTIME_FLAGS) -DTHREADLEAK_WRAP -c $< -o $@

# -z nodelete: its destructors of thread-specific data and its wrappers must outlive a dlclose.
# -z now: a lazy binding would take more stack of a small thread than we do.
$(LIBRARY): $(SHARED_OBJECTS) helper/runtime/exports.map
	$(Q)$(CC) -shared -Wl,-soname,libthreadleak.so.$(SOVERSION) -Wl,-z,nodelete -Wl,-z,now -Wl,-z,defs \
		-Wl,--version-script=helper/runtime/exports.map $(LDFLAGS) -o $@ $(SHARED_OBJECTS)

build/libthreadleak.so: $(LIBRARY)
	$(Q)ln -sf $(<F) build/libthreadleak.so.$(SOVERSION)
	$(Q)ln -sf libthreadleak.so.$(SOVERSION) $@

build/libthreadleak.a: $(ARCHIVE_OBJECTS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# The linker options for programs that embed the archive, derived from the list of interposed functions.
build/threadleak-static.ld: helper/runtime/interpose.c Makefile
	@mkdir -p $(@D)
	$(Q){ sed -n '/^#define FUNCTIONS/,/)$$/s/^ *X(\([a-z0-9_]*\)).*/-Wl,--wrap=\1/p' $<; \
	  printf '%s\n' -Wl,-u,threadleak_registry -Wl,--export-dynamic-symbol=threadleak_registry \
		-Wl,--eh-frame-hdr; } > $@

# ---- tests ---------------------------------------------------------------------------------------

TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -Ihelper/include
LINKED := -Lbuild -lthreadleak -Wl,-rpath,$(CURDIR)/build -lcmocka

# Programs that are linked with the library and look into their own registry.
RUNTIME_TESTS := $(patsubst %,build/tests/test_%,threads scopes fork footprint)

$(RUNTIME_TESTS): build/tests/%: tests/runtime/%.c tests/runtime/view.h build/libthreadleak.so
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) $< $(LINKED) -o $@

build/tests/test_table: tests/runtime/test_table.c helper/runtime/table.c tests/runtime/view.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/runtime $(filter %.c,$^) -lcmocka -o $@

UNIT_TESTS := $(RUNTIME_TESTS) build/tests/test_table

.PHONY: check-runtime
check-runtime: $(UNIT_TESTS)
	$(Q)for test in $^; do $$test || exit 1; done

.PHONY: clean
clean:
	rm -rf build
