//! The audit trail: who asked for what, and what was decided. Append-only and hash-chained.
//!
//! [`audit_append`] writes one row in the transaction of the call. A background task gives rows their place in the
//! chain, [`SEAL_ROWS_MAX`] at a time ([`audit_seal`]): chaining in the call itself would make every transaction of
//! PostgreSQL wait for one row, the chain's head. A row can be altered unseen only until it is sealed.
//! [`audit_verify`] recomputes the chain from its beginning, a page at a time.

use sha2::{Digest, Sha256};

use crate::digest::{Digested, HOUSE, Scan};
use crate::error::StoreError;
use crate::params;
use crate::table::{Record, sql, table};
use crate::tx::Tx;
use crate::value::{Row, Value};

/// Rows that one call of [`audit_seal`], [`audit_prune`] or [`audit_verify`] takes at most.
pub const SEAL_ROWS_MAX: i64 = 200;

/// Bytes of a chain hash (SHA-256).
pub const HASH_BYTES: usize = 32;

/// Begins every hashed text, so that the hash means nothing elsewhere.
const HASH_DOMAIN: &[u8] = b"brokerage audit row 1";

crate::statements! {
    /// Appends a row.
    pub INSERT = AuditEntry::INSERT;
    /// Rows that are not in the chain yet, oldest first.
    pub SELECT_UNSEALED = sql![AuditEntry::SELECT, " WHERE sequence IS NULL ORDER BY at_us, id LIMIT CAST($1 AS BIGINT)"];
    /// The end of the chain, locked until the transaction ends; made at its first use.
    pub LOCK_HEAD = "INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, $1) \
        ON CONFLICT (id) DO UPDATE SET id = audit_head.id RETURNING sequence, hash";
    /// The end of the chain.
    pub SELECT_HEAD = "SELECT sequence, hash FROM audit_head WHERE id = 1";
    /// Gives a row its place.
    pub SEAL = "UPDATE audit SET sequence = $2, hash = $3 WHERE id = $1 AND sequence IS NULL";
    /// Moves the end of the chain.
    pub MOVE_HEAD = "UPDATE audit_head SET sequence = $1, hash = $2 WHERE id = 1";
    /// A page of the chain: rows with their places.
    pub SELECT_SEALED = sql!["SELECT ", AuditEntry::COLUMNS, ", sequence, hash FROM audit WHERE sequence > $1 \
        ORDER BY sequence LIMIT CAST($2 AS BIGINT)"];
    /// Where the chain begins, once rows were pruned.
    pub SELECT_ANCHOR = "SELECT sequence, hash FROM audit_anchor WHERE id = 1";
    /// Moves it.
    pub MOVE_ANCHOR = "INSERT INTO audit_anchor (id, sequence, hash) VALUES (1, $1, $2) \
        ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash";
    /// Both ends of the chain, as their digest is made of them.
    pub SELECT_ENDS = "SELECT id, sequence, hash FROM (SELECT id, sequence, hash FROM audit_head \
        UNION ALL SELECT id + 1, sequence, hash FROM audit_anchor) AS ends \
        WHERE sequence > 0 AND id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)";
    /// Rows that lie before the beginning of the chain.
    pub SELECT_BEFORE = "SELECT sequence FROM audit WHERE sequence <= $1 LIMIT 1";
    /// Takes rows from the beginning of the chain.
    pub PRUNE = "DELETE FROM audit WHERE sequence <= $1";
    /// Newest rows of an account before a time.
    pub SELECT_BY_ACCOUNT = sql![AuditEntry::SELECT, " WHERE account_id = $1 AND at_us < $2 \
        ORDER BY at_us DESC, id DESC LIMIT CAST($3 AS BIGINT)"];
}

/// How the ends of the chain are read through.
pub(crate) static SCAN: Scan = Scan {
    statement: &SELECT_ENDS,
    columns: 3,
    cursor: &[0],
    first: &[Value::Int(0)],
    scope: |_: &Row| HOUSE.to_owned(),
};
/// What the row of the chain's end is called in its digest, and that of its beginning.
const ENDS: [i64; 2] = [1, 2];

