//! Alibaba Cloud, bytes in and bytes out, over a whole control plane without Kafka.

mod alikafka;
mod bss;
