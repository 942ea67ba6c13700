# What a person runs. Each target says after `##` what it is for; the work is done in deploy/local.
SHELL := /bin/sh
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell command -v python3.11 || command -v python3)
NO_PYTHON = Syncline needs Python 3.11, and there is no python3 here.
BOOTSTRAP = @test -n "$(PYTHON)" || { echo "$(NO_PYTHON)"; exit 1; }; "$(PYTHON)" deploy/local/bootstrap.py
LAUNCHER = .venv/bin/python -m launcher

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: ## Set up, start everything, play the demo firm's day, stay up until Ctrl-C (ONCE=1: end after the day; KEEP=1: keep the data)
	$(BOOTSTRAP) && exec $(LAUNCHER) run $(if $(ONCE),--once) $(if $(KEEP),--keep)

test: ## Set up, run the tests (TESTS="tests/unit -k name": only those)
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) test $(TESTS)

check: ## Set up, then format, lint, types, layers, contracts, known vulnerabilities
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) check

contracts: ## Set up, then write the contract files anew from the code; people review the difference
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) contracts

hostile: ## Set up, then write the table of hostile cases in docs/security.md anew from tests/security
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) hostile

faults: ## Set up, then strike at every vendor write, and see that nothing is lost, doubled or stuck (FAULT="kill-edge --seed 3": that case)
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) faults $(FAULT)

fuzz: ## Set up, then drive every API from its contract, as every caller (EXAMPLES=50 per operation and phase, SEED=n)
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) fuzz $(EXAMPLES) $(if $(SEED),--seed $(SEED))

bench: ## Set up with what ours is measured against, then measure all of it side by side; fails where a gate is missed
	$(BOOTSTRAP) --bench && exec $(LAUNCHER) bench $(BENCH)

batch: ## Set up, then release 300 projects with 12,000 time entries in one go, undisturbed and with kills
	$(BOOTSTRAP) --dev && exec $(LAUNCHER) batch $(BATCH)

sequences: ## Set up, then let 200 sequences of events drawn by lot happen to contracts (SEQUENCES=1000: more)
	$(BOOTSTRAP) --dev && SYNCLINE_SEQUENCES=$(or $(SEQUENCES),200) exec $(LAUNCHER) test tests/process/test_money_sequences.py

lock: ## Pin every dependency anew, with hashes (UPGRADE=1: to the newest that pyproject.toml allows)
	$(BOOTSTRAP) --dev --lock $(if $(UPGRADE),--upgrade)

clean: ## Remove the environment, all data of this copy and the tools' caches
	@test ! -x .venv/bin/python || .venv/bin/python -m launcher clean
	@rm -rf .venv .syncline .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

.PHONY: help run test check contracts hostile faults fuzz bench batch sequences lock clean
