package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zegel runs the program and returns what it wrote. A want of -1 takes any exit code.
func zegel(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); want >= 0 && code != want {
		t.Fatalf("zegel %s: exit code %d (%v), want %d\n%s%s", strings.Join(args, " "), code, err, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// staff calls a town's staff API.
func (p *process) staff(t *testing.T, method, url, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.ready["token"])
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		t.Fatalf("%s %s: %s", method, url, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// proven asks "18 or older", lets the wallet answer, and returns the outcome and its category.
func (p *process) proven(t *testing.T, wallet []string) (outcome, category string) {
	t.Helper()
	var session struct {
		ID         string `json:"id"`
		RequestURI string `json:"request_uri"`
	}
	p.staff(t, "POST", p.ready["verifier"]+"/api/sessions", `{"preset":"over-18"}`, &session)
	zegel(t, -1, append(wallet, "present", session.RequestURI, "--yes")...)
	var result struct {
		Outcome  string `json:"outcome"`
		Category string `json:"category"`
	}
	p.staff(t, "GET", p.ready["verifier"]+"/api/sessions/"+session.ID, "", &result)
	return result.Outcome, result.Category
}

// TestTownGoesOn starts a town, gives out a card, and stops the town in two ways: asked, and killed. Started again on the
// same directory it has the same addresses and keys, the card still counts, and what was revoked stays revoked. Then it
// looks for the inhabitant in everything that the town wrote where no inhabitant belongs.
func TestTownGoesOn(t *testing.T) {
	dir := t.TempDir()
	pin := filepath.Join(dir, "pin")
	if err := os.WriteFile(pin, []byte("728194\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wallet := []string{"wallet", "--store", filepath.Join(dir, "wallet"), "--pin-file", pin}
	town, err := startTown(filepath.Join(dir, "town"))
	if err != nil {
		t.Fatal(err)
	}
	running := town
	t.Cleanup(func() {
		running.cmd.Process.Kill()
		running.cmd.Wait()
	})
	zegel(t, 0, append(wallet, "--dev", "init", "--network", town.ready["network"])...)
	var offer struct {
		OfferURI string `json:"offer_uri"`
		TxCode   string `json:"tx_code"`
	}
	// The canary: a made-up number of nine digits and a made-up name that occur nowhere else.
	claims := `{"given_name":"Kanarina","family_name":"Zoekmijniet-999990019","birthdate":"1990-02-03","address":{"locality":"Voorbeeldstad"}}`
	town.staff(t, "POST", town.ready["issuer"]+"/api/offers", `{"configuration_ids":["personal-data"],"claims":`+claims+`,"tx_code":true}`, &offer)
	zegel(t, 0, append(wallet, "receive", offer.OfferURI, "--tx-code", offer.TxCode, "--yes")...)
	if outcome, category := town.proven(t, wallet); outcome != "accepted" {
		t.Fatalf("before the stop: %s %s", outcome, category)
	}
	before := town.ready

	if err := town.stop(); err != nil {
		t.Fatalf("Ctrl-C: %v\n%s", err, town.log)
	}
	again, err := startTown(filepath.Join(dir, "town"))
	if err != nil {
		t.Fatal(err)
	}
	running = again
	if diff := cmp.Diff(before, again.ready); diff != "" {
		t.Fatalf("the ready line changed:\n%s", diff)
	}
	if outcome, category := again.proven(t, wallet); outcome != "accepted" {
		t.Fatalf("after a stop: %s %s", outcome, category)
	}
	var list struct {
		Credentials []struct {
			ID string `json:"id"`
		} `json:"credentials"`
	}
	again.staff(t, "GET", again.ready["issuer"]+"/api/credentials", "", &list)
	if len(list.Credentials) != 1 {
		t.Fatalf("%d credentials, want 1", len(list.Credentials))
	}
	again.staff(t, "POST", again.ready["issuer"]+"/api/credentials/"+list.Credentials[0].ID+"/revoke", `{"reason":"proef"}`, &struct{}{})

	if err := again.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	again.cmd.Wait()
	last, err := startTown(filepath.Join(dir, "town"))
	if err != nil {
		t.Fatal(err)
	}
	running = last
	if outcome, category := last.proven(t, wallet); outcome != "rejected" || category != "revoked" {
		t.Fatalf("after a kill: %s %s, want rejected revoked", outcome, category)
	}
	if err := last.stop(); err != nil {
		t.Fatalf("Ctrl-C: %v\n%s", err, last.log)
	}

	secrets := []string{"Kanarina", "Zoekmijniet", "999990019", "1990-02-03", offer.TxCode, before["token"]}
	for _, p := range []*process{town, again, last} {
		if p.log.Len() == 0 {
			t.Error("a town logged nothing: the search has nothing to look at")
		}
		for _, s := range secrets {
			if strings.Contains(p.log.String(), s) {
				t.Errorf("the log holds %q", s)
			}
		}
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(dir, "town", "registry"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			// The code is six digits, which chance puts into binary files; it never reaches the registry's code.
			if s != offer.TxCode && bytes.Contains(data, []byte(s)) {
				t.Errorf("%s holds %q", path, s)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("looked at %d files of the registry: %v", files, err)
	}
}

// TestProductionRefuses starts the services of a town without --dev: each must refuse and name the setting.
func TestProductionRefuses(t *testing.T) {
	town, err := sharedTown()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(town.ready["network"])
	for _, c := range []struct{ name, service, origin, network, want string }{
		{"development network", "issuer", "https://zegel.example.org", town.ready["network"], "network"},
		{"plain http", "issuer", "http://localhost:1", productionNetwork(t, town), "origin"},
		{"development key", "issuer", "https://zegel.example.org", productionNetwork(t, town), "signing_key"},
		{"plain http", "verifier", "http://localhost:1", productionNetwork(t, town), "origin"},
		{"development key", "verifier", "https://zegel.example.org", productionNetwork(t, town), "signing_key"},
	} {
		t.Run(c.service+" "+c.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "config.toml")
			text := "origin = \"" + c.origin + "\"\nlisten = \"127.0.0.1:0\"\ndir = \"" + t.TempDir() + "\"\nnetwork = \"" + c.network + "\"\n" +
				"[[tenants]]\nid = \"voorbeeldstad\"\nname = \"Gemeente Voorbeeldstad\"\ndid = \"did:zegel:voorbeeld:x\"\n" +
				"signing_key = \"" + filepath.Join(dir, c.service+"-key.pem") + "\"\nchain = \"" + filepath.Join(dir, c.service+"-chain.pem") + "\"\n"
			if c.service == "issuer" {
				text += "registry_key = \"" + filepath.Join(dir, "registry-key.pem") + "\"\nregistry_key_id = \"registry-1\"\n"
			}
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, stderr := zegel(t, 1, c.service, "start", "--config", config)
			if !strings.Contains(stderr, c.want) {
				t.Errorf("the refusal does not name %q: %s", c.want, stderr)
			}
		})
	}
}

// productionNetwork is the town's network file without its mark, and with a node that production may call.
func productionNetwork(t *testing.T, p *process) string {
	t.Helper()
	data, err := os.ReadFile(p.ready["network"])
	if err != nil {
		t.Fatal(err)
	}
	var network map[string]any
	if err := json.Unmarshal(data, &network); err != nil {
		t.Fatal(err)
	}
	delete(network, "development")
	network["nodes"] = []string{"https://registry.example.org"}
	if data, err = json.Marshal(network); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "network.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
