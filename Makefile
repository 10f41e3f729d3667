# SPDX-License-Identifier: MIT
#
# make            build/libthreadleak.so, build/libthreadleak.a, build/libthreadleak-probe.so, build/threadleak-core-handler
# make check      every test                     make lint     style and static checks
# make bench      the figures of docs/bench.md   make fuzz     bounded, hostile input
# make install    PREFIX=/usr/local DESTDIR=     make clean
# V=1 shows the commands.

VERSION := $(shell sed -n 's/^\#define THREADLEAK_VERSION "\(.*\)"/\1/p' helper/include/threadleak.h)
SOVERSION := 0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
LIBEXECDIR ?= $(PREFIX)/libexec

CC := gcc
PYTHON := /usr/bin/python3
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS ?= -O2 -g
OBJCOPY ?= objcopy
comma := ,
Q := $(if $(V),,@)
RUNTIME_FLAGS := -std=gnu11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -fno-exceptions \
	-fno-stack-protector $(WARNINGS) -Ihelper/include -DTHREADLEAK_COMMAND='"$(BINDIR)/threadleak"'

RUNTIME := $(wildcard helper/runtime/*.c)
HEADERS := $(wildcard helper/include/*.h helper/runtime/*.h)
SHARED_OBJECTS := $(RUNTIME:helper/runtime/%.c=build/shared/%.o)
ARCHIVE_OBJECTS := $(RUNTIME:helper/runtime/%.c=build/archive/%.o)
LIBRARY := build/libthreadleak.so.$(VERSION)

# The probe: for whoever looks at a process, never inside one that is watched. libdw reads DWARF and unwinds.
PROBE_FLAGS := -std=gnu11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) -Ihelper/include
PROBE_LIBS := -ldw -lelf -ldl
PROBE_HEADERS := $(wildcard helper/include/*.h helper/probe/*.h)
PROBE_OBJECTS := $(patsubst helper/probe/%.c,build/probe/%.o,$(wildcard helper/probe/*.c))

.PHONY: all
all: build/libthreadleak.so build/libthreadleak.a build/threadleak-static.ld build/libthreadleak-probe.so \
	build/threadleak-core-handler build/bytecode

# So that a failing test does not wait for it, be it that of a user who may not write here.
build/bytecode: $(shell find gdb/threadleak -name '*.py')
	@mkdir -p $(@D)
	$(Q)$(PYTHON) -m compileall -q gdb/threadleak
	$(Q)touch $@

build/shared/%.o: helper/runtime/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(RUNTIME_FLAGS) -c $< -o $@

build/archive/%.o: helper/runtime/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(RUNTIME_FLAGS) -DTHREADLEAK_WRAP -c $< -o $@

# -z nodelete: its destructors of thread-specific data and its wrappers must outlive a dlclose.
# -z now: a lazy binding would take more stack of a small thread than we do.
$(LIBRARY): $(SHARED_OBJECTS) build/exports.map
	$(Q)$(CC) -shared -Wl,-soname,libthreadleak.so.$(SOVERSION) -Wl,-z,nodelete -Wl,-z,now -Wl,-z,defs \
		-Wl,--version-script=build/exports.map $(LDFLAGS) -o $@ $(SHARED_OBJECTS)

build/libthreadleak.so: $(LIBRARY)
	$(Q)ln -sf $(<F) build/libthreadleak.so.$(SOVERSION)
	$(Q)ln -sf libthreadleak.so.$(SOVERSION) $@

build/probe/%.o: helper/probe/%.c $(PROBE_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PROBE_FLAGS) -c $< -o $@

build/probe.map: helper/include/threadleak_probe.h
	@mkdir -p $(@D)
	$(Q)printf '{ global: threadleak_probe_*; local: *; };\n' > $@

build/libthreadleak-probe.so: $(PROBE_OBJECTS) build/probe.map
	$(Q)$(CC) -shared -Wl,-soname,libthreadleak-probe.so -Wl,-z,defs -Wl,--version-script=build/probe.map \
		$(LDFLAGS) -o $@ $(PROBE_OBJECTS) $(PROBE_LIBS)

# Root runs it on what others name: of the probe it has the reader of /proc alone, and no library but libc.
HANDLER_FLAGS := -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fPIE -fstack-protector-strong $(WARNINGS) \
	-Ihelper/include -Ihelper/probe
HANDLER := $(wildcard helper/core-handler/*.c) helper/probe/procfs.c

build/threadleak-core-handler: $(HANDLER) $(wildcard helper/core-handler/*.h) helper/probe/procfs.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(HANDLER_FLAGS) -pie -Wl,-z,relro -Wl,-z,now $(HANDLER) -o $@

# Two members: names that are ours alone must not meet the program's, and unload.o is needed by few.
build/archive/threadleak.o: $(filter-out %/unload.o,$(ARCHIVE_OBJECTS))
	$(Q)$(LD) -r -o $@ $^
	$(Q)$(OBJCOPY) --localize-hidden $@

build/libthreadleak.a: build/archive/threadleak.o build/archive/unload.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# What the linker has to be told, derived from the list of interposed functions and from the public header.
INTERPOSED = $(shell sed -n 's/^ *X(\([a-z0-9_]*\)).*/\1/p' helper/runtime/real.h)
STD_THREAD = $(shell sed -n 's/^ *prefix\#\#//p' helper/runtime/std_thread.c)
PUBLIC = threadleak_registry $(shell grep -ohw 'threadleak_[a-z_]*_' helper/include/threadleak.h | sort -u)

# No version node: an unversioned definition stands for every version of the libc function that it interposes.
build/exports.map: helper/runtime/real.h helper/include/threadleak.h Makefile
	@mkdir -p $(@D)
	$(Q)printf '{ global: %s local: *; };\n' '$(patsubst %,%;,$(PUBLIC) $(INTERPOSED))' > $@

build/threadleak-static.ld: helper/runtime/real.h helper/runtime/std_thread.c Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' $(patsubst %,-Wl$(comma)--wrap=%,$(INTERPOSED) $(STD_THREAD)) -Wl,-u,threadleak_registry \
		-Wl,--export-dynamic-symbol=threadleak_registry -Wl,--eh-frame-hdr > $@

# ---- tests ---------------------------------------------------------------------------------------

TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -Ihelper/include
LINKED := -Lbuild -lthreadleak -Wl,-rpath,$(CURDIR)/build -lcmocka

# Programs that are linked with the library and look into their own registry.
RUNTIME_TESTS := $(patsubst %,build/tests/test_%,threads scopes events fork footprint exit_socket verify verify_unseen misuse)

$(RUNTIME_TESTS): build/tests/%: tests/runtime/%.c $(wildcard tests/runtime/*.h) build/libthreadleak.so
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) $< $(LINKED) -o $@

build/tests/test_table: tests/runtime/test_table.c helper/runtime/table.c tests/runtime/view.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/runtime $(filter %.c,$^) -lcmocka -o $@

build/tests/test_history: tests/runtime/test_history.c helper/runtime/history.c $(HEADERS) tests/runtime/view.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/runtime $(filter %.c,$^) -lcmocka -pthread -o $@

UNIT_TESTS := $(RUNTIME_TESTS) build/tests/test_table build/tests/test_history

.PHONY: check-runtime
check-runtime: $(UNIT_TESTS)
	$(Q)for test in $^; do timeout 300 $$test || exit 1; done

include tests/runtime/capture.mk tests/runtime/verify.mk tests/probe/probe.mk tests/fuzz/fuzz.mk

PYTEST := $(PYTHON) -m pytest
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: check check-engine check-gdb check-shell check-adapters check-real
check: check-runtime check-capture check-verify check-probe check-fuzz check-engine check-gdb check-shell check-adapters check-real

check-engine: all
	$(Q)$(PYTEST) tests/engine tests/abi

check-gdb: all
	$(Q)$(PYTEST) tests/gdb

check-shell: all
	$(Q)$(PYTEST) tests/shell

check-adapters: all
	$(Q)$(PYTEST) tests/adapters tests/recipes

check-real: all
	$(Q)$(PYTEST) tests/real

# ---- style and static checks ---------------------------------------------------------------------

C_FILES := $(shell find helper tests scripts -name '*.[ch]' -o -name '*.cc')
PYTHON_FILES := gdb helper tests

.PHONY: lint format
lint:
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -D__x86_64__ -Ihelper/include \
		--suppress=missingIncludeSystem --enable=warning,portability helper/runtime helper/probe helper/core-handler
	$(Q)black --quiet --check --diff $(PYTHON_FILES)
	$(Q)mypy --cache-dir=build/mypy gdb/threadleak

format:
	$(Q)clang-format -i $(C_FILES)
	$(Q)black --quiet $(PYTHON_FILES)

# ---- figures -------------------------------------------------------------------------------------

.PHONY: bench
bench: all $(patsubst %,build/bench/%,bench_wrapper bench_capture create_join many_threads large_stacks stop_alone verify)
	$(Q)$(PYTHON) tests/bench/bench.py

build/bench/bench_wrapper: tests/bench/bench_wrapper.c $(ARCHIVE_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -fomit-frame-pointer $(WARNINGS) -Ihelper/include -Ihelper/runtime $< \
		$(ARCHIVE_OBJECTS) -Wl,--eh-frame-hdr \
		$(patsubst %,-Wl$(comma)--wrap=%,$(filter-out pthread_create pthread_join,$(INTERPOSED))) -o $@

build/bench/bench_capture: tests/bench/bench_capture.c build/libthreadleak.a
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -fomit-frame-pointer -Ihelper/include -Ihelper/runtime $< \
		$(patsubst %,build/archive/%.o,capture cfi eh_frame modules table) -o $@

build/bench/create_join build/bench/many_threads build/bench/large_stacks build/bench/stop_alone: build/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -fomit-frame-pointer $(WARNINGS) $< -o $@

build/bench/verify: tests/bench/verify.c build/libthreadleak.so
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -Ihelper/include $< -Lbuild -lthreadleak \
		-Wl,-rpath,$(CURDIR)/build -o $@

# ---- installation --------------------------------------------------------------------------------

# Where this machine's GDB looks for scripts that go with a library, whatever our PREFIX is.
GDB ?= gdb
GDB_AUTO_LOAD ?= $(shell $(GDB) -nx -batch -ex 'python print(gdb.PYTHONDIR.rsplit("/", 1)[0])' 2>/dev/null)/auto-load
PACKAGE := $(DATADIR)/threadleak
from = $(shell realpath -m -s --relative-to="$1" "$2")

.PHONY: install
install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PACKAGE)
	install -m 755 $(LIBRARY) $(DESTDIR)$(LIBDIR)/
	ln -sf $(notdir $(LIBRARY)) $(DESTDIR)$(LIBDIR)/libthreadleak.so.$(SOVERSION)
	ln -sf libthreadleak.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libthreadleak.so
	install -m 644 build/libthreadleak.a $(DESTDIR)$(LIBDIR)/
	install -m 755 build/libthreadleak-probe.so $(DESTDIR)$(LIBDIR)/
	install -D -m 755 build/threadleak-core-handler $(DESTDIR)$(LIBEXECDIR)/threadleak-core-handler
	install -D -m 644 docs/threadleak-core-handler.8 $(DESTDIR)$(DATADIR)/man/man8/threadleak-core-handler.8
	install -D -m 644 docs/threadleak.1 $(DESTDIR)$(DATADIR)/man/man1/threadleak.1
	install -D -m 644 docs/threadleak.7 $(DESTDIR)$(DATADIR)/man/man7/threadleak.7
	install -D -m 644 scripts/completions/threadleak.bash \
		$(DESTDIR)$(DATADIR)/bash-completion/completions/threadleak
	install -D -m 644 scripts/completions/_threadleak $(DESTDIR)$(DATADIR)/zsh/site-functions/_threadleak
	install -m 644 build/threadleak-static.ld $(DESTDIR)$(PACKAGE)/
	install -m 644 helper/include/threadleak.h helper/include/threadleak_abi.h $(DESTDIR)$(INCLUDEDIR)/
	install -d $(DESTDIR)$(INCLUDEDIR)/threadleak $(DESTDIR)$(PACKAGE)/pytest
	install -m 644 helper/include/threadleak/*.h $(DESTDIR)$(INCLUDEDIR)/threadleak/
	install -m 644 helper/pytest/* $(DESTDIR)$(PACKAGE)/pytest/
	for name in threadleak threadleak-static; do \
		sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		    -e 's|@VERSION@|$(VERSION)|; s|@PACKAGE@|$(PACKAGE)|' helper/$$name.pc.in \
		    > $(DESTDIR)$(LIBDIR)/pkgconfig/$$name.pc; done
	cd gdb && find threadleak -name '*.py' -o -name '*.txt' -o -path '*/show/html/*' | while read -r file; do \
		install -D -m 644 "$$file" "$(DESTDIR)$(PACKAGE)/gdb/$$file"; done
	install -m 644 gdb/threadleak-gdb.py $(DESTDIR)$(PACKAGE)/gdb/
	sed -i -e 's|^LIBRARY_DIR = .*|LIBRARY_DIR = "$(call from,$(PACKAGE)/gdb/threadleak,$(LIBDIR))"|' \
		-e 's|^PROGRAM_DIR = .*|PROGRAM_DIR = "$(call from,$(PACKAGE)/gdb/threadleak,$(LIBEXECDIR))"|' \
		$(DESTDIR)$(PACKAGE)/gdb/threadleak/libraries.py
	install -D -m 755 scripts/threadleak $(DESTDIR)$(BINDIR)/threadleak
	sed -i -e '1s|/usr/bin/python3|$(PYTHON)|' -e 's|^PACKAGE_DIR = .*|PACKAGE_DIR = "$(call from,$(BINDIR),$(PACKAGE)/gdb)"|' \
		$(DESTDIR)$(BINDIR)/threadleak
	$(PYTHON) -m compileall -q -s $(DESTDIR)/ -p / $(DESTDIR)$(PACKAGE)/gdb
	@folder=$(DESTDIR)$(GDB_AUTO_LOAD)$(LIBDIR); \
	if install -d $$folder 2>/dev/null; then \
		echo "install $$folder/$(notdir $(LIBRARY))-gdb.py (GDB loads it with the library)"; \
		sed 's|^PACKAGE_DIR = .*|PACKAGE_DIR = "$(PACKAGE)/gdb"|' gdb/threadleak-gdb.py \
			> $$folder/$(notdir $(LIBRARY))-gdb.py; \
	else \
		echo "$$folder cannot be written: put 'source $(PACKAGE)/gdb/threadleak-gdb.py' into ~/.gdbinit"; \
	fi

.PHONY: clean
clean:
	rm -rf build
