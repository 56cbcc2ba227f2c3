//! The file of an operation.

use std::fmt::Write as _;

use brokerage_testkit::conformance::{Field, ModelOperation, Shape};

use crate::text::{camel_case, field_name, pascal_case, snake_case};

/// What the names of operations begin with that change nothing.
const READS: &[&str] = &[
    "check", "describe", "fetch", "get", "inquire", "list", "query",
];
/// In the head of a file whose structures nobody reads or makes yet.
const UNUSED: &str = "#![expect(dead_code, reason = \"the operation is to be written\")]\n";
/// What the gateway gives every answer.
const REQUEST_ID: &[&str] = &["RequestId", "requestId"];
/// What it gives where answers have all of them.
const ENVELOPE: &[&str] = &["Code", "Message", "RequestId", "Success"];
/// Names of types that stand for something else in the file.
const TAKEN: &[&str] = &[
    "Call",
    "CallError",
    "Deserialize",
    "JsonText",
    "Method",
    "Mode",
    "Operation",
    "Option",
    "Request",
    "ResourceId",
    "Response",
    "Result",
    "Serialize",
    "Some",
    "String",
    "Value",
    "Vec",
];

/// The types of one file.
struct Types<'a> {
    operation: &'a str,
    /// By name, with their members.
    declared: Vec<(String, String)>,
    uses_json_text: bool,
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    In,
    Out,
}

/// The first version of an operation: it has the model's parameters and answer, and refuses every call.
pub fn file(name: &str, of_model: &ModelOperation) -> String {
    let operation = pascal_case(&snake_case(name));
    let mut types = Types {
        operation: &operation,
        declared: Vec::new(),
        uses_json_text: false,
    };
    types.object("Request", &of_model.request, Way::In);
    let answer = answer(&of_model.response);
    let response = match &answer {
        None => "()".to_owned(),
        Some(fields) => types.object("Response", fields, Way::Out),
    };
    let is_read = |field: &Field| is_region(field) || is_instance(field);
    let is_all_used = of_model.request.iter().all(is_read) && answer.unwrap_or_default().is_empty();
    let expected = if is_all_used { "" } else { UNUSED };
    let lower = name.to_lowercase();
    let is_read = READS.iter().any(|read| lower.starts_with(read));
    let mode = if is_read { "Read" } else { "Write" };
    let place = of_model.place.as_ref();
    let place = place.map_or_else(String::new, |(method, path)| {
        format!(
            "    const METHOD: Method = Method::{method};\n    const PATH: &'static str = \"{path}\";\n"
        )
    });
    let resource = resource(&of_model.request);
    let uses = uses(&types, !place.is_empty(), !resource.is_empty());
    let declared: String = types.declared.into_iter().map(|(_, text)| text).collect();
    format!(
        "//! {name}: say what it does.
{expected}
{uses}
pub struct {operation};
{declared}
impl Operation for {operation} {{
    const NAME: &'static str = \"{name}\";
    const MODE: Mode = Mode::{mode};
{place}    type Request = Request;
    type Response = {response};
{resource}
    async fn call(_call: Call, _request: Request) -> Result<{response}, CallError> {{
        Err(unsupported(Self::NAME))
    }}
}}
"
    )
}

/// The members of an answer without those that the gateway gives; `None` where it gives all.
fn answer(response: &Shape) -> Option<Vec<Field>> {
    let Shape::Object(fields) = response else {
        return Some(Vec::new());
    };
    let has = |name: &&str| fields.iter().any(|field| field.name == **name);
    let given = if ENVELOPE.iter().all(has) {
        ENVELOPE
    } else {
        REQUEST_ID
    };
    let is_given = |field: &&Field| !given.contains(&field.name.as_str());
    let own: Vec<Field> = fields.iter().filter(is_given).cloned().collect();
    (!own.is_empty() || given == REQUEST_ID).then_some(own)
}

/// Whether it names the region: the gateway has read it, and the table says what it means.
fn is_region(field: &Field) -> bool {
    field.name.eq_ignore_ascii_case("RegionId")
}

