-- What is sold, to whom, for how much, and what runs.
--
-- Ids are the texts that callers see. Documents (plans, policies, tags) are JSON in TEXT columns: the database
-- never looks inside. Amounts are millionths of a currency unit.

-- Who pays.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created_at_us BIGINT NOT NULL
);

-- Who asks. The secret is encrypted by the control plane; the store sees only the sealed text.
CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    sealed_secret TEXT NOT NULL,
    active BIGINT NOT NULL CHECK (active IN (0, 1)),
    policy TEXT NOT NULL,
    session_token_hash TEXT,
    expires_at_us BIGINT,
    created_at_us BIGINT NOT NULL
);
CREATE INDEX access_key_account ON access_key (account_id);

-- Where instances are placed.
CREATE TABLE network (
    account_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    id TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    cidr TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (account_id, profile, id)
) /* sqlite: WITHOUT ROWID */;
CREATE TABLE subnet (
    account_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    id TEXT NOT NULL,
    network_id TEXT NOT NULL,
    region TEXT NOT NULL,
    zone TEXT NOT NULL,
    name TEXT NOT NULL,
    cidr TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (account_id, profile, id)
) /* sqlite: WITHOUT ROWID */;

-- Customers' money. The house's own balances are sums over transfers, so that no row is hot for everybody.
CREATE TABLE ledger_account (
    name TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    posted BIGINT NOT NULL,
    held BIGINT NOT NULL CHECK (held >= 0),
    credit_limit BIGINT NOT NULL CHECK (credit_limit >= 0),
    CHECK (posted - held >= -credit_limit)
);
CREATE INDEX ledger_account_account ON ledger_account (account_id);

-- The ledger's entries: written once, never changed. A hold is ended by the one row that names it.
CREATE TABLE transfer (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('posted', 'pending', 'post_pending', 'void_pending')),
    pending_id TEXT,
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    at_us BIGINT NOT NULL,
    CHECK ((pending_id IS NOT NULL) = (kind IN ('post_pending', 'void_pending')))
) /* sqlite: WITHOUT ROWID */;
CREATE UNIQUE INDEX transfer_pending ON transfer (pending_id) WHERE pending_id IS NOT NULL;

-- Purchases, and their lines: one for each instance bought.
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,
    charge TEXT NOT NULL,
    payment TEXT NOT NULL,
    currency TEXT NOT NULL,
    total BIGINT NOT NULL,
    catalog_version TEXT NOT NULL,
    catalog_hash TEXT NOT NULL,
    created_at_us BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX orders_account ON orders (account_id, created_at_us);
CREATE TABLE order_line (
    order_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (order_id, line)
) /* sqlite: WITHOUT ROWID */;

-- Bought clusters: intent and what was last recorded of them.
CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    order_id TEXT NOT NULL,
    order_line BIGINT NOT NULL,
    -- The plan's row of a ladder, for limits on how many of it an account may buy.
    spec TEXT,
    plan TEXT NOT NULL,
    charge TEXT NOT NULL,
    placement TEXT,
    phase TEXT NOT NULL,
    want TEXT NOT NULL,
    -- Whether the reconciler has something to do; the index below holds only these rows.
    unsettled BIGINT NOT NULL CHECK (unsettled IN (0, 1)),
    retry_at_us BIGINT NOT NULL,
    ports TEXT NOT NULL,
    settings TEXT NOT NULL,
    attributes TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    running_since_us BIGINT,
    expires_at_us BIGINT,
    billed_until_us BIGINT,
    attempts BIGINT NOT NULL,
    failure TEXT,
    revision BIGINT NOT NULL,
    -- The change of what was bought that is under way.
    change TEXT
);
CREATE INDEX instance_account ON instance (account_id, profile, id);
CREATE INDEX instance_order ON instance (order_id);
CREATE INDEX instance_unsettled ON instance (retry_at_us) WHERE unsettled = 1;

-- What the control plane knows of a topic that Kafka does not.
CREATE TABLE topic (
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    remark TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (instance_id, name)
) /* sqlite: WITHOUT ROWID */;

-- The ports that listeners may use. A port belongs to one instance or to none; a blocked one is in use by another
-- program of the host.
CREATE TABLE broker_port (
    port BIGINT PRIMARY KEY CHECK (port BETWEEN 1 AND 65535),
    instance_id TEXT,
    blocked BIGINT NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1))
);
CREATE INDEX broker_port_free ON broker_port (port) WHERE instance_id IS NULL AND blocked = 0;
CREATE INDEX broker_port_instance ON broker_port (instance_id) WHERE instance_id IS NOT NULL;
