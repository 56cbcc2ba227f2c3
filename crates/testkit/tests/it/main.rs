//! What holds for every cloud, over every row of every table.

mod access;
mod bounds;
mod catalog;
mod golden;
mod policy;
mod region;
mod signing;
