// Package message holds the texts that people read, in Dutch (level B1) and English, for pages, command line and wallet.
//
// Start with [Text]. Keys are words with dots, as "counter.picker.title".
//
// It deliberately leaves out any toolkit.
package message

// Languages in use; Dutch comes first.
var Languages = []string{"nl", "en"}

// Text returns the text for a key with {name} placeholders filled from pairs (name, value, …). An unknown language falls back to Dutch; an
// unknown key is returned as it is (a test finds those).
func Text(lang, key string, pairs ...any) string { panic("message: not built yet") }
