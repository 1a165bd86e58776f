# Every target sets up what it needs: a fresh clone with python3 and make is enough.
PYTHON ?= python3
VENV   ?= .venv
# Versions to hold, for example PINS='requests==2.32.3 urllib3==2.1.0'
PINS   ?=
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint docs bench clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]' $(PINS)
	@touch $@

demo: $(READY)          ## the main job: one tour of exchanges over every installed transport
	$(BIN)/intermodal compare

test: $(READY)          ## all tests; INTERMODAL_PROFILE=ci requires every peer and draws more examples
	$(BIN)/python -m pytest -n 2

lint: $(READY)          ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)         ## every transport against its bare library, side by side in one run
	$(BIN)/python contrib/bench/small_get.py

docs: $(READY)          ## the documentation as HTML in build/site
	$(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

clean:
	rm -rf .venv* build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
