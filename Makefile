# make setup   create .venv from requirements.lock (needs the network the first time only)
# make demo    show on made-up data what the package does
# make test    every check: format, lint, types, layers, tests
# make dev     the Dagster UI on http://127.0.0.1:3000
# make fmt     format the code and apply the safe fixes
# make lock    resolve pyproject.toml again into requirements.lock
# make clean   delete the environment and caches, not the results in .dispatch
#
# Every path below is relative: the folder that holds this file may have spaces in its name.

PYTHON ?= python3
DEMO ?= dispatch_assets_tests.demo
PYTEST_ARGS ?=
LOCK_ARGS ?=
PORT ?= 3000

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
# A virtual environment works only where it was made, so its stamp is named after the place.
HERE := $(shell pwd -P | cksum | cut -d ' ' -f 1)
CREATED := $(VENV)/.created-$(HERE)
INSTALLED := $(VENV)/.installed-$(HERE)

# Dagster reports usage over the network unless told not to.
export DAGSTER_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Many processes start, which shall not compile the package anew each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test dev fmt lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(INSTALLED)

$(CREATED):
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "setup: no '$(PYTHON)' here. Install Python 3.11, 3.12 or 3.13, or name one: make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "setup: '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1), but Python 3.11, 3.12 or 3.13 is needed. Name one: make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "setup: '$(PYTHON)' cannot create virtual environments. Install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; \
	  exit 1; }
	@echo "setup: creating $(VENV)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# With --no-build-isolation the project is built by the locked hatchling, without the network.
# The editable install points at this folder by its full path, and one with letters beyond ASCII
# stops Python in the C locale: a relative path says the same in ASCII.
$(INSTALLED): requirements.lock pyproject.toml $(CREATED)
	@echo "setup: installing the packages in requirements.lock (a few minutes the first time)"
	@$(PY) -m pip install -qq --no-deps --require-hashes --requirement requirements.lock
	@$(PY) -m pip install -qq --no-deps --no-build-isolation --editable .
	@for link in $(VENV)/lib/python3.*/site-packages/_dispatch_assets.pth; do echo ../../../.. > "$$link"; done
	@touch $@
	@echo "setup: done"

demo: setup
	@$(PY) -m $(DEMO)

# Three processes for two cores: tests that drive daemons and browsers mostly wait.
test: setup
	@echo "==> dependencies"; $(PY) -m pip check
	@echo "==> format"; $(PY) -m ruff format --check .
	@echo "==> lint"; $(PY) -m ruff check .
	@echo "==> types"; $(PY) -m mypy
	@echo "==> layers"; $(VENV)/bin/lint-imports --no-logo
	@echo "==> tests"; $(PY) -m pytest -n 3 --no-loadscope-reorder $(PYTEST_ARGS)

# Shows your data if DISPATCH_DATA says where they are, else what `make demo` has made, whose known
# recording is shorter than what is sorted unless asked (see demo_sorting.py). Dagster's own files lie
# where `dispatch-assets materialize` puts them: beside the store, unless it is a URL.
dev: setup
	@if [ -n "$$DISPATCH_DATA" ] || [ ! -d .dispatch/demo ]; then \
	  case "$$DISPATCH_STORE" in \
	    ""|*://*) beside=.dispatch ;; \
	    *) beside="$$(dirname "$$DISPATCH_STORE")" ;; \
	  esac; \
	  mkdir -p "$$beside"; \
	  home="$${DAGSTER_HOME:-$$(cd "$$beside" && pwd)/dagster_home}"; \
	else \
	  echo "dev: showing the demo. Your own data: DISPATCH_DATA=/path/to/sessions make dev"; \
	  home="$$PWD/.dispatch/demo/dagster_home"; \
	  export DISPATCH_DATA="$$PWD/.dispatch/demo/data" DISPATCH_STORE="$$PWD/.dispatch/demo/store"; \
	  [ -n "$$DISPATCH_SORTING" ] || \
	    export DISPATCH_SORTING='{"preprocessing":{"min_preprocessing_duration":30}}'; \
	fi; \
	mkdir -p "$$home"; \
	[ -f "$$home/dagster.yaml" ] || cp dispatch_assets/defs/dagster.yaml "$$home/"; \
	DAGSTER_HOME="$$home" exec $(VENV)/bin/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

fmt: setup
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

# Keeps the versions in the lock where it can. Newer ones: make lock LOCK_ARGS=--upgrade
lock: setup
	@$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-strip-extras --no-header --no-emit-index-url --annotation-style line --quiet \
	  --output-file requirements.lock $(LOCK_ARGS)

clean:
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find dispatch_assets dispatch_assets_tests -name __pycache__ -prune -exec rm -rf {} +
