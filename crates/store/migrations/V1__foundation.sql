-- What the store itself needs, whatever is sold: leases, client tokens, nonces, the audit trail.
--
-- One folder serves SQLite and PostgreSQL. Column types are BIGINT, TEXT and BYTEA only (SQLite gives BYTEA no
-- conversion of its own: bytes stay bytes). Times are microseconds since 1970 UTC. Migrations go forward only:
-- a file that was released is never edited. What stands in a `/* sqlite: … */` comment is for SQLite only: there a table
-- whose rows are small and found by their key is its key's own tree, one tree less to write.

-- Who may act on something, and the fencing generation of that right. Rows outlive their holder, so that the
-- generation only grows.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    generation BIGINT NOT NULL CHECK (generation >= 1),
    expires_at_us BIGINT NOT NULL
);

-- Client tokens of accepted requests and the answer that a repetition gets. A row without an answer binds nothing.
CREATE TABLE idempotency (
    account_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    token TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    answer TEXT,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (account_id, operation, token)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX idempotency_created_at ON idempotency (created_at_us);

-- Nonces of signed calls that changed something.
CREATE TABLE nonce (
    access_key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    seen_at_us BIGINT NOT NULL,
    PRIMARY KEY (access_key_id, nonce)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX nonce_seen_at ON nonce (seen_at_us);

-- Who asked for what, and what was decided. A row is written once; sealing gives it its place in the hash chain.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    access_key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    decision TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    sequence BIGINT CHECK (sequence >= 1),
    hash BYTEA,
    CHECK ((sequence IS NULL) = (hash IS NULL))
) /* sqlite: WITHOUT ROWID */;
CREATE UNIQUE INDEX audit_sequence ON audit (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (at_us) WHERE sequence IS NULL;
CREATE INDEX audit_account ON audit (account_id, at_us);

-- The end of the audit chain: one row.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
