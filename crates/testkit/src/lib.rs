//! A whole control plane for tests: an in-memory store, an engine without Kafka, clocks that stand still, and a
//! gateway that takes signed requests as bytes and gives answers as bytes. No socket, no file.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! let plane = brokerage_testkit::Plane::sandbox().await;
//! let answer = plane.tencent("DescribeInstancesDetail", "2019-08-19", "{}").await;
//! assert_eq!(answer.json["Response"]["Result"]["TotalCount"], 0);
//! # });
//! ```

pub mod calls;
mod clouds;
pub mod conformance;
mod consumer;
pub mod golden;
mod plane;

pub use clouds::CLOUDS;
pub use consumer::Consumer;
pub use plane::{Answer, HOST, Plane, PlaneOptions};
