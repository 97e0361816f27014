-- +goose Up
-- A row is a batch of copies. Batches that were renewed hang on the card that they are of, which is the first batch.
CREATE TABLE batch (
	id            TEXT PRIMARY KEY,
	tenant        TEXT NOT NULL,
	card          TEXT NOT NULL,              -- id of the first batch; its own for the first
	offer         TEXT NOT NULL,              -- empty for a renewed batch
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
	event         TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO batch (id, tenant, card, offer, configuration, subject, list, indices, fillers, issued, expires, state, height, notification, event)
	SELECT id, tenant, id, offer, configuration, subject, list, indices, fillers, issued, expires, state, height, notification, event
	FROM credential ORDER BY rowid;
DROP TABLE credential;
ALTER TABLE batch RENAME TO credential;
CREATE UNIQUE INDEX credential_by_offer ON credential (offer, configuration) WHERE offer <> '';
CREATE INDEX credential_by_subject ON credential (tenant, subject, issued);
CREATE INDEX credential_by_card ON credential (card);

ALTER TABLE token ADD COLUMN thumbprint TEXT NOT NULL DEFAULT ''; -- of the key that it is bound to (RFC 9449); empty: to none
ALTER TABLE token ADD COLUMN renews INTEGER NOT NULL DEFAULT 0;   -- 1: for one more batch of a card that was issued

-- The right to renew what came of an offer. One row is current; those before it show whether an old one comes back.
CREATE TABLE refresh (
	hash       BLOB PRIMARY KEY,
	tenant     TEXT NOT NULL,
	offer      TEXT NOT NULL,
	client     TEXT NOT NULL,
	details    INTEGER NOT NULL,
	thumbprint TEXT NOT NULL,                 -- of the key that it is bound to
	state      TEXT NOT NULL,                 -- current, previous, spent
	expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_by_offer ON refresh (offer);
CREATE INDEX refresh_by_expiry ON refresh (expires);

-- +goose Down
DROP TABLE refresh;
ALTER TABLE token DROP COLUMN renews;
ALTER TABLE token DROP COLUMN thumbprint;
DROP INDEX credential_by_card;
DELETE FROM credential WHERE card <> id;
ALTER TABLE credential DROP COLUMN card;
