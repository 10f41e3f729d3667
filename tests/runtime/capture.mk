# SPDX-License-Identifier: MIT
#
# The creation stack: every stack against gcc's unwinder, by several compilers and levels.
CAPTURE := $(patsubst %,helper/runtime/%.c,capture cfi eh_frame modules table)
FRAMES := $(addprefix tests/runtime/,test_capture.c frames_compare.c frames_c.c)
FRAMES_DEPEND := $(FRAMES) $(wildcard tests/runtime/frames*) tests/runtime/static_cmocka.h $(CAPTURE) $(HEADERS)
CAPTURE_TESTS := $(patsubst %,build/tests/test_capture_%,o0 o2 o2_fp o3 clang tiny_cache static static_pie)

FLAGS_o0 := -O0
FLAGS_o2 := -O2 -fomit-frame-pointer
FLAGS_o2_fp := -O2 -fno-omit-frame-pointer -fcf-protection -fstack-protector-all -fstack-clash-protection
FLAGS_o3 := -O3 -fomit-frame-pointer
FLAGS_clang := -O2 -fomit-frame-pointer
FLAGS_tiny_cache := -O2 -fomit-frame-pointer -DCAPTURE_CACHE_SETS=1
FLAGS_static := -O2 -fomit-frame-pointer -DSTATIC
FLAGS_static_pie := -O2 -fomit-frame-pointer -DSTATIC -fPIE
LINK_static := -static -Wl,--eh-frame-hdr
LINK_static_pie := -static-pie -Wl,--eh-frame-hdr

build/tests/test_capture_%: $(FRAMES_DEPEND)
	@mkdir -p $@.objects
	$(Q)cd $@.objects && $(if $(filter clang,$*),clang,$(CC)) $(FLAGS_$*) -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra -Werror \
		-I$(CURDIR)/helper/include -I$(CURDIR)/helper/runtime -c $(addprefix $(CURDIR)/,$(FRAMES))
	$(Q)$(if $(filter clang,$*),clang++,$(CXX)) $(FLAGS_$*) -g -Wall -Wextra -Werror -c tests/runtime/frames_cxx.cc -o $@.objects/frames_cxx.o
	$(Q)$(CC) -c tests/runtime/frames_asm.S -o $@.objects/frames_asm.o
	$(Q)cd $@.objects && $(CC) -O2 -g $(RUNTIME_FLAGS:-I%=-I$(CURDIR)/%) $(filter -D%,$(FLAGS_$*)) -c $(addprefix $(CURDIR)/,$(CAPTURE))
	$(Q)$(CXX) $@.objects/*.o $(LINK_$*) $(if $(findstring static,$*),,-lcmocka) -lpthread -o $@

build/tests/test_capture_cfi: tests/runtime/test_capture_cfi.c helper/runtime/cfi.c helper/runtime/eh_frame.c $(HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -fsanitize=address,undefined -fno-sanitize-recover -Ihelper/runtime $(filter %.c,$^) -lcmocka -o $@

# Four plugins that are made to lie at the same place, and one that is there from the start.
PLUGINS := $(patsubst %,build/tests/%.so,plugin_a plugin_b plugin_c plugin_d libplugin_start)
FLAGS_plugin_a := -DFRAME_SIZE=1000 -Wl,--build-id
FLAGS_plugin_b := -DFRAME_SIZE=3000 -Wl,--build-id
FLAGS_plugin_c := -DFRAME_SIZE=1000 -Wl,--build-id=none
FLAGS_plugin_d := -DFRAME_SIZE=3000 -Wl,--build-id=none
FLAGS_libplugin_start := -DFRAME_SIZE=2000 -Wl,-soname,libplugin_start.so

$(PLUGINS): build/tests/%.so: tests/runtime/frames_plugin.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -fomit-frame-pointer -fPIC -shared -Wall -Wextra -Werror $(FLAGS_$*) $< -o $@

build/tests/test_capture_modules: tests/runtime/test_capture_modules.c tests/runtime/frames_compare.c $(CAPTURE) $(HEADERS) $(PLUGINS)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/runtime $(filter %.c,$^) -rdynamic -Lbuild/tests -lplugin_start \
		-Wl,-rpath,'$$ORIGIN' -lcmocka -o $@

.PHONY: check-capture
check-capture: $(CAPTURE_TESTS) build/tests/test_capture_cfi build/tests/test_capture_modules
	$(Q)for test in $^; do timeout 300 $$test || exit 1; done
