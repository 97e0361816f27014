package main

import "github.com/zegel-id/zegel/pkg/message"

// walletTexts are the words of the command line wallet: Dutch at level B1, English.
var walletTexts = map[string][2]string{
	"yes":                   {"ja", "yes"},
	"no":                    {"nee", "no"},
	"yesno":                 {"(j/n)", "(y/n)"},
	"secret":                {"Pincode of wachtzin:", "PIN or passphrase:"},
	"secret.new.pin":        {"Kies een pincode van 6 cijfers:", "Choose a PIN of 6 digits:"},
	"secret.new.passphrase": {"Kies een wachtzin (bijvoorbeeld zes losse woorden):", "Choose a passphrase (for example six random words):"},
	"secret.again":          {"Nog een keer:", "Once more:"},
	"pinfile.open":          {"let op: anderen op dit apparaat kunnen {file} lezen", "warning: others on this device can read {file}"},

	"init.done":     {"De portemonnee staat in {dir}.", "The wallet is in {dir}."},
	"init.rollback": {"Let op: zonder sleutelbos van het apparaat is niet te merken als iemand een oude kopie terugzet.", "Note: without a keychain on this device nobody can notice an old copy that is put back."},

	"unregistered":         {"Let op: {name} staat niet in het register.", "Note: {name} is not registered."},
	"unregistered.ask":     {"Toch verdergaan?", "Go on anyway?"},
	"unregistered.refused": {"{name} staat niet in het register", "{name} is not registered"},
	"declined":             {"u heeft nee gezegd", "you said no"},

	"receive.who":  {"{issuer} biedt aan: {types}.", "{issuer} offers: {types}."},
	"receive.code": {"Code van uw brief{about}:", "Code from your letter{about}:"},
	"receive.ask":  {"Ophalen?", "Collect it?"},
	"receive.keep": {"Bewaren in de portemonnee?", "Keep it in the wallet?"},
	"receive.done": {"Bewaard:", "Kept:"},

	"present.who":           {"{verifier} vraagt u iets te bewijzen.", "{verifier} asks you to prove something."},
	"present.why":           {"Waarom: {purpose} ({basis})", "Why: {purpose} ({basis})"},
	"present.keep":          {"De gegevens worden {days} dagen bewaard.", "The facts are kept for {days} days."},
	"present.keep.none":     {"De gegevens worden niet bewaard.", "The facts are not kept."},
	"present.what":          {"U deelt alleen:", "You share only:"},
	"present.claim":         {"  {label}: {value}", "  {label}: {value}"},
	"present.ask":           {"Delen?", "Share?"},
	"present.extra":         {"Let op: dit mag deze partij volgens het register niet vragen: {claims}", "Note: according to the register this party may not ask: {claims}"},
	"present.extra.ask":     {"Toch delen: {claims}?", "Share anyway: {claims}?"},
	"present.extra.refused": {"gevraagd buiten het geregistreerde doel: {claims}", "asked outside the registered purpose: {claims}"},
	"present.nomatch":       {"geen kaart past bij deze vraag", "no card fits this request"},
	"present.last":          {"Dit is het laatste exemplaar van {card}. Haal nieuwe op bij de uitgever.", "This is the last copy of {card}. Get new ones from the issuer."},
	"present.reuse":         {"Alle exemplaren van {card} zijn gebruikt. Een oud exemplaar nog eens tonen? Wie het al zag, herkent het.", "All copies of {card} are used. Show an old one again? Those who saw it will recognise it."},
	"present.reusable":      {"Van {card} is er één exemplaar: wie het vaker ziet, herkent het.", "There is one copy of {card}: those who see it again will recognise it."},
	"present.done":          {"Gedeeld met {verifier}: {claims}", "Shared with {verifier}: {claims}"},
	"present.redirect":      {"Ga verder op {url}", "Continue at {url}"},

	"cards.none":        {"Er zijn nog geen kaarten.", "There are no cards yet."},
	"card.issuer":       {"uitgever: {issuer}", "issuer: {issuer}"},
	"card.unregistered": {"niet geregistreerd", "not registered"},
	"card.expires":      {"geldig tot: {date}", "valid until: {date}"},
	"card.copies":       {"exemplaren over: {n}", "copies left: {n}"},
	"card.reusable":     {"één exemplaar, dat steeds opnieuw wordt getoond", "one copy, which is shown again and again"},
	"card.id":           {"id: {id}", "id: {id}"},
	"delete.done":       {"De kaart en de sleutels zijn weg.", "The card and its keys are gone."},
	"history.none":      {"Er is nog niets gebeurd.", "Nothing has happened yet."},
	"history.extra":     {"buiten het doel: {claims}", "outside the purpose: {claims}"},

	"status.valid":     {"geldig", "valid"},
	"status.expiring":  {"verloopt binnenkort", "expires soon"},
	"status.expired":   {"verlopen", "expired"},
	"status.revoked":   {"ingetrokken", "revoked"},
	"status.suspended": {"tijdelijk uit", "suspended"},
	"status.unknown":   {"onbekend", "unknown"},

	"kind.received": {"ontvangen", "received"},
	"kind.shared":   {"gedeeld", "shared"},
	"kind.refused":  {"geweigerd", "refused"},
	"kind.failed":   {"mislukt", "failed"},
	"kind.revoked":  {"ingetrokken", "revoked"},
	"kind.deleted":  {"verwijderd", "deleted"},

	"hint.request_untrusted":  {"deel niets; vraag de balie om een code van een geregistreerde partij", "share nothing; ask the counter for a code of a registered party"},
	"hint.request_malformed":  {"vraag om een nieuwe code", "ask for a new code"},
	"hint.request_expired":    {"vraag om een nieuwe code", "ask for a new code"},
	"hint.endpoint_refused":   {"de andere partij wil of mag dit niet; vraag om een nieuwe code", "the other party does not want this or may not; ask for a new code"},
	"hint.no_match":           {"bekijk met: zegel wallet cards", "look with: zegel wallet cards"},
	"hint.user_declined":      {"er is niets gedeeld", "nothing was shared"},
	"hint.issuer_untrusted":   {"haal kaarten op bij een geregistreerde uitgever", "collect cards from a registered issuer"},
	"hint.credential_invalid": {"er is niets bewaard; vraag de uitgever om een nieuwe kaart", "nothing was kept; ask the issuer for a new card"},
	"hint.locked":             {"sluit andere programma's die deze portemonnee gebruiken, en ontgrendel de sleutelbos", "close other programs that use this wallet, and unlock the keychain"},
	"hint.store_corrupt":      {"er is niets veranderd; bewaar de map, maak een nieuwe portemonnee en haal de kaarten opnieuw op", "nothing was changed; keep the directory, make a new wallet and collect the cards again"},
	"hint.store_rolled_back":  {"dit is een oude kopie; gebruik de nieuwste, of maak een nieuwe portemonnee", "this is an old copy; use the newest, or make a new wallet"},
	"hint.network":            {"kijk of er verbinding is en probeer het opnieuw", "check the connection and try again"},
	"hint.failed":             {"probeer het opnieuw", "try again"},
	"hint.blocked":            {"deze portemonnee gaat niet meer open; maak een nieuwe en haal de kaarten opnieuw op", "this wallet does not open any more; make a new one and collect the cards again"},
	"hint.wait":               {"wacht tot {time}", "wait until {time}"},
	"hint.tries":              {"nog {n} keer proberen, daarna moet u wachten", "{n} tries left, then there is a wait"},
	"hint.clock":              {"zet de klok van dit apparaat goed en probeer het opnieuw", "set the clock of this device right and try again"},
	"hint.disk":               {"maak ruimte op de schijf en probeer het opnieuw", "make room on the disk and try again"},
}

func walletText(lang, key string, pairs ...any) string {
	t, ok := walletTexts[key]
	if !ok {
		return key
	}
	if lang == "en" {
		return message.Fill(t[1], pairs...)
	}
	return message.Fill(t[0], pairs...)
}
