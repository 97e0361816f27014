-- +goose Up
CREATE TABLE secret (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;

-- Codes are here as hashes only. Claims given with an offer are sealed under its code, which is not here.
CREATE TABLE offer (
	id             TEXT PRIMARY KEY,
	tenant         TEXT NOT NULL,
	code           BLOB NOT NULL UNIQUE,      -- SHA-256
	reference      BLOB UNIQUE,               -- SHA-256; NULL for an offer by value
	tx_code        BLOB,                      -- hash with the code; NULL when none is asked
	tries          INTEGER NOT NULL DEFAULT 0,
	configurations TEXT NOT NULL,             -- JSON
	subject        TEXT NOT NULL,             -- empty when claims came with the offer
	claims         BLOB,
	staff          TEXT NOT NULL,
	state          TEXT NOT NULL,
	created        INTEGER NOT NULL,          -- ms since 1970, as all times
	expires        INTEGER NOT NULL
) STRICT;
CREATE INDEX offer_by_expiry ON offer (expires);

CREATE TABLE token (
	hash    BLOB PRIMARY KEY,
	tenant  TEXT NOT NULL,
	offer   TEXT NOT NULL,
	client  TEXT NOT NULL,                    -- client_id of the token request
	details INTEGER NOT NULL,                 -- 1: the answer carried authorization_details
	claims  BLOB,                             -- sealed under the token
	expires INTEGER NOT NULL
) STRICT;
CREATE INDEX token_by_expiry ON token (expires);

CREATE TABLE used_nonce (
	hash    BLOB PRIMARY KEY,
	expires INTEGER NOT NULL
) STRICT;
CREATE INDEX used_nonce_by_expiry ON used_nonce (expires);

-- A status list. The order in which indices are given out is drawn once; next only grows, so that none is given twice.
CREATE TABLE list (
	tenant    TEXT NOT NULL,
	n         INTEGER NOT NULL,
	uri       TEXT NOT NULL UNIQUE,
	size      INTEGER NOT NULL,
	positions BLOB NOT NULL,                  -- the order: uint32, big endian
	next      INTEGER NOT NULL DEFAULT 0,     -- given out from the front
	filler    INTEGER NOT NULL,               -- and, as filling, from the back
	state     TEXT NOT NULL,                  -- new, active, retired
	sent      INTEGER NOT NULL DEFAULT 0,     -- 1: a transaction that makes it may be on its way
	PRIMARY KEY (tenant, n)
) STRICT;

CREATE TABLE credential (
	id            TEXT PRIMARY KEY,
	tenant        TEXT NOT NULL,
	offer         TEXT NOT NULL,
	configuration TEXT NOT NULL,
	subject       TEXT NOT NULL,
	list          INTEGER NOT NULL,
	indices       BLOB NOT NULL,              -- one for each copy
	fillers       BLOB,                       -- those that always change together with them
	issued        INTEGER NOT NULL,
	expires       INTEGER NOT NULL,
	state         TEXT NOT NULL,              -- valid, suspended, revoked
	height        INTEGER NOT NULL DEFAULT 0, -- block of the last change
	notification  BLOB UNIQUE,                -- hash
	event         TEXT NOT NULL DEFAULT '',
	UNIQUE (offer, configuration)
) STRICT;
CREATE INDEX credential_by_subject ON credential (tenant, subject, issued);

-- The outbox: what staff asked and is to be on the chain.
CREATE TABLE action (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	tenant     TEXT NOT NULL,
	credential TEXT NOT NULL,
	kind       TEXT NOT NULL,                 -- revoke, suspend, resume
	reason     TEXT NOT NULL,
	staff      TEXT NOT NULL,
	created    INTEGER NOT NULL,
	done       INTEGER NOT NULL DEFAULT 0,    -- 0 waiting, 1 on the chain, 2 refused by it
	height     INTEGER NOT NULL DEFAULT 0,
	code       INTEGER NOT NULL DEFAULT 0,    -- result code of the registry
	flight     INTEGER                        -- the transaction that carries it now
) STRICT;
CREATE INDEX action_waiting ON action (tenant, done, id);
CREATE INDEX action_by_credential ON action (credential, id);

-- The one transaction of a tenant that is on its way.
CREATE TABLE flight (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	tenant      TEXT NOT NULL UNIQUE,
	list        INTEGER NOT NULL,
	creates     INTEGER NOT NULL,             -- 1: makes the list; 0: sets entries
	sequence    INTEGER NOT NULL,
	valid_until INTEGER NOT NULL,
	raw         BLOB NOT NULL
) STRICT;

-- +goose Down
DROP TABLE flight;
DROP TABLE action;
DROP TABLE credential;
DROP TABLE list;
DROP TABLE used_nonce;
DROP TABLE token;
DROP TABLE offer;
DROP TABLE secret;
