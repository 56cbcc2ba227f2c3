//! In which language a caller reads refusals: tables of what refusals are in Chinese.
//!
//! Every refusal is made in English. Who asks for Chinese, in its vendor's way ([`CloudWire::language`]), is told the same
//! by [`Texts::said`]: the text is recognised by the first half of a row, and said by its second with what stood in it.
//! The rows are those of the caller's cloud ([`Cloud::texts`]) and the shared ones (`language/table.rs`). The vendors' own
//! sentences, which they say in English in every language, have an empty second half. A text that is in no row stays
//! English, whole; every test of a cloud asserts that it meets none ([`Texts::missing`]).
//!
//! [`Cloud::texts`]: crate::cloud::Cloud::texts
//! [`CloudWire::language`]: crate::cloud::CloudWire::language
//!
//! ```
//! use brokerage_wire::language::{Language, Texts};
//!
//! let told = "The topic orders does not exist.".to_owned();
//! assert_eq!(Texts::of(&[]).said(Language::Chinese, told), "主题 orders 不存在。");
//! ```

mod table;

/// Parts of a text that are translated by themselves stand so deep in it at most.
const DEPTH_MAX: usize = 4;
/// Where a text has what follows from the call.
const HOLE: &str = "{}";
/// What callers' words at the beginning of a text do not have: there another text ends.
const SENTENCE_ENDS: [&str; 2] = [": ", ". "];

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

/// A text in English with holes `{}`, and in Chinese with their numbers: `{1}` says again what stood in the first, `{1!}`
/// says it in Chinese. An empty second half leaves the text as it is.
pub type Row = (&'static str, &'static str);

/// The rows that a cloud's refusals are made of.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    own: &'static [Row],
}

/// What became of a text.
struct Said {
    text: String,
    /// The first part of it that is in no row and should be.
    missing: Option<String>,
}

impl Texts {
    /// A cloud's own rows, and the shared ones behind them.
    #[must_use]
    pub const fn of(own: &'static [Row]) -> Self {
        Self { own }
    }

    /// A refusal in a language; whole in English where a part of it is in no row.
    #[must_use]
    pub fn said(self, language: Language, message: String) -> String {
        match language {
            Language::English => message,
            Language::Chinese => match self.sentence(&message, DEPTH_MAX) {
                Some(said) if said.missing.is_none() => said.text,
                _ => message,
            },
        }
    }

    /// The first part of a refusal that is in no row: it stays English, whatever is asked for.
    #[must_use]
    pub fn missing(self, message: &str) -> Option<String> {
        match self.sentence(message, DEPTH_MAX) {
            Some(said) => said.missing,
            None => Some(message.to_owned()),
        }
    }

    /// A sentence: texts of the rows begin in lower case and have no full stop.
    fn sentence(self, message: &str, depth: usize) -> Option<Said> {
        let plain = message.strip_suffix('.').unwrap_or(message);
        let mut letters = plain.chars();
        let first = letters.next()?;
        let lowered = format!("{}{}", first.to_lowercase(), letters.as_str());
        let mut said = self.phrase(plain, &lowered, depth)?;
        if said.text.is_empty() {
            // The vendor's own words.
            message.clone_into(&mut said.text);
        } else if message.ends_with('.') {
            said.text.push('。');
        }
        Some(said)
    }

    /// A text of the rows, whole, as it is or beginning in lower case: by the row that says all of it, begins with a word
    /// of its own, and has most words.
    fn phrase(self, plain: &str, lowered: &str, depth: usize) -> Option<Said> {
        let mut best: Option<((bool, bool, usize), Said)> = None;
        for (english, chinese) in self.own.iter().chain(table::SHARED) {
            let begins = !english.starts_with(HOLE);
            let found = match begins {
                // It begins with what the caller sent.
                false => held(english, plain)
                    .filter(|held| !SENTENCE_ENDS.iter().any(|end| held[0].contains(end))),
                true => held(english, lowered).or_else(|| held(english, plain)),
            };
            let Some(held) = found else { continue };
            let said = self.filled(chinese, &held, depth)?;
            let rank = (said.missing.is_none(), begins, english.len());
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, said));
            }
        }
        best.map(|(_, said)| said)
    }

    /// The second half of a row with what its first held.
    fn filled(self, chinese: &str, held: &[&str], depth: usize) -> Option<Said> {
        let mut said = Said {
            text: String::new(),
            missing: None,
        };
        let mut rest = chinese;
        while let Some((before, behind)) = rest.split_once('{') {
            said.text.push_str(before);
            let (number, after) = behind.split_once('}')?;
            let (number, is_ours) = match number.strip_suffix('!') {
                Some(number) => (number, true),
                None => (number, false),
            };
            let at: usize = number.parse().ok()?;
            let part = *held.get(at.checked_sub(1)?)?;
            // What a caller chose is said again as it is, also where it is a word of a row.
            let depth = depth.checked_sub(1).filter(|_| is_ours);
            match depth.and_then(|depth| self.sentence(part, depth)) {
                Some(part) => {
                    said.text.push_str(part.text.trim_end_matches('。'));
                    said.missing = said.missing.or(part.missing);
                }
                None => {
                    said.text.push_str(part);
                    if is_ours && said.missing.is_none() {
                        said.missing = Some(part.to_owned());
                    }
                }
            }
            rest = after;
        }
        said.text.push_str(rest);
        Some(said)
    }
}

/// What stands in the holes `{}` of a text: each as short as what follows permits, the last one as long.
fn held<'a>(english: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = english.split(HOLE);
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
    fn a_cloud_has_rows_of_its_own_and_texts_that_stay_as_they_are() {
        let own = Texts::of(&[
            ("the name {} is odd: {}", "名称 {1} 无效：{2!}"),
            ("as is:{}", ""),
        ]);
        for (english, chinese, missing) in [
            (
                "The name empty is odd: empty.",
                "名称 empty 无效：为空。",
                None,
            ),
            (
                "The name x is odd: it squeaks.",
                "The name x is odd: it squeaks.",
                Some("it squeaks"),
            ),
            ("As is: the rest.", "As is: the rest.", None),
        ] {
            assert_eq!(own.said(Language::Chinese, english.to_owned()), chinese);
            assert_eq!(own.missing(english).as_deref(), missing, "{english}");
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
            // A longer row says it, and what is before another text is no caller's word.
            (
                "Log: the disk size must be from 5 to 6, not 7.".to_owned(),
                "Log：磁盘容量的取值范围为 5 至 6，不能为 7。",
            ),
            (
                "Nothing that anybody knows.".to_owned(),
                "Nothing that anybody knows.",
            ),
        ] {
            assert_eq!(
                Texts::of(&[]).said(Language::Chinese, english.clone()),
                chinese
            );
            let is_known = Texts::of(&[]).missing(&english).is_none();
            assert_eq!(is_known, english != chinese, "{english}");
            assert_eq!(
                Texts::of(&[]).said(Language::English, english.clone()),
                english
            );
        }
    }
}
