package ui

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(-apache-2\.0)?(\.txt|\.md)?$`)

// linked lists the modules of the two programs on a system, with their directories. It asks the go command what would be
// compiled, which needs no C compiler.
func linked(t *testing.T, system, machine string) (map[string]string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}",
		"../cmd/zegel-wallet", "../../mobile")
	c.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS="+system, "GOARCH="+machine)
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if name, dir, ok := strings.Cut(line, "\t"); ok {
			found[name] = dir
		}
	}
	return found, nil
}

func goRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func licenceOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range entries {
		if e.Type().IsRegular() && licenceName.MatchString(e.Name()) {
			texts = append(texts, tidy(t, filepath.Join(dir, e.Name())))
		}
	}
	return strings.Join(texts, "\n\n")
}

func tidy(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(strings.ToValidUTF8(string(data), "?"), "\n") {
		lines = append(lines, strings.TrimRight(line, " \t\r\f"))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// kindOf names the licences that a text holds.
func kindOf(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	var kinds []string
	for _, k := range []struct{ name, says string }{
		{"EUPL 1.2", "EUROPEAN UNION PUBLIC LICENCE v. 1.2"},
		{"Apache 2.0", "Apache License"},
		{"Apache 2.0", "Apache-2.0 Software License"},
		{"MIT", "MIT Software License"},
		{"MPL 2.0", "Mozilla Public License"},
		{"OFL 1.1", "SIL OPEN FONT LICENSE"},
		{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"},
		{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose with or without fee"},
		{"BSD", "Redistribution and use in source and binary forms"},
		{"Unlicense", "This is free and unencumbered software released into the public domain"},
		{"CC0", "CC0 1.0 Universal"},
		{"zlib", "This software is provided 'as-is', without any express or implied warranty"},
	} {
		if strings.Contains(strings.ToLower(flat), strings.ToLower(k.says)) && !slices.Contains(kinds, k.name) {
			kinds = append(kinds, k.name)
		}
	}
	return strings.Join(kinds, ", ")
}

// Every module that is linked into the program has its licence on the screen, word for word; so have the language that it
// is written in and its letters.
func TestLicences(t *testing.T) {
	shown := map[string]licence{}
	for i, l := range licences {
		if _, twice := shown[l.name]; twice || l.kind == "" || len(l.text()) < 200 {
			t.Errorf("%q: %q, %d letters", l.name, l.kind, len(l.text()))
		}
		if shown[l.name] = l; (i == 0) != (l.name == "Zegel") {
			t.Errorf("%q is number %d", l.name, i)
		}
	}
	want := map[string]string{
		"Zegel":                      tidy(t, "../../LICENSE"),
		"Go":                         tidy(t, filepath.Join(goRoot(t), "LICENSE")),
		"Atkinson Hyperlegible Next": tidy(t, "fonts/OFL.txt"),
	}
	whole := true
	for _, on := range [][2]string{{"linux", "amd64"}, {"android", "arm64"}, {"windows", "amd64"}, {"darwin", "arm64"}, {"ios", "arm64"}} {
		found, err := linked(t, on[0], on[1])
		if err != nil {
			if on[0] == "linux" {
				t.Fatalf("%s: %v", on, err)
			}
			t.Logf("not looked at for %s: %v", on, err) // a module of that system is not on this machine
			whole = false
			continue
		}
		for name, dir := range found {
			want[name] = licenceOf(t, dir)
		}
	}
	if len(want) < 100 {
		t.Fatalf("%d modules: the search is broken", len(want))
	}
	if *update && whole {
		writeLicences(t, want)
		return
	}
	for name, text := range want {
		if text == "" {
			t.Errorf("%s says nothing about its licence", name)
		}
		if shown[name].content != text {
			t.Errorf("the licence of %s is not the one on the screen; run this test with -update", name)
		}
	}
	for name := range shown {
		if _, is := want[name]; !is && whole {
			t.Errorf("%s is not linked", name)
		}
	}
}

// writeLicences writes each text once, under the names of all it belongs to.
func writeLicences(t *testing.T, want map[string]string) {
	t.Helper()
	names := map[string][]string{}
	for name, text := range want {
		names[text] = append(names[text], name)
	}
	first := func(n string) string {
		switch n {
		case "Zegel":
			return " "
		case "Go", "Atkinson Hyperlegible Next":
			return "!" + n
		}
		return strings.ToLower(n)
	}
	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		for _, n := range [][]string{names[a], names[b]} {
			slices.SortFunc(n, func(x, y string) int { return strings.Compare(first(x), first(y)) })
		}
		return strings.Compare(first(names[a][0]), first(names[b][0]))
	})
	var out strings.Builder
	for _, text := range texts {
		for _, name := range names[text] {
			fmt.Fprintf(&out, "%s%s\t%s\n", licenceMark, name, kindOf(text))
		}
		out.WriteString(text + "\n\n")
	}
	if err := os.WriteFile("licences.txt", []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
