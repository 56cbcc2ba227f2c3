-- What an order bought, as it was ordered: the instance goes on to change, and goes. Orders of before have no row. Each plan
-- is kept once, by its hash: most orders buy what others bought.
CREATE TABLE kept_plan (
    hash TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL
);
CREATE TABLE order_plan (
    order_id TEXT NOT NULL PRIMARY KEY,
    plan_hash TEXT NOT NULL,
    -- Of a resize: what the instance was before.
    plan_before_hash TEXT
) /* sqlite: WITHOUT ROWID */;
