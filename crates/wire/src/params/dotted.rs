//! Parameters of a query or a form body, nested by dots: `Tag.1.Key`, `ZoneIds.0`.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{DEPTH_MAX, Param, ParamError};

/// Most pairs of one request.
pub const PAIRS_MAX: usize = 2_048;
/// Most items of one list.
pub const LIST_ITEMS_MAX: usize = 1_024;

/// Builds the tree of dotted names. Their order means nothing: one vendor client sends
/// `Tag.1.Value` before `Tag.1.Key`, another `values.10` before `values.2`. Lists are counted from 0
/// or from 1 and have no gaps.
///
/// # Errors
/// [`ParamError`] naming the parameter: given twice with different values, both a value and a
/// group, an index out of bounds or after a gap, an empty part of a name, nested too deep; or too
/// many pairs.
pub fn from_dotted<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Param, ParamError>
where
    N: AsRef<str>,
    V: Into<String>,
{
    let mut root = IndexMap::new();
    for (count, (name, value)) in pairs.into_iter().enumerate() {
        if count == PAIRS_MAX {
            return Err(ParamError::Malformed {
                reason: format!("more than {PAIRS_MAX} parameters"),
            });
        }
        insert(&mut root, name.as_ref(), value.into())?;
    }
    let members = root
        .into_iter()
        .map(|(name, node)| Ok((name.clone(), node.into_param(&name)?)));
    Ok(Param::Object(members.collect::<Result<_, ParamError>>()?))
}

/// The pairs of a tree, in its order, lists counted from `first_index`. Leaves become text; `null`
/// and empty groups leave no pair.
#[must_use]
pub fn to_dotted(param: &Param, first_index: usize) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    flatten(param, "", first_index, &mut pairs);
    pairs
}

fn flatten(param: &Param, path: &str, first_index: usize, pairs: &mut Vec<(String, String)>) {
    let under = |segment: &str| {
        if path.is_empty() {
            segment.to_owned()
        } else {
            format!("{path}.{segment}")
        }
    };
    match param {
        Param::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = under(&(first_index + index).to_string());
                flatten(item, &path, first_index, pairs);
            }
        }
        Param::Object(members) => {
            for (name, member) in members {
                flatten(member, &under(name), first_index, pairs);
            }
        }
        leaf => {
            if let Some(text) = leaf.as_text() {
                pairs.push((path.to_owned(), text));
            }
        }
    }
}

/// A name under construction: a value, or a group of names.
enum Node {
    Leaf(String),
    Group(IndexMap<String, Node>),
}

fn insert(root: &mut IndexMap<String, Node>, name: &str, value: String) -> Result<(), ParamError> {
    let segments: Vec<&str> = name.split('.').collect();
    if segments.len() > DEPTH_MAX {
        return Err(invalid(name, "nested too deep"));
    }
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err(invalid(name, "a part of the name is empty"));
    }
    let mut group = root;
    let (last, parents) = segments
        .split_last()
        .expect("split yields one part at least");
    for parent in parents {
        let node = group
            .entry((*parent).to_owned())
            .or_insert_with(|| Node::Group(IndexMap::new()));
        group = match node {
            Node::Group(members) => members,
            Node::Leaf(_) => return Err(invalid(name, "both a value and a group")),
        };
    }
    match group.get(*last) {
        None => {
            group.insert((*last).to_owned(), Node::Leaf(value));
            Ok(())
        }
        Some(Node::Leaf(known)) if *known == value => Ok(()),
        Some(Node::Leaf(_)) => Err(invalid(name, "given twice with different values")),
        Some(Node::Group(_)) => Err(invalid(name, "both a value and a group")),
    }
}

fn invalid(name: &str, reason: &str) -> ParamError {
    ParamError::invalid(shortened(name), reason)
}

/// Longest name that enters an error, in bytes.
const NAME_SHOWN_BYTES_MAX: usize = 256;

fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_SHOWN_BYTES_MAX)]
}

impl Node {
    fn into_param(self, path: &str) -> Result<Param, ParamError> {
        let members = match self {
            Self::Leaf(text) => return Ok(Param::Text(text)),
            Self::Group(members) => members,
        };
        let is_index = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        if members.keys().all(is_index) {
            return into_list(members, path);
        }
        if let Some(index) = members.keys().find(|name| is_index(name)) {
            return Err(invalid(&format!("{path}.{index}"), "an index among names"));
        }
        let members = members
            .into_iter()
            .map(|(name, node)| Ok((name.clone(), node.into_param(&format!("{path}.{name}"))?)));
        Ok(Param::Object(members.collect::<Result<_, ParamError>>()?))
    }
}

