//! Instances: one Kafka cluster that somebody bought, and the phases that it goes through.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::catalog::Plan;
use crate::clock::Moment;
use crate::cluster_settings::ClusterSettings;
use crate::id::{AccountId, InstanceId, OrderId};
use crate::network::Placement;
use crate::notes::Notes;
use crate::order::Charge;
use crate::{Error, Result};

/// Most tags on one instance.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag's key or value. Ours, for where no vendor's page bounds them.
pub const TAG_CHARS_MAX: usize = 255;
/// Longest instance name in characters, whatever a dialect permits.
pub const INSTANCE_NAME_CHARS_MAX: usize = 128;

/// Where an instance is in its life.
///
/// `AwaitingStart → Provisioning → Running ⇄ Changing`; `Running ⇄ Stopped` by its user;
/// `Running → Suspended → Running` by money; `Provisioning | Changing → Failed`;
/// any of them `→ Releasing → Released → Gone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Ordered; its user has to start it.
    AwaitingStart,
    /// Being made.
    Provisioning,
    /// Kafka answers.
    Running,
    /// Running while what was bought changes.
    Changing,
    /// Stopped by its user.
    Stopped,
    /// Stopped for want of money.
    Suspended,
    /// Could not be made; its money went back.
    Failed,
    /// Being taken away.
    Releasing,
    /// Taken away; still listed where its cloud lists it.
    Released,
    /// Taken away and not listed.
    Gone,
}

impl Phase {
    /// All phases, for tables.
    pub const ALL: [Self; 10] = [
        Self::AwaitingStart,
        Self::Provisioning,
        Self::Running,
        Self::Changing,
        Self::Stopped,
        Self::Suspended,
        Self::Failed,
        Self::Releasing,
        Self::Released,
        Self::Gone,
    ];

    /// The word that is stored and shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AwaitingStart => "awaiting_start",
            Self::Provisioning => "provisioning",
            Self::Running => "running",
            Self::Changing => "changing",
            Self::Stopped => "stopped",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Gone => "gone",
        }
    }

    /// The phase of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.word() == word)
    }
}

/// What should be: the half of the intent that is not the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// Nothing yet: its user has not started it.
    Nothing,
    /// A running cluster of the plan.
    Running,
    /// The data, without a running cluster.
    Stopped,
    /// Given up: no cluster, no data, money back.
    GivenUp,
    /// Listed, without a cluster; its data is kept until a timer is due.
    ReleasedKept,
    /// No cluster and no data, but listed.
    Released,
    /// No cluster, no data, not listed.
    Gone,
}

impl Want {
    /// All wants, for tables.
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Running,
        Self::Stopped,
        Self::GivenUp,
        Self::ReleasedKept,
        Self::Released,
        Self::Gone,
    ];

    /// The word that is stored.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::GivenUp => "undone",
            Self::ReleasedKept => "released_kept",
            Self::Released => "released",
            Self::Gone => "gone",
        }
    }

    /// The want of a stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|want| want.word() == word)
    }
}

/// Tags by key, in the order in which they were given: clients compare lists of them with what they sent.
pub type Tags = IndexMap<String, String>;

/// Checks what an owner calls an instance. Dialects may permit less.
///
/// # Errors
/// [`Error::Invalid`] for a name of more than [`INSTANCE_NAME_CHARS_MAX`] characters.
pub fn instance_name_check(name: &str) -> Result<()> {
    if name.chars().count() <= INSTANCE_NAME_CHARS_MAX {
        return Ok(());
    }
    let reason = format!("at most {INSTANCE_NAME_CHARS_MAX} characters");
    Err(Error::invalid("name", reason))
}

/// Checks the tags of an instance or a topic. Dialects may permit less.
///
/// # Errors
/// [`Error::LimitReached`] for more than [`TAGS_MAX`], [`Error::Invalid`] for more than [`TAG_CHARS_MAX`] characters.
pub fn tags_check(tags: &Tags) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(Error::LimitReached {
            what: "tags",
            max: TAGS_MAX as i64,
        });
    }
    let is_long = |text: &String| text.chars().count() > TAG_CHARS_MAX;
    if tags
        .iter()
        .any(|(key, value)| is_long(key) || is_long(value))
    {
        let reason = format!("at most {TAG_CHARS_MAX} characters in a key and in a value");
        return Err(Error::invalid("tags", reason));
    }
    Ok(())
}

/// Until when a prepaid instance keeps its owner from giving it up by a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrepaidRelease {
    /// It may always go.
    Permitted,
    /// It may go when its term is over, or when it could not be made and was paid back.
    AfterTerm,
    /// It never goes by this call.
    Denied,
}

/// The terms on which a call gives an instance up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseTerms {
    /// What becomes of prepaid ones.
    pub prepaid: PrepaidRelease,
    /// Whether it may go while it is made or changed.
    pub under_way: bool,
}

/// Why an instance may not be given up, whatever phase it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseDenial {
    /// Its owner protects it.
    Protected,
    /// It is prepaid.
    Prepaid,
}

