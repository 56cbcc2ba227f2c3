//! What JD Cloud's refusals say, in both languages, beside what every cloud says.

use brokerage_wire::language::Row;

/// The rows.
pub const ROWS: &[Row] = &[
    // Who asks, and for what.
    ("there is no operation {} {}", "没有操作 {1} {2}"),
    (
        "the access key does not exist or is disabled",
        "访问密钥不存在或已停用",
    ),
    (
        "the security token does not belong to the access key",
        "安全令牌不属于该访问密钥",
    ),
    // Instances.
    (
        "a prepaid instance can be deleted only after its term",
        "包年包月实例到期后才能删除",
    ),
    (
        "must be 1 to {} letters, digits, underscores or hyphens and begin with a letter",
        "必须为 1 至 {1} 个字母、数字、下划线或连字符，并以字母开头",
    ),
    ("must be empty, {} or {}", "必须为空、{1} 或 {2}"),
    (
        "does not name the zone {} of the subnet",
        "未包含子网所在的可用区 {1}",
    ),
    ("cannot become smaller", "不能减少"),
    ("cannot be changed", "不能变更"),
    // How it is paid for.
    (
        "is for pay-as-you-go; this is prepaid already",
        "仅用于按量付费，该实例已是包年包月",
    ),
    ("Kafka is not sold by usage", "Kafka 不按用量出售"),
    ("must be from 1 to {} {}", "取值范围为 1 至 {1}（{2!}）"),
    ("years", "年"),
    ("months", "月"),
    ("year", "年"),
    ("month", "月"),
    (
        "must be a day as yyyy-MM-dd",
        "必须为 yyyy-MM-dd 格式的日期",
    ),
    ("must be a day to come", "必须为将来的日期"),
    ("has more than {} bytes", "超过 {1} 字节"),
    ("is not Base64", "不是 Base64"),
    (
        "is not the Base64 of a JSON object",
        "不是 JSON 对象的 Base64",
    ),
    ("has no activity", "没有 activity"),
    // Lists.
    ("needs exactly one value", "需要且仅需要一个值"),
    ("needs a value", "需要一个值"),
    ("must be from 1 to {}", "取值范围为 1 至 {1}"),
    ("must be 1 or more", "不能小于 1"),
    ("creating", "创建中"),
    ("changing", "变更中"),
    ("running", "运行中"),
    ("deleting", "删除中"),
    ("deleted", "已删除"),
    ("error", "异常"),
];
