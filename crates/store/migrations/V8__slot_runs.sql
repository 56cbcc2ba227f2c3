-- Free slots stand in runs of neighbours, and so do an instance's: an order wrote a row and two indexes for each of its
-- slots, and writes two rows now. What is free follows from what is held, whenever a server starts.

CREATE TABLE slot_held (
    instance_id TEXT NOT NULL,
    first BIGINT NOT NULL CHECK (first >= 1),
    last BIGINT NOT NULL CHECK (last BETWEEN first AND 65535),
    PRIMARY KEY (instance_id, first)
) /* sqlite: WITHOUT ROWID */;

INSERT INTO slot_held (instance_id, first, last)
SELECT instance_id, MIN(port), MAX(port)
FROM (
    SELECT instance_id, port, port - ROW_NUMBER() OVER (PARTITION BY instance_id ORDER BY port) AS run
    FROM broker_port
    WHERE instance_id IS NOT NULL
) AS numbered
GROUP BY instance_id, run;
DROP TABLE broker_port;

-- The range of slots that may be free: one row.
CREATE TABLE slot_range (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    first BIGINT NOT NULL,
    last BIGINT NOT NULL CHECK (first BETWEEN 1 AND last AND last <= 65535)
);
-- Slots are taken from the beginning of a run, so that its key stays.
CREATE TABLE slot_free (
    first BIGINT NOT NULL CHECK (first >= 1),
    last BIGINT PRIMARY KEY CHECK (last BETWEEN first AND 65535)
) /* sqlite: WITHOUT ROWID */;
