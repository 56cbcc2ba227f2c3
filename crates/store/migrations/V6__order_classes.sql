-- Lists of orders are filtered by class: whether prepaid (0) or not (1), new (0) or a change (2), and, once nothing was
-- delivered and all money went back, 4 more. Blocks of a list count each class, so that a filtered page costs what a whole
-- one does. Lists without classes count in the first.
ALTER TABLE list_block RENAME COLUMN entries TO class_0;
ALTER TABLE list_block ADD COLUMN class_1 BIGINT NOT NULL DEFAULT 0 CHECK (class_1 >= 0);
ALTER TABLE list_block ADD COLUMN class_2 BIGINT NOT NULL DEFAULT 0 CHECK (class_2 >= 0);
ALTER TABLE list_block ADD COLUMN class_3 BIGINT NOT NULL DEFAULT 0 CHECK (class_3 >= 0);
ALTER TABLE list_block ADD COLUMN class_4 BIGINT NOT NULL DEFAULT 0 CHECK (class_4 >= 0);
ALTER TABLE list_block ADD COLUMN class_5 BIGINT NOT NULL DEFAULT 0 CHECK (class_5 >= 0);
ALTER TABLE list_block ADD COLUMN class_6 BIGINT NOT NULL DEFAULT 0 CHECK (class_6 >= 0);
ALTER TABLE list_block ADD COLUMN class_7 BIGINT NOT NULL DEFAULT 0 CHECK (class_7 >= 0);

ALTER TABLE orders ADD COLUMN class BIGINT NOT NULL DEFAULT 0 CHECK (class BETWEEN 0 AND 7);
UPDATE orders SET class = CASE WHEN charge LIKE '%"mode":"prepaid"%' THEN 0 ELSE 1 END
    + CASE kind WHEN 'change' THEN 2 ELSE 0 END
    + CASE WHEN EXISTS (SELECT 1 FROM order_line WHERE order_id = orders.id)
        AND NOT EXISTS (SELECT 1 FROM order_line WHERE order_id = orders.id AND state NOT IN ('failed', 'cancelled'))
        THEN 4 ELSE 0 END;
DROP INDEX orders_list;
CREATE INDEX orders_list ON orders (account_id, profile, class, created_at_us DESC, id);

DELETE FROM list_block WHERE kind = 'order';
INSERT INTO list_block (account_id, kind, profile, list, first, until, class_0, class_1, class_2, class_3, class_4, class_5,
    class_6, class_7)
SELECT account_id, 'order', profile, '', CASE WHEN block = 0 THEN '' ELSE first END,
    LEAD(first) OVER (PARTITION BY account_id, profile ORDER BY block),
    class_0, class_1, class_2, class_3, class_4, class_5, class_6, class_7
FROM (
    SELECT account_id, profile, block, MIN(list_key) AS first,
        COUNT(CASE class WHEN 0 THEN 1 END) AS class_0, COUNT(CASE class WHEN 1 THEN 1 END) AS class_1,
        COUNT(CASE class WHEN 2 THEN 1 END) AS class_2, COUNT(CASE class WHEN 3 THEN 1 END) AS class_3,
        COUNT(CASE class WHEN 4 THEN 1 END) AS class_4, COUNT(CASE class WHEN 5 THEN 1 END) AS class_5,
        COUNT(CASE class WHEN 6 THEN 1 END) AS class_6, COUNT(CASE class WHEN 7 THEN 1 END) AS class_7
    FROM (
        SELECT account_id, profile, class, CAST(9000000000000000000 - created_at_us AS TEXT) AS list_key,
            (DENSE_RANK() OVER (PARTITION BY account_id, profile ORDER BY created_at_us DESC) - 1) / 512 AS block
        FROM orders
    ) AS numbered
    GROUP BY account_id, profile, block
) AS blocks;
