# Each target does its own set-up. What it needs: Rust (rustup), Python 3.11 and make.

include tools/versions.mk

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
VENV_BENCH := .venv-bench
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/holdfast/tools
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

# Two processes, each with a local cloud of its own: stories wait more than they compute.
STORIES ?= -n 2 --dist loadfile
# Of the stack that `make deploy` makes, for example PARAMETERS='ReplicaRegion=eu-west-1 NotificationEmail=me@example.org'.
# What is not given keeps the value that the stack has.
PARAMETERS ?=
ARCHITECTURE ?= arm64

export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/stamp ## show it all on a local cloud: back up, replicate, verify, prune, destroy, restore (KEEP=1 leaves the cloud up)
	KEEP=$(KEEP) $(VENV)/bin/python -m tests.local.demo

.PHONY: test
test: $(VENV)/stamp ## all tests, the stories against the local cloud included
	cargo test --workspace --locked
	$(VENV)/bin/python -m tests.local.build
	$(VENV)/bin/python -m pytest tests/stories $(STORIES)

.PHONY: lint
lint: $(VENV)/stamp $(CARGO_DENY) ## formatting, clippy, docs, dependency rules, the template
	cargo fmt --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	$(CARGO_DENY) check bans licenses sources
	tools/advisories $(CARGO_DENY)
	$(VENV)/bin/sam validate --lint --template template.yaml --region eu-central-1
	$(VENV)/bin/cfn-lint template.yaml destination.yaml tests/sample_app/shop.yaml shared/sources/tests/application/golden/*.template.json
	$(VENV)/bin/python -m compileall -q -f tests/bench tests/local tests/stories tests/sample_app

.PHONY: bench
bench: $(VENV)/stamp $(VENV_BENCH)/stamp ## speed, size and memory beside other tools on the same data
	$(VENV_BENCH)/bin/python -m tests.bench

.PHONY: deploy
deploy: $(VENV)/stamp ## to the account that your AWS credentials name; shows the changes and asks before it makes them
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --parameter-overrides Architecture=$(ARCHITECTURE)
	$(VENV)/bin/sam deploy --parameter-overrides Architecture=$(ARCHITECTURE) $(PARAMETERS)

.PHONY: clean
clean: ## remove what was built here
	rm -rf $(VENV) $(VENV_BENCH) .aws-sam .pytest_cache
	find tests -name __pycache__ -type d -prune -exec rm -rf {} +
	cargo clean

$(VENV)/stamp: requirements.txt tools/versions.mk tools/venv
	tools/venv $(PYTHON) $(VENV) $(PIP_VERSION) requirements.txt

$(VENV_BENCH)/stamp: tools/requirements-bench.txt tools/versions.mk tools/venv
	tools/venv $(PYTHON) $(VENV_BENCH) $(PIP_VERSION) tools/requirements-bench.txt

# Takes minutes, so it is kept outside the checkout, one folder a version.
$(CARGO_DENY):
	@echo 'building cargo-deny $(CARGO_DENY_VERSION), once on this machine'
	cargo install --locked --quiet --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)
