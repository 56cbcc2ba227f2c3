//! Answers: a serde struct becomes one ordered tree, and the tree JSON or XML.
//!
//! The order of a struct's fields is the order of the answer. What is absent is left out by
//! `#[serde(skip_serializing_if = …)]`, or for a whole dialect by [`without_nulls`]: some
//! vendors' answers never hold `null`, others' do.
//!
//! ```
//! use brokerage_wire::render;
//!
//! #[derive(serde::Serialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Answer<'a> {
//!     request_id: &'a str,
//!     success: bool,
//! }
//!
//! let tree = render::tree(&Answer { request_id: "R<1>", success: true })?;
//! assert_eq!(render::json_bytes(&tree), r#"{"RequestId":"R<1>","Success":true}"#);
//! assert_eq!(
//!     render::xml_bytes("CreateTopicResponse", &tree),
//!     "<?xml version='1.0' encoding='UTF-8'?><CreateTopicResponse>\
//!      <RequestId>R&lt;1&gt;</RequestId><Success>true</Success></CreateTopicResponse>",
//! );
//! # Ok::<(), render::RenderFault>(())
//! ```

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// Why an answer cannot be rendered: a map whose names are not text, or a number that JSON has not.
/// A fault of our own types, never of a request.
#[derive(Debug, thiserror::Error)]
#[error("the answer cannot be rendered")]
pub struct RenderFault(#[source] serde_json::Error);

/// The ordered tree of an answer.
///
/// # Errors
/// [`RenderFault`] for types that JSON cannot express.
pub fn tree(answer: &impl Serialize) -> Result<Value, RenderFault> {
    serde_json::to_value(answer).map_err(RenderFault)
}

/// A tree without its `null` members; `null` items of lists stay, since they count.
#[must_use]
pub fn without_nulls(tree: Value) -> Value {
    match tree {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name, without_nulls(member)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        leaf => leaf,
    }
}

/// Compact JSON.
#[must_use]
pub fn json_bytes(tree: &Value) -> Bytes {
    Bytes::from(tree.to_string())
}

/// XML as gateways of RPC services write it: a root element, one element for
/// each member, a list as its name repeated, `null` and empty lists as nothing.
///
/// A wrapped list such as `{"InstanceList":{"InstanceVO":[…]}}` therefore becomes one `InstanceList`
/// with repeated `InstanceVO`. An item that is a list itself repeats the name once more inside.
#[must_use]
pub fn xml_bytes(root: &str, tree: &Value) -> Bytes {
    let mut xml = String::from("<?xml version='1.0' encoding='UTF-8'?>");
    push_element(&mut xml, &element_name(root), tree);
    Bytes::from(xml)
}

fn push_element(xml: &mut String, name: &str, value: &Value) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    push_content(xml, name, value);
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

fn push_content(xml: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => xml.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => xml.push_str(&value.to_string()),
        Value::String(text) => push_escaped(xml, text),
        Value::Array(items) => {
            for item in items {
                push_element(xml, name, item);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                push_member(xml, &element_name(name), member);
            }
        }
    }
}

fn push_member(xml: &mut String, name: &str, member: &Value) {
    match member {
        Value::Null => {}
        Value::Array(items) => {
            for item in items {
                push_element(xml, name, item);
            }
        }
        other => push_element(xml, name, other),
    }
}

/// Escapes text; characters that XML 1.0 cannot hold become U+FFFD.
fn push_escaped(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            // A bare carriage return would be read back as a line feed.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' => xml.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            _ => xml.push(character),
        }
    }
}

/// A name that XML takes as an element's: members of free maps, such as addresses, get `_` for every
/// character that it does not take.
fn element_name(name: &str) -> String {
    let starts_well = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let prefix = if starts_well { "" } else { "_" };
    let rest = name.chars().map(|character| {
        if character.is_alphanumeric() || matches!(character, '_' | '-' | '.') {
            character
        } else {
            '_'
        }
    });
    prefix.chars().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(tree: &Value, expected: &str) {
        let xml = xml_bytes("R", tree);
        let text = std::str::from_utf8(&xml).unwrap();
        let content = text
            .strip_prefix("<?xml version='1.0' encoding='UTF-8'?><R>")
            .and_then(|text| text.strip_suffix("</R>"))
            .unwrap();
        assert_eq!(content, expected, "{tree}");
    }

    #[test]
    fn the_vendors_example_page_is_rendered_in_its_order() {
        // "CreatePostPayOrder", example of a normal answer.
        check(
            &json!({
                "RequestId": "06084011-E093-46F3-A51F-4B19A8AD****",
                "Message": "operation success.",
                "OrderId": "20497346575****",
                "Code": 200,
                "Success": true,
            }),
            "<RequestId>06084011-E093-46F3-A51F-4B19A8AD****</RequestId>\
             <Message>operation success.</Message><OrderId>20497346575****</OrderId>\
             <Code>200</Code><Success>true</Success>",
        );
    }

    #[test]
    fn a_list_repeats_its_name() {
        check(
            &json!({"List": {"Item": [{"A": 1}, {"A": 2}]}, "VpcList": ["x", "y"]}),
            "<List><Item><A>1</A></Item><Item><A>2</A></Item></List>\
             <VpcList>x</VpcList><VpcList>y</VpcList>",
        );
        check(
            &json!({"List": {"Item": []}, "None": null}),
            "<List></List>",
        );
        check(
            &json!({"L": [[1, 2], []]}),
            "<L><L>1</L><L>2</L></L><L></L>",
        );
    }

    #[test]
    fn text_and_names_cannot_break_out() {
        check(
            &json!({"T": "<a b=\"c\">&'\u{0}\r\n", "1/x y": "v"}),
            "<T>&lt;a b=&quot;c&quot;&gt;&amp;&apos;\u{fffd}&#13;\n</T><_1_x_y>v</_1_x_y>",
        );
    }

    #[test]
    fn nulls_are_left_out_at_every_depth() {
        let tree = json!({"a": null, "b": [{"c": null, "d": 1}, null]});
        assert_eq!(without_nulls(tree), json!({"b": [{"d": 1}, null]}));
    }

    proptest! {
        #[test]
        fn any_text_stays_inside_its_element(text in any::<String>(), name in any::<String>()) {
            let xml = xml_bytes("R", &json!({ name: text }));
            let xml = std::str::from_utf8(&xml).unwrap();
            prop_assert_eq!(xml.matches('<').count(), 5, "{}", xml);
            prop_assert_eq!(xml.matches('>').count(), 5);
            let forbidden = |c: char| c < '\u{20}' && c != '\n' && c != '\t';
            prop_assert!(!xml.contains(forbidden));
        }
    }
}
