# run and test are all that a fresh machine with Go and Node needs.

GO ?= go

.PHONY: run test quick install clients crash soak bench fuzz build clean

run: ## a ready server for development, on 127.0.0.1:8200
	$(GO) run ./cmd/strongroom dev

test: install ## everything that can be tested in five minutes
	scripts/check
	$(GO) test -race -shuffle=on -timeout 120s ./...
	$(GO) test -count=1 -run 'TestMemoryForgets|TestReadAllocations' ./cmd/strongroom ./internal/door/aws
	$(GO) test -tags clients -count=1 -timeout 300s ./test/clients
	$(GO) test -tags engines -count=1 -timeout 300s ./internal/engine/... ./test/rotation
	$(GO) test -tags crash -count=1 -timeout 240s ./test/crash

quick: ## what needs neither network nor root
	$(GO) test -race -shuffle=on ./...

install: ## what the tests need and this machine has not
	scripts/install

soak: install ## the long forms: 100 kills, 100 power cuts, every mutant, 200 rotations of each kind
	STRONGROOM_SOAK=1 $(GO) test -tags engines -count=1 -timeout 30m -v ./test/rotation
	STRONGROOM_SOAK=1 $(GO) test -tags crash -count=1 -timeout 60m -v ./test/crash

bench: ## the server against a bare net/http server, and 1,000 against 1,000,000 secrets
	$(GO) run ./bench

fuzz: ## every fuzz target for a while
	scripts/fuzz

build: ## one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o strongroom ./cmd/strongroom

clean:
	rm -rf strongroom examples/node/node_modules
