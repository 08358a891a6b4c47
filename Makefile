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
JOURNEYS := tests/integration tests/security
KILLS := tests/kills
SIMULATION := tests/simulation
# Tests wait for processes more than they compute, so a few files at a time, and two whole portals.
SPREAD := -n 3 --dist loadfile
# In the order of their names: who moves business time by months comes after who needs a young sandbox.
TWO_PORTALS := -n 2 --dist loadfile --no-loadscope-reorder
OTHER_DIALECT := TEST_SALESFORCE_DIALECT=2025-08
# CI ends a part that takes longer than its budget: e.g. UNIT_LIMIT="timeout 3m".
LINT_LIMIT ?=
UNIT_LIMIT ?=
ADAPTERS_LIMIT ?=
JOURNEYS_LIMIT ?=
SIMULATION_LIMIT ?=
FAULTS_LIMIT ?=
KILLS_LIMIT ?=
DOCKER_LIMIT ?=
BROWSER_LIMIT ?=
# The servers' images are public ones, unless `make local-images` has made stand-ins because nothing can be pulled here.
SERVER_IMAGES = $(if $(shell docker image inspect --format 1 portal-local/nats:local 2>/dev/null),TESTCONTAINERS_RYUK_DISABLED=true \
	$(foreach server,nats postgres redis,TEST_IMAGE_$(shell echo $(server) | tr a-z A-Z)=portal-local/$(server):local))

##@ Run
.PHONY: up demo operator doctor logs status reset backup restore
up: setup ## start the whole portal on this machine; Ctrl-C stops it
	@$(BIN)/python -m portal_local up
demo: setup ## run the main job as a customer, from sign-up to an active, billed service
	@$(BIN)/python -m portal_local demo
operator: setup ## run an operator's command on the running portal: make operator DO="list --status blocked"
	@$(BIN)/python -m portal_local operate $(DO)
doctor: setup ## check the running portal's set-up at every vendor; PRODUCT=sku: one product's launch
	@$(BIN)/python -m portal_local operate doctor $(if $(PRODUCT),--product $(PRODUCT))
logs: setup ## follow the logs of every process; ORDER=<id or number> shows every line of one order
	@$(BIN)/python -m portal_local logs $(if $(ORDER),--order $(ORDER))
status: setup ## say what is running
	@$(BIN)/python -m portal_local status
reset: setup ## empty the portal's state folder
	@$(BIN)/python -m portal_local reset
backup: setup ## dump every service's database: make backup FOLDER=<new folder>
	@$(BIN)/python -m portal_local backup $(or $(FOLDER),$(error FOLDER= names a new folder))
restore: setup ## put a backup's databases in place of the stopped portal's: make restore FOLDER=<folder>
	@$(BIN)/python -m portal_local restore $(or $(FOLDER),$(error FOLDER= names the backup))

##@ Test
.PHONY: test test-unit test-integration test-dialects test-docker test-faults test-simulation test-browser torture lint
test: lint test-unit test-integration test-simulation test-faults ## everything: lint, unit, integration, faults and kills
test-unit: setup ## use cases and rules on fakes, no network; T=path runs one
	@$(UNIT_LIMIT) $(PYTEST) --disable-socket --allow-unix-socket -m "not kill" $(if $(T),$(T),-n 2 --dist loadfile $(UNIT))
test-integration: setup ## adapters and journeys on real NATS, Postgres, Redis and the sandbox; T=path runs one
	@$(ADAPTERS_LIMIT) $(PYTEST) -m "not kill" $(if $(T),$(T),$(SPREAD) $(ADAPTERS))
	@$(if $(T),,$(JOURNEYS_LIMIT) $(PYTEST) $(TWO_PORTALS) $(JOURNEYS))
	@$(if $(T),,$(OTHER_DIALECT) $(JOURNEYS_LIMIT) $(PYTEST) -m dialect tests/integration)
test-dialects: setup ## every journey on an org with the other wording and field names (C02, C03, C05); T=path runs one
	@$(OTHER_DIALECT) $(PYTEST) $(TWO_PORTALS) $(or $(T),tests/integration)
test-faults: setup ## kill -9 and injected faults, judged by the sandbox's ledger; T=path runs one
	@$(FAULTS_LIMIT) $(PYTEST) -m kill $(if $(T),$(T),$(SPREAD) $(ADAPTERS))
	@$(if $(T),,$(KILLS_LIMIT) $(PYTEST) $(TWO_PORTALS) $(KILLS))
