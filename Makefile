# Everything but the graphical programs builds and tests without cgo.
export CGO_ENABLED = 0
export GOFLAGS = -mod=readonly

GO ?= go

PREFIX ?= /usr/local

.PHONY: wallet town-wallet wallet-window install-wallet uninstall-wallet android-check phone town once test required statesync bench bench-window faults vet build tools clean

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

wallet-window: build wallet ## drives the wallet in a real window by mouse and keyboard, beside a town; ZEGEL_WINDOW_PICTURES=DIR keeps pictures
	@ZEGEL_WINDOW=1 sh test/tools.sh
	ZEGEL_WINDOW=1 $(GO) test -count 1 -v -run "^TestWindow$$" ./test/window

install-wallet: ## puts bin/zegel-wallet (make wallet), its icon and its links under PREFIX
	install -Dm755 bin/zegel-wallet $(DESTDIR)$(PREFIX)/bin/zegel-wallet
	install -Dm644 wallet/cmd/zegel-wallet/linux/id.zegel.wallet.desktop $(DESTDIR)$(PREFIX)/share/applications/id.zegel.wallet.desktop
	install -Dm644 wallet/cmd/zegel-wallet/linux/id.zegel.wallet.png $(DESTDIR)$(PREFIX)/share/icons/hicolor/256x256/apps/id.zegel.wallet.png
	test -z "$(NETWORK)" || install -Dm644 "$(NETWORK)" $(DESTDIR)$(PREFIX)/share/zegel/network.json
	@test -n "$(DESTDIR)" || ! command -v update-desktop-database >/dev/null || update-desktop-database $(PREFIX)/share/applications

uninstall-wallet: ## takes away what install-wallet put there; wallets of people stay
	rm -f $(DESTDIR)$(PREFIX)/bin/zegel-wallet $(DESTDIR)$(PREFIX)/share/applications/id.zegel.wallet.desktop
	rm -f $(DESTDIR)$(PREFIX)/share/icons/hicolor/256x256/apps/id.zegel.wallet.png
	rm -f $(DESTDIR)$(PREFIX)/share/zegel/network.json
	@test -n "$(DESTDIR)" || ! command -v update-desktop-database >/dev/null || update-desktop-database $(PREFIX)/share/applications

android-check: ## compiles and links the phone program for Android without the NDK, and says what that proves
	@ZEGEL_GUI=1 ZEGEL_ANDROID=1 sh test/tools.sh
	@sh mobile/check/check.sh

phone: ## the phone program in Fyne's simulator, beside a running town (make town)
	@ZEGEL_GUI=1 ZEGEL_ANDROID=1 sh test/tools.sh
	CGO_ENABLED=1 $(GO) run -tags mobile ./mobile --dev --dir town-wallet/phone --network town/network.json

test: tools ## all tests
	$(GO) test -timeout 30m ./...

required: tools ## which rows of the required behaviour have a passing test
	$(GO) test -timeout 30m -json -run "^TestRequired$$" ./... | $(GO) run ./test/required

statesync: ## a node takes over a state of 220 MB; says how long and with how much memory
	ZEGEL_STATE_MB=220 $(GO) test -count 1 -v -run TestStateSyncLarge ./registry

bench: tools ## benchmarks; writes docs/benchmarks.md
	$(GO) run ./test/bench

bench-window: wallet ## the figures of the wallet in a real window, on a display of its own; writes them to docs/benchmarks.md
	@ZEGEL_WINDOW=1 sh test/tools.sh
	ZEGEL_WINDOW=1 $(GO) run ./test/bench -window

faults: build ## disturb a registry of four real nodes and see whether it holds; about 15 minutes
	$(GO) build -o bin/faults ./test/faults
	ZEGEL_WAL_CUTS=200 ZEGEL_FAULTS=1 $(GO) test -count=1 -v -timeout 15m -run "^(TestLogIsCut|TestDoubleVotes|TestRequired)$$/^(TX-10|VAL-03|VAL-04)?$$" ./registry -rapid.checks=300
	bin/faults

tools: ## says what is missing and installs it where that is allowed
	@sh test/tools.sh

clean:
	rm -rf bin
