use std::collections::BTreeMap;

use brokerage_testkit::calls::OperationFile;

use super::*;

/// Most lines of a first version that are not the vendor's words.
const CEREMONY_LINES_MAX: usize = 20;

/// Lines that are neither empty nor of a structure.
fn ceremony(text: &str) -> usize {
    let mut is_structure = false;
    let counts = |line: &&str| {
        let begins = line.starts_with("#[") || line.contains("struct ");
        let is_counted = !(is_structure || begins || line.is_empty());
        is_structure = (is_structure || begins) && !line.starts_with('}') && !line.ends_with(';');
        is_counted || line.starts_with("pub struct ") && line.ends_with(';')
    };
    text.lines().filter(counts).count()
}

/// A checkout with the services of the house and none of their operations.
fn checkout() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let here = Workspace::here();
    for table in CLOUDS.services() {
        let service = service_folder(here.root(), table.dialect).unwrap();
        let copy = root.path().join(service.strip_prefix(here.root()).unwrap());
        fs::create_dir_all(copy.join("ops")).unwrap();
        fs::copy(service.join("mod.rs"), copy.join("mod.rs")).unwrap();
        let calls = copy.ancestors().nth(2).unwrap().join("calls");
        fs::create_dir_all(calls.join(table.dialect)).unwrap();
    }
    root
}

#[test]
fn every_operation_of_every_model_has_a_first_version_that_is_code() {
    let root = checkout();
    let mut count = BTreeMap::new();
    let mut sources = Vec::new();
    for cloud in CLOUDS.all() {
        for table in cloud.services {
            let model = Model::of(cloud, table);
            for name in model.operations.keys() {
                let scaffold = Scaffold::of(cloud, table, name).unwrap();
                let [source, calls] = scaffold.write(root.path()).unwrap();
                let calls = fs::read_to_string(calls).unwrap();
                let calls: OperationFile = toml::from_str(&calls).expect("calls are TOML");
                assert_eq!(calls.calls.len(), 1, "{name}");
                sources.push(source);
                *count.entry(table.dialect).or_insert(0) += 1;
            }
        }
    }
    assert!(
        count.len() == CLOUDS.services().count() && count["ckafka"] > 100,
        "{count:?}"
    );
    // Asked once, about all of them.
    format(&sources).unwrap();
    for source in sources {
        let text = fs::read_to_string(source).unwrap();
        let lines = ceremony(&text);
        assert!(lines <= CEREMONY_LINES_MAX, "{lines} lines:\n{text}");
    }
}

#[test]
fn the_worked_example_of_the_guide_is_as_small_as_it_says() {
    let root = Workspace::here().root().join("crates/cloud-alibaba");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let operation = ceremony(&read("src/alikafka/ops/delete_instance.rs"));
    let calls = read("calls/alikafka/DeleteInstance.toml");
    let is_vendors = |line: &&str| !line.starts_with('[') && !line.starts_with("needs");
    let calls_own = calls
        .lines()
        .filter(|line| !line.is_empty() && !is_vendors(line));
    assert_eq!((operation, calls_own.count()), (17, 3));
}

#[test]
fn unused_code_is_expected_only_where_there_is_some() {
    let check = |service: &str, operation: &str, expected: bool| {
        let mut clouds = CLOUDS.all();
        let of_cloud = |cloud: &'static Cloud| {
            let table = cloud.services.iter().find(|table| table.dialect == service);
            table.map(|table| Scaffold::of(cloud, table, operation).unwrap())
        };
        let scaffold = clouds.find_map(of_cloud).unwrap();
        let is_expected = scaffold.operation.contains("#![expect(dead_code");
        assert_eq!(is_expected, expected, "{}", scaffold.operation);
    };
    // Region and instance are all that it takes, and it answers nothing of its own.
    check("alikafka", "StopInstance", false);
    check("alikafka", "ConvertPostPayOrder", true);
    check("ckafka", "DescribeCvmInfo", true);
}

#[test]
fn what_cannot_be_scaffolded_is_refused_in_words() {
    let check = |service: &str, operation: &str, expected: &str| {
        let refused = Scaffold::new(service, operation).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    };
    check(
        "kafka",
        "CreateTopic",
        "there is no service kafka; there are",
    );
    check("ckafka", "CreateTopic", "ckafka serves CreateTopic already");
    check(
        "ckafka",
        "MakeTopic",
        "the model of ckafka has no operation MakeTopic",
    );
    check(
        "ckafka",
        "createuser",
        "no operation createuser; it has CreateUser",
    );
}

#[test]
fn nothing_is_written_over_an_operation() {
    let root = checkout();
    let scaffold = Scaffold::new("ckafka", "CreateDatahubTask").unwrap();
    let [operation, calls] = scaffold.write(root.path()).unwrap();
    assert!(operation.ends_with("crates/cloud-tencent/src/ckafka/ops/create_datahub_task.rs"));
    assert!(calls.ends_with("crates/cloud-tencent/calls/ckafka/CreateDatahubTask.toml"));
    let refused = scaffold.write(root.path()).unwrap_err();
    assert!(
        refused.to_string().contains("is there already"),
        "{refused}"
    );
}

#[test]
fn the_vendors_names_are_names_in_code() {
    for (name, expected) in [
        ("CreateVSwitch", "create_v_switch"),
        ("KMSKeyId", "kms_key_id"),
        ("createInstance", "create_instance"),
        ("InstanceVO", "instance_vo"),
        ("DescribeACL", "describe_acl"),
        ("nodeDiskGB", "node_disk_gb"),
    ] {
        assert_eq!(text::snake_case(name), expected, "{name}");
    }
    assert_eq!(text::pascal_case("create_v_switch"), "CreateVSwitch");
    assert_eq!(text::camel_case("node_count"), "nodeCount");
    assert_eq!(text::field_name("type"), "r#type");
}
