//! In which language a caller reads refusals: one table of what the shared texts are in Chinese.
//!
//! Every refusal is made in English. Who asks for Chinese, in its vendor's way ([`CloudWire::language`]), is told the same
//! by [`in_language`]: the text is recognised by the table's first half, and said by its second with what stood in it. A
//! text that is not in the table stays English, whole.
//!
//! [`CloudWire::language`]: crate::cloud::CloudWire::language
//!
//! ```
//! use brokerage_wire::language::{Language, in_language};
//!
//! let told = "The topic orders does not exist.".to_owned();
//! assert_eq!(in_language(Language::Chinese, told), "主题 orders 不存在。");
//! ```

/// Parts of a text that are translated by themselves stand so deep in it at most.
const DEPTH_MAX: usize = 3;

/// A language of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language of a tag: `zh-CN`, `zh`, `en-US`; English for every other.
    pub fn of_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        match primary.eq_ignore_ascii_case("zh") {
            true => Self::Chinese,
            false => Self::English,
        }
    }

    /// The language that `Accept-Language` likes best of ours (RFC 9110, section 12.5.4).
    pub fn accepted(header: &str) -> Self {
        let mut best = (Self::English, 0.0);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok());
            let weight = weight.unwrap_or(1.0);
            let is_ours = ["zh", "en"].iter().any(|own| {
                tag.get(..own.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(own))
            });
            if is_ours && weight > best.1 {
                best = (Self::of_tag(tag), weight);
            }
        }
        best.0
    }
}

/// A refusal in a language.
pub fn in_language(language: Language, message: String) -> String {
    match language {
        Language::English => message,
        Language::Chinese => sentence(&message, DEPTH_MAX).unwrap_or(message),
    }
}

/// A sentence: texts of the table begin in lower case and have no full stop.
fn sentence(message: &str, depth: usize) -> Option<String> {
    let plain = message.strip_suffix('.').unwrap_or(message);
    let mut letters = plain.chars();
    let first = letters.next()?;
    let lowered = format!("{}{}", first.to_lowercase(), letters.as_str());
    let said = phrase(plain, &lowered, depth)?;
    Some(match message.ends_with('.') {
        true => format!("{said}。"),
        false => said,
    })
}

/// A text of the table, whole, as it is or beginning in lower case.
fn phrase(plain: &str, lowered: &str, depth: usize) -> Option<String> {
    let (held, chinese) = TABLE.iter().find_map(|(english, chinese)| {
        let found = match english.starts_with("{}") {
            // It begins with what the caller sent.
            true => held(english, plain),
            false => held(english, lowered).or_else(|| held(english, plain)),
        };
        Some((found?, chinese))
    })?;
    let mut said = String::new();
    let mut rest = *chinese;
    while let Some((before, behind)) = rest.split_once('{') {
        said.push_str(before);
        let (number, after) = behind.split_once('}')?;
        let (number, is_ours) = match number.strip_suffix('!') {
            Some(number) => (number, true),
            None => (number, false),
        };
        let at: usize = number.parse().ok()?;
        let part = *held.get(at.checked_sub(1)?)?;
        // What a caller chose is said again as it is, also where it is a word of the table.
        let depth = depth.checked_sub(1).filter(|_| is_ours);
        match depth.and_then(|depth| sentence(part, depth)) {
            Some(part) => said.push_str(part.trim_end_matches('。')),
            None => said.push_str(part),
        }
        rest = after;
    }
    said.push_str(rest);
    Some(said)
}

/// What stands in the holes `{}` of a text: each as short as what follows permits, the last one as long.
fn held<'a>(english: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = english.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut held = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let end = match pieces.peek() {
            None => rest.strip_suffix(piece)?.len(),
            Some(_) => rest.find(piece)?,
        };
        held.push(&rest[..end]);
        rest = &rest[end + piece.len()..];
    }
    rest.is_empty().then_some(held)
}

