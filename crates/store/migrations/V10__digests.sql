-- What transfers, orders, their lines, keys and users add up to, an account each: two halves of a keyed digest, changed in the
-- transaction of the row. The key is kept outside the database, so that a row which is changed, forged or gone shows. The row of
-- no account is the house's; where it is missing, the rows that are there have not been taken into account yet.
CREATE TABLE digest (
    scope TEXT PRIMARY KEY,
    accounts_a BIGINT NOT NULL,
    accounts_b BIGINT NOT NULL,
    keys_a BIGINT NOT NULL,
    keys_b BIGINT NOT NULL,
    users_a BIGINT NOT NULL,
    users_b BIGINT NOT NULL,
    audit_a BIGINT NOT NULL,
    audit_b BIGINT NOT NULL,
    transfers_a BIGINT NOT NULL,
    transfers_b BIGINT NOT NULL,
    orders_a BIGINT NOT NULL,
    orders_b BIGINT NOT NULL,
    lines_a BIGINT NOT NULL,
    lines_b BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;

-- Where the audit's chain begins, once its oldest rows were pruned: the last of those, which the hash sums up. One row.
CREATE TABLE audit_anchor (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
