//! The counts of lists ([`crate::list`]) compared with what they count, and made anew from it where they differ.

use crate::error::StoreError;
use crate::list::KINDS;
use crate::params;
use crate::tx::Tx;

/// Wrong lists that one check tells.
pub const WRONG_LISTS_MAX: u32 = 1_000;

/// The blocks of one class, as entries that are missing.
macro_rules! class {
    ($class:literal) => {
        concat!(
            " UNION ALL SELECT account_id, profile, ",
            $class,
            ", -class_",
            $class,
            " FROM list_block WHERE kind = 'order'"
        )
    };
}

crate::statements! {
    /// Blocks that leave a gap, or overlap.
    WRONG_CHAINS = "SELECT DISTINCT account_id, kind, profile FROM (SELECT account_id, kind, profile, first, until, \
        LEAD(first) OVER (PARTITION BY account_id, kind, profile, list ORDER BY first) AS next, \
        ROW_NUMBER() OVER (PARTITION BY account_id, kind, profile, list ORDER BY first) AS place \
        FROM list_block) AS block WHERE until IS DISTINCT FROM next OR (place = 1 AND first <> '') LIMIT CAST($1 AS BIGINT)";
    WRONG_INSTANCES = "SELECT DISTINCT account_id, 'instance', profile FROM (SELECT account_id, profile, list FROM ( \
        SELECT account_id, profile, list, COUNT(*) AS entries FROM instance WHERE listed = 1 GROUP BY account_id, profile, list \
        UNION ALL SELECT account_id, profile, list, -class_0 FROM list_block WHERE kind = 'instance') AS counted \
        GROUP BY account_id, profile, list HAVING SUM(entries) <> 0) AS wrong LIMIT CAST($1 AS BIGINT)";
    WRONG_ORDERS = concat!("SELECT DISTINCT account_id, 'order', profile FROM (SELECT account_id, profile FROM ( \
        SELECT account_id, profile, class, COUNT(*) AS entries FROM orders GROUP BY account_id, profile, class",
        class!("0"), class!("1"), class!("2"), class!("3"), class!("4"), class!("5"), class!("6"), class!("7"),
        class!("8"), class!("9"), class!("10"),
        ") AS counted GROUP BY account_id, profile, class HAVING SUM(entries) <> 0) AS wrong LIMIT CAST($1 AS BIGINT)");
    DELETE_BLOCKS = "DELETE FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3";
    INSERT_INSTANCES = "INSERT INTO list_block (account_id, kind, profile, list, first, until, class_0) \
        SELECT account_id, 'instance', profile, list, CASE WHEN block = 0 THEN '' ELSE first END, \
        LEAD(first) OVER (PARTITION BY list ORDER BY block), entries \
        FROM (SELECT account_id, profile, list, block, MIN(list_key) AS first, COUNT(*) AS entries \
        FROM (SELECT account_id, profile, list, list_key, \
        (DENSE_RANK() OVER (PARTITION BY list ORDER BY list_key) - 1) / 512 AS block \
        FROM instance WHERE account_id = $1 AND profile = $2 AND listed = 1) AS numbered \
        GROUP BY account_id, profile, list, block) AS blocks";
    INSERT_ORDERS = "INSERT INTO list_block (account_id, kind, profile, list, first, until, \
        class_0, class_1, class_2, class_3, class_4, class_5, class_6, class_7, class_8, class_9, class_10) \
        SELECT account_id, 'order', profile, '', CASE WHEN block = 0 THEN '' ELSE first END, \
        LEAD(first) OVER (ORDER BY block), class_0, class_1, class_2, class_3, class_4, class_5, class_6, class_7, \
        class_8, class_9, class_10 \
        FROM (SELECT account_id, profile, block, MIN(list_key) AS first, \
        COUNT(CASE class WHEN 0 THEN 1 END) AS class_0, COUNT(CASE class WHEN 1 THEN 1 END) AS class_1, \
        COUNT(CASE class WHEN 2 THEN 1 END) AS class_2, COUNT(CASE class WHEN 3 THEN 1 END) AS class_3, \
        COUNT(CASE class WHEN 4 THEN 1 END) AS class_4, COUNT(CASE class WHEN 5 THEN 1 END) AS class_5, \
        COUNT(CASE class WHEN 6 THEN 1 END) AS class_6, COUNT(CASE class WHEN 7 THEN 1 END) AS class_7, \
        COUNT(CASE class WHEN 8 THEN 1 END) AS class_8, COUNT(CASE class WHEN 9 THEN 1 END) AS class_9, \
        COUNT(CASE class WHEN 10 THEN 1 END) AS class_10 \
        FROM (SELECT account_id, profile, class, CAST(9000000000000000000 - created_at_us AS TEXT) AS list_key, \
        (DENSE_RANK() OVER (ORDER BY created_at_us DESC) - 1) / 512 AS block \
        FROM orders WHERE account_id = $1 AND profile = $2) AS numbered \
        GROUP BY account_id, profile, block) AS blocks";
}

/// The lists of an account in a profile whose counts are wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrongLists {
    /// Whose.
    pub account_id: String,
    /// Of what: one of [`KINDS`].
    pub kind: &'static str,
    /// From which catalog.
    pub profile: String,
}

/// Lists whose counts are not those of their entries, at most [`WRONG_LISTS_MAX`] of each kind of damage. It counts all entries.
///
/// # Errors
/// As [`Tx::query`].
pub fn lists_wrong(tx: &mut dyn Tx) -> Result<Vec<WrongLists>, StoreError> {
    let mut wrong = Vec::new();
    for statement in [&WRONG_CHAINS, &WRONG_INSTANCES, &WRONG_ORDERS] {
        for row in tx.query(statement, params![WRONG_LISTS_MAX])? {
            let kind = row.text(1)?;
            // A block of a kind that nobody counts is nobody's list.
            let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
                continue;
            };
            wrong.push(WrongLists {
                account_id: row.text(0)?.to_owned(),
                kind,
                profile: row.text(2)?.to_owned(),
            });
        }
    }
    wrong.sort_unstable();
    wrong.dedup();
    Ok(wrong)
}

/// Counts the entries of an account's lists anew.
///
/// # Errors
/// As [`Tx::execute`].
pub fn lists_repair(tx: &mut dyn Tx, wrong: &WrongLists) -> Result<(), StoreError> {
    let WrongLists {
        account_id,
        kind,
        profile,
    } = wrong;
    tx.execute(&DELETE_BLOCKS, params![account_id, *kind, profile])?;
    let statement = match *kind {
        "order" => &INSERT_ORDERS,
        _ => &INSERT_INSTANCES,
    };
    tx.execute(statement, params![account_id, profile])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brokerage_domain::listing::LIST_CLASSES;

    #[test]
    fn every_class_is_counted() {
        for statement in [&WRONG_ORDERS, &INSERT_ORDERS] {
            let named = |class: usize| statement.sql.contains(&format!("class_{class}"));
            let counted = (0..=LIST_CLASSES).filter(|class| named(*class)).count();
            assert_eq!(counted, LIST_CLASSES, "{}", statement.sql);
        }
    }
}
