//! Lists in blocks: the total of a list, and where its n-th entry stands, without walking through it.
//!
//! A list's entries are rows of another table, in the order of a text key. Here neighbours are counted together: a block has
//! the number of entries with keys from its `first` to before its `until`, class by class, and the blocks of a list leave no
//! gap. Whoever inserts or takes an entry, or moves it to another class, counts it in the same transaction.
//!
//! PostgreSQL runs such transactions side by side. Then the row of a block is what they wait for: `until` is compared after
//! the wait, so that a block which was divided meanwhile is not counted in, and the search begins again.

use brokerage_domain::listing::LIST_CLASSES;

use crate::error::StoreError;
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Entries of a block before it is divided.
pub const BLOCK_ENTRIES_MAX: i64 = 2_048;
/// Entries of two neighbours that become one block when entries leave them.
const MERGED_ENTRIES_MAX: i64 = BLOCK_ENTRIES_MAX / 4;
/// Searches for the block of a key, before the caller gets an error and tries again.
const SEARCHES_MAX: u32 = 16;

/// What lists are of.
pub const KINDS: [&str; 2] = ["instance", "order"];

/// The columns of the counters, one a class.
macro_rules! counters {
    () => {
        "class_0, class_1, class_2, class_3, class_4, class_5, class_6, class_7, class_8, class_9, class_10"
    };
}

crate::statements! {
    /// The block of a key.
    SELECT_BLOCK = concat!("SELECT first, until, ", counters!(), " FROM list_block \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first <= $5 ORDER BY first DESC LIMIT 1");
    /// Counts entries in or out in a block, if it is still that of their key. (With RETURNING, SQLite would make and drop a
    /// table for the answer, which costs more than both statements.)
    COUNT = "UPDATE list_block SET class_0 = class_0 + $7, class_1 = class_1 + $8, class_2 = class_2 + $9, \
        class_3 = class_3 + $10, class_4 = class_4 + $11, class_5 = class_5 + $12, class_6 = class_6 + $13, class_7 = class_7 + $14, \
        class_8 = class_8 + $15, class_9 = class_9 + $16, class_10 = class_10 + $17 \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 \
        AND first = $5 AND (until IS NULL OR $6 < until)";
    INSERT = concat!("INSERT INTO list_block (account_id, kind, profile, list, first, until, ", counters!(), ") \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING");
    SHORTEN = "UPDATE list_block SET until = $6, class_0 = class_0 - $7, class_1 = class_1 - $8, class_2 = class_2 - $9, \
        class_3 = class_3 - $10, class_4 = class_4 - $11, class_5 = class_5 - $12, class_6 = class_6 - $13, class_7 = class_7 - $14, \
        class_8 = class_8 - $15, class_9 = class_9 - $16, class_10 = class_10 - $17 \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5";
    SELECT_BEFORE = concat!("SELECT first, until, ", counters!(), " FROM list_block \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first < $5 ORDER BY first DESC LIMIT 1");
    LENGTHEN = "UPDATE list_block SET until = $7, class_0 = class_0 + $8, class_1 = class_1 + $9, class_2 = class_2 + $10, \
        class_3 = class_3 + $11, class_4 = class_4 + $12, class_5 = class_5 + $13, class_6 = class_6 + $14, class_7 = class_7 + $15, \
        class_8 = class_8 + $16, class_9 = class_9 + $17, class_10 = class_10 + $18 \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5 AND until = $6";
    DELETE = "DELETE FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5";
    /// Where each block begins, and how many entries of the chosen classes it has: two columns, because a page reads a row
    /// of each block.
    SELECT_BLOCKS = "SELECT first, class_0 * $5 + class_1 * $6 + class_2 * $7 + class_3 * $8 + class_4 * $9 + class_5 * $10 \
        + class_6 * $11 + class_7 * $12 + class_8 * $13 + class_9 * $14 + class_10 * $15 FROM list_block \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 ORDER BY first";
    SELECT_CLASSES = "SELECT MAX(class_0), MAX(class_1), MAX(class_2), MAX(class_3), MAX(class_4), MAX(class_5), MAX(class_6), \
        MAX(class_7), MAX(class_8), MAX(class_9), MAX(class_10) FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4";
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// Whose.
    pub account_id: &'a str,
    /// Of what.
    pub kind: &'static str,
    /// From which catalog.
    pub profile: &'a str,
    /// Which of several: a region, or nothing where there is one for all.
    pub list: &'a str,
}

