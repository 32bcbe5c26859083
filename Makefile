# One command does each thing, on a machine with only Python >= 3.11 and pip. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python3.12 …`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= runs/quickstart
PYTEST_ARGS ?=

.PHONY: help setup setup-dev quickstart test test-slow test-all lint format types lock clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@[[ -n "$(PYTHON)" ]] || { echo "magnet: no Python >= 3.11 found; install one or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "creating $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; "$(PYTHON)" -m virtualenv --quiet "$(VENV)"; } \
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

quickstart: setup  ## set up, make a small data set offline, say where to look
	@$(BIN)/magnet quickstart --out "$(OUT)"

lint: setup-dev  ## ruff: rules and layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup-dev  ## mypy, strict
	@$(BIN)/mypy magnet_ray tests $$(find jobs evals -name '*.py' 2>/dev/null)

test: lint types  ## set up, then ruff, mypy and all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

# pytest ends with 5 when no test carries the mark: nothing slow to run is not a failure.
test-slow: setup-dev  ## the tests that take long or start clusters
	@$(BIN)/python -m pytest -m slow $(PYTEST_ARGS) || { status=$$?; [[ $$status -eq 5 ]] || exit $$status; }

test-all: test test-slow  ## every check that CI runs

format: setup-dev  ## let ruff repair and lay out the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The locks: one for each use, the same versions where they overlap. train.lock leaves torch out, so that the
# machine's own kind (CPU or CUDA) is chosen by whoever installs it.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"
lock: setup-dev  ## write the lock files anew (keeps the versions that still fit)
	@$(PIP) uv==0.13.9
	@$(LOCK) --universal -o requirements/core.lock
	@$(LOCK) --universal --extra dev -c requirements/core.lock -o requirements/dev.lock
	@$(LOCK) --universal --extra serve -c requirements/core.lock -o requirements/serve.lock
	@$(LOCK) --python-platform x86_64-manylinux_2_28 --extra train -c requirements/core.lock --override requirements/no-torch.in -o requirements/train.lock

clean:  ## remove what the other commands made, data sets apart
	@rm -rf "$(VENV)" build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
