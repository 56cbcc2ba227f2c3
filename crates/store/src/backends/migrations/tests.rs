use super::*;

/// The version before timers and kept catalogs, and an instance in each phase.
const BEFORE_TIMERS: i32 = 3;
const BEFORE_SLOT_RUNS: i32 = 7;
const PHASES: [&str; 4] = ["awaiting_start", "running", "released", "gone"];

fn filled() -> String {
    let instances = (1..).zip(PHASES).map(|(number, phase)| {
        format!(
            "INSERT INTO instance (id, account_id, profile, region, name, order_id, order_line, plan, charge, phase, \
             want, unsettled, retry_at_us, ports, settings, attributes, tags, created_at_us, attempts, revision) \
             VALUES ('i-{number}', 'a', 'p', 'r', 'n', 'o-{number}', 0, '{{}}', '{{}}', '{phase}', 'nothing', 0, 0, \
             '[]', '{{}}', '{{}}', '{{}}', {number}, 0, 0);"
        )
    });
    instances.collect()
}

const TIMERS: &str = "SELECT kind, subject, due_at_us FROM timer ORDER BY kind";

/// What was never started is cancelled, and what is gone is forgotten.
fn check_timers(timers: &[(String, String, i64)]) {
    let expected = [("cancel_unstarted", "i-1", 1), ("forget_gone", "i-4", 0)];
    assert_eq!(
        timers,
        expected.map(|(kind, subject, due_at_us)| (kind.to_owned(), subject.to_owned(), due_at_us))
    );
}

#[test]
fn a_filled_store_of_the_version_before_gets_its_timers_on_sqlite() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    run_until(&mut connection, Database::Sqlite, BEFORE_TIMERS).unwrap();
    connection.execute_batch(&filled()).unwrap();
    run(&mut connection, Database::Sqlite).unwrap();
    let mut statement = connection.prepare(TIMERS).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    let timers: Vec<(String, String, i64)> = rows.map(Result::unwrap).collect();
    check_timers(&timers);
}

#[test]
fn a_filled_store_of_the_version_before_gets_its_timers_on_postgres() {
    let Some(server) = super::support::Server::shared() else {
        return;
    };
    let mut client = postgres::Client::connect(&server.database(), postgres::NoTls).unwrap();
    run_until(&mut client, Database::Postgres, BEFORE_TIMERS).unwrap();
    client.batch_execute(&filled()).unwrap();
    run(&mut client, Database::Postgres).unwrap();
    let rows = client.query(TIMERS, &[]).unwrap();
    let timers: Vec<(String, String, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    check_timers(&timers);
}

/// The version before orders had classes.
const BEFORE_CLASSES: i32 = 5;
const CLASSES: &str = "SELECT id, class FROM orders ORDER BY id";
const COUNTERS: &str = "SELECT first || ':' || COALESCE(until, ''), class_0 * 1000 + class_1 * 100 + class_3 * 10 + class_5 \
                        FROM list_block WHERE kind = 'order' ORDER BY first";

/// Orders of some classes, in a block that does not tell them apart.
fn ordered() -> String {
    let prepaid = r#"{"mode":"prepaid","months":1,"renew_months":null}"#;
    let postpaid = r#"{"mode":"postpaid"}"#;
    let orders = [
        ("o-1", "new", prepaid, ["delivered", "failed"]),
        ("o-2", "new", postpaid, ["placed", "cancelled"]),
        ("o-3", "change", postpaid, ["delivered", "delivered"]),
        ("o-4", "new", postpaid, ["failed", "cancelled"]),
    ];
    let rows = (1..).zip(orders).map(|(at, (id, kind, charge, lines))| {
        let lines = (0..).zip(lines).map(|(line, state)| {
            format!("INSERT INTO order_line VALUES ('{id}', {line}, 'i', 0, '{state}');")
        });
        let order = format!(
            "INSERT INTO orders VALUES ('{id}', 'a', 'p', 'r', '{kind}', '{charge}', 'at_order', 'CNY', 0, '', '', {at});"
        );
        order + &lines.collect::<String>()
    });
    rows.collect::<String>()
        + "INSERT INTO list_block VALUES ('a', 'order', 'p', '', '', NULL, 4), ('a', 'instance', 'p', '', '', NULL, 9);"
}

fn check_classes(query: &mut dyn FnMut(&str) -> Vec<(String, i64)>) {
    let expected = [("o-1", 0), ("o-2", 1), ("o-3", 3), ("o-4", 5)];
    assert_eq!(
        query(CLASSES),
        expected.map(|(id, class)| (id.to_owned(), class))
    );
    assert_eq!(query(COUNTERS), [(":".to_owned(), 1_111)]);
    let instances = "SELECT kind, class_0 FROM list_block WHERE kind = 'instance'";
    assert_eq!(query(instances), [("instance".to_owned(), 9)]);
}

#[test]
fn orders_of_the_version_before_get_their_classes_on_sqlite() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    run_until(&mut connection, Database::Sqlite, BEFORE_CLASSES).unwrap();
    connection.execute_batch(&ordered()).unwrap();
    run(&mut connection, Database::Sqlite).unwrap();
    check_classes(&mut |sql| {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    });
}

