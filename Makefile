# make train    set everything up and train a policy
# make test     set everything up and run the tests
# make lint     set everything up and check style and types of every file
# make docs     write the generated pages and tables of the docs; images too: make docs DOCS_ARGS=--images
#
# Needs Python 3.10 to 3.13 and nothing else. Another interpreter: make train PYTHON=python3.12
# Options of train.py: make train ARGS='--preset full --seed 1'

PYTHON ?= python3
VENV ?= .venv
ARGS ?= --preset quick
TESTS ?= tests

# A stamp file means "installed from this pyproject.toml"; make compares its age.
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help setup train test lint docs clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

setup: $(RUN_STAMP)

train: $(RUN_STAMP)
	$(VENV)/bin/python train.py $(ARGS)

test: $(DEV_STAMP)
	$(VENV)/bin/python -m pytest -n 2 $(TESTS)

lint: $(DEV_STAMP)
	@echo "$$($(VENV)/bin/ruff check . --show-files | wc -l) files for ruff"
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python --stats

docs: $(RUN_STAMP)
	$(VENV)/bin/python scripts/make_docs.py $(DOCS_ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache

$(RUN_STAMP): pyproject.toml scripts/setup.sh
	scripts/setup.sh $(VENV) $(PYTHON)
	@touch $@

$(DEV_STAMP): pyproject.toml scripts/setup.sh
	scripts/setup.sh $(VENV) $(PYTHON) '[dev]'
	@touch $@ $(RUN_STAMP)
