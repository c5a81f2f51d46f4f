# The two commands are `make demo` and `make test`; `make help` lists the others.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUTPUT ?= demo-output
SOURCES := pyproject.toml README.md LICENSE $(shell find hyperspy_unmix -type f ! -path '*__pycache__*')

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser lint build check-wheel clean

help:  ## Show this list
	@echo 'Commands (each makes the environment $(VENV) when it is missing):'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'Your own files:'
	@echo '  make demo DATA=core.dm4 LOW_LOSS=ll.dm4'
	@echo '  and, where needed, SIGNAL_TYPE=EDS_TEM_unmix COMPONENTS=3 OUTPUT=folder'
	@echo 'Another Python:'
	@echo '  make demo PYTHON=python3.12'

demo: $(VENV)/.installed  ## Unmix the built-in phantom, or DATA, into demo-output/
	@if [ -n "$$DATA" ]; then \
	  set -- "$$DATA" $${LOW_LOSS:+--low-loss "$$LOW_LOSS"} \
	    $${SIGNAL_TYPE:+--signal-type "$$SIGNAL_TYPE"} $${COMPONENTS:+--components "$$COMPONENTS"}; \
	else \
	  set -- --demo; \
	fi; \
	$(BIN)/python -m hyperspy_unmix "$$@" -o "$(OUTPUT)" --overwrite

test: $(VENV)/.installed-tests  ## Run the whole test suite
	$(BIN)/python -m pytest -n 2 --mpl

test-browser: $(VENV)/.installed-browser  ## Run the tests in a browser (needs chromium)
	$(BIN)/python -m pytest hyperspy_unmix/tests/test_browser.py

lint: $(VENV)/.installed-dev  ## Check style (ruff) and types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

build: dist/.built  ## Build the wheel and the sdist into dist/

check-wheel: dist/.built  ## Install the wheel in a fresh environment and unmix with it
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/python -m venv "$$folder/venv" && \
	"$$folder/venv/bin/python" -m pip install --quiet dist/*.whl && \
	cd "$$folder" && venv/bin/python -I "$(CURDIR)/.ci/check_wheel.py"

clean:  ## Remove the environment, the builds and the caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Only a finished step leaves its stamp, so an interrupted one is repeated.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Python 3.11 or newer is needed: name one with, for example, make PYTHON=python3.12' >&2; \
	  exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: EXTRA :=
$(VENV)/.installed-tests: EXTRA := [tests]
$(VENV)/.installed-dev: EXTRA := [dev]
$(VENV)/.installed-browser: EXTRA := [browser]
$(VENV)/.installed $(VENV)/.installed-tests $(VENV)/.installed-dev $(VENV)/.installed-browser: $(VENV)/.created pyproject.toml
	@echo 'Installing; the first time takes a few minutes.'
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA)'
	@touch $@

dist/.built: $(VENV)/.installed-dev $(SOURCES)
	rm -rf dist
	$(BIN)/python -m build
	@touch $@
