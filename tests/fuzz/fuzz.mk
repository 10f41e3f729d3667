# SPDX-License-Identifier: MIT
#
# Hostile input, with libFuzzer, ASan and UBSan (clang).
#   make fuzz         for FUZZ_SECONDS; what it finds is saved in build/fuzz and belongs into tests/fuzz/corpus
#   make check-fuzz   the seeds and the corpus alone, once
FUZZ_SECONDS ?= 60
CLANG ?= clang
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -fno-omit-frame-pointer \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Ihelper/include -Ihelper/probe
CORPUS := build/fuzz/seeds $(wildcard tests/fuzz/corpus)
FUZZED := $(patsubst %,helper/probe/%.c,core core_file core_notes arch arch_x86_64 arch_aarch64 error)

build/fuzz/fuzz_core: tests/fuzz/fuzz_core.c $(FUZZED) $(PROBE_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $< $(FUZZED) -o $@

build/fuzz/seeds/x86_64: tests/fuzz/seeds.c tests/probe/core_image.h $(PROBE_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/probe -Itests/probe $< -o build/fuzz/make_seeds
	$(Q)build/fuzz/make_seeds $(@D)

.PHONY: fuzz check-fuzz
check-fuzz: build/fuzz/fuzz_core build/fuzz/seeds/x86_64
	$(Q)timeout 300 $< -runs=0 -artifact_prefix=build/fuzz/ $(CORPUS) 2>build/fuzz/log || \
		{ cat build/fuzz/log; exit 1; }

fuzz: build/fuzz/fuzz_core build/fuzz/seeds/x86_64
	@mkdir -p build/fuzz/found
	$(Q)$< -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
		-dict=tests/fuzz/words.dict -print_final_stats=1 -artifact_prefix=build/fuzz/ \
		build/fuzz/found $(CORPUS)
