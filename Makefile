# impactql. `make` alone lists the targets.
#
# Tools are pinned in tools/go.mod, a module of their own, and built once into bin/tools.

SHELL         := bash
.SHELLFLAGS   := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-builtin-rules
.DELETE_ON_ERROR:

# Set any of these on the command line, as in `make test PKG=./db TESTFLAGS=-v`.
PKG        ?= ./...
TESTFLAGS  ?=
BENCHFLAGS ?=
FUZZTIME   ?= 30s
CHAOS      ?= 3m
API_URL    ?= http://127.0.0.1:8080
API_KEY    ?= test-key
SHORT      ?= 1

VERSION     = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
K6_VERSION := v1.8.1

GOLANGCI := bin/tools/golangci-lint
GQLGEN   := bin/tools/gqlgen
BENCH    := bin/tools/bench
K6       := bin/tools/k6-$(K6_VERSION)

##@ Every day

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# No stamp from version control: it fails in a folder that another user owns, and VERSION says it already.
.PHONY: build
build: ## Build the static binary bin/impactql
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" -o bin/impactql .

# exec, so that a signal to make reaches the server itself.
.PHONY: run
run: build ## Build and start the server on :8080, with its own Postgres and demo data
	exec bin/impactql

.PHONY: test
test: ## Install what the tests need and run them all, with the race detector (PKG=, TESTFLAGS=)
	.ci/install browser gcc node postgres
	cd tools && CGO_ENABLED=1 go test -race -timeout 5m ./...
	CGO_ENABLED=1 go test -race -timeout 15m $(TESTFLAGS) $(PKG)

.PHONY: check
check: check-modules check-generated vet lint ## Modules tidy, generated code up to date, format, vet, lint

.PHONY: fmt
fmt: $(GOLANGCI) ## Format all Go code
	$(GOLANGCI) fmt
	cd tools && ../$(GOLANGCI) fmt

##@ Parts of check

.PHONY: lint
lint: $(GOLANGCI) ## Formatting and the rules of .golangci.yml
	$(GOLANGCI) fmt --diff
	$(GOLANGCI) run
	cd tools && ../$(GOLANGCI) run

.PHONY: vet
vet: ## go vet, both modules
	go vet ./...
	cd tools && go vet ./...

.PHONY: generate
generate: $(GQLGEN) ## Generate graph/generated from the GraphQL schema
	cd graph && ../$(GQLGEN) generate

# Compared with a copy and not with git, so that it also works before a commit.
.PHONY: check-generated
check-generated: $(GQLGEN)
	@before=$$(mktemp -d); trap 'rm -rf "$$before"' EXIT; \
	cp -R graph "$$before/graph"; \
	$(MAKE) --no-print-directory generate; \
	diff -ru "$$before/graph" graph || { echo "generated code was not up to date; it is now: commit it" >&2; exit 1; }

GQLGEN_VERSION = go list -m -f '{{.Version}}' github.com/99designs/gqlgen

# The generator and the runtime it generates for must be of one version.
.PHONY: check-modules
check-modules:
	go mod tidy -diff
	cd tools && go mod tidy -diff
	@product=$$($(GQLGEN_VERSION)); tool=$$(cd tools && $(GQLGEN_VERSION)); \
	[ "$$product" = "$$tool" ] || { echo "gqlgen is $$product in go.mod but $$tool in tools/go.mod" >&2; exit 1; }

##@ Measure

.PHONY: bench
bench: build $(BENCH) ## Measure ingest and reads side by side (BENCHFLAGS=)
	.ci/install postgres
	$(BENCH) -impactql bin/impactql $(BENCHFLAGS)

.PHONY: load
load: $(K6) ## Run the k6 scripts, short, against API_URL with API_KEY (SHORT= for full length)
	@export API_URL=$(API_URL) API_KEY=$(API_KEY) SHORT=$(SHORT) K6_NO_USAGE_REPORT=true; failed=; \
	for script in k6/*-load.js k6/*-test.js; do echo "== $$script"; $(K6) run "$$script" || failed+=" $$script"; done; \
	[ -z "$$failed" ] || { echo "limits broken:$$failed" >&2; exit 1; }

# `go test -list` names the targets of a package, then the package.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { for (; n > 0; n--) print $$2, names[n] }' | \
	while read -r package name; do \
		echo "== $$package $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done

.PHONY: chaos
chaos: ## Kill servers and Postgres at random under load for CHAOS, and count what is lost or doubled
	.ci/install gcc postgres
	CGO_ENABLED=1 go test -race -count 1 -timeout 30m -run '^TestChaos$$' -v -chaos $(CHAOS) . | grep -v component=postgres

.PHONY: clean
clean: ## Remove bin; the data in .impactql stays
	rm -rf bin

# The tools. A new version in tools/go.mod builds them again.

build-tool = cd tools && go build -trimpath -buildvcs=false -ldflags "-s -w" -o ../$@

$(GOLANGCI): tools/go.mod
	$(build-tool) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GQLGEN): tools/go.mod
	$(build-tool) github.com/99designs/gqlgen

$(BENCH): tools/go.mod $(wildcard tools/bench/*)
	$(build-tool) ./bench

# Not in tools/go.mod: half of the world's modules, for something that only `make load` needs.
$(K6):
	GOBIN="$(CURDIR)/bin/tools" go install go.k6.io/k6@$(K6_VERSION)
	mv bin/tools/k6 $@
