# Every target sets up .venv by itself from requirements.lock; a second run finds it ready.
# pip, and no other installer, because it follows the machine's own index settings and comes
# with python3. PYTHON=/path/to/python picks another interpreter, TESTS and ARGS narrow `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
JOBS ?= 2
TESTS ?= tests
ARGS ?=
MINUTES ?= 20
SEED ?=
BIN := .venv/bin
READY := .venv/ready

export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help setup demo test nightly soak breakage mutants reliability lint bench bench-correctness canary lock clean

help:
	@echo "make demo        set up, run the demo lakehouse and open it in Dagster (HEADLESS=1: no UI)"
	@echo "make test        set up and run the tests (TESTS=tests/delta ARGS='-k race')"
	@echo "make nightly     the tests at their full volume and on the disk (LAKESTREAM_TEST_VOLUME), then the soak"
	@echo "make soak        kill, race and fail runs for MINUTES (20), play 20,000 histories, count what was lost (SEED=1)"
	@echo "make breakage    break the protocol on purpose, place by place: which tests turn red?"
	@echo "make mutants     make one small mistake at a time in the modules that the promise rests on: do the"
	@echo "                 tests notice? An hour or more; goes on where it was broken off (ARGS=--again)"
	@echo "make reliability write the pages in docs/ that are made of the tests and the last soak's figures"
	@echo "make lint        set up and run ruff, mypy and import-linter"
	@echo "make bench       set up and run the benchmarks (ARGS='--pairs 9 --works first')"
	@echo "make bench-correctness"
	@echo "                 kill us and our peers around their commit, send late files, count the rows"
	@echo "                 that are lost or doubled (ARGS='--legs polars dlt-stock --kills 10')"
	@echo "make canary      run the tests of tables on the newest deltalake: can the pin go?"
	@echo "make lock        resolve requirements.lock anew (ARGS='--upgrade')"
	@echo "make clean       remove everything that the other targets made"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@python=$$(.ci/find-python "$(PYTHON)"); \
	if ! $(BIN)/python -c '' 2>/dev/null; then "$$python" -m venv --clear .venv; fi
	@echo "installing what requirements.lock pins (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	@HEADLESS="$(HEADLESS)" $(BIN)/python -m definitions.demo

test: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS) $(TESTS)

nightly: $(READY)
	LAKESTREAM_TEST_VOLUME=nightly $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)
	$(MAKE) soak

soak: $(READY)
	PYTHONPATH=tests $(BIN)/python -m support.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)
	LAKESTREAM_EVENT_FILES=5000 \
		$(if $(findstring --save,$(ARGS)),LAKESTREAM_EVENT_FIGURES=tests/reliability/soak.json) \
		$(BIN)/pytest tests/sources/notifications -k spoilt_and -q -n0 --timeout 0

breakage: $(READY)
	PYTHONPATH=tests $(BIN)/python -m support.breakage $(ARGS)

mutants: $(READY)
	LAKESTREAM_TEST_VOLUME=nightly PYTHONPATH=tests $(BIN)/python -m support.mutant_run $(ARGS)

reliability: $(READY)
	PYTHONPATH=tests $(BIN)/python -m support.reliability_table
	PYTHONPATH=tests $(BIN)/python -m support.mutant_page
	PYTHONPATH=tests $(BIN)/python -m support.rulings.page
	PYTHONPATH=tests $(BIN)/python -m support.auto_loader_table
	PYTHONPATH=tests $(BIN)/python -m support.auto_loader_options

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench $(ARGS)

bench-correctness: $(READY)
	$(BIN)/python -m bench.correctness $(ARGS)

canary: $(READY)
	PYTHONPATH=tests $(BIN)/python -m support.canary $(ARGS)

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev \
		--generate-hashes --no-emit-index-url --no-strip-extras --no-header --quiet \
		$(ARGS) --output-file requirements.lock

clean:
	rm -rf .venv .canary .mutants .demo .bench .ci/out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
