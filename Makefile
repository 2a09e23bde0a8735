# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := tests/peers/node_modules/.package-lock.json
DRAWN := docs/pictures/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo test peers check format lint types layers docs docs-check pictures golden replay replay-types hostile torture year bench bench-search bench-summaries train-summarizer gallery lock wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, $$($(PYTHON) --version) is here: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments: apt-get install python3-venv" >&2; exit 2; }
	@echo "Making $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## tour the whole product here: no account, no network, no traces
	@$(BIN)/daily-papers demo

test: $(READY)  ## run all tests
	@$(BIN)/pytest -q -n auto

peers: $(PEERS)  ## install what Slack is held against in tests, by npm: an emulator, and its types

$(PEERS): tests/peers/package.json tests/peers/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm" >&2; exit 2; }
	@cd tests/peers && npm ci --no-progress --loglevel=error
	@touch $@

check: format lint types layers test docs-check  ## everything that has to be green

format: $(READY)
	@$(BIN)/ruff format --check --quiet .

lint: $(READY)
	@$(BIN)/ruff check --quiet .

types: $(READY)
	@$(BIN)/mypy

layers: $(READY)
	@$(BIN)/lint-imports --verbose > $(VENV)/layers.log 2>&1 || { cat $(VENV)/layers.log; exit 1; }

docs: $(READY)  ## write the generated parts of the documentation anew
	@$(BIN)/python docs/generate.py

docs-check: $(READY)
	@$(BIN)/python docs/generate.py --check

pictures: $(READY) $(DRAWN)  ## draw the pictures of Slack and Discord anew; needs chromium
	@$(BIN)/python -m docs.pictures
	@$(BIN)/python -m docs.discord_pictures

$(DRAWN): docs/pictures/package.json docs/pictures/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm" >&2; exit 2; }
	@cd docs/pictures && npm ci --no-progress --loglevel=error
	@touch $@

golden: $(READY)  ## write the golden files anew; review the diff
	@GOLDEN=write $(BIN)/pytest -q tests/adapters -k golden

replay: $(READY)  ## replay a folder of captured batches: make replay CORPUS=folder
	@$(BIN)/python -m tests.replay $(CORPUS)

replay-types: $(READY) $(PEERS)  ## ask Slack's own types about every message to Slack of a replay
	@$(BIN)/python -m tests.peers.slack_types $(CORPUS)

hostile: $(READY)  ## try thousands of hostile titles, abstracts and queries
	@$(BIN)/python -m tests.hostile $(TITLES)
	@$(BIN)/python -m tests.hostile.queries $(QUERIES)

torture: $(READY)  ## kill, cut the power, fill the disk: the store must lose nothing
	@$(BIN)/python -m tests.torture

year: $(READY)  ## simulate a year of 200 channels in 16 time zones
	@$(BIN)/python -m tests.year

bench-search: $(READY)  ## measure search against its peers; BENCH_MILLION=1, BENCH_SEMANTIC=1 for more
	@$(BIN)/python -m benchmarks search

bench-summaries: $(READY)  ## measure summaries against other methods
	@$(BIN)/python -m benchmarks summaries

train-summarizer: $(READY)  ## learn the weights of the sentence scorer anew
	@$(BIN)/python -m benchmarks.train_summarizer

gallery: $(READY)  ## show our lines of real papers beside Hugging Face's
	@$(BIN)/python -m benchmarks.gallery

bench: $(READY)  ## measure, as ratios against peers in the same run
	@$(BIN)/python -m benchmarks

lock: $(READY)  ## resolve the dependencies anew
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	  --no-emit-find-links pyproject.toml --extra postgres -o requirements.lock
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	  --no-emit-find-links pyproject.toml --extra postgres --extra semantic --group dev -c requirements.lock \
	  -o requirements-dev.lock

wheel: $(READY)  ## build the wheel
	@$(BIN)/uv build --quiet --wheel --no-build-isolation

clean:  ## remove what the targets made
	rm -rf $(VENV) dist build .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
	  tests/peers/node_modules docs/pictures/node_modules
