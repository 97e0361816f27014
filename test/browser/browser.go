// Package browser is what a person does in a browser without scripts, for tests that walk from one program into a page and back.
package browser

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// Collect opens the page of an issuer on which a card is collected, types the code of the letter, agrees, and returns where the
// browser is sent: to a wallet.
func Collect(ctx context.Context, page, code string) (callback string, err error) {
	first, _, err := load(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	form := fields(first)
	form.Set("code", code)
	form.Set("do", "prove")
	at, _, _ := strings.Cut(page, "?")
	second, _, err := load(ctx, http.MethodPost, at, form)
	if err != nil {
		return "", err
	}
	form = fields(second)
	form.Set("do", "yes")
	_, callback, err = load(ctx, http.MethodPost, at, form)
	if err == nil && callback == "" {
		return "", fmt.Errorf("%s leads nowhere", at)
	}
	return callback, err
}

// fields are those that a page brings along, of its first form that has each.
func fields(page string) url.Values {
	v := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

func load(ctx context.Context, method, address string, form url.Values) (page, location string, err error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return "", "", err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", "", err
	}
	if res.StatusCode >= 400 {
		return "", "", fmt.Errorf("%s answered %s", address, res.Status)
	}
	return string(data), res.Header.Get("Location"), nil
}

// Get opens a page and says nothing about it: what a browser does with where it was sent.
func Get(ctx context.Context, address string) error {
	_, _, err := load(ctx, http.MethodGet, address, nil)
	return err
}
