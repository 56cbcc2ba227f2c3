//! What Tencent Cloud's refusals say, in both languages, beside what every cloud says.

use brokerage_wire::language::Row;

/// The rows.
pub const ROWS: &[Row] = &[
    // Who asks, and for what.
    ("the SecretId is not found", "SecretId 不存在"),
    ("the token is wrong or has expired", "Token 错误或已过期"),
    ("the version {} does not exist", "版本 {1} 不存在"),
    (
        "the action {} does not exist or is not supported",
        "接口 {1} 不存在或不支持",
    ),
    // Instances.
    (
        "the route {} came with the instance or with public bandwidth",
        "路由 {1} 随实例或公网带宽提供",
    ),
    (
        "routes are deleted at once, at no later time",
        "路由立即删除，不支持定时删除",
    ),
    (
        "routes have no security groups here",
        "此处的路由不支持安全组",
    ),
    ("the range {} is given twice", "地址段 {1} 重复"),
    (
        "the parameter `{}` is not one that such a route can have",
        "参数 `{1}` 不适用于此类路由",
    ),
    (
        "the parameter `{}` must be an address or a range of addresses",
        "参数 `{1}` 必须为 IP 地址或地址段",
    ),
    (
        "the parameter `{}` must be an address",
        "参数 `{1}` 必须为 IP 地址",
    ),
    (
        "the parameter `{}` must be a multiple of {}",
        "参数 `{1}` 必须为 {2} 的倍数",
    ),
    (
        "the parameter `{}` is not that of the instance, {}: ModifyInstanceAttributes changes it",
        "参数 `{1}` 与实例的 {2} 不同，请使用 ModifyInstanceAttributes 修改",
    ),
    (
        "the deletion protection of {} is on",
        "实例 {1} 已开启删除保护",
    ),
    (
        "the instance {} is prepaid: it ends with its term",
        "实例 {1} 为包年包月实例，到期后结束",
    ),
    (
        "the parameter `{}` is less than the {} that are in use",
        "参数 `{1}` 小于已使用的 {2}",
    ),
    (
        "the parameter `{}` is less than what is stored already",
        "参数 `{1}` 小于已存储的数据量",
    ),
    (
        "the parameter `{}` is fixed by the type of a standard edition",
        "参数 `{1}` 由标准版的型号决定",
    ),
    (
        "the parameter `{}` must be at least {}",
        "参数 `{1}` 不能小于 {2}",
    ),
    (
        "the parameter `{}` must be {} or {}",
        "参数 `{1}` 必须为 {2} 或 {3}",
    ),
    (
        "the parameter `{}` must be 1, or 1 to 8 for the standard edition",
        "参数 `{1}` 必须为 1，标准版为 1 至 8",
    ),
    (
        "the parameter `{}` must contain {}",
        "参数 `{1}` 必须包含 {2}",
    ),
    (
        "the parameter `{}` names several zones, which needs MultiZoneFlag",
        "参数 `{1}` 指定了多个可用区，需要 MultiZoneFlag",
    ),
    ("`ZoneIds` names a zone twice", "`ZoneIds` 中的可用区重复"),
    ("the tag key {} is given twice", "标签键 {1} 重复"),
    (
        "the tag key {} is both replaced and deleted",
        "标签键 {1} 既要替换又要删除",
    ),
    ("there is no task {}", "任务 {1} 不存在"),
    (
        "`CategoryAction` must be purchase or renew",
        "`CategoryAction` 必须为 purchase 或 renew",
    ),
    (
        "upgrades begin at once, at no later time",
        "升级立即开始，不能指定时间",
    ),
    (
        "`{}`: a topic has no quota of its own here",
        "`{1}`：此处主题没有单独的配额",
    ),
    (
        "the parameter `{}` must be 0, 1 or 2",
        "参数 `{1}` 必须为 0、1 或 2",
    ),
    (
        "the parameter `{}` must be 1 or more, and not more than {} in all",
        "参数 `{1}` 不能小于 1，且总数不能超过 {2}",
    ),
    (
        "the parameter `{}` must not be below 0",
        "参数 `{1}` 不能小于 0",
    ),
    (
        "the parameter `{}` must be a number from 0 on",
        "参数 `{1}` 必须为不小于 0 的数字",
    ),
    (
        "the parameter `{}` must be a time in milliseconds, -1 (latest) or -2 (earliest)",
        "参数 `{1}` 必须为毫秒时间、-1（最新）或 -2（最早）",
    ),
    (
        "the parameter `{}` must be a time in ms, -1 or -2",
        "参数 `{1}` 必须为毫秒时间、-1 或 -2",
    ),
    (
        "the parameter `{}` has a partition or an offset below 0",
        "参数 `{1}` 中有小于 0 的分区或位点",
    ),
    (
        "the parameter `{}` has more than {} groups",
        "参数 `{1}` 超过 {2} 个消费组",
    ),
    (
        "the parameter `{}` is not a number of months that is sold",
        "参数 `{1}` 不是可购买的月数",
    ),
    (
        "the parameter `{}` is not the present version, {}",
        "参数 `{1}` 不是当前版本 {2}",
    ),
    (
        "the parameter `{}` names partition {} twice",
        "参数 `{1}` 中分区 {2} 重复",
    ),
    (
        "the parameter `{}` is older than the present one",
        "参数 `{1}` 低于当前版本",
    ),
    (
        "the parameter `{}` must be a number of months, such as 1m",
        "参数 `{1}` 必须为月数，例如 1m",
    ),
    (
        "the parameter `{}` is not sold: {}",
        "参数 `{1}` 不出售：{2!}",
    ),
    // Lists.
    (
        "`Filters` has the name {}: it is one of {}",
        "`Filters` 的名称 {1} 无效，可选：{2}",
    ),
    (
        "`Filters` has more than {} values of {}",
        "`Filters` 中 {2} 的值超过 {1} 个",
    ),
    (
        "the parameter `{}` has the unknown name {}: it is one of {}",
        "参数 `{1}` 的名称 {2} 未知，可选：{3}",
    ),
    (
        "the parameter `{}` has more than {} entries, or one of more than {} values",
        "参数 `{1}` 超过 {2} 项，或某项超过 {3} 个值",
    ),
    (
        "the parameter `{}` has more than {} entries",
        "参数 `{1}` 超过 {2} 项",
    ),
    (
        "the parameter `{}` is not one that was answered",
        "参数 `{1}` 不是返回结果中的值",
    ),
    (
        "`{}` and `{}` cannot be given with `{}` and `{}`",
        "`{1}`、`{2}` 不能与 `{3}`、`{4}` 同时提供",
    ),
    (
        "`{}` and `{}` cannot be given together",
        "`{1}` 与 `{2}` 不能同时提供",
    ),
    ("is not of the form {}", "格式应为 {1}"),
    // Topics, users and rules.
    (
        "the parameter `{}` holds {}, which is no address",
        "参数 `{1}` 中的 {2} 不是地址",
    ),
    ("there is no ACL rule {}", "访问控制规则 {1} 不存在"),
    (
        "the parameter `{}` is not a JSON array of names",
        "参数 `{1}` 不是名称的 JSON 数组",
    ),
    (
        "the parameter `{}` must be `User:` and a name, or `User:*`",
        "参数 `{1}` 必须为 `User:` 加名称，或 `User:*`",
    ),
    (
        "the parameter `{}` times `RuleList` must be 1 to {} ACLs",
        "参数 `{1}` 与 `RuleList` 的组合必须为 1 至 {2} 条规则",
    ),
    (
        "the parameter `{}` and `ResourceName` are not given together",
        "参数 `{1}` 与 `ResourceName` 不能同时提供",
    ),
    ("the parameter `{}` is empty", "参数 `{1}` 为空"),
    (
        "the parameter `{}` must be letters, digits, '_', '-' and '.', and begin with a letter or digit",
        "参数 `{1}` 只能包含字母、数字、“_”、“-”和“.”，且以字母或数字开头",
    ),
    (
        "the parameter `{}` must have at least two of lower case, upper case, digits and other characters",
        "参数 `{1}` 至少包含小写字母、大写字母、数字和其他字符中的两种",
    ),
];
