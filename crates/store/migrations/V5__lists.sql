-- Lists that are read page by page: what a page costs does not grow with the list.

-- How the cloud of an instance lists it, which list that is, where in it the instance stands, and whether it still does.
ALTER TABLE instance ADD COLUMN listing TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN list TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN list_key TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN listed BIGINT NOT NULL DEFAULT 0 CHECK (listed IN (0, 1));
CREATE INDEX instance_list ON instance (account_id, profile, list, list_key, id) WHERE listed = 1;
-- Few instances carry tags, and lists of tags are read without the others.
CREATE INDEX instance_tagged ON instance (account_id, profile, id) WHERE tags <> '{}';
-- The instances of an order are found by its lines.
DROP INDEX instance_order;

DROP INDEX orders_account;
CREATE INDEX orders_list ON orders (account_id, profile, created_at_us DESC, id);

-- How each profile's instances are listed now. What is missing here is listed anew when a server starts.
CREATE TABLE listing (
    profile TEXT PRIMARY KEY,
    listing TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;

-- Each list in blocks of neighbours: how many entries have keys from `first` to before `until`. So the total of a list,
-- and the block in which its n-th entry stands, are sums over a few hundred rows.
CREATE TABLE list_block (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    profile TEXT NOT NULL,
    list TEXT NOT NULL,
    first TEXT NOT NULL,
    until TEXT,
    entries BIGINT NOT NULL CHECK (entries >= 0),
    PRIMARY KEY (account_id, kind, profile, list, first)
) /* sqlite: WITHOUT ROWID */;

-- Orders are listed the newest first. Equal times stay in one block.
INSERT INTO list_block (account_id, kind, profile, list, first, until, entries)
SELECT account_id, 'order', profile, '', CASE WHEN block = 0 THEN '' ELSE first END,
    LEAD(first) OVER (PARTITION BY account_id, profile ORDER BY block), entries
FROM (
    SELECT account_id, profile, block, MIN(list_key) AS first, COUNT(*) AS entries
    FROM (
        SELECT account_id, profile, CAST(9000000000000000000 - created_at_us AS TEXT) AS list_key,
            (DENSE_RANK() OVER (PARTITION BY account_id, profile ORDER BY created_at_us DESC) - 1) / 512 AS block
        FROM orders
    ) AS numbered
    GROUP BY account_id, profile, block
) AS blocks;