/// Whether it names the instance that the call is about.
fn is_instance(field: &Field) -> bool {
    let is_id = field.name.eq_ignore_ascii_case("InstanceId");
    is_id && field.required && matches!(field.shape, Shape::Text)
}

/// The constant of the instance that a request is about.
fn resource(request: &[Field]) -> String {
    let named = request.iter().find(|field| is_instance(field));
    named.map_or_else(String::new, |field| {
        let field = snake_case(&field.name);
        format!(
            "    const RESOURCE: ResourceId<Self::Request> = |request| Some(&request.{field});\n"
        )
    })
}

fn uses(types: &Types<'_>, has_place: bool, has_resource: bool) -> String {
    let resource = if has_resource { ", ResourceId" } else { "" };
    let answers = types.declared.iter().any(|(name, _)| name == "Response");
    let serialize = if answers {
        "{Deserialize, Serialize}"
    } else {
        "Deserialize"
    };
    let mut text = format!(
        "use brokerage_wire::fault::{{CallError, unsupported}};
use brokerage_wire::operation::{{Call, Mode, Operation{resource}}};
"
    );
    if types.uses_json_text {
        text += "use brokerage_wire::params::JsonText;\n";
    }
    if has_place {
        text += "use http::Method;\n";
    }
    text + &format!("use serde::{serialize};\n")
}

impl Types<'_> {
    /// Declares an object and returns its name. The first that is asked for stands first.
    fn object(&mut self, wanted: &str, fields: &[Field], way: Way) -> String {
        let at = self.declared.len();
        // Its place, before its members take theirs.
        self.declared.push((wanted.to_owned(), String::new()));
        let is_outermost = matches!(wanted, "Request" | "Response");
        let is_camel = fields
            .iter()
            .all(|field| field.name.starts_with(|c: char| c.is_ascii_lowercase()));
        let case = if is_camel { "camelCase" } else { "PascalCase" };
        let derived = match way {
            Way::In => "Deserialize",
            Way::Out => "Serialize",
        };
        let public = if is_outermost { "pub " } else { "" };
        let mut text = format!("\n#[derive(Debug, {derived})]\n");
        if !fields.is_empty() {
            text += &format!("#[serde(rename_all = \"{case}\")]\n");
        }
        let _ = writeln!(text, "{public}struct {wanted} {{");
        for field in fields {
            let snake = snake_case(&field.name);
            let by_case = if is_camel {
                camel_case(&snake)
            } else {
                pascal_case(&snake)
            };
            let is_region = wanted == "Request" && is_region(field);
            let unread = if is_region { "_" } else { "" };
            if is_region || by_case != field.name {
                let _ = writeln!(text, "    #[serde(rename = \"{}\")]", field.name);
            }
            let of = self.of(&field.shape, &field.name, wanted, way);
            let of = match way {
                Way::In if !field.required => format!("Option<{of}>"),
                _ => of,
            };
            let _ = writeln!(text, "    {unread}{}: {of},", field_name(&snake));
        }
        text += "}\n";
        self.declared[at].1 = text;
        wanted.to_owned()
    }

    fn of(&mut self, shape: &Shape, name: &str, parent: &str, way: Way) -> String {
        match shape {
            Shape::Text => "String".to_owned(),
            Shape::Integer => "i64".to_owned(),
            Shape::Float => "f64".to_owned(),
            Shape::Boolean => "bool".to_owned(),
            Shape::Any => "serde_json::Value".to_owned(),
            Shape::JsonText | Shape::JsonList if way == Way::Out => "String".to_owned(),
            Shape::JsonText | Shape::JsonList => {
                self.uses_json_text = true;
                "JsonText<serde_json::Value>".to_owned()
            }
            Shape::List(item) => format!("Vec<{}>", self.of(item, name, parent, way)),
            Shape::Object(fields) => {
                let mut wanted = pascal_case(&snake_case(name));
                let is_taken = |wanted: &str| {
                    TAKEN.contains(&wanted)
                        || wanted == self.operation
                        || self.declared.iter().any(|(declared, _)| declared == wanted)
                };
                while is_taken(&wanted) {
                    wanted = format!("{parent}{wanted}");
                }
                self.object(&wanted, fields, way)
            }
        }
    }
}
