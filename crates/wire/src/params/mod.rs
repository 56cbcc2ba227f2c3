//! Parameters: every transport as one tree, and its typed reading.
//!
//! Vendors send parameters in a query, in a form body (`Tag.1.Key`, counted from 1, or `ZoneIds.0`,
//! counted from 0), or as a JSON body. Each becomes one [`Param`] tree; [`decode`] reads the tree
//! into a plain serde struct, written by hand per operation. Reading is lenient where the vendors'
//! clients differ (numbers and booleans as text where all is text, `null` for absent) and exact where a
//! caller needs an answer: what travels as JSON keeps its types, and a fault names the parameter by its full vendor path.
//!
//! ```
//! use brokerage_wire::params::{IndexBase, ParamError, decode, from_dotted};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Buy {
//!     disk_size: u32,
//!     tag: Option<Vec<Tag>>,
//! }
//! #[derive(serde::Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Tag {
//!     key: String,
//! }
//!
//! let pairs = [("Tag.1.Key", "team"), ("DiskSize", "900"), ("X-note", "")];
//! let decoded = decode::<Buy>(&from_dotted(pairs)?, IndexBase::One)?;
//! assert_eq!(decoded.value.disk_size, 900);
//! assert_eq!(decoded.value.tag.expect("sent")[0].key, "team");
//! assert_eq!(decoded.unknown, ["X-note"]);
//!
//! let bad = from_dotted([("Tag.1.Value", "x"), ("DiskSize", "900")])?;
//! let fault = decode::<Buy>(&bad, IndexBase::One).err();
//! assert_eq!(fault, Some(ParamError::Missing { name: "Tag.1.Key".into() }));
//! # Ok::<(), ParamError>(())
//! ```

mod decode;
mod dotted;
mod error;
mod given;
mod ignored;
mod json;
mod lenient;
mod tree;

pub use decode::{Decoded, IndexBase, JsonText, Reading, Types, decode, decode_as, typed};
pub use dotted::{LIST_ITEMS_MAX, PAIRS_MAX, from_dotted, to_dotted};
pub use error::ParamError;
pub use given::given;
pub use ignored::Ignored;
pub use json::{NODES_MAX, from_json};
pub use lenient::Lenient;
pub use tree::{DEPTH_MAX, Param};
