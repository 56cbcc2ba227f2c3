//! Keyed digests of the rows that nobody may change behind the program's back: accounts, keys, users, transfers, orders and their
//! lines, and the ends of the audit's chain.
//!
//! Every account has one row of sums, one sum a table. A sum is the XOR of a keyed hash of each row (a set hash: Clarke and
//! others, "Incremental Multiset Hash Functions", 2003; a row is there once, because it has a primary key). So a row that is
//! inserted, changed or deleted costs a hash and no look at the others, and what a transaction did to an account is one
//! statement at its end, on a row that no other account's transactions wait for.
//!
//! Without the key, which is not in the database, nobody can make a row, a change or a loss that the sums agree with. Who keeps
//! old copies of a whole account can put one back; what is kept outside of the database shows that
//! (`brokerage_control::ledger`).

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::params;
use crate::scan::Cursor;
use crate::tx::Tx;
use crate::value::{Row, Value};
use crate::{access_key, account, audit, ledger, order, sasl_user};

/// Bytes of the key.
pub const DIGEST_KEY_BYTES: usize = 32;
/// Rows that a check reads at once.
pub const DIGEST_PAGE: u32 = 2_000;
/// The scope of what belongs to no account.
pub const HOUSE: &str = "";
/// Begins every hashed text, as long as the key: both fill one block of the hash.
const HASH_DOMAIN: &[u8; 32] = b"brokerage digest of a row, no. 1";
/// Tables with digests.
const TABLES: usize = 7;

/// The columns of the sums, two a table.
macro_rules! columns {
    () => {
        "accounts_a, accounts_b, keys_a, keys_b, users_a, users_b, audit_a, audit_b, transfers_a, transfers_b, orders_a, orders_b, lines_a, lines_b"
    };
}

/// Both databases have `|` and `&`, and `(a | b) - (a & b)` is `a XOR b` without an overflow.
macro_rules! xor {
    ($first:literal $(, $column:literal)*) => {
        concat!(
            $first, " = (digest.", $first, " | excluded.", $first, ") - (digest.", $first, " & excluded.", $first, ")"
            $(, ", ", $column, " = (digest.", $column, " | excluded.", $column, ") - (digest.", $column, " & excluded.", $column, ")")*
        )
    };
}

crate::statements! {
    ADD = concat!("INSERT INTO digest (scope, ", columns!(), ") \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (scope) DO UPDATE SET ",
        xor!("accounts_a", "accounts_b", "keys_a", "keys_b", "users_a", "users_b", "audit_a", "audit_b", "transfers_a", "transfers_b", "orders_a",
            "orders_b", "lines_a", "lines_b"));
    LOCK = "UPDATE digest SET scope = scope WHERE scope = $1";
    SELECT = concat!("SELECT scope, ", columns!(), " FROM digest WHERE scope = $1");
    SELECT_PAGE = concat!("SELECT scope, ", columns!(), " FROM digest WHERE scope > $1 ORDER BY scope LIMIT CAST($2 AS BIGINT)");
    DELETE = "DELETE FROM digest WHERE scope = $1";
}

/// A table with digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Digested {
    /// Accounts: each also in the house's sums, so that a whole account cannot go.
    Accounts,
    /// Access keys and their policies.
    Keys,
    /// What is known of Kafka users.
    Users,
    /// Where the audit's chain begins and ends.
    Audit,
    /// Transfers.
    Transfers,
    /// Orders.
    Orders,
    /// Lines of orders.
    Lines,
}

impl Digested {
    /// All, those first that decide who may do what.
    pub const ALL: [Self; TABLES] = [
        Self::Accounts,
        Self::Keys,
        Self::Users,
        Self::Audit,
        Self::Transfers,
        Self::Orders,
        Self::Lines,
    ];

    /// What people call the rows.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Keys => "access keys",
            Self::Users => "users",
            Self::Audit => "ends of the audit's chain",
            Self::Transfers => "transfers",
            Self::Orders => "orders",
            Self::Lines => "lines of orders",
        }
    }

    /// A page of rows behind another one's cursor: columns as they are hashed, then the cursor's, then the account where the
    /// row does not say it.
    fn scan(self) -> &'static Scan {
        match self {
            Self::Accounts => &account::SCAN,
            Self::Keys => &access_key::SCAN,
            Self::Users => &sasl_user::SCAN,
            Self::Audit => &audit::SCAN,
            Self::Transfers => &ledger::SCAN,
            Self::Orders => &order::SCAN,
            Self::Lines => &order::SCAN_LINES,
        }
    }
}

