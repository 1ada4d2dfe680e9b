# Bare `make` lists the targets.
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
DATE    := $(shell git log -1 --format=%cI 2>/dev/null)
PKG     := github.com/kubectl-flink/kubectl-flink/pkg/common/version
LDFLAGS := -s -w -X $(PKG).number=$(VERSION) -X $(PKG).commit=$(COMMIT) -X $(PKG).date=$(DATE)
BIN     := $(CURDIR)/bin
CLUSTER := go -C hack/cluster run .

# The race detector needs a C compiler.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)

# These packages start no goroutine, and compute much: the race detector would
# find nothing and take minutes.
ALONE := common/layered|common/secret|flink/api|flink/diagnosis|flink/statefile|kubectl-flink/view

# The demo and the tests bring up a cluster of their own. To run the demo on
# another one: make demo KUBECONFIG=path (the environment's doesn't count).
ifeq ($(origin KUBECONFIG),command line)
DEMO_FLAGS := --kubeconfig $(KUBECONFIG)
endif

# How long each fuzz target runs in make test-long.
FUZZTIME ?= 1m

PREFIX ?= $(shell if [ "$$(id -u)" = 0 ]; then echo /usr/local/bin; else echo $$HOME/.local/bin; fi)
MANDIR ?= $(abspath $(PREFIX)/..)/share/man/man1

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1|\2/' | awk -F'|' '{printf "  %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build both plugins into bin/
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./plugins/kubectl-flink ./plugins/kubectl-cmf
	@ln -sf kubectl-flink $(BIN)/kubectl_complete-flink
	@ln -sf kubectl-cmf $(BIN)/kubectl_complete-cmf

.PHONY: install
install: build ## Put the plugins, their completion and man pages on PATH (PREFIX=DIR)
	@mkdir -p $(PREFIX)
	install -m 755 $(BIN)/kubectl-flink $(BIN)/kubectl-cmf $(PREFIX)/
	@ln -sf kubectl-flink $(PREFIX)/kubectl_complete-flink
	@ln -sf kubectl-cmf $(PREFIX)/kubectl_complete-cmf
	@# man looks beside each directory of PATH.
	@CGO_ENABLED=0 go run -trimpath ./hack/docs release $(BIN)/pages $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
	@mkdir -p $(MANDIR)
	install -m 644 $(BIN)/pages/*/man/*.1 $(MANDIR)/
	@case ":$$PATH:" in *:$(PREFIX):*) ;; *) echo "add $(PREFIX) to PATH, so that kubectl finds the plugins" ;; esac

.PHONY: demo
demo: build ## A cluster, a Flink job and a savepoint of it, on this machine
	@go run ./hack/demo --bin $(BIN) $(DEMO_FLAGS)

.PHONY: demo-cmf
demo-cmf: build ## A stand-in for CMF in the demo's cluster, and kubectl cmf on it
	@go run ./plugins/kubectl-cmf/cmftest/demo --bin $(BIN)

.PHONY: demo-down
demo-down: ## Take the demo's cluster down
	@$(CLUSTER) down --name demo

.PHONY: test
test: build ## Every test that this machine can run
	@RACE=$(RACE) ./hack/test

.PHONY: test-unit
test-unit: ## Tests of functions, without a cluster
	go test -trimpath $(RACE) -vet=off -coverprofile=coverage.txt $$(go list ./... | grep -Ev '/test/arch$$|/($(ALONE))$$') # vet is part of make lint
	go test -trimpath -vet=off -coverprofile=coverage-alone.txt $$(go list ./... | grep -E '/($(ALONE))$$')
	@tail -n +2 coverage-alone.txt >>coverage.txt && rm coverage-alone.txt && ./hack/coverage coverage.txt
	go test -count=1 ./test/arch # looks at what the cache of tests doesn't know of
	go -C hack/cluster vet ./... && go -C hack/cluster test ./...

# Memory is measured, of which the race detector needs more; the rest mostly waits.
.PHONY: test-hostile
test-hostile: ## Every command against servers that attack it
	go test -trimpath -tags hostile -parallel 6 ./test/hostile

.PHONY: test-api
test-api: ## Tests against a real API server, without an operator
	go test -trimpath -tags api -count=1 -timeout 20m ./test/api/... # make test-long adds -race: building takes longest

.PHONY: test-e2e
test-e2e: build ## Tests on a real cluster with operator and Flink (root, Linux)
	go test -trimpath -tags e2e -count=1 -timeout 60m -v ./test/e2e/...

.PHONY: test-release
test-release: ## Archives, packages, krew, and completion in real shells (root, Debian)
	go test -trimpath -tags release -count=1 -timeout 30m ./test/release/...

# What takes too long for every change.
.PHONY: test-long
test-long: build ## Releases of all platforms, krew, other systems, soaks, long e2e, fuzzing; ends with a table
	@RACE=$(RACE) FUZZTIME=$(FUZZTIME) ./hack/test-long

.PHONY: lint
lint: ## Static checks
	go vet ./... && go vet -tags 'api bench hostile' ./test/... && go vet -tags 'e2e long' ./test/... && go vet -tags release ./test/...
	"$$($(CLUSTER) tool golangci-lint)/golangci-lint" run ./...

.PHONY: vulncheck
vulncheck: ## Known vulnerabilities in what is linked (asks the Go vulnerability database)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./plugins/...

.PHONY: docs
docs: ## Renew docs/reference from the commands
	go run ./hack/docs reference docs/reference

.PHONY: probe
probe: ## Compile the Java classes of storage check and upgrade --compile
	$(CLUSTER) probe $(CURDIR)/pkg/flink/probe/java

.PHONY: pictures
pictures: build ## Draws docs/pictures again, of the jobs of make demo
	@export KUBECONFIG="$$($(CLUSTER) kubeconfig --name demo)" PATH="$(BIN):$$($(CLUSTER) assets):$$PATH" && \
	draw="go run ./hack/picture" && \
	$$draw -out docs/pictures/status.svg -height 26 -see 'q quit' -see Changes -settle 8s -- kubectl flink status basic-example -w && \
	$$draw -out docs/pictures/top.svg -height 9 -see 'q quit' -see RUNNING -settle 12s -- kubectl flink top basic-example && \
	$$draw -out docs/pictures/graph.svg -see Sink -- kubectl flink graph basic-example && \
	$$draw -out docs/pictures/checkpoints.svg -height 24 -see COMPLETED -- kubectl flink checkpoints basic-example && \
	$$draw -out docs/pictures/sql.svg -height 24 -see 'session-example>' \
		-press "CREATE TABLE readings (id INT, degrees DOUBLE) WITH ('connector' = 'datagen', 'number-of-rows' = '5', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '5');\r" -settle 3s \
		-press 'SELECT id, ROUND(degrees / 1E306, 2) AS degrees FROM readings;\r' -see '5 rows' -- kubectl flink sql session-example --start-gateway

.PHONY: release-snapshot
release-snapshot: ## Archives and packages of all six platforms into dist/, and krew's manifests
	"$$($(CLUSTER) tool goreleaser)/goreleaser" release --snapshot --clean --skip=sign,sbom,announce,publish
	go run ./krew/render --tag v0.0.0-snapshot --checksums dist/checksums.txt --out dist/krew

.PHONY: bench
bench: build ## Sizes and times, as ratios against kubectl
	@go run ./test/bench --bin $(BIN)
	@go run ./test/bench/cmf --bin $(BIN)
	@go run ./test/bench/state --bin $(BIN)
	@echo "list of 5,000 jobs"; go test -tags 'api bench' -count=1 -timeout 20m -v -run TestListOfThousands ./test/api/ | grep -E 'jobs:|FAIL|panic'
	@if [ "$$(uname -s)$$(id -u)" = Linux0 ]; then \
		go test -tags release -count=1 -v -run TestCompletionAnswersFromItsCache ./test/release/ | grep -E 'completion:|FAIL|panic'; \
		$(CLUSTER) up --name demo --minio && \
		go run ./test/bench/state --bin $(BIN) --only du --kubeconfig "$$($(CLUSTER) kubeconfig --name demo)" --kubectl "$$($(CLUSTER) assets)/kubectl" --mc "$$($(CLUSTER) tool mc)/mc" && \
		go run ./test/bench/tunnel --kubeconfig "$$($(CLUSTER) kubeconfig --name demo)" --kubectl "$$($(CLUSTER) assets)/kubectl" && \
		go run ./test/bench/sql --kubeconfig "$$($(CLUSTER) kubeconfig --name demo)" --kubectl "$$($(CLUSTER) assets)/kubectl" --bin $(BIN); \
	else echo "not run: the tunnel's, SQL's and du's parts, which need a cluster (Linux and root)"; fi

.PHONY: cluster-up
cluster-up: ## Bring the demo's cluster up
	@$(CLUSTER) up --name demo

.PHONY: cluster-down
cluster-down: ## Take every cluster of this project down
	@$(CLUSTER) down --all

.PHONY: cluster-status
cluster-status: ## Say how the clusters are
	@$(CLUSTER) status
