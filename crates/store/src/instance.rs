//! Instances: intent and what was last recorded of them.

use brokerage_domain::clock::Moment;
use brokerage_domain::id::{AccountId, InstanceId, OrderId};
use brokerage_domain::instance::{Instance, Phase, Want};

use crate::document;
use crate::error::StoreError;
use crate::params;
use crate::tx::Tx;
use crate::value::Row;

/// Instances on one page of a scan.
pub const INSTANCE_PAGE: u32 = 1_000;
/// Unsettled instances that one reconciler pass takes.
pub const UNSETTLED_MAX: u32 = 200;

/// The columns of an instance, in the order of [`read`].
macro_rules! columns {
    () => {
        "id, account_id, profile, region, name, order_id, order_line, plan, charge, placement, phase, want, ports, \
         settings, attributes, tags, created_at_us, running_since_us, expires_at_us, billed_until_us, attempts, \
         failure, revision, change, deletion_protected"
    };
}

crate::statements! {
    INSERT = concat!("INSERT INTO instance (", columns!(), ", unsettled, retry_at_us, spec) VALUES ($1, $2, $3, $4, \
              $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)");
    UPDATE = "UPDATE instance SET name = $3, plan = $4, charge = $5, placement = $6, phase = $7, want = $8, \
              ports = $9, settings = $10, attributes = $11, tags = $12, running_since_us = $13, expires_at_us = $14, \
              billed_until_us = $15, attempts = $16, failure = $17, unsettled = $18, retry_at_us = $19, \
              change = $20, deletion_protected = $21, revision = revision + 1 WHERE id = $1 AND revision = $2";
    SELECT = concat!("SELECT ", columns!(), " FROM instance WHERE id = $1");
    SELECT_OWNED = concat!("SELECT ", columns!(), " FROM instance WHERE id = $1 AND account_id = $2");
    SELECT_OWNED_PAGE = concat!("SELECT ", columns!(), " FROM instance WHERE account_id = $1 AND profile = $2 \
                         AND id > $3 AND phase <> 'gone' ORDER BY id LIMIT CAST($4 AS BIGINT)");
    SELECT_PAGE = concat!("SELECT ", columns!(), " FROM instance WHERE id > $1 ORDER BY id LIMIT CAST($2 AS BIGINT)");
    SELECT_LIVE_PAGE = concat!("SELECT ", columns!(), " FROM instance WHERE id > $1 AND phase <> 'gone' AND want <> 'nothing' \
                        ORDER BY id LIMIT CAST($2 AS BIGINT)");
    SELECT_BY_ORDER = concat!("SELECT ", columns!(), " FROM instance WHERE order_id = $1 ORDER BY order_line LIMIT CAST($2 AS BIGINT)");
    SELECT_UNSETTLED = concat!("SELECT ", columns!(), " FROM instance WHERE unsettled = 1 AND retry_at_us <= $1 \
                        ORDER BY retry_at_us, id LIMIT CAST($2 AS BIGINT)");
    COUNT_SPEC = "SELECT COUNT(*) FROM instance WHERE account_id = $1 AND spec = $2";
    NEXT_RETRY = "SELECT MIN(retry_at_us) FROM instance WHERE unsettled = 1";
}

fn read(row: &Row) -> Result<Instance, StoreError> {
    let number = |column| {
        row.int(column)
            .and_then(|n| u32::try_from(n).map_err(|_| row.mismatch(column, "a count")))
    };
    let moment = |column| Ok::<_, StoreError>(row.opt_int(column)?.map(Moment::from_micros));
    Ok(Instance {
        id: InstanceId::new(row.text(0)?),
        account_id: AccountId::new(row.text(1)?),
        profile: row.text(2)?.to_owned(),
        region: row.text(3)?.to_owned(),
        name: row.text(4)?.to_owned(),
        order_id: OrderId::new(row.text(5)?),
        order_line: number(6)?,
        plan: document::read(row, 7)?,
        charge: document::read(row, 8)?,
        placement: document::read_optional(row, 9)?,
        phase: Phase::from_word(row.text(10)?).ok_or_else(|| row.mismatch(10, "a phase"))?,
        want: Want::from_word(row.text(11)?).ok_or_else(|| row.mismatch(11, "a want"))?,
        ports: document::read(row, 12)?,
        settings: document::read(row, 13)?,
        notes: document::read(row, 14)?,
        tags: document::read(row, 15)?,
        created_at: Moment::from_micros(row.int(16)?),
        running_since: moment(17)?,
        expires_at: moment(18)?,
        billed_until: moment(19)?,
        attempts: number(20)?,
        failure: row.opt_text(21)?.map(str::to_owned),
        revision: row.int(22)?,
        change: document::read_optional(row, 23)?,
        deletion_protected: row.int(24)? != 0,
    })
}

/// When the reconciler should look at an instance again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Nothing is to be done until somebody changes the intent.
    Settled,
    /// From this moment on.
    From(Moment),
}

impl Attention {
    const fn columns(self) -> (bool, i64) {
        match self {
            Self::Settled => (false, 0),
            Self::From(moment) => (true, moment.micros()),
        }
    }
}

