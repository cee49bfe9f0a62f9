# make demo: from a fresh machine to an adaptive stream.   make test: every test.
JOBS ?= $(shell nproc)
DEMO ?= demo
FUZZ_SECONDS ?= 20
export UBSAN_OPTIONS ?= print_stacktrace=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/tools/lsan.supp:print_suppressions=0

.PHONY: help build demo test test-slow test-chaos test-asan test-tsan fuzz bench format-check clean

help:
	@echo 'make build         release binary: build/release/streamgate'
	@echo 'make demo          sample film -> HLS and DASH in $(DEMO)/, verified, and how to watch it'
	@echo 'make test          all tests but the slow ones'
	@echo 'make test-slow     the slow ones'
	@echo 'make test-chaos    kills the job service and its tasks 200 times during a batch'
	@echo 'make test-asan     unit tests with ASan and UBSan; test-tsan: with TSan'
	@echo 'make fuzz          each parser for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make bench         speed and memory against ffmpeg (bench/)'
	@echo 'make format-check  clang-format, changes nothing'
	@echo 'make clean         removes build/'

# configure and build: $(call sg-build,preset,targets)
define sg-build
	@test -f build/$(1)/build.ninja || cmake --preset $(1) --log-level=NOTICE
	@cmake --build build/$(1) -j $(JOBS) $(if $(2),--target $(2))
endef

build:
	@tools/setup build
	$(call sg-build,release)

demo: build
	@tools/setup demo
	@tools/demo $(DEMO)

test:
	@tools/setup build test
	@tools/setup browser || echo 'make test: no Chromium here, tests with a browser are skipped'
	$(call sg-build,dev)
	@ctest --test-dir build/dev -LE slow --output-on-failure -j $(JOBS)

test-slow:
	@tools/setup build test slow
	$(call sg-build,dev)
	@ctest --test-dir build/dev -L slow --output-on-failure

test-chaos:
	@tools/setup build test
	$(call sg-build,dev)
	@ctest --test-dir build/dev -L chaos --output-on-failure

test-asan test-tsan: test-%:
	@tools/setup build test
	$(call sg-build,$*,unit-tests)
	@ctest --test-dir build/$* -L unit --output-on-failure -j $(JOBS)

fuzz:
	@tools/setup build fuzz
	$(call sg-build,fuzz)
	@tools/fuzz build/fuzz $(FUZZ_SECONDS)

bench: build
	@tools/setup test bench
	$(call sg-build,release,bench-origin)
	@bench/run

format-check:
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run --Werror

clean:
	@rm -rf build
