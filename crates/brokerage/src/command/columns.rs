//! What lists show people; programs have every member as JSON.

use super::print::Column;
use super::print::Kind::{Age, Figure, Giving, Id, State, Text};
use super::print::column;

pub const INSTANCES: &[Column] = &[
    column("instance", "instance_id", Id),
    column("name", "name", Giving),
    column("account", "account", Giving),
    column("phase", "phase", State),
    column("age", "created_at", Age),
    column("size", "size", Giving),
    column("price", "price", Figure),
    column("for", "price_for", Text),
    column("failure", "failure", Giving),
];

pub const TOPICS: &[Column] = &[
    column("topic", "topic", Id),
    column("partitions", "partitions", Figure),
    column("replicas", "replication_factor", Figure),
    column("settings", "configs", Giving),
    column("remark", "remark", Giving),
];

pub const GROUPS: &[Column] = &[
    column("group", "group", Id),
    column("state", "state", State),
    column("protocol", "protocol", Text),
];

pub const ORDERS: &[Column] = &[
    column("order", "order_id", Id),
    column("account", "account", Giving),
    column("profile", "profile", Giving),
    column("state", "state", State),
    column("age", "created_at", Age),
    column("total", "total", Figure),
    column("", "currency", Text),
    column("lines", "instances", Figure),
];

pub const ACCOUNTS: &[Column] = &[
    column("account", "account_id", Id),
    column("name", "name", Giving),
    column("age", "created_at", Age),
    column("CNY", "available_cny", Figure),
    column("held", "held_cny", Figure),
    column("USD", "available_usd", Figure),
    column("held", "held_usd", Figure),
];

pub const KEYS: &[Column] = &[
    column("key", "access_key_id", Id),
    column("account", "account", Giving),
    column("active", "active", State),
    column("may", "policy", Giving),
    column("expires", "expires_at", Text),
];

pub const USERS: &[Column] = &[column("user", "user", Id), column("super", "super", Text)];

pub const NETWORKS: &[Column] = &[
    column("account", "account", Giving),
    column("profile", "profile", Text),
    column("region", "region", Id),
    column("network", "network_id", Id),
    column("subnet", "subnet_id", Id),
    column("zone", "zone", Id),
    column("range", "cidr", Text),
];

pub const ORPHANS: &[Column] = &[
    column("cluster", "cluster", Id),
    column("running", "running", Text),
];

pub const AUDIT: &[Column] = &[
    column("age", "at", Age),
    column("action", "action", Text),
    column("on", "resource", Giving),
    column("key", "access_key_id", Giving),
    column("decision", "decision", State),
    column("by", "decided_by", Text),
    column("request", "request_id", Giving),
];

pub const REQUESTS: &[Column] = &[
    column("age", "at", Age),
    column("dialect", "dialect", Text),
    column("operation", "operation", Giving),
    column("key", "access_key_id", Giving),
    column("status", "status", Figure),
    column("outcome", "outcome", State),
    column("took µs", "took_us", Figure),
    column("message", "message", Giving),
];

pub const TASKS: &[Column] = &[
    column("task", "task", Text),
    column("every ms", "period_ms", Figure),
    column("runs", "slices", Figure),
    column("failed", "failures", Figure),
    column("last", "last_at", Age),
    column("took µs", "last_took_us", Figure),
    column("failure", "last_failure", Giving),
];
