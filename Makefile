# One command each; see README.md (learners) and CONTRIBUTING.md (contributors).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
BIN := .venv/bin
WORKERS ?= auto
.DEFAULT_GOAL := help

.PHONY: help
help:  ## what each command does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

.PHONY: environment
environment:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or say which: make start PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) coursekit/environment.py

.PHONY: start
start: environment  ## learners: set everything up, then open the first lesson in JupyterLab
	@$(BIN)/course doctor --quick
	@$(BIN)/course lab

.PHONY: test
test: environment  ## every test, as CI runs them
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@COURSE_OFFLINE=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --nbval-lax -n $(WORKERS) --dist loadgroup tests modules solutions

.PHONY: lint
lint: environment  ## ruff: lint and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: format
format: environment  ## ruff: rewrite
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.PHONY: lock
lock: environment  ## rewrite requirements.lock from pyproject.toml
	@$(BIN)/python coursekit/environment.py --lock

.PHONY: bench
bench: environment  ## speed, as ratios beside what it is compared with
	@$(BIN)/python -m bench

.PHONY: cheats
cheats: environment  ## hostile submissions before the judge: none may pay
	@$(BIN)/python -m autograder.cheats --plain