/// How a table is read through.
pub(crate) struct Scan {
    /// Rows after a cursor (`$1`, `$2`, …), then the limit.
    pub(crate) statement: &'static crate::Statement,
    /// Columns that are hashed: the first of the row.
    pub(crate) columns: usize,
    /// Where the keys of the cursor stand.
    pub(crate) cursor: &'static [usize],
    /// What is before the first row.
    pub(crate) first: &'static [Value<'static>],
    /// Whose a row is; nobody's where it does not say.
    pub(crate) scope: fn(&Row) -> String,
}

/// The key of all digests, ready to hash with. Never printed.
#[derive(Clone)]
pub struct DigestKey(Sha256);

impl DigestKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(key: &[u8; DIGEST_KEY_BYTES]) -> Self {
        Self(Sha256::new_with_prefix(HASH_DOMAIN).chain_update(key))
    }

    /// The first half of SHA-256 over key and row: half a hash cannot be lengthened, so that no HMAC is needed.
    fn hash(&self, of: Digested, row: &[Value<'_>]) -> u128 {
        let mut hasher = self.0.clone();
        hasher.update([of as u8]);
        for value in row {
            match value {
                Value::Null => hasher.update([0]),
                Value::Int(value) => {
                    hasher.update([1]);
                    hasher.update(value.to_be_bytes());
                }
                Value::Text(text) => sized(&mut hasher, 2, text.as_bytes()),
                Value::Blob(bytes) => sized(&mut hasher, 3, bytes),
            }
        }
        let hash: [u8; 32] = hasher.finalize().into();
        hash[..16]
            .iter()
            .fold(0, |sum, byte| sum << 8 | u128::from(*byte))
    }
}

