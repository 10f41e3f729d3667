# SPDX-License-Identifier: MIT
#
# Hostile input, with libFuzzer, ASan and UBSan (clang).
#   make fuzz         for FUZZ_SECONDS each; what is found lies in build/fuzz and belongs into tests/fuzz/cores,
#                     tests/fuzz/names or tests/fuzz/elf. Then the engine's property tests, with examples that
#                     `make check` does not try; what is found belongs beside its test, as an @example
#   make check-fuzz   what is known alone, once
FUZZ_SECONDS ?= 60
CLANG ?= clang
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -fno-omit-frame-pointer \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Ihelper/include -Ihelper/probe
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJECTS := $(PROBE_OBJECTS:build/probe/%=build/fuzz/probe/%)
# What a fuzzer starts from, folders of cores, of names or of ELF files, and how long an input is worth its time.
known = build/fuzz/seeds/$1 $(wildcard tests/fuzz/$1)
KNOWN = case $$fuzzer in \
	*_names) known="$(call known,names)"; length=1024 ;; \
	*_variables) known="$(call known,elf)"; length=32768 ;; \
	*_core) known="$(call known,cores)"; length=4096 ;; \
	*) known="$(call known,cores)"; length=32768 ;; esac

build/fuzz/probe/%.o: helper/probe/%.c $(PROBE_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -c $< -o $@

$(FUZZERS): build/fuzz/%: tests/fuzz/%.c $(FUZZ_OBJECTS)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $< $(FUZZ_OBJECTS) $(PROBE_LIBS) -o $@

build/fuzz/seeds/cores/x86_64: tests/fuzz/seeds.c tests/probe/core_image.h $(PROBE_HEADERS)
	@mkdir -p $(@D) build/fuzz/seeds/names
	$(Q)$(CC) $(TEST_FLAGS) -Ihelper/probe -Itests/probe $< -o build/fuzz/make_seeds
	$(Q)build/fuzz/make_seeds build/fuzz/seeds

build/fuzz/seeds/elf/dwarf-4: tests/fuzz/variables.cc
	@mkdir -p $(@D)
	$(Q)for version in 5 4; do g++ -gdwarf-$$version -O1 -fPIC -shared -nostdlib -Wl,-z,noseparate-code $< \
		-o $(@D)/dwarf-$$version || exit 1; done

FUZZ_SEEDS := build/fuzz/seeds/cores/x86_64 build/fuzz/seeds/elf/dwarf-4

.PHONY: fuzz check-fuzz
check-fuzz: $(FUZZERS) $(FUZZ_SEEDS)
	$(Q)for fuzzer in $(FUZZERS); do $(KNOWN); \
		DEBUGINFOD_URLS= timeout 300 $$fuzzer -runs=0 -artifact_prefix=build/fuzz/ $$known 2>build/fuzz/log || \
			{ cat build/fuzz/log; exit 1; }; done

fuzz: $(FUZZERS) $(FUZZ_SEEDS)
	$(Q)for fuzzer in $(FUZZERS); do $(KNOWN); \
		mkdir -p build/fuzz/found/$$(basename $$fuzzer) && \
		DEBUGINFOD_URLS= $$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=$$length -timeout=10 \
			-rss_limit_mb=2048 -dict=tests/fuzz/words.dict -print_final_stats=1 -artifact_prefix=build/fuzz/ \
			build/fuzz/found/$$(basename $$fuzzer) $$known || exit 1; done
	$(Q)$(PYTEST) --hypothesis-profile=explore tests/engine
