-- +goose Up
ALTER TABLE sessions ADD COLUMN erased INTEGER NOT NULL DEFAULT 0; -- 1: the holder asked; the row goes once the counter is done with it
CREATE TABLE erasures ( -- requests that a person decides on
	id       TEXT PRIMARY KEY,
	tenant   TEXT NOT NULL,
	session  TEXT NOT NULL,
	asked    INTEGER NOT NULL, -- times in ms since 1970
	until    INTEGER NOT NULL, -- when there is a decision at the latest
	decision TEXT NOT NULL DEFAULT '', -- erase, refuse
	decided  INTEGER NOT NULL DEFAULT 0,
	staff    TEXT NOT NULL DEFAULT '',
	UNIQUE (tenant, session)
) STRICT, WITHOUT ROWID;