impl<'a> List<'a> {
    /// What names the list, then what the statement has besides.
    fn values<const N: usize>(self, more: [Value<'a>; N]) -> Vec<Value<'a>> {
        let Self {
            account_id,
            kind,
            profile,
            list,
        } = self;
        let mut values = Vec::with_capacity(4 + N + LIST_CLASSES);
        values.extend([account_id, kind, profile, list].map(Value::from));
        values.extend(more);
        values
    }
}

/// How many entries of each class. A list without classes counts in the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entries(pub [i64; LIST_CLASSES]);

impl Entries {
    /// One entry.
    #[must_use]
    pub fn one(class: usize) -> Self {
        Self::default().plus(class, 1)
    }

    /// With `entries` more of a class.
    #[must_use]
    pub fn plus(mut self, class: usize, entries: i64) -> Self {
        self.0[class] += entries;
        self
    }

    /// Of all classes together.
    #[must_use]
    pub fn all(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Of the classes that are chosen.
    #[must_use]
    pub fn of(&self, classes: Classes) -> i64 {
        let chosen = self.0.iter().zip(classes.0);
        chosen
            .filter_map(|(entries, is_chosen)| is_chosen.then_some(entries))
            .sum()
    }

    fn read(row: &Row, first: usize) -> Result<Self, StoreError> {
        let mut entries = Self::default();
        for (class, counted) in entries.0.iter_mut().enumerate() {
            *counted = row.int(first + class)?;
        }
        Ok(entries)
    }

    fn values<'v>(self) -> impl Iterator<Item = Value<'v>> {
        self.0.into_iter().map(Value::from)
    }
}

impl std::ops::Neg for Entries {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.map(|entries| -entries))
    }
}

/// Which classes of a list are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes(pub [bool; LIST_CLASSES]);

impl Classes {
    /// The whole list.
    pub const ALL: Self = Self([true; LIST_CLASSES]);
}

/// Neighbours that are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Entries have keys from here; empty in the first block.
    pub first: String,
    /// Entries have keys before this one; `None` in the last block.
    pub until: Option<String>,
    /// How many.
    pub entries: Entries,
}

impl Block {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            first: row.text(0)?.to_owned(),
            until: row.opt_text(1)?.map(str::to_owned),
            entries: Entries::read(row, 2)?,
        })
    }
}

/// A block, and how many entries it has of the classes that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Entries have keys from here to before where the next block begins; empty in the first block.
    pub first: String,
    /// How many.
    pub entries: i64,
}

/// Where a block is divided: the key that the second half begins with, and the entries from there.
pub type Division = Option<(String, Entries)>;

/// Counts an entry in. Its row has been inserted before. `divide` finds the middle of a block that is too large.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn list_add(
    tx: &mut dyn Tx,
    list: List<'_>,
    key: &str,
    class: usize,
    divide: &mut dyn FnMut(&mut dyn Tx, &Block) -> Result<Division, StoreError>,
) -> Result<(), StoreError> {
    if count(tx, list, key, Entries::one(class))? <= BLOCK_ENTRIES_MAX {
        return Ok(());
    }
    let block = block_of(tx, list, key)?;
    let Some(block) = block.filter(|block| block.entries.all() > BLOCK_ENTRIES_MAX) else {
        // It has been divided meanwhile.
        return Ok(());
    };
    let Some((middle, entries)) = divide(tx, &block)? else {
        // All of one key: such a block stays whole.
        return Ok(());
    };
    let mut values = list.values([Value::from(&block.first), Value::from(&middle)]);
    values.extend(entries.values());
    tx.execute(&SHORTEN, &values)?;
    let mut values = list.values([Value::from(&middle), Value::from(block.until.as_deref())]);
    values.extend(entries.values());
    tx.execute(&INSERT, &values)?;
    Ok(())
}

