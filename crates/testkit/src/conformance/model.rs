//! The three forms of model file (`models/*.json`) read as one.

use std::collections::BTreeMap;

use brokerage_wire::Cloud;
use brokerage_wire::operation::Table;
use brokerage_wire::params::Param;
use serde_json::{Value, json};

/// Deepest nesting of named shapes that is followed; JD Cloud's networks and subnets name each other.
const SHAPE_DEPTH_MAX: usize = 8;

/// A vendor's API.
#[derive(Debug)]
pub struct Model {
    /// By name.
    pub operations: BTreeMap<String, ModelOperation>,
}

/// One operation.
#[derive(Debug)]
pub struct ModelOperation {
    /// Parameters.
    pub request: Vec<Field>,
    /// The answer without its envelope, an object.
    pub response: Shape,
    /// HTTP method and path, where the vendor's calls are told apart by them.
    pub place: Option<(String, String)>,
}

/// A member of an object.
#[derive(Debug, Clone)]
pub struct Field {
    /// The vendor's name of it.
    pub name: String,
    /// Whether a request needs it.
    pub required: bool,
    /// What it is.
    pub shape: Shape,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Text, times among it.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// True or false.
    Boolean,
    /// Anything.
    Any,
    /// One text that holds JSON.
    JsonText,
    /// One text that holds a JSON list.
    JsonList,
    /// A list.
    List(Box<Shape>),
    /// An object.
    Object(Vec<Field>),
}

impl Shape {
    /// Whether a leaf of an answer is of this shape.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Text | Self::JsonText | Self::JsonList => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Float => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Any => true,
            Self::List(_) | Self::Object(_) => false,
        }
    }

    fn sample(&self) -> Param {
        match self {
            Self::Text | Self::Any => Param::Text("1".into()),
            Self::Integer => Param::Number(1.into()),
            Self::Float => Param::Number(serde_json::Number::from_f64(1.5).expect("it is finite")),
            Self::Boolean => Param::Bool(true),
            Self::JsonText => Param::Text("{}".into()),
            Self::JsonList => Param::Text("[]".into()),
            Self::List(item) => Param::List(vec![item.sample()]),
            Self::Object(fields) => sample(fields),
        }
    }
}

fn sample(fields: &[Field]) -> Param {
    Param::Object(
        fields
            .iter()
            .map(|field| (field.name.clone(), field.shape.sample()))
            .collect(),
    )
}

fn required(fields: &[Field], parents: &[String], found: &mut Vec<Vec<String>>) {
    for field in fields {
        let path: Vec<String> = parents.iter().chain([&field.name]).cloned().collect();
        let inner = match &field.shape {
            Shape::List(item) => item,
            other => other,
        };
        if let Shape::Object(fields) = inner {
            required(fields, &path, found);
        }
        if field.required {
            found.push(path);
        }
    }
}

impl ModelOperation {
    /// A request with every parameter.
    pub fn request_sample(&self) -> Param {
        sample(&self.request)
    }

    /// The paths of required parameters; inside a list, of its items.
    pub fn required_paths(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        required(&self.request, &[], &mut found);
        found
    }
}

/// The words for leaves, over all three forms.
fn leaf(word: &str) -> Option<Shape> {
    Some(match word {
        "string" | "datetime" | "datetime_iso" => Shape::Text,
        "integer" | "int" | "long" => Shape::Integer,
        "float" | "double" => Shape::Float,
        "boolean" | "bool" => Shape::Boolean,
        "any" | "object" => Shape::Any,
        "json" => Shape::JsonText,
        _ => return None,
    })
}

