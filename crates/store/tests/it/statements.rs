//! Every statement is prepared on both databases, so that none is found wrong at run time.

use std::collections::{BTreeSet, HashSet};

use brokerage_store::statements::{ALL_MODULES, sqlite_sql};
use brokerage_store::{Durability, Statement, Store};
use postgres::types::Type;
use secrecy::SecretString;

use crate::support;

fn all() -> impl Iterator<Item = &'static Statement> {
    ALL_MODULES
        .iter()
        .flat_map(|(_module, statements)| statements.iter().copied())
}

/// The numbers of a statement's placeholders.
fn placeholders(sql: &str) -> BTreeSet<usize> {
    sql.split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .collect()
}

#[test]
fn each_file_with_statements_is_in_the_list() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    let folders = [source.clone(), source.join("backends")];
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let uses_macro = text
            .lines()
            .any(|line| line.ends_with("statements! {") && !line.starts_with("//"));
        if uses_macro {
            files.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let listed: BTreeSet<String> = ALL_MODULES
        .iter()
        .map(|(module, _)| (*module).to_owned())
        .collect();
    assert_eq!(
        files, listed,
        "add the module to ALL_MODULES in src/statements.rs (left: files, right: listed)"
    );
}

#[test]
fn names_are_unique_and_placeholders_count_from_one() {
    let mut names = HashSet::new();
    for statement in all() {
        assert!(
            names.insert(statement.name),
            "{} is there twice",
            statement.name
        );
        let numbers = placeholders(statement.sql);
        let expected: BTreeSet<usize> = (1..=numbers.len()).collect();
        assert_eq!(numbers, expected, "{}: placeholders", statement.name);
        let first = statement.sql.split_whitespace().next().unwrap_or_default();
        assert!(
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&first),
            "{}: a transaction function neither begins nor ends transactions, nor changes tables",
            statement.name
        );
    }
    assert!(!names.is_empty());
}

#[tokio::test]
async fn every_statement_is_valid_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Store::open_sqlite(&path, Durability::Process).unwrap();
    store.close().await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    for statement in all() {
        let prepared = connection
            .prepare(&sqlite_sql(statement.sql))
            .unwrap_or_else(|error| panic!("{}: {error}", statement.name));
        assert_eq!(
            prepared.parameter_count(),
            placeholders(statement.sql).len(),
            "{}",
            statement.name
        );
    }
}

#[test]
fn every_statement_is_valid_on_postgres_and_uses_the_types_of_the_store() {
    let Some(server) = support::Server::shared() else {
        return;
    };
    let url = server.database();
    let store = Store::open_postgres(&SecretString::from(url.clone()), 1).unwrap();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for statement in all() {
        let prepared = client
            .prepare(statement.sql)
            .unwrap_or_else(|error| panic!("{}: {error:?}", statement.name));
        for parameter in prepared.params() {
            assert!(
                [Type::INT8, Type::TEXT, Type::BYTEA].contains(parameter),
                "{}: a parameter is {parameter}: CAST it",
                statement.name
            );
        }
        for column in prepared.columns() {
            assert!(
                [Type::INT8, Type::INT4, Type::BOOL, Type::TEXT, Type::BYTEA]
                    .contains(column.type_()),
                "{}: column {} is {}: CAST it (SUM needs CAST(… AS BIGINT))",
                statement.name,
                column.name(),
                column.type_()
            );
        }
    }
    drop(store);
}
