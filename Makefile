# Every target does all its own set-up; `make` alone prints this list.
.DEFAULT_GOAL := help
SHELL := /bin/bash

export UV_PYTHON_DOWNLOADS := never
BIN := .venv/bin
PYTEST := $(BIN)/pytest
T ?=
SOURCES := $(wildcard */src */*/src)
UNIT := $(wildcard */tests/unit connectors/*/tests/unit services/*/tests/unit deploy/*/tests/unit)
ADAPTERS := $(wildcard */tests/integration connectors/*/tests/integration services/*/tests/integration deploy/*/tests/integration)
JOURNEYS := tests/integration
KILLS := tests/kills
SIMULATION := tests/simulation
# Tests wait for processes more than they compute, so a few files at a time, and two whole portals.
SPREAD := -n 3 --dist loadfile
TWO_PORTALS := -n 2 --dist loadfile
# CI ends a part that takes longer than its budget: e.g. UNIT_LIMIT="timeout 3m".
LINT_LIMIT ?=
UNIT_LIMIT ?=
ADAPTERS_LIMIT ?=
JOURNEYS_LIMIT ?=
SIMULATION_LIMIT ?=
FAULTS_LIMIT ?=
KILLS_LIMIT ?=

##@ Run
.PHONY: up demo operator logs status reset
up: setup ## start the whole portal on this machine; Ctrl-C stops it
	@$(BIN)/python -m portal_local up
demo: setup ## run the main job as a customer, from sign-up to an active, billed service
	@$(BIN)/python -m portal_local demo
operator: setup ## run an operator's command on the running portal: make operator DO="list --status blocked"
	@$(BIN)/python -m portal_local operate $(DO)
logs: setup ## follow the logs of every process
	@$(BIN)/python -m portal_local logs
status: setup ## say what is running
	@$(BIN)/python -m portal_local status
reset: setup ## empty the portal's state folder
	@$(BIN)/python -m portal_local reset

##@ Test
.PHONY: test test-unit test-integration test-faults test-simulation torture lint
test: lint test-unit test-integration test-simulation test-faults ## everything: lint, unit, integration, faults and kills
test-unit: setup ## use cases and rules on fakes, no network; T=path runs one
	@$(UNIT_LIMIT) $(PYTEST) --disable-socket --allow-unix-socket -m "not kill" $(if $(T),$(T),-n 2 --dist loadfile $(UNIT))
test-integration: setup ## adapters and journeys on real NATS, Postgres, Redis and the sandbox; T=path runs one
	@$(ADAPTERS_LIMIT) $(PYTEST) -m "not kill" $(if $(T),$(T),$(SPREAD) $(ADAPTERS))
	@$(if $(T),,$(JOURNEYS_LIMIT) $(PYTEST) $(TWO_PORTALS) $(JOURNEYS))
test-faults: setup ## kill -9 and injected faults, judged by the sandbox's ledger; T=path runs one
	@$(FAULTS_LIMIT) $(PYTEST) -m kill $(if $(T),$(T),$(SPREAD) $(ADAPTERS))
	@$(if $(T),,$(KILLS_LIMIT) $(PYTEST) $(TWO_PORTALS) $(KILLS))
test-simulation: setup ## the whole provisioning path in one process on virtual time: fault matrix, schedules, mutants
	@$(SIMULATION_LIMIT) $(PYTEST) --disable-socket --allow-unix-socket $(if $(T),$(T),-n 2 $(SIMULATION))
torture: setup ## hours of it: every kill point, thousands of schedules, outages with 1,000 orders; writes a report
	@$(BIN)/python tests/torture.py
lint: setup ## formatting, ruff, mypy strict, import rules, generated documents, hosts in the lock file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(LINT_LIMIT) $(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports
	@$(BIN)/python -m portal_contracts check .
	@! grep -hoE '"?https?://[A-Za-z0-9.-]+' uv.lock | grep -vE '//(pypi\.org|files\.pythonhosted\.org)$$' || (echo "uv.lock names another host than PyPI" && false)

##@ Work
.PHONY: format documents bench setup
format: setup ## format the code and mend what ruff can mend
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .
documents: setup ## write what is generated: schemas, first samples, AsyncAPI, problem codes, parts of READMEs
	@$(BIN)/python -m portal_contracts write .
bench: setup ## measure our stack beside the peers in one run
	@$(BIN)/python bench/run.py
setup: .venv/.ready ## install what is locked

.venv/.ready: uv.lock pyproject.toml $(wildcard */pyproject.toml */*/pyproject.toml)
	@command -v uv >/dev/null || test -x .tools/bin/uv || \
		{ echo "fetching uv"; python3 -m pip install -q --disable-pip-version-check --target .tools uv; }
	@echo "installing what is locked"
	@$$(command -v uv || echo .tools/bin/uv) sync --frozen --all-packages --compile-bytecode -q --python "$$(python3 -c 'import sys; print(sys.executable)')"
	@touch .venv/.ready

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "; printf "make <target>\n"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
