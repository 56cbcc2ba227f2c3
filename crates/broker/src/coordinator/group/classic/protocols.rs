//! The assignment protocols that the members of a group support.

use std::collections::{BTreeMap, HashSet};

use super::{ClassicGroup, Join, Member};

impl ClassicGroup {
    /// Whether a member with these protocols can join the group.
    pub(super) fn supports(&self, join: &Join) -> bool {
        if self.members.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let common = |name: &String| {
            self.members
                .values()
                .all(|member| member.protocols.iter().any(|(known, _)| known == name))
        };
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(|(name, _)| common(name))
    }

    /// The protocol that all members know and most prefer.
    pub(super) fn choose_protocol(&self) -> String {
        let mut members = self.members.values();
        let knows = |member: &Member, name: &str| {
            let mut each = member.protocols.iter();
            each.any(|(known, _)| known == name)
        };
        let first = members.next().into_iter();
        let mut common: HashSet<&str> = first
            .flat_map(|member| member.protocols.iter())
            .map(|(name, _)| name.as_str())
            .collect();
        members.for_each(|member| common.retain(|name| knows(member, name)));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut preferred = member.protocols.iter();
            if let Some((name, _)) = preferred.find(|(name, _)| common.contains(name.as_str())) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let winner = votes.iter().max_by_key(|(_, count)| **count);
        winner
            .map(|(name, _)| (*name).to_owned())
            .unwrap_or_default()
    }
}
