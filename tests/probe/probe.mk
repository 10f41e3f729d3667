# SPDX-License-Identifier: MIT
#
# The probe by itself: each tests/probe/test_*.c is a program that is linked with its objects, so that it
# reaches what the library does not export. The tests in Python use the library.
PROBE_TESTS := $(patsubst tests/probe/%.c,build/tests/probe/%,$(wildcard tests/probe/test_*.c))

$(PROBE_TESTS): build/tests/probe/%: tests/probe/%.c $(PROBE_OBJECTS) $(PROBE_HEADERS) $(wildcard tests/probe/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/probe $< $(PROBE_OBJECTS) $(PROBE_LIBS) -lcmocka -o $@

.PHONY: check-probe
check-probe: $(PROBE_TESTS) all
	$(Q)for test in $(PROBE_TESTS); do timeout 300 $$test || exit 1; done
	$(Q)$(PYTEST) tests/probe
