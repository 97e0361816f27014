package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zegelWallet runs one wallet command as a shell would.
func zegelWallet(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"wallet"}, args...), &output{Stdout: &out, Stderr: &errs, Stdin: strings.NewReader(stdin)})
	return code, out.String(), errs.String()
}

func TestWalletCommand(t *testing.T) {
	dir := t.TempDir()
	store, pin, weak := filepath.Join(dir, "w"), filepath.Join(dir, "pin"), filepath.Join(dir, "weak")
	for name, text := range map[string]string{pin: "728194\n", weak: "010190\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(args ...string) []string { return append([]string{"--store", store}, args...) }
	for _, c := range []struct {
		name           string
		stdin          string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"no wallet yet", "", at("--pin-file", pin, "cards"), exitUsage, "", "geen wallet in"},
		{"no store", "", []string{"cards"}, exitUsage, "", "store"},
		{"no command", "", at(), exitUsage, "", ""},
		{"no root of trust", "", at("--pin-file", pin, "init"), exitUsage, "", "--network"},
		{"weak PIN", "", at("--pin-file", weak, "--dev", "init"), exitUsage, "", "lijkt op een datum"},
		{"two different PINs", "728194\n728195\n", at("--dev", "init"), exitUsage, "", "niet hetzelfde"},
		{"weak PIN in English, after the first time", "010190\n", at("--dev", "--lang", "en", "init"), exitUsage, "", "looks like a date"},
		{"a request to receive", "", at("receive", "openid4vp://?client_id=x&request_uri=y"), exitFailed, "", "zegel wallet present"},
		{"an offer to present", "", at("present", "openid-credential-offer://?credential_offer=x"), exitFailed, "", "zegel wallet receive"},
		{"init", "728194\n728194\n", at("--dev", "--json", "init"), exitDone, `"rollback_noticed":false`, "Kies een pincode"},
		{"init again", "", at("--pin-file", pin, "--dev", "init"), exitFailed, "", "er is al een wallet"},
		{"cards", "", at("--pin-file", pin, "--json", "cards"), exitDone, `{"cards":[]}`, ""},
		{"cards for people", "", at("--pin-file", pin, "--lang", "en", "cards"), exitDone, "There are no cards yet.", ""},
		{"typed PIN", "728194\n", at("history"), exitDone, "Er is nog niets gebeurd.", "Pincode"},
		{"no PIN at all", "", at("history"), exitUsage, "", "--pin-file"},
		{"wrong PIN", "583027\n", at("cards"), exitFailed, "", "zegel: locked: "},
		{"hint", "583027\n", at("--lang", "en", "cards"), exitFailed, "", "hint: 2 tries left"},
		{"offer that is none", "", at("--pin-file", pin, "receive", "https://localhost:1/x", "--yes"), exitFailed, "", "zegel: "},
		{"request that is none", "", at("--pin-file", pin, "present", "openid4vp://?client_id=x", "--yes"), exitFailed, "", "zegel: request_"},
		{"unknown card", "", at("--pin-file", pin, "delete", "x"), exitUsage, "", "die kaart is er niet"},
		{"unreadable anchor", "", at("--pin-file", pin, "--trust-anchor", pin, "cards"), exitUsage, "", "trust anchor"},
	} {
		code, stdout, stderr := zegelWallet(t, c.stdin, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, stdout, stderr)
		}
		if strings.Contains(stdout+stderr, "728194") || strings.Contains(stdout+stderr, "583027") {
			t.Errorf("%s: the PIN is in the output", c.name)
		}
		if code == exitFailed && !strings.Contains(stderr, "\nhint: ") {
			t.Errorf("%s: no hint: %s", c.name, stderr)
		}
	}
	_, stdout, _ := zegelWallet(t, "", at("--pin-file", pin, "--json", "history")...)
	var got struct {
		History []struct{ Kind, Outcome string } `json:"history"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.History) == 0 || got.History[0].Kind != "failed" {
		t.Errorf("history: %s", stdout)
	}
}

// TestWalletTexts: both languages have every text with the same placeholders.
func TestWalletTexts(t *testing.T) {
	holes := func(s string) (names []string) {
		for _, part := range strings.Split(s, "{")[1:] {
			name, _, _ := strings.Cut(part, "}")
			names = append(names, name)
		}
		return names
	}
	for key, text := range walletTexts {
		if text[0] == "" || text[1] == "" {
			t.Errorf("%s lacks a language", key)
		}
		if strings.Join(holes(text[0]), ",") != strings.Join(holes(text[1]), ",") {
			t.Errorf("%s: placeholders differ: %q, %q", key, text[0], text[1])
		}
	}
	for _, lang := range []string{"nl", "en"} {
		if got := walletText(lang, "hint.wait", "time", "12:00"); !strings.Contains(got, "12:00") {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
