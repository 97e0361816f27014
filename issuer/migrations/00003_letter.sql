-- +goose Up
ALTER TABLE offer ADD COLUMN letter INTEGER NOT NULL DEFAULT 0; -- 1: collected in a browser; code is of issuer_state, tx_code of the letter

-- A request that a wallet pushed, until the person answered it on our page.
CREATE TABLE pushed (
	hash         BLOB PRIMARY KEY,            -- of request_uri
	tenant       TEXT NOT NULL,
	offer        TEXT NOT NULL,
	issuer_state BLOB NOT NULL,               -- sealed under request_uri
	client       TEXT NOT NULL,
	redirect     TEXT NOT NULL,
	client_state TEXT NOT NULL,
	challenge    TEXT NOT NULL,
	wanted       TEXT NOT NULL,               -- authorization_details, or empty
	thumbprint   TEXT NOT NULL,               -- of the key that made the request, or empty
	step         BLOB,                        -- hash of what the next form has to bring; NULL until the person proved who they are
	answered     INTEGER NOT NULL DEFAULT 0,
	expires      INTEGER NOT NULL
) STRICT;
CREATE INDEX pushed_by_expiry ON pushed (expires);

CREATE TABLE code (
	hash       BLOB PRIMARY KEY,
	tenant     TEXT NOT NULL,
	offer      TEXT NOT NULL,
	client     TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	wanted     TEXT NOT NULL,
	thumbprint TEXT NOT NULL,
	used       INTEGER NOT NULL DEFAULT 0,
	expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX code_by_expiry ON code (expires);

-- +goose Down
DROP TABLE code;
DROP TABLE pushed;
DELETE FROM offer WHERE letter = 1;
ALTER TABLE offer DROP COLUMN letter;
