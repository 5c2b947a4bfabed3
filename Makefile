# Puente. From nothing: `make run`. Only python3, make and git are assumed; tools/setup.py brings the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run train understand evaluate test chaos check format bench lock clean

PYTHON ?= python3
ROOT_PYTHON := .venv/bin/python
BOT_PYTHON := bot/.venv/bin/python
IN ?=
OUT ?=

# Nothing phones home, whatever is started from here (puente/assistant.py says what each one stops).
export RASA_TELEMETRY_ENABLED := false
export RASA_TELEMETRY_DEBUG := false
export SENTRY_DSN :=
export DO_NOT_TRACK := 1
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export TRANSFORMERS_OFFLINE := 1
export OTEL_SDK_DISABLED := true
export PYTHONPATH := $(CURDIR)

help: ## what can be asked for
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## both Python environments, without starting anything
	@$(PYTHON) tools/setup.py

run: setup ## install, train if needed, and start everything; Ctrl+C stops all
	@exec $(ROOT_PYTHON) -m puente run

train: setup ## train the assistant
	@$(ROOT_PYTHON) -m puente train

understand: setup ## IN=messages.jsonl OUT=understood.jsonl: what the assistant understands of each line
	@test -n "$(IN)" -a -n "$(OUT)" || { echo "uso: make understand IN=mensajes.jsonl OUT=entendido.jsonl" >&2; exit 2; }
	@$(ROOT_PYTHON) -m puente understand "$(IN)" "$(OUT)"

evaluate: setup ## IN=labelled.jsonl: accuracy, F1 and confusions, as JSON and as a page
	@test -n "$(IN)" || { echo "uso: make evaluate IN=etiquetado.jsonl" >&2; exit 2; }
	@$(ROOT_PYTHON) -m puente evaluate "$(IN)"

test: setup ## install what is missing and run every test
	@$(PYTHON) tools/setup.py debian
	@$(ROOT_PYTHON) tools/test.py

chaos: setup ## 2,000 messages while every process is killed ten times, on both databases; CHAOS_SEED=… replays
	@CHAOS_SIZE=$${CHAOS_SIZE:-full} $(ROOT_PYTHON) -m pytest tests/chaos/test_chaos.py

check: setup ## lint, form and types
	@status=0; for step in "ruff check ." "ruff format --check ." "mypy"; do \
	  echo "== $$step"; $(ROOT_PYTHON) -m $$step || status=1; \
	done; exit $$status

format: setup ## put the code in its form
	@$(ROOT_PYTHON) -m ruff check --fix --quiet . ; $(ROOT_PYTHON) -m ruff format --quiet .

bench: setup ## the benchmarks
	@for bench in benchmarks/*.py; do \
	  interpreter=$(ROOT_PYTHON); grep -q '^# environment: bot' $$bench && interpreter=$(BOT_PYTHON); \
	  echo "== $$bench"; $$interpreter $$bench || exit 1; \
	done

lock: setup ## write the lock files anew from the pyproject files
	@uv=.tools/bin/uv; options="--universal --generate-hashes --no-emit-index-url --no-header --quiet"; \
	$$uv pip compile tools/uv.in $$options -o tools/uv.lock && \
	$$uv pip compile pyproject.toml --group dev $$options -o requirements.lock && \
	cd bot && ../$$uv pip compile pyproject.toml --group dev --python-version 3.10 $$options -o requirements.lock

clean: ## remove the environments, the trained model and caches (never the data in var/)
	@rm -rf .venv bot/.venv .tools .rasa models/puente.* models/.training-* results
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis bot/.pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
