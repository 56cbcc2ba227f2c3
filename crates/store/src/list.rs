//! Lists in blocks: the total of a list, and where its n-th entry stands, without walking through it.
//!
//! A list's entries are rows of another table, in the order of a text key. Here neighbours are counted together: a block has
//! the number of entries with keys from its `first` to before its `until`, and the blocks of a list leave no gap. Whoever
//! inserts or takes an entry counts it in the same transaction.
//!
//! PostgreSQL runs such transactions side by side. Then the row of a block is what they wait for: `until` is compared after
//! the wait, so that a block which was divided meanwhile is not counted in, and the search begins again.

use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;

/// Entries of a block before it is divided.
pub const BLOCK_ENTRIES_MAX: i64 = 1_024;
/// Entries of two neighbours that become one block when entries leave them.
const MERGED_ENTRIES_MAX: i64 = BLOCK_ENTRIES_MAX / 4;
/// Searches for the block of a key, before the caller is told to try again.
const SEARCHES_MAX: u32 = 16;

crate::statements! {
    /// Counts an entry in or out of the block of its key.
    COUNT = "UPDATE list_block SET entries = entries + $6 WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 \
        AND first = (SELECT first FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 \
        AND first <= $5 ORDER BY first DESC LIMIT 1) AND (until IS NULL OR $5 < until) RETURNING first, until, entries";
    /// The first block of a list.
    BEGIN = "INSERT INTO list_block (account_id, kind, profile, list, first, until, entries) \
        VALUES ($1, $2, $3, $4, '', NULL, 0) ON CONFLICT DO NOTHING";
    INSERT = "INSERT INTO list_block (account_id, kind, profile, list, first, until, entries) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SHORTEN = "UPDATE list_block SET until = $6, entries = entries - $7 \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5";
    SELECT_BEFORE = "SELECT first, entries FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 \
        AND first < $5 ORDER BY first DESC LIMIT 1";
    LENGTHEN = "UPDATE list_block SET until = $7, entries = entries + $8 \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5 AND until = $6";
    DELETE = "DELETE FROM list_block WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 AND first = $5";
    SELECT_BLOCKS = "SELECT first, until, entries FROM list_block \
        WHERE account_id = $1 AND kind = $2 AND profile = $3 AND list = $4 ORDER BY first";
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

/// Neighbours that are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Entries have keys from here; empty in the first block.
    pub first: String,
    /// Entries have keys before this one; `None` in the last block.
    pub until: Option<String>,
    /// How many.
    pub entries: i64,
}

/// Where a block is divided: the key that the second half begins with, and the entries from there.
pub type Division = Option<(String, i64)>;

/// Counts an entry in. Its row has been inserted before. `divide` finds the middle of a block that is too large.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn list_add(
    tx: &mut dyn Tx,
    list: List<'_>,
    key: &str,
    divide: &mut dyn FnMut(&mut dyn Tx, &Block) -> Result<Division, StoreError>,
) -> Result<(), StoreError> {
    let block = count(tx, list, key, 1)?;
    if block.entries <= BLOCK_ENTRIES_MAX {
        return Ok(());
    }
    let Some((middle, entries)) = divide(tx, &block)? else {
        // All of one key: such a block stays whole.
        return Ok(());
    };
    let List {
        account_id,
        kind,
        profile,
        list,
    } = list;
    let until = block.until.as_deref();
    tx.execute(
        &SHORTEN,
        params![
            account_id,
            kind,
            profile,
            list,
            &block.first,
            &middle,
            entries
        ],
    )?;
    tx.execute(
        &INSERT,
        params![account_id, kind, profile, list, &middle, until, entries],
    )?;
    Ok(())
}

/// Counts an entry out. Its row has left the list before.
///
/// # Errors
/// As [`Tx::query`]; [`StoreError::Contention`].
pub fn list_remove(tx: &mut dyn Tx, list: List<'_>, key: &str) -> Result<(), StoreError> {
    let block = count(tx, list, key, -1)?;
    let List {
        account_id,
        kind,
        profile,
        list,
    } = list;
    if block.first.is_empty() || block.entries > MERGED_ENTRIES_MAX {
        return Ok(());
    }
    let values = params![account_id, kind, profile, list, &block.first];
    let Some(before) = tx.query_first(&SELECT_BEFORE, values)? else {
        return Ok(());
    };
    if before.int(1)? + block.entries > MERGED_ENTRIES_MAX {
        return Ok(());
    }
    let until = block.until.as_deref();
    let first = before.text(0)?;
    let values = params![
        account_id,
        kind,
        profile,
        list,
        first,
        &block.first,
        until,
        block.entries
    ];
    // Where the neighbour has been divided meanwhile, the two stay apart.
    if tx.execute(&LENGTHEN, values)? == 1 {
        tx.execute(
            &DELETE,
            params![account_id, kind, profile, list, &block.first],
        )?;
    }
    Ok(())
}

fn count(tx: &mut dyn Tx, list: List<'_>, key: &str, entries: i64) -> Result<Block, StoreError> {
    let List {
        account_id,
        kind,
        profile,
        list,
    } = list;
    for _ in 0..SEARCHES_MAX {
        let values = params![account_id, kind, profile, list, key, entries];
        if let Some(row) = tx.query_first(&COUNT, values)? {
            return Ok(Block {
                first: row.text(0)?.to_owned(),
                until: row.opt_text(1)?.map(str::to_owned),
                entries: row.int(2)?,
            });
        }
        tx.execute(&BEGIN, params![account_id, kind, profile, list])?;
    }
    Err(StoreError::Contention {
        label: "list_count",
        attempts: SEARCHES_MAX,
    })
}

/// The blocks of a list, in order.
///
/// # Errors
/// As [`Tx::query`].
pub fn list_blocks(tx: &mut dyn Tx, list: List<'_>) -> Result<Vec<Block>, StoreError> {
    let List {
        account_id,
        kind,
        profile,
        list,
    } = list;
    let rows = tx.query(&SELECT_BLOCKS, params![account_id, kind, profile, list])?;
    rows.iter()
        .map(|row| {
            Ok(Block {
                first: row.text(0)?.to_owned(),
                until: row.opt_text(1)?.map(str::to_owned),
                entries: row.int(2)?,
            })
        })
        .collect()
}

/// Entries of all blocks.
pub fn total(blocks: &[Block]) -> i64 {
    blocks.iter().map(|block| block.entries).sum()
}

/// The block in which the entry `offset` stands, counted from 0, and how many entries of it come before; `None` beyond the
/// end.
pub fn find(blocks: &[Block], offset: i64) -> Option<(&Block, i64)> {
    let mut before = 0;
    blocks.iter().find_map(|block| {
        let within = offset - before;
        before += block.entries;
        (offset < before).then_some((block, within))
    })
}
