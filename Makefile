# `make` lists the targets.
.DEFAULT_GOAL := help
TOOL := go tool -modfile=tools/go.mod

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

.PHONY: build
build: ## build the binaries into bin/
	go build -trimpath -o bin/ ./cmd/... ./bench

.PHONY: test
test: ## run all tests
	go test ./...

.PHONY: house
house: ## check imports, purity, sizes, docs, words and citations
	.ci/run house

.PHONY: lint
lint: ## run the linters
	.ci/run lint

.PHONY: fmt
fmt: ## format all Go files as the linters want them
	$(TOOL) golangci-lint fmt ./...

.PHONY: rewrite
rewrite: ## record the golden output of scripts anew; read the diff
	@go test $$(grep -rlE --include='*_test.go' --exclude-dir=testdata '^\s+"github.com/cockroachdb/datadriven"|flag\.Bool\("rewrite"' . | xargs -r -n1 dirname | sort -u) -args -rewrite

.PHONY: race
race: ## run the tests with the race detector
	.ci/run race

.PHONY: fuzz
fuzz: ## run every fuzz target for a few seconds (FUZZTIME=1m for longer)
	.ci/run fuzz

.PHONY: demo
demo: ## run a local group, kill a replica, and see it go on
	.ci/run demo

.PHONY: check
check: ## run all that a change has to pass
	.ci/run