/// Counts an entry out. Its row has left the list before.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn list_remove(
    tx: &mut dyn Tx,
    list: List<'_>,
    key: &str,
    class: usize,
) -> Result<(), StoreError> {
    count(tx, list, key, -Entries::one(class))?;
    let Some(block) = block_of(tx, list, key)? else {
        return Ok(());
    };
    if block.first.is_empty() || block.entries.all() > MERGED_ENTRIES_MAX {
        return Ok(());
    }
    let values = list.values([Value::from(&block.first)]);
    let Some(before) = tx.query_first(&SELECT_BEFORE, &values)? else {
        return Ok(());
    };
    let before = Block::read(&before)?;
    if before.entries.all() + block.entries.all() > MERGED_ENTRIES_MAX {
        return Ok(());
    }
    let mut values = list.values([
        Value::from(&before.first),
        Value::from(&block.first),
        Value::from(block.until.as_deref()),
    ]);
    values.extend(block.entries.values());
    // Where the neighbour has been divided meanwhile, the two stay apart.
    if tx.execute(&LENGTHEN, &values)? == 1 {
        tx.execute(&DELETE, &list.values([Value::from(&block.first)]))?;
    }
    Ok(())
}

/// Counts an entry in another class than before. Its row has been changed before.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn list_reclass(
    tx: &mut dyn Tx,
    list: List<'_>,
    key: &str,
    (from, to): (usize, usize),
) -> Result<(), StoreError> {
    let moved = Entries::default().plus(from, -1).plus(to, 1);
    count(tx, list, key, moved).map(drop)
}

/// Counts entries in or out in the block of a key, whose row is locked then. Returns how many it has, as far as was seen
/// before.
fn count(tx: &mut dyn Tx, list: List<'_>, key: &str, entries: Entries) -> Result<i64, StoreError> {
    for _ in 0..SEARCHES_MAX {
        let Some(block) = block_of(tx, list, key)? else {
            let mut values = list.values([Value::from(""), Value::Null]);
            values.extend(Entries::default().values());
            tx.execute(&INSERT, &values)?;
            continue;
        };
        let mut values = list.values([Value::from(&block.first), Value::from(key)]);
        values.extend(entries.values());
        if tx.execute(&COUNT, &values)? == 1 {
            return Ok(block.entries.all() + entries.all());
        }
    }
    Err(StoreError::Contention {
        label: "list_count",
        attempts: SEARCHES_MAX,
    })
}

/// The block of a key, if the list has begun.
fn block_of(tx: &mut dyn Tx, list: List<'_>, key: &str) -> Result<Option<Block>, StoreError> {
    let row = tx.query_first(&SELECT_BLOCK, &list.values([Value::from(key)]))?;
    row.as_ref().map(Block::read).transpose()
}

/// How many entries of its block stand behind a page, where the page is in the second half of the block and is read from the
/// block's end; `within` entries of the block stand before it.
#[must_use]
pub(crate) fn behind(block: &Counted, within: i64, limit: i64) -> Option<i64> {
    let behind = block.entries - within - limit;
    (0..within).contains(&behind).then_some(behind)
}

/// The blocks of a list, in order.
///
/// # Errors
/// As [`Tx::query`].
pub fn list_blocks(
    tx: &mut dyn Tx,
    list: List<'_>,
    classes: Classes,
) -> Result<Vec<Counted>, StoreError> {
    let mut values = list.values([]);
    values.extend(classes.0.map(Value::from));
    let rows = tx.query(&SELECT_BLOCKS, &values)?;
    let counted = |row: &Row| {
        Ok(Counted {
            first: row.text(0)?.to_owned(),
            entries: row.int(1)?,
        })
    };
    rows.iter().map(counted).collect()
}

/// Those of the classes of which the list has entries.
///
/// # Errors
/// As [`Tx::query`].
pub fn list_classes(
    tx: &mut dyn Tx,
    list: List<'_>,
    classes: Classes,
) -> Result<Classes, StoreError> {
    let mut present = classes;
    for row in tx.query(&SELECT_CLASSES, &list.values([]))? {
        for (class, is_present) in present.0.iter_mut().enumerate() {
            *is_present &= row.opt_int(class)?.is_some_and(|most| most > 0);
        }
    }
    Ok(present)
}

/// Entries of all blocks.
pub fn total(blocks: &[Counted]) -> i64 {
    blocks.iter().map(|block| block.entries).sum()
}

/// The block in which the entry `offset` stands, counted from 0, and how many entries of it come before; `None` beyond the
/// end.
pub fn find(blocks: &[Counted], offset: i64) -> Option<(&Counted, i64)> {
    let mut before = 0;
    blocks.iter().find_map(|block| {
        let within = offset - before;
        before += block.entries;
        (offset < before).then_some((block, within))
    })
}
