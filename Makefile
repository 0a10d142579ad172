# Starling's commands. Both `make demo` and `make test` set up what they need (on Debian, as root, with apt);
# elsewhere they name what is missing and stop.
#
# The target folder outlives a checkout: RocksDB takes 20 minutes to compile on two cores, once
# (docs/decisions/0001-one-profile.md).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(HOME)/.cache/starling/target
export BUILD_TOOLS_DIR ?= $(abspath $(CARGO_TARGET_DIR)/../tools)
export PATH := $(BUILD_TOOLS_DIR)/bin:$(HOME)/.cargo/bin:$(PATH)
export SECONDS_EACH ?= 1200
export CARGO_TERM_COLOR ?= never

CARGO := cargo
RELEASE := --release --locked

.PHONY: help demo test check fmt bench fuzz fuzz-planted build setup-build setup-test deny

help:
	@echo 'make demo    build, and start a cluster of three nodes on loopback with a shell'
	@echo 'make test    formatting, lints, licences and every test; the summary comes last'
	@echo 'make build   the program: $(CARGO_TARGET_DIR)/release/starling'
	@echo 'make check   formatting and lints only'
	@echo 'make fmt     format the sources'
	@echo 'make bench   the criterion benches'
	@echo 'make fuzz    coverage-guided fuzzing, 20 minutes for each target'

setup-build:
	@.ci/setup build

setup-test:
	@.ci/setup test

build: setup-build
	$(CARGO) build $(RELEASE) --bin starling

demo: build
	@"$(CARGO_TARGET_DIR)/release/starling" demo

test: setup-test deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(RELEASE) --workspace --all-targets -- -D warnings
	@eval "$$(.ci/clients env)"; \
	.ci/summary .ci/tests $(CARGO) $(RELEASE)

# The advisory database is not fetched: it cannot be reached from everywhere, and a build must not hang on it.
deny: setup-test
	cargo-deny --locked check --hide-inclusion-graph licenses bans sources

check: setup-test
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(RELEASE) --workspace --all-targets -- -D warnings

fmt:
	$(CARGO) fmt --all

bench: setup-build
	$(CARGO) bench --locked --workspace

fuzz: setup-build
	@tests/fuzz/run $(TARGETS)

# Ends well if the fuzzer finds the panic.
fuzz-planted: setup-build
	@! CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/planted" WITH_PLANTED=1 tests/fuzz/run storage
