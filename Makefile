# The whole onboarding: `make run`, `make test`. Another interpreter: `make PY=/path/to/python3.12 run`.
PY ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all test-kernels lint app bench golden notebooks screenshots tables evidence docs FORCE

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.all  ## create .venv and install everything, pinned
	@echo "ready: $$($(BIN)/python --version) in .venv"

run: .venv/.core  ## run the baseline (16 posterior draws), print the answer, write results/baseline/
	$(BIN)/python -m experiments.cli run baseline --posterior 16

test: .venv/.all  ## run the default test suite, what CI runs
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not long'

test-all: .venv/.all  ## run every test, the long forms too
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Left out: labs with perfect foresight are many runs, beside no twin.
test-kernels: .venv/.all  ## run golden run, twins and stored answers under the kernels of other processors, as CI does
	$(BIN)/python -m tests.kernels -n 2 --dist worksteal -m 'not long' -k 'not foresight'

lint: .venv/.all  ## check style, types, import contracts and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

app: .venv/.all  ## open the browser page on 127.0.0.1
	$(BIN)/python -m experiments.cli app

bench: .venv/.all  ## measure speed and memory on this machine, for the README
	$(BIN)/python -m experiments.cli bench --out docs/bench
	$(BIN)/python -m tests.quoted
	$(BIN)/python -m tests.page_speed

golden: .venv/.all  ## rewrite the golden run and print which series moved by how much
	$(BIN)/python -m tests.golden

notebooks: .venv/.all  ## run the notebooks from fresh kernels and write their outputs
	$(BIN)/python -m tests.notebooks

screenshots: .venv/.all  ## take the pictures of the browser page that the README shows
	$(BIN)/python -m tests.screenshots

tables: .venv/.all  ## write the table of parameters, measure the parameters that are new or declared anew
	$(BIN)/python -m tests.tables

evidence: .venv/.all  ## run `economy ablate` and `economy ranges`, store their tables for the report (half an hour)
	$(BIN)/python -m experiments.cli ablate --out results/ablate
	$(BIN)/python -m experiments.cli ranges --out results/ranges
	$(BIN)/python -m tests.tables results/ablate results/ranges

docs: tables  ## the same and, from a fresh baseline, picture and numbers of the README
	$(BIN)/python -m experiments.cli replicate --json > experiments/stored/.replicate.tmp
	mv experiments/stored/.replicate.tmp experiments/stored/replicate.json
	$(BIN)/python -m experiments.cli run baseline --posterior 16 --out results/baseline --replace
	$(BIN)/python -m experiments.report.page results/baseline docs/answer.png
	$(BIN)/python -m experiments.cli run baseline --seeds 16 --out results/baseline-own --replace
	$(BIN)/python -m tests.quoted results/baseline results/baseline-own

# .venv/.python holds interpreter and version: the environment is made anew only when PY is another one.
# The base interpreter is asked for, so that an activated .venv never counts as another, nor deletes itself.
.venv/.python: FORCE
	@base=$$($(PY) -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))') || exit 1; \
	id=$$($(PY) -c 'import sys; print(*sys.version_info[:3], sys.base_prefix); sys.exit(sys.version_info < (3, 11))') \
	  || { echo "$(PY): Python 3.11 or newer is needed; choose one with PY=/path/to/python" >&2; exit 1; }; \
	if [ "$$(cat $@ 2>/dev/null)" != "$$id" ]; then \
	  rm -rf .venv && "$$base" -m venv .venv && echo "$$id" > $@; \
	fi

.venv/.core: .venv/.python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/.all: .venv/.python pyproject.toml constraints.txt
	$(PIP) -e '.[all]'
	@touch .venv/.core $@
