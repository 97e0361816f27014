-- +goose Up
CREATE TABLE sessions (
	handle   TEXT PRIMARY KEY, -- what the wallet's addresses hold; a hash of id
	id       TEXT NOT NULL,
	tenant   TEXT NOT NULL,
	staff    TEXT NOT NULL,
	state    TEXT NOT NULL,
	outcome  TEXT NOT NULL DEFAULT '',
	category TEXT NOT NULL DEFAULT '',
	preset   TEXT NOT NULL,
	created  INTEGER NOT NULL, -- times in ms since 1970
	expires  INTEGER NOT NULL,
	ended    INTEGER NOT NULL DEFAULT 0,
	as_of    INTEGER NOT NULL DEFAULT 0,
	stale    INTEGER NOT NULL DEFAULT 0,
	height   INTEGER NOT NULL DEFAULT 0,
	secrets  BLOB, -- JSON; NULL once the session has ended
	code     BLOB, -- SHA-256 of the response code of a same-device session
	claims   BLOB  -- JSON; NULL again minutes after the answer
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_history ON sessions (tenant, created);