/// Counts an end of the chain in the digests, or out of them. The start of an empty chain is no row.
fn end_toggle(tx: &mut dyn Tx, end: i64, point: &ChainPoint) {
    if point.sequence > 0 {
        let row = params![end, point.sequence, &point.hash];
        tx.digests().toggle(Digested::Audit, HOUSE, row);
    }
}

/// One decision about one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEntry {
    /// Unique id.
    pub id: String,
    /// When, microseconds since 1970 UTC, real time.
    pub at_us: i64,
    /// Whose resources.
    pub account_id: String,
    /// Who asked; empty for the system itself.
    pub access_key_id: String,
    /// The request id that the caller was given.
    pub request_id: String,
    /// What was asked for, as access policies name it.
    pub action: String,
    /// Of what.
    pub resource: String,
    /// What was decided, one word (`allow`, `deny`).
    pub decision: String,
    /// What decided it (a policy, a rule); empty if nothing did.
    pub decided_by: String,
}

table! {
    audit: AuditEntry {
        id, at_us, account_id, access_key_id, request_id, action, resource, decision, decided_by
    }
}

/// A place in the chain: how many rows it has up to here, and the hash over all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChainPoint {
    /// Rows up to here.
    pub sequence: i64,
    /// Hash of the row here, which covers every row before.
    pub hash: [u8; HASH_BYTES],
}

impl ChainPoint {
    /// Before the first row.
    pub const START: Self = Self {
        sequence: 0,
        hash: [0; HASH_BYTES],
    };

    /// The point after one more row.
    #[must_use]
    pub fn next(&self, entry: &AuditEntry) -> Self {
        let sequence = self.sequence.saturating_add(1);
        let mut hasher = Sha256::new();
        hasher.update(HASH_DOMAIN);
        hasher.update(self.hash);
        hasher.update(sequence.to_be_bytes());
        hasher.update(entry.at_us.to_be_bytes());
        let texts = [
            &entry.id,
            &entry.account_id,
            &entry.access_key_id,
            &entry.request_id,
            &entry.action,
            &entry.resource,
            &entry.decision,
            &entry.decided_by,
        ];
        for text in texts {
            // Lengths keep neighbours apart: ("ab", "c") is not ("a", "bc").
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
        Self {
            sequence,
            hash: hasher.finalize().into(),
        }
    }

    fn from_row(row: &Row, sequence: usize, hash: usize) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: row.int(sequence)?,
            hash: row
                .blob(hash)?
                .try_into()
                .map_err(|_length| row.mismatch(hash, "32 bytes"))?,
        })
    }
}

/// Appends a row. Its place in the chain follows by [`audit_seal`].
///
/// # Errors
/// Those of the store.
pub fn audit_append(tx: &mut dyn Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    tx.execute(&INSERT, &entry.bind()).map(drop)
}

/// Gives at most [`SEAL_ROWS_MAX`] rows their place in the chain. Returns how many; fewer than the maximum means that
/// it is done. Replicas may call it at the same time.
///
/// # Errors
/// Those of the store.
pub fn audit_seal(tx: &mut dyn Tx) -> Result<usize, StoreError> {
    if tx.query_first(&SELECT_UNSEALED, params![1_i64])?.is_none() {
        return Ok(0);
    }
    let head = tx.query(&LOCK_HEAD, params![&ChainPoint::START.hash])?;
    let Some(head) = head.first() else {
        return Ok(0);
    };
    let before = ChainPoint::from_row(head, 0, 1)?;
    let mut point = before;
    // Read after the lock: another replica may have sealed the same rows meanwhile.
    let rows = tx.query(&SELECT_UNSEALED, params![SEAL_ROWS_MAX])?;
    for row in &rows {
        let entry = AuditEntry::read(row)?;
        point = point.next(&entry);
        tx.execute(&SEAL, params![entry.id, point.sequence, &point.hash])?;
    }
    tx.execute(&MOVE_HEAD, params![point.sequence, &point.hash])?;
    for moved in [before, point] {
        end_toggle(tx, ENDS[0], &moved);
    }
    Ok(rows.len())
}