/// The texts of our errors, and the words that stand in them. `{}` holds what follows from the call; the second half
/// says it again by its number, translated where that has a `!`.
const TABLE: &[(&str, &str)] = &[
    // Parameters.
    ("parameter {} is missing", "缺少参数 {1}"),
    ("parameter {} is invalid: {}", "参数 {1} 无效：{2!}"),
    ("parameter {} is unknown", "未知参数 {1}"),
    (
        "the request is missing the parameter `{}`",
        "缺少参数 `{1}`",
    ),
    ("the parameter `{}` is required", "缺少参数 `{1}`"),
    (
        "the parameter `{}` must be from {} to {}",
        "参数 `{1}` 的取值范围为 {2} 至 {3}",
    ),
    (
        "the parameter `{}` has more than {} characters",
        "参数 `{1}` 超过 {2} 个字符",
    ),
    ("the parameter `{}` must be {}", "参数 `{1}` 必须为 {2!}"),
    ("the body cannot be read: {}", "无法解析请求体：{1!}"),
    ("an integer", "整数"),
    ("a boolean", "布尔值"),
    ("a number", "数字"),
    ("text", "字符串"),
    ("a list", "列表"),
    ("an object", "对象"),
    ("empty", "为空"),
    ("out of range", "超出范围"),
    // Rules of the domain.
    ("the {} {} does not exist", "{1!} {2} 不存在"),
    ("the {} {} exists already", "{1!} {2} 已存在"),
    (
        "the subnet {} is not in the {} {}",
        "子网 {1} 不属于{2!} {3}",
    ),
    (
        "the instance {} cannot be released: {}",
        "实例 {1} 无法释放：{2!}",
    ),
    ("the instance {} is {}", "实例 {1} 当前状态为 {2!}"),
    ("the group {} has members", "消费组 {1} 存在在线成员"),
    ("it is protected", "已开启删除保护"),
    ("it is prepaid", "包年包月实例"),
    (
        "the deletion protection of {} is on",
        "实例 {1} 已开启删除保护",
    ),
    (
        "the account's available balance does not cover {}",
        "账户可用余额不足，需要 {1}",
    ),
    ("sold out: no {} left", "资源售罄：{1!}不足"),
    ("ports for brokers", "端口"),
    ("the limit of {} {} is reached", "已达到上限：{2!}最多 {1}"),
    (
        "the client token was used before with other parameters",
        "ClientToken 已用于其他参数的请求",
    ),
    ("the request was received before", "请求重复"),
    ("not authorized to perform {}", "没有执行 {1} 的权限"),
    (
        "too many requests: at most {} a second",
        "请求过于频繁：每秒最多 {1} 次",
    ),
    ("internal error", "内部错误"),
    // What a plan may be.
    ("`{}`: {}", "`{1}`：{2!}"),
    (
        "the {} must be from {} to {}, not {}",
        "{1!}的取值范围为 {2} 至 {3}，不能为 {4}",
    ),
    (
        "the {} is sold from {} in steps of {}, not as {}",
        "{1!}从 {2} 起，步长为 {3}，不能为 {4}",
    ),
    ("the {} {} is not offered here", "此处不提供{1!} {2}"),
    ("the {} and the {} contradict each other", "{1!}与{2!}冲突"),
    ("the {} {} is given more than once", "{1!} {2} 重复"),
    // Who asks.
    ("the request carries no signature", "请求未签名"),
    ("signature method {} is not supported", "不支持签名方法 {1}"),
    (
        "signed at {}, outside the window around {}",
        "签名时间 {1} 超出允许范围，服务器时间为 {2}",
    ),
    (
        "the signature does not match; the server signed:\n{}",
        "签名不匹配，服务器的待签名字符串为：\n{1}",
    ),
    ("the SecretId is not found", "SecretId 不存在"),
    ("the token is wrong or has expired", "Token 错误或已过期"),
    ("the version {} does not exist", "版本 {1} 不存在"),
    (
        "the action {} does not exist or is not supported",
        "接口 {1} 不存在或不支持",
    ),
    ("the {} is required", "缺少{1!}"),
    // Words.
    ("account", "账户"),
    ("access key", "访问密钥"),
    ("order", "订单"),
    ("instance", "实例"),
    ("network", "私有网络"),
    ("subnet", "子网"),
    ("zone", "可用区"),
    ("region", "地域"),
    ("topic", "主题"),
    ("topics", "主题"),
    ("group", "消费组"),
    ("edition", "版本类型"),
    ("bandwidth", "带宽"),
    ("partitions", "分区"),
    ("spec", "规格"),
    ("public bandwidth", "公网带宽"),
    ("retention", "消息保留时间"),
    ("nodes", "节点"),
    ("node role", "节点角色"),
    ("node class", "节点规格"),
    ("node count", "节点数量"),
    ("way of payment", "计费方式"),
    ("the topic", "主题"),
    ("the user", "用户"),
    ("the broker", "代理节点"),
    ("name", "名称"),
    ("tags", "标签"),
    ("disk size", "磁盘容量"),
    ("disk type", "磁盘类型"),
    ("version", "版本"),
    ("running", "运行中"),
    ("provisioning", "创建中"),
    ("changing", "变更中"),
    ("awaiting_start", "待部署"),
    ("stopped", "已停止"),
    ("failed", "创建失败"),
    ("releasing", "释放中"),
    ("released", "已释放"),
    // Last, because they hold almost anything.
    ("not {}", "不是{1!}"),
    ("{} is missing", "缺少 {1}"),
    ("{} is mandatory for this action", "此操作必须提供 {1}"),
    ("{} is not supported", "不支持{1}"),
    ("{} is not valid: {}", "{1!}无效：{2!}"),
    ("{} is not {}", "{1!}不是{2!}"),
];

