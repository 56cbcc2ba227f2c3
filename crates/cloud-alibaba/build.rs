//! Lists the operations of every service.

use std::process::ExitCode;

fn main() -> ExitCode {
    brokerage_operation_list::write()
}
