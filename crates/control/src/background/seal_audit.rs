//! Gives rows of the audit trail their place in the hash chain.

use brokerage_domain::Result;
use brokerage_store::audit::{SEAL_ROWS_MAX, audit_seal};

use super::Next;
use crate::control::Control;

impl Control {
    pub(super) async fn seal_audit(&self) -> Result<Next> {
        let sealed = self.write("audit_seal", |tx| Ok(audit_seal(tx)?)).await?;
        Ok(Next::after_slice(sealed as u64, SEAL_ROWS_MAX as u64))
    }
}
