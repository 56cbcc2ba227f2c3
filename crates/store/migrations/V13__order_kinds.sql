-- Orders that change a term which is paid in advance have classes of their own: a renewal 8, a conversion to such a term 9,
-- and what was given back of one 10. They are done when they are placed, so that none of them is ever given back itself.
ALTER TABLE list_block ADD COLUMN class_8 BIGINT NOT NULL DEFAULT 0 CHECK (class_8 >= 0);
ALTER TABLE list_block ADD COLUMN class_9 BIGINT NOT NULL DEFAULT 0 CHECK (class_9 >= 0);
ALTER TABLE list_block ADD COLUMN class_10 BIGINT NOT NULL DEFAULT 0 CHECK (class_10 >= 0);

DROP INDEX orders_list;
ALTER TABLE orders RENAME COLUMN class TO class_before;
ALTER TABLE orders ADD COLUMN class BIGINT NOT NULL DEFAULT 0 CHECK (class BETWEEN 0 AND 10);
UPDATE orders SET class = class_before;
ALTER TABLE orders DROP COLUMN class_before;
CREATE INDEX orders_list ON orders (account_id, profile, class, created_at_us DESC, id);
