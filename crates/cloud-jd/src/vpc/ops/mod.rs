//! One operation a file, named after it. The build script lists them: see `brokerage_operation_list`.

include!(concat!(env!("OUT_DIR"), "/vpc.rs"));
operations!();
