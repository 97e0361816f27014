# Everything but the graphical programs builds and tests without cgo.
export CGO_ENABLED = 0
export GOFLAGS = -mod=readonly

GO ?= go

.PHONY: town once test required bench vet build tools clean

build: tools ## bin/zegel
	$(GO) build -o bin/zegel ./cmd/zegel

town: build ## a small municipality on this machine
	bin/zegel town

once: build ## issue, prove and revoke, each step with its time
	bin/zegel town --once

test: tools ## all tests
	$(GO) test ./...

required: tools ## which rows of the required behaviour have a passing test
	$(GO) test -json -run "^TestRequired$$" ./... | $(GO) run ./test/required

bench: tools ## benchmarks; writes docs/benchmarks.md
	$(GO) run ./test/bench

tools: ## says what is missing and installs it where that is allowed
	@sh test/tools.sh

clean:
	rm -rf bin
