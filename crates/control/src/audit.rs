//! The audit trail, for operators: who asked for what, and whether its chain is whole.

use brokerage_domain::Result;
use brokerage_domain::id::AccountId;
use brokerage_store::audit::{AuditEntry, ChainCheck, audit_beginning, audit_list, audit_verify};
use brokerage_store::digest::{Digested, digest_check_of};

use crate::control::Control;

/// Days for which rows of the audit trail are kept, real time. What is older is summed up where the chain begins.
pub const AUDIT_DAYS: i64 = 30;
/// Newest rows that are listed.
pub const AUDIT_LISTED_MAX: u32 = 200;

/// What looking through the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Rows that were pruned before, which the beginning of the chain sums up.
    pub pruned: i64,
    /// Rows of the chain that are there.
    pub rows: i64,
    /// What is wrong; nothing when all is well.
    pub finding: Option<String>,
}

impl Control {
    /// The newest rows of an account, or of the operator (`None`), at most [`AUDIT_LISTED_MAX`].
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store cannot be read.
    pub async fn audit_list(
        &self,
        account: Option<&AccountId>,
        last: u32,
    ) -> Result<Vec<AuditEntry>> {
        let account = account.map_or("", AccountId::as_str).to_owned();
        let limit = last.min(AUDIT_LISTED_MAX);
        self.read("audit_list", move |tx| {
            Ok(audit_list(tx, &account, i64::MAX, limit)?)
        })
        .await
    }

    /// Recomputes the chain from where it begins, and compares both ends with their digest. All on one snapshot.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`] when the store cannot be read.
    pub async fn audit_verify(&self) -> Result<AuditReport> {
        self.read("audit_verify", |tx| {
            let begin = audit_beginning(tx)?;
            let mut report = AuditReport {
                pruned: begin.sequence,
                rows: 0,
                finding: None,
            };
            let mut point = begin;
            report.finding = loop {
                match audit_verify(tx, point)? {
                    ChainCheck::Good(next) => point = next,
                    ChainCheck::Complete(_) => break None,
                    ChainCheck::Broken { sequence } => {
                        break Some(format!("row {sequence} was changed, forged or taken away"));
                    }
                }
            };
            report.rows = point.sequence - begin.sequence;
            let ends = digest_check_of(tx, &[Digested::Audit], u64::MAX)?;
            if report.finding.is_none() && !ends.findings.is_empty() {
                report.finding = Some("both ends were changed together with all rows".to_owned());
            }
            Ok(report)
        })
        .await
    }

    /// A row about what the operator does.
    pub(crate) fn audit_operator(&self, action: &str, resource: &str) -> AuditEntry {
        AuditEntry {
            id: self.audit_id(),
            at_us: self.real_now().micros(),
            account_id: String::new(),
            access_key_id: String::new(),
            request_id: String::new(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            decision: "allow".to_owned(),
            decided_by: "operator".to_owned(),
        }
    }
}