#[test]
fn orders_of_the_version_before_get_their_classes_on_postgres() {
    let Some(server) = super::support::Server::shared() else {
        return;
    };
    let mut client = postgres::Client::connect(&server.database(), postgres::NoTls).unwrap();
    run_until(&mut client, Database::Postgres, BEFORE_CLASSES).unwrap();
    client.batch_execute(&ordered()).unwrap();
    run(&mut client, Database::Postgres).unwrap();
    check_classes(&mut |sql| {
        let rows = client.query(sql, &[]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    });
}

/// Ports of two instances, and a free one, one by one.
const PORTS_OF_BEFORE: &str = "INSERT INTO broker_port (port, instance_id) \
    VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'a'), (5, NULL), (6, 'b')";
const HELD: &str = "SELECT instance_id, first, last FROM slot_held ORDER BY instance_id, first";

fn check_held(held: &[(String, i64, i64)]) {
    let held: Vec<_> = held
        .iter()
        .map(|(id, first, last)| (id.as_str(), *first, *last))
        .collect();
    assert_eq!(held, [("a", 1, 2), ("a", 4, 4), ("b", 3, 3), ("b", 6, 6)]);
}

#[test]
fn ports_that_were_held_are_held_in_runs_on_sqlite() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    run_until(&mut connection, Database::Sqlite, BEFORE_SLOT_RUNS).unwrap();
    connection.execute_batch(PORTS_OF_BEFORE).unwrap();
    run(&mut connection, Database::Sqlite).unwrap();
    let mut statement = connection.prepare(HELD).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    check_held(&rows.map(Result::unwrap).collect::<Vec<_>>());
}

#[test]
fn ports_that_were_held_are_held_in_runs_on_postgres() {
    let Some(server) = super::support::Server::shared() else {
        return;
    };
    let mut client = postgres::Client::connect(&server.database(), postgres::NoTls).unwrap();
    run_until(&mut client, Database::Postgres, BEFORE_SLOT_RUNS).unwrap();
    client.batch_execute(PORTS_OF_BEFORE).unwrap();
    run(&mut client, Database::Postgres).unwrap();
    let rows = client.query(HELD, &[]).unwrap();
    let held = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
    check_held(&held.collect::<Vec<_>>());
}

/// Every version, cut off where it would be written down as done, can be begun again.
fn check_cut_off(
    mut run_to: impl FnMut(i32) -> Result<(), StoreError>,
    version: i32,
    (cut, mend): (&mut dyn FnMut(), &mut dyn FnMut()),
) {
    run_to(version - 1).unwrap();
    cut();
    run_to(i32::MAX).unwrap_err();
    mend();
    run_to(i32::MAX).unwrap();
}

/// Those that can be cut off: before the first there is no table to do it at.
fn versions() -> impl Iterator<Item = i32> {
    MIGRATIONS.iter().skip(1).map(|migration| migration.version)
}

#[test]
fn every_file_of_the_folder_is_a_version() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    let mut versions: Vec<String> = MIGRATIONS
        .iter()
        .map(|Migration { version, name, .. }| format!("V{version}__{name}.sql"))
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, files);
    assert!(MIGRATIONS.is_sorted_by_key(|migration| migration.version));
}

/// A store that an earlier program made is one of ours.
#[test]
fn checksums_stay_what_they_were() {
    let checksum = |database| MIGRATIONS[0].applied_to(database).checksum;
    assert_eq!(checksum(Database::Sqlite), "1331186062508132037");
    assert_eq!(checksum(Database::Postgres), "827136237277658708");
}

#[test]
fn what_another_program_migrated_is_left_alone() {
    check_left_alone("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2");
    check_left_alone("UPDATE refinery_schema_history SET name = 'x' WHERE version = 3");
    check_left_alone("DELETE FROM refinery_schema_history WHERE version = 2");
    check_left_alone("INSERT INTO refinery_schema_history VALUES (1000000, 'later', '', '1')");
}

fn check_left_alone(change: &str) {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    run(&mut connection, Database::Sqlite).unwrap();
    run(&mut connection, Database::Sqlite).unwrap();
    connection.execute_batch(change).unwrap();
    let before = connection.applied(SELECT_HISTORY).unwrap();
    run(&mut connection, Database::Sqlite).unwrap_err();
    assert_eq!(connection.applied(SELECT_HISTORY).unwrap(), before);
}

