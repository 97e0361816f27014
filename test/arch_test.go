// Package test holds the tests that look at the whole tree: who may import whom, and the journeys.
package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/zegel-id/zegel/"

// listed is what "go list -json" tells of a package.
type listed struct {
	ImportPath  string
	Dir         string
	Imports     []string
	TestImports []string
	GoFiles     []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

// own says which packages of pkg a package of pkg may import. Data flows one way: from formats (jose, sdjwt) over
// trust to protocols; the registry seen from outside (ledger) stands beside the protocols, so that a wallet can check
// a proof without either knowing the other.
var own = map[string][]string{
	"pkg/jose":          {},
	"pkg/fetch":         {},
	"pkg/message":       {},
	"pkg/web":           {"pkg/jose"}, // strict JSON
	"pkg/did":           {"pkg/jose", "pkg/fetch"},
	"pkg/sdjwt":         {"pkg/jose"},
	"pkg/statuslist":    {"pkg/jose", "pkg/fetch"},
	"pkg/oauth":         {"pkg/jose"},
	"pkg/trust":         {"pkg/did", "pkg/jose", "pkg/sdjwt"}, // sdjwt for the one type of claim path
	"pkg/credential":    {"pkg/did", "pkg/jose", "pkg/sdjwt", "pkg/statuslist", "pkg/trust"},
	"pkg/erasure":       {"pkg/fetch", "pkg/jose", "pkg/sdjwt"}, // what was shown, by its names
	"pkg/openid4vci":    {"pkg/did", "pkg/fetch", "pkg/jose", "pkg/oauth", "pkg/sdjwt", "pkg/trust"},
	"pkg/openid4vp":     {"pkg/credential", "pkg/did", "pkg/fetch", "pkg/jose", "pkg/oauth", "pkg/sdjwt", "pkg/trust"},
	"pkg/ledger":        {"pkg/did", "pkg/jose", "pkg/sdjwt", "pkg/statuslist", "pkg/trust"},
	"pkg/ledger/follow": {"pkg/did", "pkg/fetch", "pkg/jose", "pkg/ledger", "pkg/statuslist", "pkg/trust"},
	"pkg/office":        {"pkg/message", "pkg/web"},
}

// outside says which packages may import a library, and why so few.
var outside = []struct {
	prefix  string
	allowed []string
	why     string
}{
	{"github.com/lestrrat-go/jwx", []string{"pkg/jose"}, "no longer maintained upstream: it must be replaceable"},
	{"github.com/hyperledger/aries-framework-go", []string{"pkg/did", "pkg/bbs"}, "archived upstream: it must be replaceable"},
	{"github.com/cometbft/", []string{"registry", "pkg/ledger", "pkg/ledger/follow"}, "the engine is the registry's secret"},
	{"github.com/cosmos/iavl", []string{"registry"}, "only the node keeps the tree"},
	{"github.com/cosmos/ics23", []string{"registry", "pkg/ledger"}, "proofs are made in one place and checked in one"},
	{"fyne.io/fyne", []string{"wallet/ui", "wallet/cmd/zegel-wallet", "mobile"}, "the core works without a screen"},
	{"fyne.io/fyne/v2/app", []string{"wallet/cmd/zegel-wallet", "mobile"}, "the only cgo"},
	{"github.com/cockroachdb/pebble", []string{"wallet"}, "the wallet's store only"},
	{"modernc.org/sqlite", []string{"pkg/office"}, "services open their store in one way"},
	{"github.com/alecthomas/kong", []string{"cmd/zegel"}, "flags are wiring"},
	{"github.com/stretchr/testify", nil, "the standard library and go-cmp are enough"},
	{"github.com/trustbloc/kms-go", nil, "panics at start beside aries"},
}

func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

var roles = []string{"registry", "issuer", "verifier", "wallet"}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			for _, rule := range outside {
				if strings.HasPrefix(imported, rule.prefix) && !within(p.ImportPath, rule.allowed) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
			inside, ok := strings.CutPrefix(imported, module)
			if !ok {
				continue
			}
			if strings.HasPrefix(p.ImportPath, "pkg/") {
				allowed, known := own[p.ImportPath]
				if !known {
					t.Errorf("%s is not in the table of packages: what does it build on?", p.ImportPath)
				} else if !slices.Contains(allowed, inside) {
					t.Errorf("%s imports %s, which stands above or beside it", p.ImportPath, inside)
				}
				continue
			}
			for _, role := range roles {
				if within(inside, []string{role}) && within(p.ImportPath, roles) && !within(p.ImportPath, []string{role}) {
					t.Errorf("%s imports %s: roles meet over the network only", p.ImportPath, inside)
				}
			}
			if inside == "pkg/ledger/follow" && within(p.ImportPath, []string{"wallet", "mobile"}) {
				t.Errorf("%s imports %s: a wallet asks nobody for trust", p.ImportPath, inside)
			}
		}
	}
}

// TestRouter keeps gorilla/mux in the files that hold the routes.
func TestRouter(t *testing.T) {
	found := false
	for _, p := range list(t) {
		if !slices.Contains(p.Imports, "github.com/gorilla/mux") {
			continue
		}
		for _, f := range p.GoFiles {
			imports := fileImports(t, filepath.Join(p.Dir, f))
			if !slices.Contains(imports, "github.com/gorilla/mux") {
				continue
			}
			found = true
			if f != "http.go" && !strings.HasPrefix(f, "http_") {
				t.Errorf("%s/%s imports gorilla/mux: routes stand in http.go", p.ImportPath, f)
			}
		}
	}
	if !found {
		t.Error("no file imports gorilla/mux: this test has nothing to look at")
	}
}

// TestNames refuses package names that hide nothing.
func TestNames(t *testing.T) {
	for _, p := range list(t) {
		for _, bad := range []string{"util", "utils", "common", "helpers", "types", "model", "core", "services", "log", "mocks"} {
			if filepath.Base(p.ImportPath) == bad {
				t.Errorf("package %s: say what it hides", p.ImportPath)
			}
		}
	}
}