impl ReleaseDenial {
    /// The words for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Protected => "it is protected",
            Self::Prepaid => "it is prepaid",
        }
    }
}

/// A resize that is under way: the instance keeps its plan until the cluster runs by the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingResize {
    /// The order that pays for it.
    pub order_id: OrderId,
    /// Line of that order, counted from 0.
    pub order_line: u32,
    /// The plan that the cluster gets.
    pub plan: Plan,
    /// The slots of its brokers under that plan, as in [`Instance::slots`].
    #[serde(rename = "ports")]
    pub slots: Vec<u16>,
}

/// One Kafka cluster that somebody bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id, in its dialect's form.
    pub id: InstanceId,
    /// Who pays.
    pub account_id: AccountId,
    /// The catalog that it was bought from.
    pub profile: String,
    /// Where it is.
    pub region: String,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// The order that bought it, and its line there.
    pub order_id: OrderId,
    /// Line of that order, counted from 0.
    pub order_line: u32,
    /// What was bought.
    pub plan: Plan,
    /// How it is paid for.
    pub charge: Charge,
    /// Network, subnet and zones; `None` until its user has started it.
    pub placement: Option<Placement>,
    /// Where it is in its life.
    pub phase: Phase,
    /// What should be.
    pub want: Want,
    /// The slots that its brokers hold, by broker id from 0: numbers out of the host's range, each a TCP port or a
    /// loopback address ([`Listeners::slot_holders`](crate::listener::Listeners::slot_holders)).
    pub slots: Vec<u16>,
    /// Cluster settings that its owner chose.
    pub settings: ClusterSettings,
    /// What its dialect has to show again as it was given (a disk type's old name, say).
    pub notes: Notes,
    /// Its tags.
    pub tags: Tags,
    /// Whether its owner keeps it from being given up.
    pub deletion_protected: bool,
    /// When it was ordered.
    pub created_at: Moment,
    /// When it ran first.
    pub running_since: Option<Moment>,
    /// When its prepaid term ends.
    pub expires_at: Option<Moment>,
    /// Up to when its pay-as-you-go hours are charged.
    pub billed_until: Option<Moment>,
    /// Delivery attempts that failed, in a row.
    pub attempts: u32,
    /// Why it could not be delivered or changed.
    pub failure: Option<String>,
    /// The resize that is under way.
    pub resize: Option<PendingResize>,
    /// Counts changes of the record.
    pub revision: i64,
}

impl Instance {
    /// The plan that its cluster should run by: that of the resize under way, or its own.
    pub fn plan_intended(&self) -> &Plan {
        self.resize
            .as_ref()
            .map_or(&self.plan, |resize| &resize.plan)
    }

    /// The slots that its brokers should have, by broker id from 0.
    pub fn slots_intended(&self) -> &[u16] {
        self.resize
            .as_ref()
            .map_or(&self.slots, |resize| &resize.slots)
    }

    /// Whether its owner may give it up now, on these terms.
    ///
    /// # Errors
    /// [`Error::ReleaseDenied`] when it is protected or prepaid; [`Error::WrongPhase`] when it is given up already, or
    /// while it is made or changed where the terms do not permit that.
    pub fn may_be_released(&self, now: Moment, terms: ReleaseTerms) -> Result<()> {
        let denied = |denial| Error::ReleaseDenied {
            id: self.id.as_str().to_owned(),
            denial,
        };
        if self.deletion_protected {
            return Err(denied(ReleaseDenial::Protected));
        }
        let is_under_way = matches!(
            self.phase,
            Phase::AwaitingStart | Phase::Provisioning | Phase::Changing
        );
        if is_under_way && !terms.under_way {
            return Err(self.wrong_phase());
        }
        let in_term = || self.expires_at.is_none_or(|end| end > now) && self.phase != Phase::Failed;
        let is_kept = match terms.prepaid {
            PrepaidRelease::Permitted => false,
            PrepaidRelease::AfterTerm => self.charge.is_prepaid() && in_term(),
            PrepaidRelease::Denied => self.charge.is_prepaid(),
        };
        if is_kept {
            return Err(denied(ReleaseDenial::Prepaid));
        }
        self.check_not_released()
    }

    /// Whether it is neither given up nor about to be.
    ///
    /// # Errors
    /// [`Error::WrongPhase`].
    pub fn check_not_released(&self) -> Result<()> {
        match self.phase {
            Phase::Releasing | Phase::Released | Phase::Gone => Err(self.wrong_phase()),
            _ => Ok(()),
        }
    }

    /// The refusal of what its phase does not permit.
    pub fn wrong_phase(&self) -> Error {
        Error::WrongPhase {
            id: self.id.as_str().to_owned(),
            phase: self.phase,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_are_read_back() {
        for phase in Phase::ALL {
            assert_eq!(Phase::from_word(phase.word()), Some(phase));
        }
        for want in Want::ALL {
            assert_eq!(Want::from_word(want.word()), Some(want));
        }
    }
}
