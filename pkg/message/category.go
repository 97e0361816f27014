package message

// categoryTexts say in a clerk's words why a proof was not accepted, and what to do. The keys end in the outcome
// categories of the error contract.
var categoryTexts = map[string]text{
	"category.revoked.title": {"Ingetrokken", "Revoked"},
	"category.revoked.text":  {"Deze kaart is ingetrokken. U kunt hem niet gebruiken.", "This card was revoked. You cannot use it."},
	"category.revoked.say":   {"Uw kaart is ingetrokken. Ik kan hem niet gebruiken.", "Your card was revoked. I cannot use it."},
	"category.revoked.do":    {"Wil de inwoner een nieuwe kaart? Dat kan bij de uitgever.", "Does the inhabitant want a new card? The issuer can give one."},

	"category.suspended.title": {"Tijdelijk uit", "Suspended"},
	"category.suspended.text":  {"Deze kaart staat tijdelijk uit.", "This card is suspended for now."},
	"category.suspended.say":   {"Uw kaart staat tijdelijk uit. Ik kan hem nu niet gebruiken.", "Your card is suspended. I cannot use it now."},
	"category.suspended.do":    {"De uitgever kan zeggen wanneer de kaart weer werkt.", "The issuer can say when the card works again."},

	"category.expired.title": {"Verlopen", "Expired"},
	"category.expired.text":  {"Deze kaart is niet meer geldig.", "This card is no longer valid."},
	"category.expired.say":   {"Uw kaart is verlopen. U kunt een nieuwe ophalen.", "Your card has expired. You can collect a new one."},
	"category.expired.do":    {"Wil de inwoner een nieuwe kaart? Dat kan bij de uitgever.", "Does the inhabitant want a new card? The issuer can give one."},

	"category.not_yet_valid.title": {"Nog niet geldig", "Not valid yet"},
	"category.not_yet_valid.text":  {"Deze kaart gaat later in.", "This card becomes valid later."},
	"category.not_yet_valid.say":   {"Uw kaart is nog niet geldig.", "Your card is not valid yet."},
	"category.not_yet_valid.do":    {"Klopt de klok van de telefoon en van deze computer?", "Are the clocks of the phone and of this computer right?"},

	"category.untrusted_issuer.title": {"Uitgever niet bekend", "Issuer not known"},
	"category.untrusted_issuer.text":  {"Wie deze kaart uitgaf, staat niet in het register voor deze kaart.", "Whoever issued this card is not in the register for this card."},
	"category.untrusted_issuer.say":   {"Deze kaart komt van een uitgever die wij niet kennen.", "This card is from an issuer that we do not know."},
	"category.untrusted_issuer.do":    {"Vraag of de inwoner een kaart van de gemeente heeft.", "Ask whether the inhabitant has a card from the municipality."},

	"category.bad_signature.title": {"Niet echt", "Not genuine"},
	"category.bad_signature.text":  {"De digitale handtekening klopt niet.", "The digital signature is not correct."},
	"category.bad_signature.say":   {"Ik kan niet zien dat deze kaart echt is.", "I cannot see that this card is genuine."},
	"category.bad_signature.do":    {"Meld het bij uw leidinggevende als het vaker gebeurt.", "Tell your manager if it happens more often."},

	"category.bad_disclosure.title": {"Gegevens kloppen niet", "Facts do not match"},
	"category.bad_disclosure.text":  {"De gegevens passen niet bij de kaart.", "The facts do not belong to the card."},
	"category.bad_disclosure.say":   {"De gegevens passen niet bij uw kaart.", "The facts do not belong to your card."},
	"category.bad_disclosure.do":    {"Meld het bij uw leidinggevende als het vaker gebeurt.", "Tell your manager if it happens more often."},

	"category.holder_binding.title": {"Niet van deze telefoon", "Not from this phone"},
	"category.holder_binding.text":  {"De telefoon kon niet bewijzen dat de kaart erbij hoort, of de klok loopt niet gelijk.", "The phone could not prove that the card belongs to it, or its clock is wrong."},
	"category.holder_binding.say":   {"Wilt u kijken of de klok van uw telefoon goed staat?", "Could you check that your phone's clock is right?"},
	"category.holder_binding.do":    {"Klopt de klok? Stel de vraag dan nog een keer.", "Is the clock right? Then ask again."},

	"category.replayed.title": {"Oud antwoord", "Old answer"},
	"category.replayed.text":  {"Dit antwoord hoort bij een andere vraag.", "This answer belongs to another question."},
	"category.replayed.say":   {"Uw telefoon stuurde een oud antwoord.", "Your phone sent an old answer."},
	"category.replayed.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.wrong_audience.title": {"Antwoord voor een ander", "Answer for someone else"},
	"category.wrong_audience.text":  {"Dit antwoord was niet voor deze balie bedoeld.", "This answer was not meant for this counter."},
	"category.wrong_audience.say":   {"Dit antwoord was voor een andere balie.", "This answer was for another counter."},
	"category.wrong_audience.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.query_unsatisfied.title": {"Geen antwoord op de vraag", "No answer to the question"},
	"category.query_unsatisfied.text":  {"De telefoon stuurde niet wat u vroeg.", "The phone did not send what you asked for."},
	"category.query_unsatisfied.say":   {"Ik kreeg niet het gegeven dat ik nodig heb.", "I did not get the fact that I need."},
	"category.query_unsatisfied.do":    {"Stel de vraag nog een keer, of vraag een ander bewijs.", "Ask again, or ask for another proof."},

	"category.untrue.title": {"Nee", "No"},
	"category.untrue.text":  {"De kaart is echt, maar het antwoord is nee.", "The card is genuine, but the answer is no."},
	"category.untrue.say":   {"Volgens uw kaart is het antwoord nee.", "According to your card, the answer is no."},
	"category.untrue.do":    {"Denkt de inwoner dat dit niet klopt? Dat zoekt de uitgever uit.", "Does the inhabitant think this is wrong? The issuer can look into it."},

	"category.malformed.title": {"Niet te lezen", "Not readable"},
	"category.malformed.text":  {"Het antwoord van de telefoon is niet te lezen.", "The phone's answer cannot be read."},
	"category.malformed.say":   {"Ik kan het antwoord van uw telefoon niet lezen.", "I cannot read your phone's answer."},
	"category.malformed.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.too_large.title": {"Te groot", "Too large"},
	"category.too_large.text":  {"Het antwoord van de telefoon is te groot.", "The phone's answer is too large."},
	"category.too_large.say":   {"Ik kan het antwoord van uw telefoon niet verwerken.", "I cannot process your phone's answer."},
	"category.too_large.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.decryption_failed.title": {"Niet te openen", "Cannot be opened"},
	"category.decryption_failed.text":  {"Het antwoord is niet voor deze vraag versleuteld.", "The answer was not encrypted for this question."},
	"category.decryption_failed.say":   {"Ik kan het antwoord van uw telefoon niet openen.", "I cannot open your phone's answer."},
	"category.decryption_failed.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.session_state.title": {"Te laat of dubbel", "Late or double"},
	"category.session_state.text":  {"Er was al een antwoord op deze vraag.", "This question already had an answer."},
	"category.session_state.say":   {"Uw telefoon stuurde het antwoord te laat of dubbel.", "Your phone sent the answer late or twice."},
	"category.session_state.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.status_unavailable.title": {"Kan het niet vaststellen", "Cannot tell"},
	"category.status_unavailable.text":  {"We kunnen nu niet zien of deze kaart nog geldig is.", "We cannot see now whether this card is still valid."},
	"category.status_unavailable.say":   {"Dit ligt niet aan u. Wij kunnen nu niet zien of de kaart nog geldt.", "This is not your fault. We cannot see now whether the card is still valid."},
	"category.status_unavailable.do":    {"Probeer het over een minuut nog een keer.", "Try again in a minute."},

	"category.registry_unavailable.title": {"Kan het niet vaststellen", "Cannot tell"},
	"category.registry_unavailable.text":  {"We kunnen nu niet zien of deze kaart nog geldig is.", "We cannot see now whether this card is still valid."},
	"category.registry_unavailable.say":   {"Dit ligt niet aan u. Ons register is even niet bereikbaar.", "This is not your fault. Our register cannot be reached right now."},
	"category.registry_unavailable.do":    {"Probeer het over een minuut nog een keer.", "Try again in a minute."},

	"category.registry_unproven.title": {"Kan het niet vaststellen", "Cannot tell"},
	"category.registry_unproven.text":  {"Het register gaf een antwoord dat wij niet kunnen bewijzen.", "The register gave an answer that we cannot prove."},
	"category.registry_unproven.say":   {"Dit ligt niet aan u. Wij kunnen ons register nu niet vertrouwen.", "This is not your fault. We cannot trust our register right now."},
	"category.registry_unproven.do":    {"Waarschuw uw beheerder. Ga intussen verder zonder Zegel.", "Warn your administrator. Go on without Zegel for now."},

	"category.other.title": {"Niet geaccepteerd", "Not accepted"},
	"category.other.text":  {"Dit bewijs is niet geaccepteerd.", "This proof was not accepted."},
	"category.other.say":   {"Ik kan dit bewijs niet gebruiken.", "I cannot use this proof."},
	"category.other.do":    {"Stel de vraag nog een keer met een nieuwe code.", "Ask again with a new code."},

	"category.declined.title": {"Gestopt door de inwoner", "Stopped by the inhabitant"},
	"category.declined.text":  {"De inwoner deelt dit gegeven niet, of heeft het niet.", "The inhabitant does not share this fact, or does not have it."},
	"category.declined.say":   {"Dat mag. Heeft u een ander bewijs bij u?", "That is all right. Do you have another proof with you?"},
	"category.declined.do":    {"Vraag niet door naar de reden.", "Do not press for the reason."},

	"category.timed_out.title": {"De tijd is om", "Time is up"},
	"category.timed_out.text":  {"Er kwam geen antwoord. Er is niets ontvangen.", "No answer came. Nothing was received."},

	"category.stopped.title": {"Gestopt", "Stopped"},
	"category.stopped.text":  {"U heeft deze vraag gestopt. Er is niets ontvangen.", "You stopped this question. Nothing was received."},

	"category.cleared.title": {"Gewist", "Cleared"},
	"category.cleared.text":  {"Het antwoord is gewist. Alleen de uitkomst is bewaard.", "The answer was cleared. Only the outcome was kept."},
}
