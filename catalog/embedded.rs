/// The catalogs that come with the program: file name and text.
const EMBEDDED: &[(&str, &str)] = &[
    ("alikafka.toml", include_str!("alikafka.toml")),
    ("ckafka.toml", include_str!("ckafka.toml")),
    ("jdkafka.toml", include_str!("jdkafka.toml")),
];
