# Short commands; CONTRIBUTING.md says when to use which.
PYTHON ?= python
CC ?= gcc
BUILD ?= build
CFLAGS_COMMON = -std=gnu17 -ffp-contract=off -fno-math-errno -fno-trapping-math -fvisibility=hidden -Icsrc -Icsrc/include -Itests/c \
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wvla -Werror
CFLAGS_FAST = -O3 -g
CFLAGS_SAN = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_TSAN = -O1 -g -fsanitize=thread
MACHINE := $(shell uname -m)
ifeq ($(MACHINE),x86_64)
ISAS = portable avx2 avx512
else ifeq ($(MACHINE),aarch64)
ISAS = portable neon
else
ISAS = portable
endif
DEFS = $(foreach isa,$(ISAS),-DNV_HAVE_$(shell echo $(isa) | tr a-z A-Z)=1)
FLAGS_avx2 = -mavx2 -mfma -mbmi2
FLAGS_avx512 = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mbmi2 -mprefer-vector-width=512
CORE = $(wildcard csrc/runtime/*.c csrc/kernels/*.c csrc/graph/*.c csrc/ops/*.c csrc/train/*.c csrc/optimize/*.c) $(ISAS:%=csrc/kernels/isa/%.c)
HEADERS = $(wildcard csrc/*/*.h csrc/*/*.inc tests/c/*.h)
CTESTS = $(basename $(notdir $(wildcard tests/c/test_*.c)))

.PHONY: dev test ctest ctest-san ctest-tsan asan bench lint format stubs clean
dev: ## build the extension in place, warnings as errors
	mkdir -p $(BUILD) && NERVURE_DEV=1 flock $(BUILD)/.lock $(PYTHON) setup.py -q build_ext --inplace

test: dev ## the Python suite
	$(PYTHON) -m pytest

ctest: $(CTESTS:%=$(BUILD)/fast/%) ## the C tests
	@set -e; for t in $^; do echo $$t; $$t; done

ctest-san: $(CTESTS:%=$(BUILD)/san/%) ## the C tests under ASan, UBSan and leak detection
	@set -e; for t in $^; do echo $$t; ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 $$t; done

ctest-tsan: $(addprefix $(BUILD)/tsan/,test_threads test_stop test_loop) ## those about threads under TSan
	@set -e; for t in $^; do echo $$t; TSAN_OPTIONS=halt_on_error=1:die_after_fork=0 $$t; done

asan: ## the Python suite under ASan and UBSan, in a build of its own
	tests/run_sanitized.sh

bench: dev ## the figures of the README, beside their peers
	$(PYTHON) benchmarks/run.py

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	clang-format --dry-run -Werror $$(git ls-files 'csrc/*.[ch]' 'csrc/*.inc' 'tests/c/*.[ch]' 'benchmarks/*.c')

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	clang-format -i $$(git ls-files 'csrc/*.[ch]' 'csrc/*.inc' 'tests/c/*.[ch]' 'benchmarks/*.c')

stubs: dev ## _core.pyi against the extension
	PYTHONPATH=python $(PYTHON) -m mypy.stubtest nervure._core

clean:
	rm -rf build dist python/*.egg-info python/nervure/_core*.so

define VARIANT
$(BUILD)/$(1)/%.o: %.c $(HEADERS)
	@mkdir -p $$(dir $$@)
	$(CC) $(CFLAGS_COMMON) $(2) $(DEFS) $$(FLAGS_$$(if $$(findstring /isa/,$$<),$$(notdir $$*),none)) -c $$< -o $$@
$(BUILD)/$(1)/libnervure.a: $(CORE:%.c=$(BUILD)/$(1)/%.o)
	@rm -f $$@; ar rcs $$@ $$^
$(BUILD)/$(1)/test_%: tests/c/test_%.c $(BUILD)/$(1)/libnervure.a $(HEADERS)
	$(CC) $(CFLAGS_COMMON) $(2) $(DEFS) $$< $(BUILD)/$(1)/libnervure.a -o $$@ -pthread -lm
endef
$(eval $(call VARIANT,fast,$(CFLAGS_FAST)))
$(eval $(call VARIANT,san,$(CFLAGS_SAN)))
$(eval $(call VARIANT,tsan,$(CFLAGS_TSAN)))
