package issuer

// SampleConfig is what "zegel issuer init" writes.
const SampleConfig = `# Issuer. Every setting is shown; an unknown one is refused at start.

# Where wallets and people reach this service. Production refuses plain http.
origin = "https://uitgifte.example.org"
# Address of the listener, behind the proxy that ends TLS.
listen = "127.0.0.1:8421"
# Database and state of this service.
dir = "/var/lib/zegel/issuer"
# Network file of the registry: the only root of trust.
network = "/etc/zegel/network.json"
# Requests a second of one caller: an address, or a member of staff. Ten times as many may come at once.
rate_limit = 500

# Wallets that may send people to the page where a card is collected with the code of a letter. Without any: Zegel's own.
# [[clients]]
# id = "wallet-voorbeeld"
# name = "Voorbeeldwallet"
# redirect_uris = ["nl.voorbeeld.wallet:/klaar", "http://127.0.0.1/klaar"]

[[tenants]]
# Path part of the credential issuer identifier: <origin>/issuer/<id>
id = "voorbeeldstad"
name = "Gemeente Voorbeeldstad"
# The organisation's DID in the registry.
did = "did:zegel:voorbeeld:…"
# Key of the document's assertionMethod (PKCS #8 PEM, P-256) and its certificate chain, leaf first, without the anchor.
signing_key = "/etc/zegel/issuer-key.pem"
chain = "/etc/zegel/issuer-chain.pem"
# Key of the document's capabilityInvocation (PKCS #8 PEM, Ed25519) and its fragment: signs registry transactions.
registry_key = "/etc/zegel/registry-key.pem"
registry_key_id = "registry-1"
# Inhabitants that can be given a card, as JSON.
subjects = "/etc/zegel/subjects.json"
# Copies in one batch, 2 to 32. Each is used once.
batch_size = 10

# How the card looks in wallets; both may be left out. A wallet darkens the colour until white text can be read on it. The
# logo is published within the metadata, so that no wallet fetches it from anywhere: a square PNG or JPEG of at most 32 KiB.
[tenants.cards.personal-data]
colour = "#7a2f1d"
logo = "/etc/zegel/logo.png"
# What is on the logo, for who cannot see it.
logo_alt = "Logo van Gemeente Voorbeeldstad"

[[tenants.staff]]
name = "Naam van de medewerker"
# Hex SHA-256 of the token: printf %s "$TOKEN" | sha256sum
token_sha256 = ""
# hand-out, revoke
roles = ["hand-out", "revoke"]
`
