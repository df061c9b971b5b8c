# `make demo` and `make test` do all set-up themselves; `make help` lists what there is.
# Paths are relative, so that `make -C FOLDER` and folders with spaces in their names work.
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin/python

.PHONY: demo test check bench clean help environment environment-dev

demo: environment ## Set up, then turn one picture of a person into new views and poses
	@$(PYTHON_BIN) -m sherfctl run eval --dataset demo --out demo-output

test: environment-dev ## Set up, then run all tests
	@OMP_NUM_THREADS=1 $(PYTHON_BIN) -m pytest --numprocesses 2 --dist loadfile

check: environment-dev ## Lint (ruff) and check types (mypy)
	@$(PYTHON_BIN) -m ruff check .
	@$(PYTHON_BIN) -m ruff format --check .
	@$(PYTHON_BIN) -m mypy

bench: environment-dev ## Measure this machine: stages, fast paths, scaling, training, start-up (some minutes)
	@$(PYTHON_BIN) benchmarks/all.py

clean: ## Remove .venv and everything that was made
	@rm -rf .venv .setup.log .setup.lock demo-output build dist ./*.egg-info .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@sh tools/setup.sh

environment-dev:
	@sh tools/setup.sh --dev

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile
