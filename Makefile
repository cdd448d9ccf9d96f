# Every target works in a fresh clone with Python 3.11 or later and make; .venv is created when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help install run dev viz psql env test test-long test-benchmarks test-images chaos chaos-short mutants lint format \
	schema pictures bench lock clean-data

help: ## Show this help.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

# uv installs in a tenth of pip's time. It comes from the lock, and takes its indexes from pip's configuration; where it
# cannot install, pip does. Hashes decide what is taken, so any index may have it.
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --index-strategy unsafe-best-match
INDEXES := $(BIN)/python -m pip config list | sed -nE \
	-e "s/^[^.]*\.index-url='(.*)'$$/export UV_DEFAULT_INDEX='\1'/p" \
	-e "s/^[^.]*\.extra-index-url='(.*)'$$/export UV_INDEX='\1'/p" \
	-e "s/^[^.]*\.find-links='(.*)'$$/export UV_FIND_LINKS='\1'/p" | sed 's/\\n/ /g'
install = { [ -x $(BIN)/uv ] && eval "$$($(INDEXES))" && $(UV) $(1) 2> $(VENV)/uv.log; } || $(PIP) $(1)

# An incomplete environment has no stamp, so the next call finishes it.
$(VENV)/runtime.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; select one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@awk '/^[^ ]/ { of_uv = /^uv==/ } of_uv' requirements-dev.lock > $(VENV)/uv.lock
	@$(PIP) --require-hashes --requirement $(VENV)/uv.lock 2> $(VENV)/uv.log || true
	@$(call install,--require-hashes --requirement requirements.lock)
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements-dev.lock
	@$(call install,--require-hashes --requirement requirements-dev.lock)
	@touch $@

install: $(VENV)/runtime.stamp ## Install, or update, what running needs into .venv.

run: $(VENV)/runtime.stamp ## Load today: fetch, star schema, checks, views, charts.
	$(BIN)/tmdb-assets run

dev: $(VENV)/runtime.stamp ## Open the Dagster UI on http://127.0.0.1:3000.
	$(BIN)/tmdb-assets dev

$(VENV)/viz.stamp: $(VENV)/runtime.stamp requirements-viz.lock
	@$(call install,--require-hashes --requirement requirements-viz.lock)
	@touch $@

viz: $(VENV)/viz.stamp ## Open the Streamlit app on http://127.0.0.1:8501.
	$(BIN)/tmdb-assets viz

env: ## Write .env with random passwords, for docker compose.
	@$(PYTHON) -m tmdb_assets.cli.env_file

psql: $(VENV)/runtime.stamp ## Open psql on the warehouse.
	$(BIN)/tmdb-assets psql

# In several processes (conftest.py sets the number), each file in one; no test depends on another process.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

test: $(VENV)/dev.stamp ## Run all tests but the long ones, in under six minutes; pytest options as ARGS=...
	$(PYTEST) -m "not long" $(ARGS)

# Property tests draw new examples here; `make test` always has the same ones.
ifndef SEED
SEED := $(shell date +%s)
endif
test-long: $(VENV)/dev.stamp ## Run the long tests: kills, outages, services, clicks; property tests with new examples.
	@echo "Examples are drawn from the seed $(SEED). The same ones again: make test-long SEED=$(SEED)"
	$(PYTEST) -m "long or hypothesis" --hypothesis-profile=drawn --hypothesis-seed=$(SEED) $(ARGS)

test-benchmarks: $(VENV)/dev.stamp ## Run the benchmarks at a tiny size (two minutes).
	$(BIN)/python -m pytest benchmarks/tests

MINUTES ?= 60
chaos: $(VENV)/dev.stamp ## Try the platform under faults for MINUTES=60; adds to docs/reliability.md.
	$(BIN)/python -W ignore -m tmdb_assets_tests.chaos --record --minutes $(MINUTES) $(ARGS)

chaos-short: $(VENV)/dev.stamp ## The same for three minutes, with the same faults each time; nothing is recorded.
	$(BIN)/python -W ignore -m tmdb_assets_tests.chaos --minutes 3 $(ARGS)

mutants: $(VENV)/dev.stamp ## Put small faults into the code and see which tests notice; adds to docs/reliability.md.
	$(BIN)/python -W ignore -m tmdb_assets_tests.mutants $(ARGS)

test-images: $(VENV)/dev.stamp ## Build the images, and try both compose files in an engine, with kills.
	tmdb_assets_tests/images/run.sh $(abspath $(BIN))/python $(ARGS)

lint: $(VENV)/dev.stamp ## Lint, check formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint sql
	$(BIN)/mypy
	$(BIN)/actionlint .github/workflows/*.yml
	$(BIN)/hadolint Dockerfile

format: $(VENV)/dev.stamp ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/runtime.stamp ## Write sql/schema.sql, data dictionary, .env.example and the tables of the runbook.
	$(BIN)/python -m tmdb_assets.warehouse.schema.ddl
	$(BIN)/python -m tmdb_assets.warehouse.data_dictionary
	$(BIN)/python -m tmdb_assets.cli.env_file --example > .env.example
	$(BIN)/python -m tmdb_assets.cli.runbook

pictures: run $(VENV)/dev.stamp ## Retake the README's pictures with the sandbox's figures (needs chromium).
	$(BIN)/python -m tmdb_assets_tests.ui.pictures

bench: $(VENV)/dev.stamp ## Measure a day's run, ingestion against the floor, the warehouse at scale, an export, and the app.
	$(BIN)/python -m benchmarks.run_day
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.load_rows
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.export
	$(BIN)/python -m benchmarks.viz

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header --no-strip-extras
lock: $(VENV)/dev.stamp ## Resolve the locked dependencies again.
	$(LOCK) --upgrade --extra build --extra viz --extra scale --extra dev pyproject.toml --output-file requirements-dev.lock
	$(LOCK) --constraints requirements-dev.lock --extra build --extra viz pyproject.toml --output-file requirements-viz.lock
	$(LOCK) --constraints requirements-dev.lock --extra build --extra scale pyproject.toml --output-file requirements-scale.lock
	$(LOCK) --constraints requirements-dev.lock --extra build pyproject.toml --output-file requirements.lock

clean-data: ## Delete the embedded database and everything created at run time.
	rm -rf data/postgres data/postgres.* data/dagster data/reports