fn into_list(members: IndexMap<String, Node>, path: &str) -> Result<Param, ParamError> {
    let mut items = BTreeMap::new();
    for (text, node) in members {
        let name = format!("{path}.{text}");
        let index: usize = text
            .parse()
            .ok()
            .filter(|index| *index <= LIST_ITEMS_MAX)
            .ok_or_else(|| invalid(&name, "the index is too large"))?;
        let item = node.into_param(&name)?;
        if items.insert(index, (name.clone(), item)).is_some() {
            return Err(invalid(&name, "an index written in two ways"));
        }
    }
    let first_index = items.keys().next().copied().unwrap_or_default().min(1);
    let ordered = items.into_iter().zip(first_index..);
    let list = ordered.map(|((index, (name, item)), expected)| {
        if index == expected {
            Ok(item)
        } else {
            Err(invalid(&name, "an index before it is missing"))
        }
    });
    Ok(Param::List(list.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::params::from_json;

    fn check(pairs: &[(&str, &str)], expected: &str) {
        let tree = from_dotted(pairs.iter().copied()).unwrap();
        assert_eq!(tree, from_json(expected.as_bytes()).unwrap(), "{pairs:?}");
    }

    fn check_refused(pairs: &[(&str, &str)], name: &str) {
        let fault = from_dotted(pairs.iter().copied()).unwrap_err();
        assert_eq!(fault.name(), name, "{fault}");
    }

    #[test]
    fn lists_are_counted_from_zero_or_one_in_any_order() {
        check(&[("Z.0", "a"), ("Z.1", "b")], r#"{"Z":["a","b"]}"#);
        check(&[("Z.2", "b"), ("Z.1", "a")], r#"{"Z":["a","b"]}"#);
        check(
            &[
                ("Tag.1.Value", "v"),
                ("N", ""),
                ("Tag.1.Key", "k"),
                ("Tag.2.Key", "l"),
            ],
            r#"{"Tag":[{"Value":"v","Key":"k"},{"Key":"l"}],"N":""}"#,
        );
        let ten: Vec<(String, String)> = (1..=10)
            .rev()
            .map(|index| (format!("v.{index}"), index.to_string()))
            .collect();
        let tree = from_dotted(ten).unwrap();
        let Some(Param::List(items)) = tree.get("v") else {
            panic!("{tree:?}");
        };
        assert_eq!(items[9], Param::Text("10".into()));
    }

    #[test]
    fn names_that_contradict_each_other_are_refused() {
        check_refused(&[("a", "1"), ("a", "2")], "a");
        check_refused(&[("a.b", "1"), ("a", "2")], "a");
        check_refused(&[("a", "1"), ("a.b", "2")], "a.b");
        check_refused(&[("a.1", "1"), ("a.b", "2")], "a.1");
        check_refused(&[("a.1", "1"), ("a.01", "2")], "a.01");
    }

    #[test]
    fn indices_and_depth_are_bounded() {
        check_refused(&[("a.1", "1"), ("a.3", "2")], "a.3");
        check_refused(&[("a.2", "1")], "a.2");
        check_refused(
            &[("a.4294967296000000000000", "1")],
            "a.4294967296000000000000",
        );
        check_refused(&[("a.1025", "1")], "a.1025");
        check_refused(&[("a..b", "1")], "a..b");
        let deep = vec!["a"; DEPTH_MAX + 1].join(".");
        check_refused(&[(deep.as_str(), "1")], &deep);
    }

    #[test]
    fn a_pair_repeated_alike_counts_once() {
        check(&[("a", "1"), ("a", "1")], r#"{"a":"1"}"#);
    }

    fn leaf_or_group() -> impl Strategy<Value = Param> {
        let leaf = "[ -~]{0,8}".prop_map(Param::Text);
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Param::List),
                prop::collection::btree_map("[A-Za-z][A-Za-z0-9_-]{0,6}", inner, 1..4)
                    .prop_map(|members| Param::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_tree_survives_its_dotted_form(
            members in prop::collection::btree_map("[A-Za-z]{1,6}", leaf_or_group(), 0..5),
            first_index in 0_usize..2,
            seed in any::<u64>(),
        ) {
            let tree = Param::Object(members.into_iter().collect());
            let mut pairs = to_dotted(&tree, first_index);
            let rotation = usize::try_from(seed % (pairs.len().max(1) as u64)).unwrap();
            pairs.rotate_left(rotation);
            prop_assert_eq!(from_dotted(pairs).unwrap(), tree);
        }

        #[test]
        fn arbitrary_names_never_panic(pairs in prop::collection::vec(("[a.0-9\u{e9}]{0,12}", ".{0,3}"), 0..24)) {
            if let Ok(tree) = from_dotted(pairs.clone()) {
                let flat: BTreeMap<String, String> = to_dotted(&tree, 1).into_iter().collect();
                // Every pair is still there, under an index that may be counted from the other end.
                let distinct: std::collections::BTreeSet<String> =
                    pairs.into_iter().map(|(name, _)| name).collect();
                prop_assert_eq!(flat.len(), distinct.len());
            }
        }
    }
}
