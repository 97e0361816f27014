# Everything but the graphical programs builds and tests without cgo.
export CGO_ENABLED = 0
export GOFLAGS = -mod=readonly

GO ?= go

.PHONY: wallet town-wallet town once test required statesync bench faults vet build tools clean

build: tools ## bin/zegel
	$(GO) build -o bin/zegel ./cmd/zegel

town: build ## a small municipality on this machine
	bin/zegel town

once: build ## issue, prove and revoke, each step with its time
	bin/zegel town --once

wallet: ## bin/zegel-wallet, the wallet as a desktop program; installs the C packages that Fyne needs
	@ZEGEL_GUI=1 sh test/tools.sh
	CGO_ENABLED=1 $(GO) build -o bin/zegel-wallet ./wallet/cmd/zegel-wallet

town-wallet: wallet ## the wallet beside a running town (make town)
	bin/zegel-wallet --dev --dir town-wallet --network town/network.json

test: tools ## all tests
	$(GO) test -timeout 30m ./...

required: tools ## which rows of the required behaviour have a passing test
	$(GO) test -timeout 30m -json -run "^TestRequired$$" ./... | $(GO) run ./test/required

statesync: ## a node takes over a state of 220 MB; says how long and with how much memory
	ZEGEL_STATE_MB=220 $(GO) test -count 1 -v -run TestStateSyncLarge ./registry

bench: tools ## benchmarks; writes docs/benchmarks.md
	$(GO) run ./test/bench

faults: build ## disturb a registry of four real nodes and see whether it holds; about 15 minutes
	$(GO) build -o bin/faults ./test/faults
	ZEGEL_WAL_CUTS=200 ZEGEL_FAULTS=1 $(GO) test -count=1 -v -timeout 15m -run "^(TestLogIsCut|TestDoubleVotes|TestRequired)$$/^(TX-10|VAL-03|VAL-04)?$$" ./registry -rapid.checks=300
	bin/faults

tools: ## says what is missing and installs it where that is allowed
	@sh test/tools.sh

clean:
	rm -rf bin
