# spinscreen: `make campaign` runs the main job, `make test` the whole suite. Everything lives in .venv.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
CAMPAIGN ?= demo

.PHONY: campaign test lint types check clean

campaign: .venv/installed
	@$(BIN)/spinscreen launch $(CAMPAIGN)

test: .venv/installed-test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: .venv/installed-test
	@$(BIN)/mypy

check: lint types test

.venv/installed: pyproject.toml .ci/install
	@bash .ci/install "$(PYTHON)" main

.venv/installed-test: pyproject.toml .ci/install
	@bash .ci/install "$(PYTHON)" test

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build ./*.egg-info

# Pages that show what a command prints: the commands in them are run and their output is put there.
.PHONY: readme tutorial docs pictures
readme: .venv/installed
	@$(BIN)/python docs/tools/blocks.py --here README.md

tutorial: .venv/installed-test
	@$(BIN)/python docs/tools/blocks.py docs/tutorial.md
	@$(BIN)/python docs/tools/blocks.py --here docs/howto/*.md

docs: .venv/installed-test
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build --strict
	@echo "documentation: build/site/index.html"

# The README's pictures as the test run draws them; needs Chromium.
pictures: .venv/installed-test
	@SPINSCREEN_SCREENSHOTS=build/pictures $(BIN)/python -m pytest -q -n 0 \
		tests/campaigns/web/test_pictures.py tests/campaigns/web/test_week.py -k "headings or week"
	@cp build/pictures/{report,page,loop,week-*}.png docs/images/

# The tools that spinscreen is measured against live in benchmarks/.venv; without them the cases run without them.
.PHONY: bench bench-env constraints wheel
bench-env: .venv/installed-test
	@bash .ci/bench-env

bench: .venv/installed-test
	@$(BIN)/python -m benchmarks --all --publish

constraints: .venv/installed-test
	@$(BIN)/python .ci/freeze > .ci/constraints.new && mv .ci/constraints.new .ci/constraints.txt

wheel: .venv/installed-test
	@bash .ci/wheel

# The notebook of the docs, run again with its output.
.PHONY: notebook
notebook: .venv/installed-test
	@$(BIN)/python docs/make_notebook.py
