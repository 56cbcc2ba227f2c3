//! Places where a test may abort the process: between the effects of a purchase and their records.
//!
//! With the cargo feature `failpoints`, the environment `FAILPOINTS="name=return"` aborts at that place (and
//! `FAILPOINTS="name=1*off->return"` at the second time). Without the feature nothing is compiled in.

/// Every place, in the order in which a purchase passes them.
pub const NAMES: &[&str] = &[
    "order_before_commit",
    "order_in_transaction",
    "order_after_commit",
    "start_after_commit",
    "reconcile_begin",
    "reconcile_before_ensure",
    "reconcile_after_ensure",
    "record_running_in_transaction",
    "record_running_after_commit",
    "reconcile_before_drop",
    "reconcile_after_drop",
    "record_end_in_transaction",
    "record_end_after_commit",
];

/// Aborts here when the environment says so.
pub(crate) fn crash_point(name: &'static str) {
    debug_assert!(
        NAMES.contains(&name),
        "{name} is not in the list of fail points"
    );
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |_| std::process::abort());
}