test-docker: setup ## journeys in containers, each killed, paused and restarted; needs `make local-images` or `images`; T=path runs one
	@$(DOCKER_LIMIT) env TEST_INFRA=docker $(SERVER_IMAGES) $(PYTEST) -m docker $(or $(T),$(JOURNEYS))
test-simulation: setup ## the whole provisioning path in one process on virtual time: fault matrix, schedules, mutants
	@$(SIMULATION_LIMIT) $(PYTEST) --disable-socket --allow-unix-socket $(if $(T),$(T),-n 2 $(SIMULATION))
test-browser: .venv/.browser ## passkeys, mailed links, every page and mail in the system's Chromium; T=path runs one
	@$(BROWSER_LIMIT) $(PYTEST) $(or $(T),tests/browser)
torture: setup ## hours of it: every kill point, thousands of schedules, outages with 1,000 orders; writes a report
	@$(BIN)/python tests/torture.py
lint: setup ## formatting, ruff, mypy strict, import rules, generated documents, hosts in the lock file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(LINT_LIMIT) $(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports
	@$(BIN)/python -m portal_contracts check .
	@! grep -hoE '"?https?://[A-Za-z0-9.-]+' uv.lock | grep -vE '//(pypi\.org|files\.pythonhosted\.org)$$' || (echo "uv.lock names another host than PyPI" && false)

##@ Containers
.PHONY: local-images images image-starts compose-up compose-demo compose-roll compose-down
local-images: setup ## where nothing can be pulled: stand-ins of the base images, then every image on them; sizes
	@$(BIN)/python deploy/images/build.py stand-ins
	@$(BIN)/python deploy/images/build.py services --local
	@$(BIN)/python deploy/images/build.py measure
images: setup ## every image on public base images; sizes
	@$(BIN)/python deploy/images/build.py services
	@$(BIN)/python deploy/images/build.py measure
image-starts: setup ## sizes, and how long each container takes from its start to ready; starts the portal in containers
	@$(BIN)/python -m portal_compose up
	@$(BIN)/python deploy/images/build.py measure --starts
compose-up: setup ## the whole portal in containers; returns when it is healthy, with addresses
	@$(BIN)/python -m portal_compose up
compose-demo: setup ## run the main job on the portal in containers
	@$(BIN)/python -m portal_compose demo
compose-roll: setup ## two replicas of all, restarted in turn under 5,000 requests: none may fail
	@$(BIN)/python -m portal_compose roll
compose-down: setup ## stop the containers; ALL=1 also forgets what they stored
	@$(BIN)/python -m portal_compose down $(if $(ALL),--volumes)

##@ Work
.PHONY: format documents audit bench setup
format: setup ## format the code and mend what ruff can mend
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .
documents: .venv/.browser ## write what is generated: schemas, first samples, AsyncAPI, problem codes, parts of READMEs, dashboards, licences
	@$(BIN)/python -m portal_contracts write .
	@$(BIN)/python -m portal_viewer.make_dashboards deploy/observability/dashboards
	@PYTHONPATH=deploy/audit $(BIN)/python -m portal_audit licences
audit: .venv/.browser ## known holes and licences of every Python and system package; needs the network
	@PYTHONPATH=deploy/audit $(BIN)/python -m portal_audit
bench: setup ## measure our stack beside the peers in one run
	@$(BIN)/python bench/run.py
setup: .venv/.ready ## install what is locked

.venv/.ready: uv.lock pyproject.toml $(wildcard */pyproject.toml */*/pyproject.toml)
	@command -v uv >/dev/null || test -x .tools/bin/uv || \
		{ echo "fetching uv"; python3 -m pip install -q --disable-pip-version-check --target .tools uv; }
	@echo "installing what is locked"
	@$$(command -v uv || echo .tools/bin/uv) sync --frozen --all-packages --compile-bytecode -q --python "$$(python3 -c 'import sys; print(sys.executable)')"
	@touch .venv/.ready

# 50 MB more, for those that drive a browser or name every licence.
.venv/.browser: .venv/.ready
	@echo "installing what drives a browser"
	@$$(command -v uv || echo .tools/bin/uv) sync --frozen --all-packages --group browser --compile-bytecode -q
	@touch .venv/.browser

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "; printf "make <target>\n"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