#[test]
fn a_migration_that_is_cut_off_can_be_begun_again_on_sqlite() {
    for version in versions() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let connection = std::cell::RefCell::new(connection);
        let batch = |sql: &str| connection.borrow().execute_batch(sql).unwrap();
        check_cut_off(
            |target| run_until(&mut *connection.borrow_mut(), Database::Sqlite, target).map(drop),
            version,
            (
                &mut || {
                    batch(&format!(
                        "CREATE TRIGGER cut BEFORE INSERT ON refinery_schema_history \
                         WHEN NEW.version = {version} BEGIN SELECT RAISE(ABORT, 'cut off'); END"
                    ));
                },
                &mut || batch("DROP TRIGGER cut"),
            ),
        );
    }
}

#[test]
fn a_migration_that_is_cut_off_can_be_begun_again_on_postgres() {
    let Some(server) = super::support::Server::shared() else {
        return;
    };
    for version in versions() {
        let client = postgres::Client::connect(&server.database(), postgres::NoTls).unwrap();
        let client = std::cell::RefCell::new(client);
        let batch = |sql: &str| client.borrow_mut().batch_execute(sql).unwrap();
        let history = "ALTER TABLE refinery_schema_history";
        check_cut_off(
            |target| run_until(&mut *client.borrow_mut(), Database::Postgres, target).map(drop),
            version,
            (
                &mut || {
                    batch(&format!(
                        "{history} ADD CONSTRAINT cut CHECK (version <> {version})"
                    ))
                },
                &mut || batch(&format!("{history} DROP CONSTRAINT cut")),
            ),
        );
    }
}

#[test]
fn clauses_for_sqlite_are_comments_elsewhere() {
    let sql = "CREATE TABLE a (x) /* sqlite: WITHOUT ROWID */; -- end";
    assert_eq!(written_for(Database::Postgres, sql), sql);
    assert_eq!(
        written_for(Database::Sqlite, sql),
        "CREATE TABLE a (x) WITHOUT ROWID; -- end"
    );
}

/// An instance as version 2 wrote it, with everything that was a text by name.
const INSTANCE_OF_BEFORE: &str = "INSERT INTO instance (id, account_id, profile, region, name, order_id, \
    order_line, spec, plan, charge, placement, phase, want, unsettled, retry_at_us, ports, settings, attributes, \
    tags, created_at_us, attempts, revision) VALUES (?1, 'a', 'p', 'r', 'n', 'o', 0, NULL, ?2, \
    '{\"mode\":\"postpaid\"}', NULL, 'running', 'running', 0, 0, '[20000]', ?3, ?4, '{\"k\":\"v\"}', 1, 0, 7)";

fn plan() -> brokerage_domain::catalog::Plan {
    use brokerage_domain::catalog::{Catalogs, NodeGroup, PlanRequest};
    let catalogs = Catalogs::embedded();
    let catalog = catalogs.get("jdkafka").unwrap();
    let region = catalog.regions()[0].id.clone();
    let zones = catalog.zones(&region).take(1).map(|zone| zone.id.clone());
    let request = PlanRequest {
        zones: zones.collect(),
        version: Some("1.0.2".into()),
        nodes: vec![NodeGroup {
            role: "broker".into(),
            ..NodeGroup::default()
        }],
        region: region.clone(),
        ..PlanRequest::default()
    };
    catalog.plan(&request).unwrap()
}

#[tokio::test]
async fn a_filled_store_of_before_reads_the_same() {
    use brokerage_domain::cluster_settings::ClusterSettings;
    use brokerage_domain::id::InstanceId;
    use brokerage_domain::notes::Notes;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    run_until(&mut connection, Database::Sqlite, 2).unwrap();
    let settings = r#"{"auto.create.topics.enable":"true","log.retention.ms":"60000"}"#;
    let plan = serde_json::to_string(&plan()).unwrap();
    for (id, protection) in [("i-on", "1"), ("i-off", "0")] {
        let attributes = format!(
            r#"{{"Config":"{{}}","DeleteProtectionEnable":"{protection}","DiskType":"CLOUD_SSD"}}"#
        );
        let values = [id, &plan, settings, &attributes];
        connection.execute(INSTANCE_OF_BEFORE, values).unwrap();
    }
    drop(connection);
    let store = crate::Store::open_sqlite(&path, crate::Durability::Process).unwrap();
    for (id, protected) in [("i-on", true), ("i-off", false)] {
        let read = store.read("instance", move |tx| {
            crate::instance::instance_by_id(tx, &InstanceId::new(id))
        });
        let instance = read.await.unwrap().unwrap();
        assert_eq!(instance.deletion_protected, protected, "{id}");
        let expected = ClusterSettings {
            auto_create_topics: Some(true),
            retention_ms: Some(60_000),
            ..ClusterSettings::default()
        };
        assert_eq!(instance.settings, expected);
        let notes: Vec<&str> = vec![r#""Config":"{}""#, r#""DiskType":"CLOUD_SSD""#];
        let row = serde_json::to_string::<Notes>(&instance.notes).unwrap();
        assert!(notes.iter().all(|note| row.contains(note)), "{row}");
        assert_eq!(
            (instance.revision, instance.slots.as_slice()),
            (7, &[20_000][..])
        );
    }
    store.close().await;
}
