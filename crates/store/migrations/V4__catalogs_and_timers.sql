-- What time has to do, and what was sold from.

-- Every catalog that a server started with, by the SHA-256 of its text: what was bought from it keeps its prices.
CREATE TABLE catalog (
    hash TEXT PRIMARY KEY,
    profile TEXT NOT NULL,
    text TEXT NOT NULL,
    kept_at_us BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;

-- What is due when, in business time: at most one of a kind for a subject. What moves its subject on sets, moves or
-- clears it in the same transaction.
CREATE TABLE timer (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_at_us BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX timer_due ON timer (due_at_us, kind, subject);

-- How long an order waits for its start stands in the catalog that it was bought from, which the database does not read:
-- the timers of those that wait now are due at once, and are moved when they are looked at.
INSERT INTO timer (kind, subject, due_at_us)
SELECT 'cancel_unstarted', id, created_at_us FROM instance WHERE phase = 'awaiting_start';