#[cfg(test)]
mod tests {
    use brokerage_domain::Error;
    use brokerage_domain::catalog::{Field, PlanFault};
    use brokerage_domain::error::Kind;
    use brokerage_domain::instance::Phase;

    use super::*;
    use crate::fault;
    use crate::params::ParamError;

    #[test]
    fn callers_choose_the_language_as_http_has_it() {
        for (header, expected) in [
            ("", Language::English),
            ("zh-CN", Language::Chinese),
            ("zh", Language::Chinese),
            ("en-US,zh;q=0.8", Language::English),
            ("en;q=0.5, zh-CN;q=0.9", Language::Chinese),
            ("fr, zh;q=0.1", Language::Chinese),
            ("de", Language::English),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn what_the_shared_errors_say_is_in_the_table() {
        let plan = |fault: PlanFault| fault::sentence(&fault);
        for (english, chinese) in [
            (
                fault::sentence(&ParamError::Missing {
                    name: "Tag.1.Key".into(),
                }),
                "缺少参数 Tag.1.Key。",
            ),
            (
                fault::sentence(&ParamError::Invalid {
                    name: "DiskSize".into(),
                    reason: "not an integer".into(),
                }),
                "参数 DiskSize 无效：不是整数。",
            ),
            (
                fault::sentence(&ParamError::Unknown { name: "X".into() }),
                "未知参数 X。",
            ),
            (
                fault::sentence(&Error::not_found(Kind::Instance, "i-1")),
                "实例 i-1 不存在。",
            ),
            (
                fault::sentence(&Error::not_found(Kind::Topic, "order")),
                "主题 order 不存在。",
            ),
            (
                fault::sentence(&Error::WrongPhase {
                    id: "i-1".into(),
                    phase: Phase::Provisioning,
                }),
                "实例 i-1 当前状态为 创建中。",
            ),
            (
                fault::sentence(&Error::Throttled { per_second: 20 }),
                "请求过于频繁：每秒最多 20 次。",
            ),
            (
                fault::sentence(&Error::Forbidden {
                    action: "ckafka:CreateTopic".into(),
                }),
                "没有执行 ckafka:CreateTopic 的权限。",
            ),
            (
                plan(PlanFault::OutOfRange {
                    field: Field::Bandwidth,
                    min: 20,
                    max: 360,
                    value: 10,
                }),
                "带宽的取值范围为 20 至 360，不能为 10。",
            ),
            (
                format!(
                    "`BandWidth`: {}.",
                    PlanFault::OutOfRange {
                        field: Field::Bandwidth,
                        min: 20,
                        max: 360,
                        value: 10,
                    }
                ),
                "`BandWidth`：带宽的取值范围为 20 至 360，不能为 10。",
            ),
            (
                "Nothing that anybody knows.".to_owned(),
                "Nothing that anybody knows.",
            ),
        ] {
            assert_eq!(in_language(Language::Chinese, english.clone()), chinese);
            assert_eq!(in_language(Language::English, english.clone()), english);
        }
    }
}
