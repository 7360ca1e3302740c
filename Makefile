# Everything happens in .venv; each step is done once and again only when its inputs change.
PYTHON ?= python3
BIN := .venv/bin
# Where it is set, each of the hundreds of programs that tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt

.PHONY: lab test test-quick check format docs models pictures bench faults clean help

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

lab: .make/install ## Install, get the starter models and what their routers want, open the lab
	@$(BIN)/routerlab models pull minilm:probe smollm2-135m:probe qwen2.5-coder-0.5b qwen2.5-coder-0.5b:probe
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/routerlab; else \
	  echo "No terminal here: replaying the sixty cases instead (this takes some minutes)."; \
	  exec $(BIN)/routerlab replay; fi

test: .make/dev models ## Install what tests need and run them
	@$(BIN)/python -m pytest

test-quick: .make/dev ## The tests without a model, a terminal or other programs (a minute and a half)
	@$(BIN)/python -m pytest -m "not whole"

check: .make/dev ## Static checks: ruff, mypy, import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: .make/dev ## Format the code
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

docs: .make/docs ## Build the documentation into site/, links checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet && echo "site/index.html"

models: .make/install ## Pull the model that the tests use, and make what its router wants of it
	@$(BIN)/routerlab models pull smollm2-135m smollm2-135m:probe

pictures: .make/dev ## Remake the pictures in docs/ with the real app and the starter models (some minutes; needs Chromium)
	@$(BIN)/routerlab models pull minilm:probe smollm2-135m:probe qwen2.5-coder-0.5b qwen2.5-coder-0.5b:probe
	@$(BIN)/python -m scripts.pictures

bench: .make/dev models ## Measure start-up, event-loop lateness, and routing against its peers
	@$(BIN)/python -m benchmarks
	@$(BIN)/routerlab bench engine --arm smollm2-135m:probe --profile --out benchmarks/results/engine.json

faults: .make/dev models ## Kill, stop, fuzz and starve real workers 500 times (some 4 minutes)
	@$(BIN)/python -m tests.faults

clean: ## Remove the virtual environment (models and sessions stay)
	rm -rf .venv .make site

.make/venv:
	@mkdir -p .make
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "routerlab needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv || \
	  { echo "no virtual environment could be made (Debian: apt install python3-venv)"; exit 1; }
	@touch $@

.make/llama: .make/venv scripts/build_llama.py
	@$(BIN)/python scripts/build_llama.py constraints.txt .make/llama.log
	@touch $@

.make/install: .make/llama pyproject.toml constraints.txt
	@echo "Installing routerlab and its libraries"
	@$(PIP) -e '.[tune]'
	@touch $@

.make/dev: .make/install
	@echo "Installing the development tools"
	@$(PIP) -e '.[dev]'
	@touch $@

.make/docs: .make/install
	@echo "Installing what makes the documentation"
	@$(PIP) -e '.[docs]'
	@touch $@