/// Takes at most [`SEAL_ROWS_MAX`] rows from before `before_us` off the beginning of the chain. What they said is summed up by
/// the hash of the last of them, from which the chain goes on. Returns how many; fewer than the maximum means that it is done.
/// Rows are checked before they go: nothing is taken from a chain that is broken.
///
/// # Errors
/// Those of the store.
pub fn audit_prune(tx: &mut dyn Tx, before_us: i64) -> Result<Pruned, StoreError> {
    // One at a time, and none that is sealed meanwhile.
    tx.query(&LOCK_HEAD, params![&ChainPoint::START.hash])?;
    let from = audit_beginning(tx)?;
    let mut point = from;
    let rows = tx.query(&SELECT_SEALED, params![from.sequence, SEAL_ROWS_MAX])?;
    for row in &rows {
        let entry = AuditEntry::read(row)?;
        if entry.at_us >= before_us {
            break;
        }
        let expected = point.next(&entry);
        if ChainPoint::from_row(row, AuditEntry::COUNT, AuditEntry::COUNT + 1)? != expected {
            return Ok(Pruned::Broken {
                sequence: expected.sequence,
            });
        }
        point = expected;
    }
    if point == from {
        return Ok(Pruned::Rows(0));
    }
    let pruned = tx.execute(&PRUNE, params![point.sequence])?;
    tx.execute(&MOVE_ANCHOR, params![point.sequence, &point.hash])?;
    for moved in [from, point] {
        end_toggle(tx, ENDS[1], &moved);
    }
    Ok(Pruned::Rows(pruned))
}

/// What [`audit_prune`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pruned {
    /// So many rows went.
    Rows(u64),
    /// The row with this sequence is not what the chain says: nothing went.
    Broken {
        /// The first wrong sequence.
        sequence: i64,
    },
}

/// Where the chain begins: after what was pruned.
///
/// # Errors
/// Those of the store.
pub fn audit_beginning(tx: &mut dyn Tx) -> Result<ChainPoint, StoreError> {
    let anchor = tx.query_first(&SELECT_ANCHOR, params![])?;
    anchor.map_or(Ok(ChainPoint::START), |row| {
        ChainPoint::from_row(&row, 0, 1)
    })
}

/// What a page of the chain showed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChainCheck {
    /// So far good: go on from here.
    Good(ChainPoint),
    /// The whole chain is good; this is its end.
    Complete(ChainPoint),
    /// The row with this sequence was altered, removed, or is not what the head says.
    Broken {
        /// The first wrong sequence.
        sequence: i64,
    },
}

/// Recomputes at most [`SEAL_ROWS_MAX`] rows of the chain after `from`. Start with [`audit_beginning`].
///
/// # Errors
/// Those of the store.
pub fn audit_verify(tx: &mut dyn Tx, from: ChainPoint) -> Result<ChainCheck, StoreError> {
    let mut point = from;
    if from == audit_beginning(tx)?
        && let Some(row) = tx.query_first(&SELECT_BEFORE, params![from.sequence])?
    {
        return Ok(ChainCheck::Broken {
            sequence: row.int(0)?,
        });
    }
    let rows = tx.query(&SELECT_SEALED, params![from.sequence, SEAL_ROWS_MAX])?;
    for row in &rows {
        let expected = point.next(&AuditEntry::read(row)?);
        if ChainPoint::from_row(row, AuditEntry::COUNT, AuditEntry::COUNT + 1)? != expected {
            return Ok(ChainCheck::Broken {
                sequence: expected.sequence,
            });
        }
        point = expected;
    }
    if !rows.is_empty() {
        return Ok(ChainCheck::Good(point));
    }
    let head = tx.query_first(&SELECT_HEAD, params![])?;
    let head = head.map_or(Ok(ChainPoint::START), |row| {
        ChainPoint::from_row(&row, 0, 1)
    })?;
    if head == point {
        Ok(ChainCheck::Complete(point))
    } else {
        Ok(ChainCheck::Broken {
            sequence: point.sequence.saturating_add(1),
        })
    }
}

/// The newest `limit` rows (at most [`SEAL_ROWS_MAX`]) of an account before `before_us`.
///
/// # Errors
/// Those of the store.
pub fn audit_list(
    tx: &mut dyn Tx,
    account_id: &str,
    before_us: i64,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let limit = i64::from(limit).min(SEAL_ROWS_MAX);
    let rows = tx.query(&SELECT_BY_ACCOUNT, params![account_id, before_us, limit])?;
    AuditEntry::read_all(&rows)
}
