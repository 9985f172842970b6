# make run    install into .venv and run the demo on real input
# make test   lint, types and the whole test suite
# make clean  remove everything that was made
#
# Needs Python >= 3.11, make and pip. PYTHON=python3.13 picks another interpreter for a new .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := PYTHONWARNINGS=ignore::UserWarning $(BIN)/python -m pip --disable-pip-version-check --quiet
FOLDERS := core adapters simulations
WITH_TESTS := $(wildcard tests benchmarks examples)

.PHONY: run test clean FORCE
.DELETE_ON_ERROR:

run: .venv/installed
	$(BIN)/meted demo

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p meted.core -p meted.adapters -p meted.simulations
	$(BIN)/mypy $(WITH_TESTS)
	$(BIN)/pytest -n auto

clean:
	rm -rf .venv build dist meted.egg-info .coverage htmlcov .hypothesis .mypy_cache .pytest_cache
	find . \( -name __pycache__ -o -name .ruff_cache \) -type d -prune -exec rm -rf {} +

# Where the standard library comes without ensurepip (Debian's python3 without python3-venv), pip itself fills the .venv.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "meted needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv \
		&& $(PYTHON) -m pip --disable-pip-version-check --quiet --python .venv/bin/python install pip; }

# An editable install is a tree of links, one a module: a module that came or went needs another install. The list of
# modules is written anew only when it differs, so that its age is the age of the last such change.
.venv/modules: $(BIN)/python FORCE
	@find $(FOLDERS) -name '*.py' -o -name py.typed | LC_ALL=C sort > $@.now
	@if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

.venv/installed: pyproject.toml .venv/modules
	rm -rf build
	$(PIP) install --editable .
	@touch $@

.venv/installed-test: pyproject.toml .venv/modules
	rm -rf build
	$(PIP) install --editable '.[test]'
	@touch $@ .venv/installed
