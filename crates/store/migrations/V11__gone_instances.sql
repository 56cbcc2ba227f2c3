-- What is left of an instance that has been gone for a while: that there was one, as lines of orders name it, and how many of each
-- spec an account ever bought.
CREATE TABLE instance_gone (
    id TEXT PRIMARY KEY
) /* sqlite: WITHOUT ROWID */;
CREATE TABLE spec_bought (
    account_id TEXT NOT NULL,
    spec TEXT NOT NULL,
    instances BIGINT NOT NULL CHECK (instances >= 0),
    PRIMARY KEY (account_id, spec)
) /* sqlite: WITHOUT ROWID */;

-- Those that are gone now are forgotten at once.
INSERT INTO timer (kind, subject, due_at_us) SELECT 'forget_gone', id, 0 FROM instance WHERE phase = 'gone';

-- Which key the digests of rows are made with: a hash of it. One row.
CREATE TABLE digest_key (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    hash BYTEA NOT NULL
);
