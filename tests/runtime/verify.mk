# SPDX-License-Identifier: MIT
#
# Tests of checks that need the library's objects themselves, or made in another way.
OWN_OBJECTS := @build/threadleak-static.ld -lcmocka -ldl
VERIFY_TESTS := build/tests/test_marks build/tests/test_verify_silent

build/tests/test_marks: tests/runtime/test_marks.c $(ARCHIVE_OBJECTS) $(wildcard tests/runtime/*.h) build/threadleak-static.ld
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/runtime $< $(ARCHIVE_OBJECTS) $(OWN_OBJECTS) -o $@

# An engine that says nothing is given up after 30 seconds, here after a part of one; a reader after 10, here after one.
build/tests/test_verify_silent: tests/runtime/test_verify_silent.c $(RUNTIME) $(HEADERS) $(wildcard tests/runtime/*.h) build/threadleak-static.ld
	@mkdir -p $@.objects
	$(Q)cd $@.objects && $(CC) -O1 -g $(RUNTIME_FLAGS:-I%=-I$(CURDIR)/%) -DTHREADLEAK_WRAP -DENGINE_SILENCE_NS=300000000u \
		-DOUTPUT_PATIENCE_S=1 \
		-c $(addprefix $(CURDIR)/,$(RUNTIME))
	$(Q)$(CC) $(TEST_FLAGS) $< $@.objects/*.o $(OWN_OBJECTS) -o $@

.PHONY: check-verify
check-verify: $(VERIFY_TESTS)
	$(Q)for test in $^; do timeout 300 $$test || exit 1; done
