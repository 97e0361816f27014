package wallet

import (
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/message"
)

// letterTexts are the words of the letter in Dutch (level B1) and English. The authority is the Dutch one in both.
var letterTexts = map[string][2]string{
	"head": {
		"Autoriteit Persoonsgegevens\nPostbus 93374\n2509 AJ Den Haag\n\n[uw plaats], {date}\n\nOnderwerp: {subject}\n\nGeachte heer of mevrouw,",
		"Autoriteit Persoonsgegevens\nPostbus 93374\n2509 AJ Den Haag\nThe Netherlands\n\n[your town], {date}\n\nSubject: {subject}\n\nDear Sir or Madam,",
	},
	"subject.use": {
		"klacht over het gebruik van mijn gegevens (AVG artikel 77)",
		"complaint about the use of my data (GDPR Article 77)",
	},
	"subject.erase": {
		"verzoek om hulp bij het wissen van mijn gegevens (AVG artikel 17 en artikel 77)",
		"request for help with the erasure of my data (GDPR Article 17 and Article 77)",
	},
	"subject.asked": {
		"klacht over een vraag om mijn gegevens (AVG artikel 5 en artikel 77)",
		"complaint about a request for my data (GDPR Article 5 and Article 77)",
	},
	"refused": {
		"Op {day} om {time} vroeg deze partij om gegevens uit mijn wallet:\n  {party}\nIk heb niets gedeeld.",
		"On {day} at {time} this party asked for data from my wallet:\n  {party}\nI shared nothing.",
	},
	"failed": {
		"Op {day} om {time} ging er iets mis met een vraag om gegevens uit mijn wallet, van:\n  {party}",
		"On {day} at {time} something went wrong with a request for data from my wallet, from:\n  {party}",
	},
	"perhaps": {"Ik weet niet of deze gegevens zijn aangekomen.", "I do not know whether these data arrived."},
	"shared": {
		"Op {day} om {time} heb ik met mijn wallet gegevens gedeeld met:\n  {party}",
		"On {day} at {time} I shared data from my wallet with:\n  {party}",
	},
	"unregistered": {"Deze organisatie staat niet in het register.", "This organisation is not in the register."},
	"claims":       {"Ik deelde deze gegevens (alleen de namen, niet wat erin staat):", "I shared these data (their names only, not what they say):"},
	"purpose":      {"De reden die de organisatie gaf:\n  {purpose}", "The reason that the organisation gave:\n  {purpose}"},
	"extra":        {"Volgens het register mag de organisatie dit niet vragen: {claims}", "According to the register the organisation may not ask this: {claims}"},
	"withheld":     {"Dit werd ook gevraagd. Ik heb het niet gedeeld:", "This was asked too. I did not share it:"},
	"receipt": {
		"De organisatie gaf mij een ondertekend bewijs.\n  Nummer: {session}\n  Gegevens uiterlijk weg op: {values}\n  Uitkomst uiterlijk weg op: {outcome}",
		"The organisation gave me a signed receipt.\n  Number: {session}\n  Data gone at the latest on: {values}\n  Outcome gone at the latest on: {outcome}",
	},
	"noreceipt": {"De organisatie gaf mij geen bewijs van wat zij heeft ontvangen.", "The organisation gave me no receipt for what it received."},
	"answers":   {"Ik vroeg de organisatie om deze gegevens te wissen. Het ondertekende antwoord:", "I asked the organisation to erase these data. The signed answer:"},
	"outcome.erased": {
		"  {day}: de gegevens zijn gewist.", "  {day}: the data were erased.",
	},
	"outcome.nothing_kept": {"  {day}: er is niets meer bewaard.", "  {day}: nothing is kept any more."},
	"outcome.refused":      {"  {day}: geweigerd. Reden: {basis}. De gegevens blijven tot {until}.", "  {day}: refused. Reason: {basis}. The data stay until {until}."},
	"outcome.in_progress":  {"  {day}: een medewerker beslist nog, uiterlijk op {until}.", "  {day}: a member of staff decides, on {until} at the latest."},
	"proof": {
		" De ondertekende bewijzen en antwoorden staan in mijn wallet. Ik kan ze u sturen.",
		" The signed receipts and answers are in my wallet. I can send them to you.",
	},
	"ask": {
		"Ik leg u dit voor, omdat:\n  [leg hier uit waarom]\n\nIk vraag u om dit te onderzoeken.{proof}\n\nMet vriendelijke groet,\n\n[uw naam]\n[uw adres, e-mail of telefoonnummer]\n",
		"I submit this to you, because:\n  [explain why here]\n\nI ask you to look into this.{proof}\n\nYours faithfully,\n\n[your name]\n[your address, e-mail or telephone number]\n",
	},
}

