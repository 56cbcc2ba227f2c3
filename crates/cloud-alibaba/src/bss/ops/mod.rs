//! One operation a file, named after it.

pub mod create_instance;
pub mod describe_pricing_module;
pub mod get_order_detail;
pub mod get_pay_as_you_go_price;
pub mod get_subscription_price;
pub mod query_account_balance;
pub mod query_available_instances;
pub mod query_orders;
pub mod query_product_list;
