//! What the contract brings for tests.

mod fake;
