//! One operation a file, named after it.

pub mod create_post_pay_order;
