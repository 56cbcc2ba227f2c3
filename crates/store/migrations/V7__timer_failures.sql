-- A timer that could do nothing is looked at again soon, and less often the more often it fails.
ALTER TABLE timer ADD COLUMN failures BIGINT NOT NULL DEFAULT 0 CHECK (failures >= 0);