fn sized(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

impl Default for DigestKey {
    /// For stores that nobody gave a key: tests of the store alone.
    fn default() -> Self {
        Self::new(&[0; DIGEST_KEY_BYTES])
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

type Sums = [u128; TABLES];

/// What a transaction has changed so far of the sums.
#[derive(Debug, Default)]
pub struct Digests {
    key: DigestKey,
    changed: BTreeMap<String, Sums>,
}

impl Digests {
    /// Begins a transaction.
    pub(crate) fn begin(&mut self, key: &DigestKey) {
        self.key = key.clone();
        self.changed.clear();
    }

    /// Counts a row in, or out.
    pub(crate) fn toggle(&mut self, of: Digested, scope: &str, row: &[Value<'_>]) {
        let hash = self.key.hash(of, row);
        if !self.changed.contains_key(scope) {
            self.changed.insert(scope.to_owned(), Sums::default());
        }
        if let Some(sums) = self.changed.get_mut(scope) {
            sums[of as usize] ^= hash;
        }
    }
}

/// Writes what a transaction changed of the sums: the last that it does.
///
/// # Errors
/// As [`Tx::execute`].
pub(crate) fn digests_write(tx: &mut dyn Tx) -> Result<(), StoreError> {
    for (scope, sums) in std::mem::take(&mut tx.digests().changed) {
        sums_add(tx, &scope, &sums)?;
    }
    Ok(())
}

fn sums_add(tx: &mut dyn Tx, scope: &str, sums: &Sums) -> Result<(), StoreError> {
    let mut values = Vec::with_capacity(1 + 2 * TABLES);
    values.push(Value::from(scope));
    for sum in sums {
        let (high, low) = ((sum >> 64) as u64, *sum as u64);
        values.extend([high.cast_signed(), low.cast_signed()].map(Value::from));
    }
    tx.execute(&ADD, &values).map(drop)
}

/// Makes other transactions wait that change the same account's digests: before a row is read that is to be changed.
///
/// # Errors
/// As [`Tx::execute`].
pub(crate) fn digest_lock(tx: &mut dyn Tx, scope: &str) -> Result<(), StoreError> {
    tx.execute(&LOCK, params![scope]).map(drop)
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestFinding {
    /// The rows of an account (or of none) are not those that were written.
    Differs {
        /// The account; [`HOUSE`] for what is none's.
        scope: String,
        /// Which rows.
        of: Digested,
    },
    /// There are rows, and no digests of them.
    Missing,
}

/// What a check read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestReport {
    /// Rows read.
    pub rows: u64,
    /// Tables that were not read to their end.
    pub left_out: Vec<Digested>,
    /// What is wrong.
    pub findings: Vec<DigestFinding>,
}

/// Computes all digests anew, on one snapshot, and compares them. It stops at the end of the page in which `rows_max` rows
/// were read.
///
/// # Errors
/// As [`Tx::query`].
pub fn digest_check(tx: &mut dyn Tx, rows_max: u64) -> Result<DigestReport, StoreError> {
    digest_check_of(tx, &Digested::ALL, rows_max)
}

/// The same for some tables.
///
/// # Errors
/// As [`Tx::query`].
pub fn digest_check_of(
    tx: &mut dyn Tx,
    tables: &[Digested],
    rows_max: u64,
) -> Result<DigestReport, StoreError> {
    let mut report = DigestReport::default();
    let (computed, left_out) = compute(tx, (tables, None), rows_max, &mut report.rows)?;
    let stored = all_sums(tx)?;
    report.left_out = left_out;
    if !stored.contains_key(HOUSE) && (!computed.is_empty() || !stored.is_empty()) {
        report.findings.push(DigestFinding::Missing);
        return Ok(report);
    }
    let nothing = Sums::default();
    let mut scopes: Vec<&String> = stored.keys().chain(computed.keys()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    for scope in scopes {
        let (stored, computed) = (
            stored.get(scope).unwrap_or(&nothing),
            computed.get(scope).unwrap_or(&nothing),
        );
        let differs = tables.iter().copied().filter(|of| {
            !report.left_out.contains(of) && stored[*of as usize] != computed[*of as usize]
        });
        let finding = |of| DigestFinding::Differs {
            scope: scope.clone(),
            of,
        };
        report.findings.extend(differs.map(finding));
    }
    Ok(report)
}

/// Whether there are digests at all.
///
/// # Errors
/// As [`Tx::query`].
pub fn digests_are_there(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    Ok(tx.query_first(&SELECT, params![HOUSE])?.is_some())
}

/// Takes the rows that are there for those that were written: of all accounts, or of one. One transaction over all rows.
///
/// # Errors
/// As [`Tx::query`].
pub fn digest_accept(tx: &mut dyn Tx, only: Option<&str>) -> Result<(), StoreError> {
    let stored = all_sums(tx)?;
    for scope in stored.keys().filter(|scope| is_meant(only, scope)) {
        tx.execute(&DELETE, params![scope])?;
    }
    let (mut computed, _) = compute(tx, (&Digested::ALL, only), u64::MAX, &mut 0)?;
    if is_meant(only, HOUSE) {
        computed.entry(HOUSE.to_owned()).or_default();
    }
    for (scope, sums) in computed {
        sums_add(tx, &scope, &sums)?;
    }
    Ok(())
}

fn is_meant(only: Option<&str>, scope: &str) -> bool {
    only.is_none_or(|only| only == scope)
}

/// The sums of the rows that are there, and the tables that were not read to their end.
fn compute(
    tx: &mut dyn Tx,
    (tables, only): (&[Digested], Option<&str>),
    rows_max: u64,
    rows: &mut u64,
) -> Result<(BTreeMap<String, Sums>, Vec<Digested>), StoreError> {
    let key = tx.digests().key.clone();
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    let mut left_out = Vec::new();
    let mut add = |scope: &str, of: Digested, hash: u128| {
        if is_meant(only, scope) {
            sums.entry(scope.to_owned()).or_default()[of as usize] ^= hash;
        }
    };
    for of in tables.iter().copied() {
        let scan = of.scan();
        let mut next = Some(Cursor::before(scan.first.iter().cloned()));
        while let Some(after) = next {
            if *rows >= rows_max {
                left_out.push(of);
                break;
            }
            let page = tx.query(scan.statement, &after.values(DIGEST_PAGE))?;
            for row in &page {
                let hash = key.hash(of, &row.cells()[..scan.columns]);
                add(&(scan.scope)(row), of, hash);
                if of == Digested::Accounts {
                    add(HOUSE, of, hash);
                }
            }
            *rows += page.len() as u64;
            next = Cursor::behind(&page, DIGEST_PAGE, scan.cursor);
        }
    }
    Ok((sums, left_out))
}

fn all_sums(tx: &mut dyn Tx) -> Result<BTreeMap<String, Sums>, StoreError> {
    let mut stored = BTreeMap::new();
    if let Some(row) = tx.query_first(&SELECT, params![HOUSE])? {
        stored.insert(HOUSE.to_owned(), sums_of(&row)?);
    }
    let mut after = String::new();
    loop {
        let page = tx.query(&SELECT_PAGE, params![&after, DIGEST_PAGE])?;
        let Some(last) = page.last() else {
            return Ok(stored);
        };
        after = last.text(0)?.to_owned();
        for row in &page {
            stored.insert(row.text(0)?.to_owned(), sums_of(row)?);
        }
    }
}

fn sums_of(row: &Row) -> Result<Sums, StoreError> {
    let mut sums = Sums::default();
    for (at, sum) in sums.iter_mut().enumerate() {
        let half = |at: usize| row.int(at).map(|half| u128::from(half.cast_unsigned()));
        *sum = half(1 + 2 * at)? << 64 | half(2 + 2 * at)?;
    }
    Ok(sums)
}
