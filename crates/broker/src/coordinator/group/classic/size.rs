//! What a group keeps in memory and in the metadata log, which is bounded.

use bytes::Bytes;

use super::{ClassicGroup, Join, Member};
use crate::coordinator::group::GROUP_BYTES_MAX;

/// What ids, names and metadata take.
fn texts_bytes(ids: [&str; 3], instance_id: Option<&str>, protocols: &[(String, Bytes)]) -> usize {
    let ids: usize = ids.iter().map(|id| id.len()).sum();
    let protocols = protocols
        .iter()
        .map(|(name, metadata)| name.len() + metadata.len());
    ids + instance_id.map_or(0, str::len) + protocols.sum::<usize>()
}

impl Join {
    fn bytes(&self) -> usize {
        let ids = [&*self.fresh_member_id, &self.client_id, &self.client_host];
        texts_bytes(ids, self.instance_id.as_deref(), &self.protocols)
    }
}

impl Member {
    fn bytes(&self, id: &str) -> usize {
        let ids = [id, &self.client_id, &self.client_host];
        texts_bytes(ids, self.instance_id.as_deref(), &self.protocols) + self.assignment.len()
    }
}

impl ClassicGroup {
    /// Whether what its members said has changed since this was asked.
    pub(crate) fn take_resized(&mut self) -> bool {
        std::mem::take(&mut self.is_resized)
    }

    /// What is kept of all members.
    pub(crate) fn bytes(&self) -> usize {
        let members = self.members.iter();
        members.map(|(id, member)| member.bytes(id)).sum()
    }

    /// What is kept of all members but one.
    fn bytes_without(&self, id: &str) -> usize {
        let others = self.members.iter().filter(|(other, _)| *other != id);
        let members: usize = others.map(|(id, member)| member.bytes(id)).sum();
        let pending: usize = self.pending.keys().map(String::len).sum();
        members + pending
    }

    /// Whether there is room for the description of a member.
    pub(super) fn has_room(&self, join: &Join) -> bool {
        self.bytes_without(&join.member_id) + join.bytes() <= GROUP_BYTES_MAX
    }

    /// Whether the group would be too large with these assignments.
    pub(super) fn is_too_large(&self, assignments: &[(String, Bytes)]) -> bool {
        let assigned = assignments.iter().map(|(_, assignment)| assignment.len());
        let members = self.members.iter();
        let said = members.map(|(id, member)| member.bytes(id) - member.assignment.len());
        assigned.sum::<usize>() + said.sum::<usize>() > GROUP_BYTES_MAX
    }
}
