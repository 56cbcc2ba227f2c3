//! What holds for every cloud, over every row of every table.

mod access;
mod bounds;
mod catalog;
mod exposed;
mod golden;
mod language;
mod policy;
mod purchases;
mod region;
mod signing;
mod stage;