// subjectOf is what the letter is about: a question that went too far or gave nothing, an erasure that was not granted, or
// else how data are used.
func subjectOf(e Entry) string {
	switch {
	case e.Kind != "shared" || len(e.Extra) > 0:
		return "subject.asked"
	case len(e.Erasures) == 0:
		return "subject.use"
	}
	switch last := e.Erasures[len(e.Erasures)-1]; last.Outcome {
	case erasure.Refused, erasure.InProgress:
		return "subject.erase"
	}
	return "subject.use"
}

func letterText(lang, key string, pairs ...any) string {
	t := letterTexts[key]
	if lang == "en" {
		return message.Fill(t[1], pairs...)
	}
	return message.Fill(t[0], pairs...)
}

// Letter returns a letter to the data protection authority about a line of the history, as plain text in lang ("nl" or
// "en"): the facts that the wallet has, and in square brackets what is left to write. It is for lines where somebody asked for
// data, whether they got them or not. It names claims, never what they say, and nothing is sent. Errors: [ErrNoEntry],
// [ErrNotAsked].
func (w *Wallet) Letter(entryID, lang string) (string, error) {
	e, _, err := w.find(entryID)
	if err != nil {
		return "", err
	}
	switch e.Kind {
	case "shared":
	case "refused", "failed":
		if e.Offer {
			return "", fmt.Errorf("%w: line %s", ErrNotAsked, entryID)
		}
	default:
		return "", fmt.Errorf("%w: line %s", ErrNotAsked, entryID)
	}
	day := func(t time.Time) string { return message.Date(lang, message.Local(t)) }
	party := e.Party
	if !e.Registered {
		party += "\n" + letterText(lang, "unregistered")
	}
	parts := []string{
		letterText(lang, "head", "date", day(w.opts.Now()), "subject", letterText(lang, subjectOf(e))),
		letterText(lang, e.Kind, "day", day(e.Time), "time", message.Clock(lang, message.Local(e.Time)), "party", party),
	}
	claims := e.Claims
	if len(e.Labels) == len(claims) {
		claims = e.Labels
	}
	if e.Unsent {
		e.Withheld, claims = append(claims[:len(claims):len(claims)], e.Withheld...), nil
	}
	if len(claims) > 0 {
		parts = append(parts, letterText(lang, "claims")+"\n  - "+strings.Join(claims, "\n  - "))
	}
	if len(e.Withheld) > 0 {
		parts = append(parts, letterText(lang, "withheld")+"\n  - "+strings.Join(e.Withheld, "\n  - "))
	}
	if e.Purpose != "" {
		parts = append(parts, letterText(lang, "purpose", "purpose", e.Purpose))
	}
	if len(e.Extra) > 0 {
		parts = append(parts, letterText(lang, "extra", "claims", strings.Join(e.Extra, ", ")))
	}
	if len(claims) > 0 && e.Outcome != "ok" {
		parts = append(parts, letterText(lang, "perhaps"))
	}
	if r := e.Receipt; r != nil {
		parts = append(parts, letterText(lang, "receipt", "session", r.Session, "values", day(r.ValuesUntil), "outcome", day(r.OutcomeUntil)))
	} else if len(claims) > 0 {
		parts = append(parts, letterText(lang, "noreceipt"))
	}
	if len(e.Erasures) > 0 {
		lines := []string{letterText(lang, "answers")}
		for _, a := range e.Erasures {
			lines = append(lines, letterText(lang, "outcome."+string(a.Outcome), "day", day(a.Time), "basis", a.LegalBasis, "until", day(a.Until)))
		}
		parts = append(parts, strings.Join(lines, "\n"))
	}
	proof := ""
	if e.Receipt != nil || len(e.Erasures) > 0 {
		proof = letterText(lang, "proof")
	}
	return strings.Join(append(parts, letterText(lang, "ask", "proof", proof)), "\n\n"), nil
}
