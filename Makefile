# The short door. Each target is one line of `make help`; what it does is a script that can be read and run by itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
NODES ?= 1
# The compiler's cache serves every checkout, wherever it lies.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: help deps build check test test-long demo bench bench-forecast bench-planner golden images cluster-up cluster-down clean

help: ## show this text
	@echo 'Foreshard. As root on Debian 12: make demo, or make test; each installs what it needs.'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | awk -F '\t' '{ printf "  make %-15s %s\n", $$1, $$2 }'
	@echo 'CLUSTER=existing uses the current kubeconfig instead of a local cluster (with REGISTRY= to push the images to).'

deps: ## install the Debian packages and Go (idempotent; starts no service)
	@deploy/packages/install

build: ## compile everything; the programs land in build/release/bin
	@command -v cmake > /dev/null || { echo 'make build: cmake is missing; run `make deps` first' >&2; exit 2; }
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j $(JOBS)

check: build ## before each commit: all tests that need no cluster (6 minutes at most)
	@.ci/tests check

test: ## the judge: installs, builds and runs everything; nothing may be skipped (25 minutes warm, 75 cold)
	@.ci/tests test

test-long: ## everything, and the long runs (a night)
	@.ci/tests long

demo: ## installs, builds; then a fleet on a local Kubernetes splits a shard before the peak, under load (15 minutes)
	@deploy/packages/install
	@$(MAKE) build
	@deploy/demo/run

bench: build ## all benchmarks; each reports a ratio between two things measured in one run
	@.ci/bench

bench-forecast: build ## the forecaster against the published results (DATA=folder of the series)
	@.ci/bench forecast

bench-planner: build ## the planner against reactive and against a perfect one; fails when a target is missed (DATA=)
	@CHECK=1 .ci/bench planner

golden: build ## rewrite the golden files; the commit says why each changed
	@charts/make_dashboards.py && charts/make_readme.py && docs/make_api.py
	@FORESHARD_REWRITE_GOLDEN=1 ctest --test-dir build/release -L '^(golden|unit)$$' -E unit.support --output-on-failure --no-tests=error

images: ## build the container images and load them into the running cluster (TAG=dev)
	@deploy/images/build

cluster-up: ## a real Kubernetes on this machine (NODES=1..3; seconds once its programs are built, 15 minutes before)
	@NODES=$(NODES) deploy/local/up

cluster-down: ## end the local cluster; leaves no process, mount, cgroup or route
	@deploy/local/down

clean: ## remove what was built here (not the cache of the cluster's programs: ~/.cache/foreshard)
	@rm -rf build
