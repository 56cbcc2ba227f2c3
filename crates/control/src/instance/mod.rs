//! Instances: looking at them, starting, changing and releasing them.

mod edit;
mod list;
mod listeners;
mod record;
mod release;
mod resize;
mod start;
mod stop;
mod term;
mod view;

pub use brokerage_store::instance::Unreadable;
pub use edit::Edit;
pub use list::{INSTANCES_LISTED_MAX, InstanceFilter, InstancePage, InstanceWalk, Slices};
pub use listeners::Bootstrap;
pub(crate) use record::{instance_of_caller, instance_put};
pub use release::AfterRelease;
pub use resize::Resize;
pub use start::InstanceStart;
pub use term::{Conversion, Refund, Refunded, Renewal};
