//! Measurements of the product from outside, each beside what people use instead, in the same run.
//!
//! Each names its client, its load and its number of runs, takes medians, and closes with one line
//! `result: key=value …`. With `--short` each does just enough for that line.

mod apache;
mod broker;
mod calls;
mod cpu;
mod density;
mod each_call;
mod first_message;
mod form;
mod http;
mod instances;
mod kafka;
mod limits;
mod lists;
mod load;
mod months;
mod moto;
mod order_cost;
mod orders;
mod ready;
mod stats;

use anyhow::Result;
use clap::Parser;
use xtask::{Workspace, end_children_on_signal};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
enum Bench {
    /// Throughput, latency, CPU and memory of the embedded broker, beside one Apache Kafka node.
    Broker(broker::Settings),
    /// What each operation costs, beside another build or the cheapest look of its service.
    Calls(each_call::Settings),
    /// What idle instances cost in memory, CPU, time to start and latency of a busy one.
    Density(density::Settings),
    /// How exactly bought bandwidth is held under hungry clients, and whether a neighbour notices.
    Limits(limits::Settings),
    /// What a page of each list costs, with few and with many instances.
    Lists(lists::Settings),
    /// From sending a signed purchase to the first acknowledged record, beside one Apache Kafka node.
    FirstMessage(first_message::Settings),
    /// How much the store grows in a second month in which every account buys and deletes a cluster daily.
    Months(months::Settings),
    /// Durable signed orders a second and instances listed a second, beside moto's create_cluster.
    Orders(orders::Settings),
    /// From starting the server to its ready line, with many running instances.
    Ready(ready::Settings),
}

fn main() -> Result<()> {
    end_children_on_signal()?;
    let workspace = Workspace::here();
    let result = match Bench::parse() {
        Bench::Broker(settings) => broker::run(&workspace, &settings)?,
        Bench::Calls(settings) => each_call::run(&workspace, &settings)?,
        Bench::Density(settings) => density::run(&workspace, &settings)?,
        Bench::Limits(settings) => limits::run(&workspace, &settings)?,
        Bench::Lists(settings) => lists::run(&workspace, &settings)?,
        Bench::FirstMessage(settings) => first_message::run(&workspace, &settings)?,
        Bench::Months(settings) => months::run(&workspace, &settings)?,
        Bench::Orders(settings) => orders::run(&workspace, &settings)?,
        Bench::Ready(settings) => ready::run(&workspace, &settings)?,
    };
    println!("result: {result}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use xtask::BENCHMARKS;

    use super::Bench;

    #[test]
    fn the_tests_run_every_benchmark_in_its_short_form() {
        let command = Bench::command();
        let mut names: Vec<&str> = Vec::new();
        for benchmark in command.get_subcommands() {
            let has_short_form = benchmark
                .get_arguments()
                .any(|argument| argument.get_id() == "short");
            assert!(has_short_form, "{}", benchmark.get_name());
            names.push(benchmark.get_name());
        }
        names.sort_unstable();
        let run: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
        assert_eq!(names, run);
    }
}
