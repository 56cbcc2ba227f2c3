//! What to do next for one instance: a pure function of what should be and what was last seen.
//!
//! Every step may be taken twice, and the process may die between any two: the next activation looks again
//! and goes on. Steps that change the record do so in one transaction each, so a step is done or not done.

use crate::instance::{Phase, Want};

/// What should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// What its owner (or the ledger) wants.
    pub want: Want,
}

/// What was last seen of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterSeen {
    /// Neither running nor on disk.
    Absent,
    /// Data is there, nothing runs.
    Stopped,
    /// Kafka answers, with the limits and listeners of the intent or with others.
    Running {
        /// Whether it is what the intent says.
        as_intended: bool,
    },
}

/// What was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The engine's view.
    pub cluster: ClusterSeen,
    /// The record's view.
    pub phase: Phase,
}

/// One idempotent step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Engine: make the cluster run as intended.
    EnsureCluster,
    /// Record: running, with the line delivered and its money taken, in one transaction.
    RecordRunning,
    /// Engine: stop the cluster, keep its data.
    StopCluster,
    /// Record: stopped.
    RecordStopped,
    /// Engine: stop the cluster and delete its data.
    DropCluster,
    /// Record: failed, with the line's money given back and its ports freed, in one transaction.
    RecordFailed,
    /// Record: released, ports freed, a line that was never delivered cancelled and its hold voided. Notes of topics
    /// stay with data that is kept.
    RecordReleased,
    /// Record: gone; otherwise as [`Step::RecordReleased`].
    RecordGone,
}

/// The steps that lead from `observed` to `intent`, in order. Empty when nothing is to be done.
pub fn next_steps(intent: Intent, observed: Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    let present = observed.cluster != ClusterSeen::Absent;
    match intent.want {
        Want::Nothing => {}
        Want::Running => {
            if observed.cluster != (ClusterSeen::Running { as_intended: true }) {
                steps.push(Step::EnsureCluster);
            }
            if observed.phase != Phase::Running {
                steps.push(Step::RecordRunning);
            }
        }
        Want::Stopped => {
            if matches!(observed.cluster, ClusterSeen::Running { .. }) {
                steps.push(Step::StopCluster);
            }
            if !matches!(observed.phase, Phase::Stopped | Phase::Suspended) {
                steps.push(Step::RecordStopped);
            }
        }
        Want::ReleasedKept => {
            if matches!(observed.cluster, ClusterSeen::Running { .. }) {
                steps.push(Step::StopCluster);
            }
            if observed.phase != Phase::Released {
                steps.push(Step::RecordReleased);
            }
        }
        Want::GivenUp => take_away(
            &mut steps,
            present,
            observed.phase,
            Phase::Failed,
            Step::RecordFailed,
        ),
        Want::Released => take_away(
            &mut steps,
            present,
            observed.phase,
            Phase::Released,
            Step::RecordReleased,
        ),
        Want::Gone => take_away(
            &mut steps,
            present,
            observed.phase,
            Phase::Gone,
            Step::RecordGone,
        ),
    }
    steps
}

/// The cluster goes before its record, so that a crash between the two never leaves data that no record names.
fn take_away(steps: &mut Vec<Step>, present: bool, phase: Phase, end: Phase, record: Step) {
    if present {
        steps.push(Step::DropCluster);
    }
    if phase != end {
        steps.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClusterSeen::{Absent, Running, Stopped};

    const AS_INTENDED: ClusterSeen = Running { as_intended: true };
    const DIFFERENT: ClusterSeen = Running { as_intended: false };

    fn check(want: Want, cluster: ClusterSeen, phase: Phase, expected: &[Step]) {
        assert_eq!(
            next_steps(Intent { want }, Observed { cluster, phase }),
            expected,
            "{want:?} {cluster:?} {phase:?}"
        );
    }

    #[test]
    fn what_is_released_and_kept_is_stopped_and_goes_later() {
        let kept = Want::ReleasedKept;
        let stop = [Step::StopCluster, Step::RecordReleased];
        check(kept, AS_INTENDED, Phase::Releasing, &stop);
        check(kept, Absent, Phase::Releasing, &[Step::RecordReleased]);
        check(kept, Stopped, Phase::Released, &[]);
        check(
            Want::Released,
            Stopped,
            Phase::Released,
            &[Step::DropCluster],
        );
    }

    #[test]
    fn steps_lead_from_what_is_seen_to_what_should_be() {
        check(Want::Nothing, Absent, Phase::AwaitingStart, &[]);
        check(
            Want::Running,
            Absent,
            Phase::Provisioning,
            &[Step::EnsureCluster, Step::RecordRunning],
        );
        check(
            Want::Running,
            AS_INTENDED,
            Phase::Provisioning,
            &[Step::RecordRunning],
        );
        check(Want::Running, AS_INTENDED, Phase::Running, &[]);
        check(
            Want::Running,
            Stopped,
            Phase::Running,
            &[Step::EnsureCluster],
        );
        check(
            Want::Running,
            DIFFERENT,
            Phase::Changing,
            &[Step::EnsureCluster, Step::RecordRunning],
        );
        check(
            Want::Stopped,
            AS_INTENDED,
            Phase::Running,
            &[Step::StopCluster, Step::RecordStopped],
        );
        check(Want::Stopped, Stopped, Phase::Suspended, &[]);
        check(
            Want::GivenUp,
            Stopped,
            Phase::Provisioning,
            &[Step::DropCluster, Step::RecordFailed],
        );
        check(
            Want::Released,
            AS_INTENDED,
            Phase::Releasing,
            &[Step::DropCluster, Step::RecordReleased],
        );
        check(Want::Gone, Absent, Phase::Released, &[Step::RecordGone]);
        check(Want::Gone, Absent, Phase::Gone, &[]);
    }

    /// Taking the steps one after the other, with a look again after each (as after a crash), always ends.
    #[test]
    fn looking_again_after_every_step_comes_to_rest() {
        for want in Want::ALL {
            for phase in Phase::ALL {
                for cluster in [Absent, Stopped, AS_INTENDED, DIFFERENT] {
                    let mut seen = Observed { cluster, phase };
                    let mut taken = 0;
                    while let Some(step) = next_steps(Intent { want }, seen).first().copied() {
                        seen = after(step, seen);
                        taken += 1;
                        assert!(
                            taken <= 2,
                            "{want:?} {phase:?} {cluster:?} does not come to rest"
                        );
                    }
                }
            }
        }
    }

    fn after(step: Step, seen: Observed) -> Observed {
        let Observed { cluster, phase } = seen;
        match step {
            Step::EnsureCluster => Observed {
                cluster: AS_INTENDED,
                phase,
            },
            Step::StopCluster => Observed {
                cluster: Stopped,
                phase,
            },
            Step::DropCluster => Observed {
                cluster: Absent,
                phase,
            },
            Step::RecordRunning => Observed {
                cluster,
                phase: Phase::Running,
            },
            Step::RecordStopped => Observed {
                cluster,
                phase: Phase::Stopped,
            },
            Step::RecordFailed => Observed {
                cluster,
                phase: Phase::Failed,
            },
            Step::RecordReleased => Observed {
                cluster,
                phase: Phase::Released,
            },
            Step::RecordGone => Observed {
                cluster,
                phase: Phase::Gone,
            },
        }
    }
}
