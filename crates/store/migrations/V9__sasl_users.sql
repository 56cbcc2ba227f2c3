-- What the control plane knows of a Kafka user that Kafka does not: Kafka keeps salted keys, and owners are shown what they set.
CREATE TABLE sasl_user (
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed_password TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (instance_id, name)
) /* sqlite: WITHOUT ROWID */;
