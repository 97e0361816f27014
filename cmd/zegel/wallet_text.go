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

	"init.done":     {"De wallet staat in {dir}.", "The wallet is in {dir}."},
	"init.rollback": {"Let op: zonder sleutelbos van het apparaat is niet te merken als iemand een oude kopie terugzet.", "Note: without a keychain on this device nobody can notice an old copy that is put back."},

	"unregistered":         {"Let op: {name} staat niet in het register.", "Note: {name} is not registered."},
	"unregistered.ask":     {"Toch verdergaan?", "Go on anyway?"},
	"unregistered.refused": {"{name} staat niet in het register", "{name} is not registered"},
	"declined":             {"u heeft nee gezegd", "you said no"},

	"receive.who":  {"{issuer} biedt aan: {types}.", "{issuer} offers: {types}."},
	"receive.code": {"Code van uw brief{about}:", "Code from your letter{about}:"},
	"receive.ask":  {"Ophalen?", "Collect it?"},
	"receive.keep": {"Bewaren in de wallet?", "Keep it in the wallet?"},
	"receive.done": {"Bewaard:", "Kept:"},

	"present.who":           {"{verifier} vraagt u iets te bewijzen.", "{verifier} asks you to prove something."},
	"present.why":           {"Waarom: {purpose}", "Why: {purpose}"},
	"present.keep":          {"De gegevens worden {days} dagen bewaard.", "The facts are kept for {days} days."},
	"present.keep.day":      {"De gegevens worden één dag bewaard.", "The facts are kept for one day."},
	"present.keep.none":     {"De gegevens worden niet bewaard.", "The facts are not kept."},
	"present.what":          {"U deelt alleen:", "You share only:"},
	"present.claim":         {"  {label}: {value}", "  {label}: {value}"},
	"present.ask":           {"Delen?", "Share?"},
	"present.extra":         {"Let op: dit mag deze partij volgens het register niet vragen: {claims}", "Note: according to the register this party may not ask: {claims}"},
	"present.extra.refused": {"gevraagd buiten het geregistreerde doel: {claims}; er is niets gedeeld", "asked outside the registered purpose: {claims}; nothing was shared"},
	"present.nomatch":       {"geen kaart past bij deze vraag", "no card fits this request"},
	"present.last":          {"Dit is het laatste kopie van {card}. Vraag de gemeente daarna om een nieuwe kaart.", "This is the last copy of {card}. After this, ask the municipality for a new card."},
	"present.reuse":         {"Alle kopieën van {card} zijn één keer gebruikt. Een oude kopie nog eens tonen? Balies kunnen de kaart dan herkennen.", "Every copy of {card} was used once. Show an old one again? Counters can then recognise the card."},
	"present.reusable":      {"Van {card} is er één kopie: wie die vaker ziet, herkent de kaart.", "There is one copy of {card}: those who see it again will recognise it."},
	"present.done":          {"Gedeeld met {verifier}: {claims}", "Shared with {verifier}: {claims}"},
	"present.redirect":      {"Ga verder op {url}", "Continue at {url}"},

	"cards.none":        {"Er zijn nog geen kaarten.", "There are no cards yet."},
	"card.issuer":       {"uitgever: {issuer}", "issuer: {issuer}"},
	"card.unregistered": {"niet geregistreerd", "not registered"},
	"card.expires":      {"geldig tot: {date}", "valid until: {date}"},
	"card.copies":       {"kopieën over: {n}", "copies left: {n}"},
	"card.reusable":     {"één kopie, die steeds opnieuw wordt getoond", "one copy, which is shown again and again"},
	"card.id":           {"id: {id}", "id: {id}"},
	"delete.done":       {"De kaart en de sleutels zijn weg.", "The card and its keys are gone."},
	"history.unknown":   {"onbekend", "unknown"},
	"history.none":      {"Er is nog niets gebeurd.", "Nothing has happened yet."},
	"history.extra":     {"buiten het doel: {claims}", "outside the purpose: {claims}"},

	"backup.choose":       {"Kies een wachtzin voor de reservekopie (bijvoorbeeld zes losse woorden):", "Choose a passphrase for the backup (for example six random words):"},
	"backup.exists":       {"{file} bestaat al; kies een andere naam", "{file} exists; choose another name"},
	"backup.done":         {"De reservekopie staat in {file}.", "The backup is in {file}."},
	"backup.parts":        {"Geef elk deel aan de persoon die erbij staat. {needed} van de {parts} delen samen openen de reservekopie; minder zeggen niets.", "Give each part to the person named in it. {needed} of the {parts} parts together open the backup; fewer tell nothing."},
	"backup.part":         {"Dit deel is voor: {name}. Bewaar het goed, op papier of in een bestand. Met {needed} van de {parts} delen gaat de reservekopie van een wallet open; met dit deel alleen niet.", "This part is for: {name}. Keep it safe, on paper or in a file. With {needed} of the {parts} parts the backup of a wallet opens; with this one alone it does not."},
	"backup.keys":         {"De sleutels van kaarten blijven op het apparaat waar ze zijn gemaakt. Na terugzetten haalt u de kaarten opnieuw op.", "The keys of cards stay on the device that made them. After restoring, collect the cards again."},
	"restore.passphrase":  {"Wachtzin van de reservekopie:", "Passphrase of the backup:"},
	"restore.what":        {"Reservekopie van {date}: {cards} kaarten, {lines} regels geschiedenis.", "Backup of {date}: {cards} cards, {lines} lines of history."},
	"restore.ask":         {"Terugzetten?", "Restore?"},
	"restore.done":        {"De wallet staat weer in {dir}.", "The wallet is back in {dir}."},
	"restore.kept":        {"De wallet die er stond, is bewaard in {dir}.", "The wallet that was there is kept in {dir}."},
	"rehearse.good":       {"Goed: deze {have} delen openen de reservekopie.", "Good: these {have} parts open the backup."},
	"rehearse.more":       {"Deze delen zijn goed, maar het zijn er {have} van de {needed}.", "These parts are good, but they are {have} of the {needed} needed."},
	"reissue":             {"{card} komt uit een reservekopie en heeft op dit apparaat nog geen sleutels", "{card} came from a backup and has no keys on this device yet"},
	"hint.reissue":        {"haal de kaart opnieuw op bij de uitgever", "collect the card again from its issuer"},
	"hint.backup_invalid": {"er is niets veranderd; controleer het bestand en de wachtzin of de delen", "nothing was changed; check the file, and the passphrase or the parts"},
	"status.reissue":      {"opnieuw ophalen", "collect again"},
	"kind.restored":       {"teruggezet", "restored"},

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

	"secret.none":   {"geen pincode of wachtzin: geef --pin-file, of typ hem", "no PIN or passphrase: give --pin-file, or type it"},
	"secret.differ": {"de twee zijn niet hetzelfde", "the two are not the same"},
	"weak.keychain": {"te makkelijk te raden: dit apparaat heeft geen sleutelbos, dus een pincode is niet genoeg; kies een wachtzin van zes losse woorden ({least} bits)", "too easy to guess: this machine has no keychain, so a PIN is not enough; choose a passphrase of six random words ({least} bits)"},
	"weak.digits":   {"te makkelijk te raden: een pincode heeft 6 cijfers", "too easy to guess: a PIN has 6 digits"},
	"weak.bits":     {"te makkelijk te raden: deze wachtzin is ongeveer {bits} bits sterk, {least} is nodig; kies zes losse woorden", "too easy to guess: this passphrase has about {bits} bits, {least} are needed; choose six random words"},
	"weak.repeat":   {"te makkelijk te raden: de pincode herhaalt zichzelf", "too easy to guess: the PIN repeats itself"},
	"weak.row":      {"te makkelijk te raden: de cijfers volgen op elkaar", "too easy to guess: the PIN is a row of following digits"},
	"weak.same":     {"te makkelijk te raden: de pincode is bijna één cijfer", "too easy to guess: the PIN is nearly one digit"},
	"weak.date":     {"te makkelijk te raden: de pincode lijkt op een datum", "too easy to guess: the PIN looks like a date"},

	"nowallet":          {"er is geen wallet in {dir}", "there is no wallet in {dir}"},
	"hint.nowallet":     {"maak er een met: zegel wallet --store MAP init", "make one with: zegel wallet --store DIR init"},
	"nocard":            {"die kaart is er niet", "there is no such card"},
	"hint.nocard":       {"bekijk de kaarten met: zegel wallet cards", "see the cards with: zegel wallet cards"},
	"exists":            {"er is al een wallet in {dir}", "there is a wallet already in {dir}"},
	"hint.exists":       {"gebruik die wallet, of kies met --store een andere map", "use that wallet, or choose another directory with --store"},
	"used":              {"elke kopie van {card} is één keer gebruikt", "every copy of {card} was used once"},
	"hint.used":         {"vraag de gemeente om een nieuwe kaart, met nieuwe kopieën; met --allow-reuse toont u een oude kopie nog eens, maar dan kunnen balies de kaart herkennen", "ask the municipality for a new card, with new copies; --allow-reuse shows an old copy again, but then counters can recognise the card"},
	"wrongcode":         {"de code klopt niet", "the code is not right"},
	"hint.wrongcode":    {"controleer de code en probeer opnieuw; dat kan 5 keer, binnen 10 minuten", "check the code and try again: 5 tries, within 10 minutes"},
	"notaccepted":       {"De balie heeft het antwoord niet aangenomen.", "The counter did not accept the answer."},
	"hint.notaccepted":  {"Vraag de medewerker wat er aan de hand is.", "Ask the clerk what is wrong."},
	"receive.wronglink": {"dit is een vraag om iets te bewijzen, geen kaart om op te halen", "this is a request to prove something, not a card to collect"},
	"hint.usepresent":   {"gebruik: zegel wallet present LINK", "use: zegel wallet present LINK"},
	"present.wronglink": {"dit is een kaart om op te halen, geen vraag om iets te bewijzen", "this is a card to collect, not a request to prove something"},
	"hint.usereceive":   {"gebruik: zegel wallet receive LINK", "use: zegel wallet receive LINK"},

	"hint.extra": {"zeg de balie dat zij dit volgens het register niet mag vragen", "tell the counter that according to the register it may not ask this"},

	"hint.request_untrusted":  {"deel niets; vraag de balie om een code van een geregistreerde partij", "share nothing; ask the counter for a code of a registered party"},
	"hint.request_malformed":  {"vraag om een nieuwe code", "ask for a new code"},
	"hint.request_expired":    {"deze code is verlopen of al gebruikt; vraag om een nieuwe code", "this code has expired or was used already; ask for a new code"},
	"hint.endpoint_refused":   {"de andere partij wil of mag dit niet; vraag om een nieuwe code", "the other party does not want this or may not; ask for a new code"},
	"hint.no_match":           {"vraag de gemeente welke kaart hiervoor nodig is; uw kaarten staan in: zegel wallet cards", "ask the municipality which card this needs; your cards are in: zegel wallet cards"},
	"hint.user_declined":      {"er is niets gedeeld", "nothing was shared"},
	"hint.issuer_untrusted":   {"haal kaarten op bij een geregistreerde uitgever", "collect cards from a registered issuer"},
	"hint.credential_invalid": {"er is niets bewaard; vraag de uitgever om een nieuwe kaart", "nothing was kept; ask the issuer for a new card"},
	"hint.locked":             {"sluit andere programma's die deze wallet gebruiken, en ontgrendel de sleutelbos", "close other programs that use this wallet, and unlock the keychain"},
	"hint.store_corrupt":      {"er is niets veranderd; bewaar de map, maak een nieuwe wallet en haal de kaarten opnieuw op", "nothing was changed; keep the directory, make a new wallet and collect the cards again"},
	"hint.store_rolled_back":  {"dit is een oude kopie; gebruik de nieuwste, of maak een nieuwe wallet", "this is an old copy; use the newest, or make a new wallet"},
	"hint.network":            {"kijk of er verbinding is en probeer het opnieuw", "check the connection and try again"},
	"hint.failed":             {"probeer het opnieuw", "try again"},
	"hint.blocked":            {"deze wallet gaat niet meer open; maak een nieuwe en haal de kaarten opnieuw op", "this wallet does not open any more; make a new one and collect the cards again"},
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
