package message

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// used finds keys in templates and code: {{.T "key"}}, visit.T("key"), message.Text(lang, "key") and the like.
var (
	inTemplate = regexp.MustCompile(`\$?\.(?:T|N|Rich) "([a-z0-9_.-]+)"`)
	inCode     = regexp.MustCompile(`"((?:office|start|registry|counter|desk|collect|category|preset|claim|time)\.[a-z0-9_.-]+)"`)
)

// made are beginnings of keys whose end comes from a state, a category or a name.
var made = []string{"category.", "preset.", "office.error.title.", "office.error.text.", "office.login.title.", "desk.card.",
	"desk.reason.", "desk.offer.", "office.counter", "office.desk", "office.start", "office.registry", "office.collect",
	"collect.done.", "collect.gone.", "collect.blocked.",
	"registry.error.", "registry.grade.", "registry.kind.", "registry.outcome.", "registry.use.", "registry.parameter.", "registry.action.", "registry.fact.",
	"wallet.status.", "wallet.secret.", "wallet.activity.", "wallet.notice.", "wallet.place.", "wallet.lang.", "wallet.settings.lang", "wallet.settings.appearance", "wallet.settings.scale",
	"wallet.settings.lock", "wallet.settings.storage.", "wallet.storage.", "wallet.strength.", "wallet.restore.need.", "wallet.forgot.lead.", "wallet.trouble.", "wallet.card.dead.", "wallet.erase.", "wallet.welcome.",
	"wallet.proof.", "wallet.ask.", "wallet.offer.doing.", "wallet.share.doing."}

// The wallet's screens name their texts without the word wallet, and a problem by what its head and text share.
var (
	inWallet  = regexp.MustCompile(`"(wallet\.[a-z0-9_.]+)"`)
	onScreen  = regexp.MustCompile(`u\.text\("([a-z0-9_.]+)"`)
	ofProblem = regexp.MustCompile(`problem\("([a-z0-9_.]+)"`)
)

// walletKeys finds the keys that a file of the wallet uses.
func walletKeys(code string) (keys []string) {
	for _, m := range inWallet.FindAllStringSubmatch(code, -1) {
		keys = append(keys, m[1])
	}
	for _, m := range onScreen.FindAllStringSubmatch(code, -1) {
		keys = append(keys, "wallet."+m[1])
	}
	for _, m := range ofProblem.FindAllStringSubmatch(code, -1) {
		if strings.HasSuffix(m[1], ".") {
			keys = append(keys, "wallet."+m[1])
			continue
		}
		keys = append(keys, "wallet."+m[1]+".head", "wallet."+m[1]+".text")
	}
	return keys
}

