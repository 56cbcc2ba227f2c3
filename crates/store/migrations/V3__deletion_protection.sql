-- Whether an instance is protected from being given up was one of the words that are only shown again; it decides now,
-- in the transaction that gives an instance up.
ALTER TABLE instance ADD COLUMN deletion_protected BIGINT NOT NULL DEFAULT 0 CHECK (deletion_protected IN (0, 1));
UPDATE instance SET deletion_protected = 1 WHERE attributes LIKE '%"DeleteProtectionEnable":"1"%';
