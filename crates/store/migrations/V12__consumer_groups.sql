-- What the control plane knows of a consumer group that Kafka does not: that it was made before any client used it, remarks and tags.
CREATE TABLE consumer_group (
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    remark TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (instance_id, name)
) /* sqlite: WITHOUT ROWID */;