func TestKeys(t *testing.T) {
	used := map[string]string{}
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".git") || d.Name() == "message" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		ext := filepath.Ext(path)
		if ext != ".html" && ext != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		re := inTemplate
		if ext == ".go" {
			re = inCode
		}
		for _, m := range re.FindAllStringSubmatch(string(data), -1) {
			used[m[1]] = path
		}
		if strings.Contains(filepath.ToSlash(path), "/wallet/") {
			for _, key := range walletKeys(string(data)) {
				used[key] = path
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"time.second", "time.minute", "time.hour", "time.day", "time.and"} {
		used[own] = "pkg/message/time.go"
	}
	if files < 50 || len(used) < 100 {
		t.Fatalf("%d keys in %d files: the search is broken", len(used), files)
	}
	for key, path := range used {
		if strings.HasSuffix(key, ".") || strings.HasSuffix(key, ".toml") || strings.HasSuffix(key, ".db") {
			continue // made up of parts, or not a key
		}
		if !Has(key) && !Has(key+".one") {
			t.Errorf("%s uses %q, for which there is no text", path, key)
		}
	}
	for key := range texts {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if used[key] == "" && used[base] == "" && !slices.ContainsFunc(made, func(m string) bool { return strings.HasPrefix(key, m) }) {
			t.Errorf("nobody uses the text %q", key)
		}
	}
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestLanguagesAgree(t *testing.T) {
	for key, text := range texts {
		if text.nl == "" || text.en == "" {
			t.Errorf("%s is empty in a language", key)
		}
		nl, en := placeholder.FindAllString(text.nl, -1), placeholder.FindAllString(text.en, -1)
		slices.Sort(nl)
		slices.Sort(en)
		if !slices.Equal(nl, en) {
			t.Errorf("%s has %v in nl and %v in en", key, nl, en)
		}
		if strings.Count(text.nl, "**")%2 != 0 || strings.Count(text.nl, "**") != strings.Count(text.en, "**") {
			t.Errorf("%s: bold parts differ", key)
		}
		if one, ok := strings.CutSuffix(key, ".one"); ok && !Has(one+".other") {
			t.Errorf("%s has no plural", one)
		}
		for _, word := range []string{"credential", "attribuut", "accreditatie", "sessie"} {
			if strings.Contains(strings.ToLower(text.nl), word) {
				t.Errorf("%s says %q to people", key, word)
			}
		}
	}
}

// What there is in Frisian belongs to a text, and names the same values.
func TestFrisian(t *testing.T) {
	for key, fy := range frisian {
		text, ok := texts[key]
		if !ok {
			t.Errorf("%s is no text", key)
		}
		want, got := placeholder.FindAllString(text.nl, -1), placeholder.FindAllString(fy, -1)
		slices.Sort(want)
		slices.Sort(got)
		if fy == "" || !slices.Equal(want, got) {
			t.Errorf("%s: %q has %v, Dutch has %v", key, fy, got, want)
		}
		if one, is := strings.CutSuffix(key, ".one"); is && frisian[one+".other"] == "" {
			t.Errorf("%s has no plural", one)
		}
	}
	if Text("fy", "wallet.stop") != "Stopje" || Text("fy", "wallet.offer.code.title") != Text("nl", "wallet.offer.code.title") {
		t.Error("Frisian, or Dutch in its place")
	}
	for _, lang := range WalletLanguages {
		if !Has("wallet.lang." + lang) {
			t.Errorf("%s has no name", lang)
		}
	}
}

func TestText(t *testing.T) {
	if got := Text("fr", "office.stop"); got != "Stoppen" {
		t.Errorf("unknown language: %q", got)
	}
	if got := Text("en", "no.such.key"); got != "no.such.key" {
		t.Errorf("unknown key: %q", got)
	}
	if got := Fill("{a} and {b}", "a", "{b}", "b", 2); got != "{b} and 2" {
		t.Errorf("values are searched for placeholders: %q", got)
	}
	at := time.Date(2028, 5, 14, 9, 5, 7, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Month("nl", time.October), "oktober"}, {Day("nl", at), "14 mei"}, {Day("en", at.AddDate(0, 5, 0)), "14 Oct"},
		{Date("nl", at), "14 mei 2028"}, {Date("en", at), "14 May 2028"},
		{Clock("nl", at), "9.05 uur"}, {Clock("en", at), "09:05"}, {ClockSeconds("nl", at), "9.05.07 uur"},
		{Left(252 * time.Second), "4:12"}, {Left(-time.Second), "0:00"},
		{Ago("nl", 42*time.Second), "42 seconden"}, {Ago("nl", time.Minute), "1 minuut"},
		{Ago("en", 102*time.Minute), "1 hour and 42 minutes"}, {Ago("nl", 72*time.Hour), "3 dagen"}, {Ago("nl", 2*time.Hour), "2 uur"},
		{Number("nl", 48213), "48.213"}, {Number("en", 1048213), "1,048,213"}, {Number("nl", 999), "999"}, {Number("nl", 0), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestLocal: people in the Netherlands read their own time, in summer and in winter, on a machine in any zone.
func TestLocal(t *testing.T) {
	was := time.Local
	t.Cleanup(func() { time.Local = was })
	for _, machine := range []*time.Location{time.UTC, time.FixedZone("far", 13*3600)} {
		time.Local = machine
		for at, want := range map[string]string{
			"2026-11-25T09:30:00Z": "25 november 2026, 10.30 uur",
			"2026-07-25T09:30:00Z": "25 juli 2026, 11.30 uur",
			"2026-12-31T23:30:00Z": "1 januari 2027, 0.30 uur",
			"2026-03-29T00:59:00Z": "29 maart 2026, 1.59 uur",
			"2026-03-29T01:00:00Z": "29 maart 2026, 3.00 uur",
		} {
			utc, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, moment := range []time.Time{utc, utc.In(machine)} {
				here := Local(moment)
				if got := Date("nl", here) + ", " + Clock("nl", here); got != want {
					t.Errorf("%s on a machine in %s: %q, want %q", at, machine, got, want)
				}
			}
		}
	}
}