/// Inserts an instance. Its id must be new.
///
/// # Errors
/// As [`Tx::execute`].
pub fn instance_insert(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
) -> Result<(), StoreError> {
    let (unsettled, retry_at_us) = attention.columns();
    let values = params![
        instance.id.as_str(),
        instance.account_id.as_str(),
        &instance.profile,
        &instance.region,
        &instance.name,
        instance.order_id.as_str(),
        instance.order_line,
        document::write(&instance.plan),
        document::write(&instance.charge),
        instance.placement.as_ref().map(document::write),
        instance.phase.word(),
        instance.want.word(),
        document::write(&instance.ports),
        document::write(&instance.settings),
        document::write(&instance.notes),
        document::write(&instance.tags),
        instance.created_at.micros(),
        instance.running_since.map(Moment::micros),
        instance.expires_at.map(Moment::micros),
        instance.billed_until.map(Moment::micros),
        instance.attempts,
        instance.failure.as_ref(),
        instance.revision,
        instance.change.as_ref().map(document::write),
        instance.deletion_protected,
        unsettled,
        retry_at_us,
        instance.plan.spec.as_ref(),
    ];
    tx.execute(&INSERT, values)?;
    Ok(())
}

/// Writes back an instance that was read in revision `instance.revision`; `false` when it has changed since, and
/// nothing is written then. What never changes (owner, order, times of purchase) is left as it is.
///
/// # Errors
/// As [`Tx::execute`].
pub fn instance_update(
    tx: &mut dyn Tx,
    instance: &Instance,
    attention: Attention,
) -> Result<bool, StoreError> {
    let (unsettled, retry_at_us) = attention.columns();
    let values = params![
        instance.id.as_str(),
        instance.revision,
        &instance.name,
        document::write(&instance.plan),
        document::write(&instance.charge),
        instance.placement.as_ref().map(document::write),
        instance.phase.word(),
        instance.want.word(),
        document::write(&instance.ports),
        document::write(&instance.settings),
        document::write(&instance.notes),
        document::write(&instance.tags),
        instance.running_since.map(Moment::micros),
        instance.expires_at.map(Moment::micros),
        instance.billed_until.map(Moment::micros),
        instance.attempts,
        instance.failure.as_ref(),
        unsettled,
        retry_at_us,
        instance.change.as_ref().map(document::write),
        instance.deletion_protected,
    ];
    Ok(tx.execute(&UPDATE, values)? == 1)
}

/// One instance, whoever's it is.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_by_id(tx: &mut dyn Tx, id: &InstanceId) -> Result<Option<Instance>, StoreError> {
    tx.query_first(&SELECT, params![id.as_str()])?
        .as_ref()
        .map(read)
        .transpose()
}

/// One instance of an account; another account's is as good as none.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_owned(
    tx: &mut dyn Tx,
    account: &AccountId,
    id: &InstanceId,
) -> Result<Option<Instance>, StoreError> {
    tx.query_first(&SELECT_OWNED, params![id.as_str(), account.as_str()])?
        .as_ref()
        .map(read)
        .transpose()
}

/// The account's instances in one profile after the id `after`, those that are gone left out.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_owned_page(
    tx: &mut dyn Tx,
    account: &AccountId,
    profile: &str,
    after: &str,
) -> Result<Vec<Instance>, StoreError> {
    let rows = tx.query(
        &SELECT_OWNED_PAGE,
        params![account.as_str(), profile, after, INSTANCE_PAGE],
    )?;
    rows.iter().map(read).collect()
}

/// All instances after the id `after`.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_page(tx: &mut dyn Tx, after: &str) -> Result<Vec<Instance>, StoreError> {
    tx.query(&SELECT_PAGE, params![after, INSTANCE_PAGE])?
        .iter()
        .map(read)
        .collect()
}

/// Instances after the id `after` of which a cluster may be there, or should.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_live_page(tx: &mut dyn Tx, after: &str) -> Result<Vec<Instance>, StoreError> {
    tx.query(&SELECT_LIVE_PAGE, params![after, INSTANCE_PAGE])?
        .iter()
        .map(read)
        .collect()
}

/// The instances that an order bought, by line.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_by_order(tx: &mut dyn Tx, order: &OrderId) -> Result<Vec<Instance>, StoreError> {
    tx.query(&SELECT_BY_ORDER, params![order.as_str(), INSTANCE_PAGE])?
        .iter()
        .map(read)
        .collect()
}

/// Unsettled instances whose turn has come, at most [`UNSETTLED_MAX`].
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_unsettled(tx: &mut dyn Tx, now: Moment) -> Result<Vec<Instance>, StoreError> {
    tx.query(&SELECT_UNSETTLED, params![now.micros(), UNSETTLED_MAX])?
        .iter()
        .map(read)
        .collect()
}

/// When the next unsettled instance's turn comes.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_next_retry(tx: &mut dyn Tx) -> Result<Option<Moment>, StoreError> {
    let Some(row) = tx.query_first(&NEXT_RETRY, params![])? else {
        return Ok(None);
    };
    Ok(row.opt_int(0)?.map(Moment::from_micros))
}

/// How many instances of one spec the account ever bought.
///
/// # Errors
/// As [`Tx::query`].
pub fn instance_count_spec(
    tx: &mut dyn Tx,
    account: &AccountId,
    spec: &str,
) -> Result<i64, StoreError> {
    tx.query_first(&COUNT_SPEC, params![account.as_str(), spec])?
        .map_or(Ok(0), |row| row.int(0))
}
