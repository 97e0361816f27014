package verifier

// SampleConfig is what "zegel verifier init" writes.
const SampleConfig = `# Verifier. Every setting is shown; an unknown one is refused at start.

# Where wallets and people reach this service. Production refuses plain http.
origin = "https://balie.example.org"
# Address of the listener, behind the proxy that ends TLS.
listen = "127.0.0.1:8422"
# Database and state of this service.
dir = "/var/lib/zegel/verifier"
# Network file of the registry: the only root of trust for registered parties.
network = "/etc/zegel/network.json"
# PEM files with anchors of foreign issuers to accept beside the registered ones.
trust_anchors = []
# How many sessions one staff key may make in a minute.
sessions_per_minute = 6000
# How many minutes the values of an answer are kept, 1 to 10.
claim_minutes = 10
# How many days outcome and reason are kept.
history_days = 90

[[tenants]]
# Path part: <origin>/verifier/<id>
id = "voorbeeldstad"
name = "Gemeente Voorbeeldstad"
# The place as it stands in an address, for the question "inwoner".
locality = "Voorbeeldstad"
# The organisation's DID in the registry.
did = "did:zegel:voorbeeld:…"
# Key of the document's authentication (PKCS #8 PEM, P-256) and its certificate chain, leaf first, without the anchor.
signing_key = "/etc/zegel/verifier-key.pem"
chain = "/etc/zegel/verifier-chain.pem"
# How wallets are told who asks: x509_hash, x509_san_dns or decentralized_identifier.
client_id = "x509_hash"
# Fragment of the key, for decentralized_identifier.
key_id = "verifier-1"
# Where a session on the same device may send the browser, exactly.
redirects = []

# A law by which outcomes must be kept, if there is one; without it requests to erase are always granted.
# [tenants.duty]
# legal_basis = "Voorbeeldwet, artikel 1"
# days = 365
# decide = false

[[tenants.staff]]
name = "Naam van de medewerker"
# Hex SHA-256 of the token: printf %s "$TOKEN" | sha256sum
token_sha256 = ""
# check (the fixed questions), ask-any (a question of one's own)
roles = ["check"]
`