/// The item's word of `array<T>` and `list<T>`.
fn item(word: &str) -> Option<&str> {
    word.strip_prefix("array<")
        .or_else(|| word.strip_prefix("list<"))?
        .strip_suffix('>')
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_required(value: &Value) -> bool {
    value["required"] == Value::Bool(true)
}

impl Model {
    /// One operation.
    pub fn operation(&self, name: &str) -> Option<&ModelOperation> {
        self.operations.get(name)
    }

    /// The committed model of a service: a file of its own, or a part of that of what its cloud sells.
    ///
    /// # Panics
    /// Where there is none, or it cannot be read.
    pub fn of(cloud: &Cloud, table: &Table) -> Self {
        let text = |dialect: &str| {
            let path = format!("{}/../../models/{dialect}.json", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).ok()
        };
        if let Some(own) = text(table.dialect) {
            return Self::read(&own);
        }
        let companion = cloud.services.iter().find_map(|sold| {
            let sold: Value = serde_json::from_str(&text(sold.dialect)?).expect("it is JSON");
            let companion = sold["companion_services"].get(table.service)?;
            // Some of its shapes are those of what is sold.
            let mut shapes = sold["shapes"].clone();
            for (name, shape) in members(&companion["shapes"]) {
                shapes[name] = shape.clone();
            }
            let model = json!({ "operations": companion["operations"], "shapes": shapes });
            Some(Self::read(&model.to_string()))
        });
        companion.unwrap_or_else(|| panic!("{} has no model", table.dialect))
    }

    /// A committed model, in whichever of the three forms it is.
    ///
    /// # Panics
    /// Where the text is in none of them.
    pub fn read(text: &str) -> Self {
        let tree: Value = serde_json::from_str(text).expect("the model is JSON");
        let form = match &tree {
            tree if tree["shapes"].is_object() => Self::with_named_shapes,
            tree if tree["types"].is_string() => Self::with_typed_fields,
            _ => Self::with_words,
        };
        let read = |(name, value): (&String, &Value)| (name.clone(), form(&tree, value));
        Self {
            operations: members(&tree["operations"]).map(read).collect(),
        }
    }

    /// Every value has a `type`, objects carry `fields`.
    fn with_typed_fields(_: &Value, operation: &Value) -> ModelOperation {
        fn field((name, value): (&String, &Value)) -> Field {
            let word = value["type"].as_str().expect("a value has a type");
            let inner = item(word).unwrap_or(word);
            let shape = leaf(inner)
                .unwrap_or_else(|| Shape::Object(members(&value["fields"]).map(field).collect()));
            let shape = if item(word).is_some() {
                Shape::List(Box::new(shape))
            } else {
                shape
            };
            Field {
                name: name.clone(),
                required: is_required(value),
                shape,
            }
        }
        ModelOperation {
            request: members(&operation["request"]).map(field).collect(),
            response: Shape::Object(members(&operation["response"]).map(field).collect()),
            place: None,
        }
    }

    /// Types are words, lists of a type, or objects of types.
    fn with_words(_: &Value, operation: &Value) -> ModelOperation {
        fn shape(value: &Value) -> Shape {
            match value {
                Value::Array(items) => {
                    Shape::List(Box::new(items.first().map_or(Shape::Any, shape)))
                }
                // Names that the model leaves open.
                Value::Object(fields) if fields.contains_key("*") => Shape::Any,
                Value::Object(_) => Shape::Object(members(value).map(field).collect()),
                word => word
                    .as_str()
                    .and_then(leaf)
                    .expect("a type is a known word"),
            }
        }
        fn field((name, value): (&String, &Value)) -> Field {
            Field {
                name: name.clone(),
                required: false,
                shape: shape(value),
            }
        }
        ModelOperation {
            request: members(&operation["request"])
                .map(|(name, value)| Field {
                    name: name.clone(),
                    required: is_required(value),
                    shape: match value["json"].is_array() {
                        true => Shape::JsonList,
                        false => shape(&value["type"]),
                    },
                })
                .collect(),
            response: shape(&operation["response"]),
            place: None,
        }
    }

    /// Objects are named, and their shapes stand in one table.
    fn with_named_shapes(tree: &Value, operation: &Value) -> ModelOperation {
        fn shape(shapes: &Value, word: &str, depth: usize) -> Shape {
            if let Some(item) = item(word) {
                return Shape::List(Box::new(shape(shapes, item, depth)));
            }
            if let Some(leaf) = leaf(word) {
                return leaf;
            }
            assert!(shapes[word].is_object(), "the model has no shape {word}");
            if depth == SHAPE_DEPTH_MAX {
                return Shape::Any;
            }
            Shape::Object(fields(shapes, &shapes[word], depth + 1))
        }
        fn fields(shapes: &Value, of: &Value, depth: usize) -> Vec<Field> {
            let field = |(name, value): (&String, &Value)| {
                // A member is an object with its `type`, or the word alone.
                let word = value["type"]
                    .as_str()
                    .or(value.as_str())
                    .expect("a member has a type");
                Field {
                    name: name.clone(),
                    required: is_required(value),
                    shape: shape(shapes, word, depth),
                }
            };
            members(of).map(field).collect()
        }
        let text = |name: &str| operation[name].as_str().map(str::to_owned);
        ModelOperation {
            request: fields(&tree["shapes"], &operation["params"], 0),
            response: Shape::Object(fields(&tree["shapes"], &operation["result"], 0)),
            place: text("method").zip(text("path")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_committed_model_is_read_whole() {
        let check = |model: Model, operations: usize, name: &str, request: usize| {
            assert_eq!(model.operations.len(), operations, "{name}");
            assert_eq!(model.operations[name].request.len(), request, "{name}");
            assert!(
                matches!(&model.operations[name].response, Shape::Object(fields) if !fields.is_empty())
            );
        };
        check(
            Model::read(include_str!("../../../../models/ckafka.json")),
            108,
            "CreatePostPaidInstance",
            22,
        );
        check(
            Model::read(include_str!("../../../../models/alikafka.json")),
            61,
            "CreatePostPayOrder",
            14,
        );
        check(
            Model::read(include_str!("../../../../models/bss.json")),
            98,
            "CreateInstance",
            11,
        );
        check(
            Model::read(include_str!("../../../../models/jdkafka.json")),
            5,
            "createInstance",
            3,
        );
        check(
            Model::read(include_str!("../../../../models/aliyun-vpc.json")),
            11,
            "DescribeVSwitches",
            18,
        );
        check(
            Model::read(include_str!("../../../../models/ckafka-vpc.json")),
            9,
            "DescribeSubnets",
            6,
        );
        check(
            Model::read(include_str!("../../../../models/ckafka-tag.json")),
            8,
            "ModifyResourceTags",
            3,
        );
    }

    #[test]
    fn required_parameters_are_found_inside_lists() {
        let model = Model::read(include_str!("../../../../models/ckafka.json"));
        let paths = model.operations["CreatePostPaidInstance"].required_paths();
        let paths: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["VpcId", "SubnetId", "Tags.TagKey", "Tags.TagValue"]);
    }
}
