# The two commands are `make demo` and `make test`; `make help` lists the others.

PYTHON ?= python3
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
VENV := .venv
BIN := $(VENV)/$(SCRIPTS)
OUTPUT ?= demo-output
SOURCES := pyproject.toml CHANGES.md CITATION.cff README.md LICENSE $(shell find hyperspy_unmix -type f ! -path '*__pycache__*')

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-peers test-wheel test-oldest test-dev docs lint hooks format build \
  check-wheel check-release check-tag release-notes changelog conda-recipe clean

# A new folder outside the checkout, so that nothing is imported or configured from here.
OUTSIDE = folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export OMP_NUM_THREADS=1
FRESH = $(OUTSIDE) && $(BIN)/uv venv --quiet --python $(BIN)/python "$$folder/venv"
UV_INSTALL = $(BIN)/uv pip install --quiet --python "$$folder/venv"
TEST_INSTALLED = cd "$$folder" && venv/$(SCRIPTS)/python -m pytest -n 2 --dist loadfile --pyargs hyperspy_unmix
HYPERSPY_DEV := hyperspy@https://github.com/hyperspy/hyperspy/archive/RELEASE_next_minor.zip \
  exspy@https://github.com/hyperspy/exspy/archive/main.zip

help:  ## Show this list
	@echo 'Commands (each makes the environment $(VENV) when it is missing):'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
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
	$(BIN)/python -m pytest -n 2 --dist loadfile --mpl

test-browser: $(VENV)/.installed-browser  ## Run the tests in a browser (needs chromium)
	$(BIN)/python -m pytest hyperspy_unmix/tests/interactive/test_browser.py

test-peers: $(VENV)/.installed-tests  ## Run the tests of HyperSpy and exspy with our classes
	$(BIN)/python compatibility/run.py

test-wheel: dist/.built  ## Run the tests of the wheel in a fresh environment
	@$(FRESH) && $(UV_INSTALL) "$$(echo dist/*.whl)[all,tests]" && $(TEST_INSTALLED)

test-oldest: dist/.built  ## The same with the oldest dependencies that pyproject.toml allows
	@$(FRESH) && $(UV_INSTALL) --resolution lowest-direct -r pyproject.toml --extra tests && \
	$(UV_INSTALL) --no-deps dist/*.whl && $(TEST_INSTALLED)

test-dev: dist/.built  ## The same with the development versions of HyperSpy and exspy
	@$(FRESH) && $(UV_INSTALL) "$$(echo dist/*.whl)[all,tests]" && \
	$(UV_INSTALL) --upgrade $(HYPERSPY_DEV) && $(TEST_INSTALLED)

docs: $(VENV)/.installed-docs  ## Build the documentation, run its examples, check its links
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html
	$(BIN)/python -m pytest -q -n 2 --dist loadfile docs README.md
	$(BIN)/python -m pytest -q --doctest-modules --ignore=hyperspy_unmix/tests --ignore=hyperspy_unmix/signals hyperspy_unmix

lint: $(VENV)/.installed-dev  ## Check style (ruff), types (mypy) and who imports whom (import-linter)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

hooks: $(VENV)/.installed-dev  ## Run the other hooks of pre-commit on all files
	SKIP=lint $(BIN)/pre-commit run --all-files --show-diff-on-failure

format: $(VENV)/.installed-dev  ## Bring the code into that style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: dist/.built  ## Build the wheel and the sdist into dist/

check-wheel: dist/.built  ## Install the wheel in a fresh environment and unmix with it
	@$(OUTSIDE) && $(BIN)/python -m venv "$$folder/venv" && \
	"$$folder/venv/$(SCRIPTS)/python" -m pip install --quiet dist/*.whl && \
	cd "$$folder" && venv/$(SCRIPTS)/python -I "$(CURDIR)/.ci/check_wheel.py"

check-release: dist/.built  ## Check all that a release needs, and that it agrees
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/pre-commit validate-config .pre-commit-config.yaml
	$(BIN)/towncrier build --draft > /dev/null
	$(BIN)/python .ci/check_release.py

check-tag: dist/.built  ## Check that TAG, as in v1.2.3, is the version and has its notes
	$(BIN)/python .ci/check_release.py --tag "$(TAG)"

release-notes: $(VENV)/.installed-dev  ## Show the notes of the next version
	@$(BIN)/towncrier build --draft

changelog: $(VENV)/.installed-dev  ## Move the notes of the next version into CHANGES.md
	$(BIN)/towncrier build --yes

conda-recipe: dist/.built  ## Write dist/recipe.yaml, the recipe for conda-forge
	$(BIN)/python release/conda/fill_recipe.py dist

clean:  ## Remove the environment, the builds and the caches
	rm -rf $(VENV) build dist docs/_build docs/gallery docs/how_it_works docs/api/generated docs/api/examples .pytest_cache .mypy_cache .ruff_cache
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
$(VENV)/.installed-docs: EXTRA := [docs]
$(VENV)/.installed $(VENV)/.installed-tests $(VENV)/.installed-dev $(VENV)/.installed-browser $(VENV)/.installed-docs: $(VENV)/.created pyproject.toml
	@echo 'Installing; the first time takes a few minutes.'
	$(BIN)/python -m pip install --quiet --editable '.$(EXTRA)'
	@touch $@

dist/.built: $(VENV)/.installed-dev $(SOURCES)
	rm -rf dist
	$(BIN)/python -m build
	@touch $@
