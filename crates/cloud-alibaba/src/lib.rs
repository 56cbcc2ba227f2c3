//! The vendors' dialects: everything that knows how Alibaba Cloud, Tencent Cloud and JD Cloud speak.
//!
//! A dialect turns a vendor's signed request into one call on the control plane, and its answer back
//! into the vendor's words. What every cloud shares is [`brokerage_wire`]; each cloud here is one value of it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`aliyun`] | Alibaba Cloud: [`aliyun::CLOUD`], and what [`alikafka`] and [`bss`] share |
//! | [`ckafka`] | Tencent Cloud: [`ckafka::CLOUD`] |
//! | [`jdkafka`] | JD Cloud: [`jdkafka::CLOUD`] |

pub mod alikafka;
pub mod aliyun;
pub mod bss;
pub mod ckafka;
pub mod jdkafka;

pub(crate) use brokerage_wire::{fault, operation, params};
