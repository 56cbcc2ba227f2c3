//! SQL texts: one a statement, registered once, written for both databases with `$1..$n` placeholders.

/// One SQL text with a name. Made by [`crate::statements!`]; a back end prepares it once a connection.
#[derive(Debug)]
pub struct Statement {
    /// Module path and name, as errors and measurements call it.
    pub name: &'static str,
    /// The text, valid in SQLite and PostgreSQL.
    pub sql: &'static str,
}

/// Defines statements and `ALL`, the list of them, in the calling module.
///
/// ```
/// mod account {
///     brokerage_store::statements! {
///         /// One account by id.
///         pub SELECT_ACCOUNT = "SELECT name FROM account WHERE id = $1";
///     }
/// }
/// assert_eq!(account::ALL.len(), 1);
/// assert!(account::SELECT_ACCOUNT.name.ends_with("account::SELECT_ACCOUNT"));
/// ```
///
/// Add the module to [`ALL_MODULES`], so that the statement test prepares it on both databases.
#[macro_export]
macro_rules! statements {
    ($($(#[$attribute:meta])* $visibility:vis $name:ident = $sql:expr;)+) => {
        $(
            $(#[$attribute])*
            $visibility static $name: $crate::Statement = $crate::Statement {
                name: concat!(module_path!(), "::", stringify!($name)),
                sql: $sql,
            };
        )+

        /// Every statement of this module, in order.
        pub const ALL: &[&$crate::Statement] = &[$(&$name),+];
    };
}

/// The statements of every module: what `tests/it/statements.rs` prepares on both databases.
pub const ALL_MODULES: &[(&str, &[&Statement])] = &[
    ("access_key", crate::access_key::ALL),
    ("account", crate::account::ALL),
    ("audit", crate::audit::ALL),
    ("catalog", crate::catalog::ALL),
    ("digest", crate::digest::ALL),
    ("group", crate::group::ALL),
    ("idempotency", crate::idempotency::ALL),
    ("instance", crate::instance::ALL),
    ("lease", crate::lease::ALL),
    ("ledger", crate::ledger::ALL),
    ("list", crate::list::ALL),
    ("list_repair", crate::list_repair::ALL),
    ("network", crate::network::ALL),
    ("nonce", crate::nonce::ALL),
    ("order", crate::order::ALL),
    ("order_plan", crate::order_plan::ALL),
    ("sasl_user", crate::sasl_user::ALL),
    ("slot", crate::slot::ALL),
    ("timer", crate::timer::ALL),
    ("topic", crate::topic::ALL),
];

/// A statement's text with SQLite's numbered placeholders: `$2` becomes `?2`.
///
/// SQLite takes `$2` for a *name* and numbers names by first appearance, so that an UPDATE that mentions `$2` before
/// `$1` would silently bind the wrong values. Quoted text stays as it is.
#[must_use]
pub fn sqlite_sql(sql: &str) -> String {
    let mut quote = None;
    let mut characters = sql.chars().peekable();
    let mut rewritten = String::with_capacity(sql.len());
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        let numbered = characters.peek().is_some_and(char::is_ascii_digit);
        if quote.is_none() && character == '$' && numbered {
            rewritten.push('?');
        } else {
            rewritten.push(character);
        }
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(sql: &str, expected: &str) {
        assert_eq!(sqlite_sql(sql), expected);
    }

    #[test]
    fn placeholders_become_numbered_ones_outside_quotes() {
        check("SELECT 1", "SELECT 1");
        check(
            "UPDATE t SET a = $2 WHERE b = $1",
            "UPDATE t SET a = ?2 WHERE b = ?1",
        );
        check("VALUES ($1,$10)", "VALUES (?1,?10)");
        check("SELECT '$1', \"a$2\", $3", "SELECT '$1', \"a$2\", ?3");
        check("SELECT 'it''s $1' || $1", "SELECT 'it''s $1' || ?1");
        check("SELECT '\"' || $1", "SELECT '\"' || ?1");
        check("SELECT '$' || $1", "SELECT '$' || ?1");
    }

    proptest! {
        #[test]
        fn text_between_placeholders_survives(parts in prop::collection::vec(("[ a-z=,()]{0,9}", 1_u8..40), 0..9)) {
            let join = |mark: char| -> String {
                parts.iter().map(|(text, number)| format!("{text}{mark}{number}")).collect()
            };
            prop_assert_eq!(sqlite_sql(&join('$')), join('?'));
        }
    }
}
