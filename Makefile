# Every target sets up what it needs: a fresh clone with python3 and make is enough.
PYTHON ?= python3
VENV   ?= .venv
# The Python that the matrix has the oldest libraries on
OLDEST_PYTHON ?= $(PYTHON)
# Tests at once: a good part of what each takes is waiting
WORKERS ?= 3
# Versions to hold, for example PINS='requests==2.32.3 urllib3==2.1.0'
PINS   ?=
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BENCH  := $(VENV)-bench
# The oldest libraries that are supported, and what the matrix is of.
OLDEST := requests==2.32.3 urllib3==2.1.0 httpx==0.27.0 httpcore==1.0.0
TRIED  := socket requests urllib3 httpx subjects:session subjects:client subjects:pool_manager mock wsgi asgi subjects:template

.PHONY: demo test deep lint docs matrix oldest bench clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]' $(PINS)
	@touch $@

demo: $(READY)          ## the main job: one tour of exchanges over every installed transport
	$(BIN)/intermodal compare

test: $(READY)          ## all tests; INTERMODAL_PROFILE=ci requires every peer and draws more examples
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

deep: $(READY)          ## a million generated answers for the codec and what they held; then all other tests at length, for hours: a hundred thousand generated exchanges, counted at the end
	INTERMODAL_PROFILE=deep $(BIN)/python -m pytest -s tests/fuzz
	INTERMODAL_PROFILE=deep $(BIN)/python -m pytest -n 2 --ignore=tests/fuzz

lint: $(READY)          ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BENCH)/.ready  ## every transport, the libraries below and their peers, against nginx; OPTIONS='--case small-get'
	$(BENCH)/bin/python contrib/bench $(OPTIONS)

matrix: $(READY)        ## the conformance kit over every transport, with the newest and the oldest libraries: docs/pages/matrix.md
	$(MAKE) VENV=$(VENV)-oldest PYTHON=$(OLDEST_PYTHON) PINS='$(OLDEST)' $(VENV)-oldest/.ready
	mkdir -p build
	cd tests/conformance && ../../$(BIN)/intermodal conform --json $(TRIED) >../../build/newest.json
	cd tests/conformance && ../../$(VENV)-oldest/bin/intermodal conform --json $(TRIED) >../../build/oldest.json
	$(BIN)/python docs/matrix.py build/newest.json build/oldest.json

oldest:                 ## print the oldest libraries, for PINS
	@echo $(OLDEST)

# The peers live apart, so that .venv has what the project needs and no more; niquests apart from them, since it overwrites urllib3.
$(BENCH)/.ready: pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --upgrade pip
	$(BENCH)/bin/python -m pip install --quiet -e '.[bench]'
	$(PYTHON) -m venv $(BENCH)/niquests
	$(BENCH)/niquests/bin/python -m pip install --quiet niquests
	@touch $@

docs: $(READY)          ## the documentation as HTML in build/site
	$(BIN)/mkdocs build --strict --config-file docs/mkdocs.yml

clean:
	rm -rf .venv* build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
