-- What an order bought, as it was ordered: the instance goes on to change, and goes. Orders of before have no row.
CREATE TABLE order_plan (
    order_id TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL,
    -- Of a resize: what the instance was before.
    plan_before TEXT
) /* sqlite: WITHOUT ROWID */;
