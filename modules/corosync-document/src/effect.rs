// SPDX-License-Identifier: GPL-3.0-or-later
//! When a changed value takes effect.
//!
//! What corosync 3.1.9 does with each key at a reload was recorded by changing it on a running corosync: its log
//! names the keys that it does not change at run time, and its key-value store shows the others. What only a manual
//! page says, its reason says.

use crate::vocabulary::key;

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// With the reload that follows every change of the file, on all nodes at once.
    Live,
    /// When the link it belongs to is removed and recreated, each by a reload, while another link carries.
    Anew(&'static str),
    /// Not before corosync is restarted on each node. Nodes that have been and nodes that have not still hear each
    /// other, so it can be done node by node. The reason, for people.
    Restart(&'static str),
    /// Not before corosync is restarted, on all nodes at the same moment: those with the old and those with the new
    /// value do not hear each other.
    AllAtOnce(&'static str),
    /// When the daemon corosync-qdevice is restarted; corosync itself runs on.
    Device(&'static str),
    /// corosync takes it at a reload, and it is not known whether a cluster of several nodes survives it.
    Unproven(&'static str),
}

pub(crate) const LIVE: Effect = Effect::Live;
pub(crate) const LOGGED: Effect = Effect::Restart("corosync logs that it cannot be changed at run-time");
pub(crate) const VOTEQUORUM: Effect =
    Effect::Restart("votequorum(5) says that it is only read when corosync starts");
pub(crate) const AT_START: Effect = Effect::Restart("it is only read when corosync starts");
pub(crate) const UDP_ONLY: Effect =
    Effect::AllAtOnce("it is for the transport udp, which is not changed at run-time");
pub(crate) const ALL_AT_ONCE: Effect =
    Effect::AllAtOnce("corosync logs that it cannot be changed at run-time");
pub(crate) const ANEW: Effect =
    Effect::Anew("corosync refuses to change it on a link that is up: the link must be removed and added");
pub(crate) const KEY: Effect = Effect::Unproven(
    "a node that has not the same key can no longer be heard, and nothing tells so beforehand",
);
pub(crate) const UNTRIED: Effect =
    Effect::Unproven("nobody has tried yet what a corosync that runs does with it");
pub(crate) const PLUGIN: Effect = Effect::Unproven(
    "a node that lacks the plug-in for it can no longer be heard, and nothing tells so beforehand",
);
pub(crate) const LINK_MODE: Effect =
    Effect::Restart("corosync takes the value, and its links go on in the old mode");
pub(crate) const DEVICE: Effect = Effect::Device("the daemon corosync-qdevice reads it when it starts");

impl Effect {
    /// Whether the change is known to take effect with the reload of the file.
    #[must_use]
    pub fn is_live(self) -> bool {
        self == Self::Live
    }

    /// Whether the change takes effect when its link is removed and added again.
    #[must_use]
    pub fn is_anew(self) -> bool {
        matches!(self, Self::Anew(_))
    }

    /// Why it does not take effect with the reload; none when it does.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Live => None,
            Self::Anew(why)
            | Self::Restart(why)
            | Self::AllAtOnce(why)
            | Self::Device(why)
            | Self::Unproven(why) => Some(why),
        }
    }
}

/// When a change of this key takes effect; none for a key that corosync does not know.
///
/// Takes the key with its sections, as `totem.token`, `totem.interface[1].mcastport`, `totem.interface.mcastport` or
/// `nodelist.node[pve1].ring0_addr`.
#[must_use]
pub fn effect_of(path: &str) -> Option<Effect> {
    let (section, name) = path.rsplit_once('.')?;
    // `[..]` says which one of a list is meant; the name of a node may hold dots
    let section = section.split('[').next().unwrap_or(section);
    key(section, name).map(|key| key.effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_in_changes() {
        for (path, expected) in [
            ("totem.token", Some(LIVE)),
            ("totem.interface[1].knet_link_priority", Some(LIVE)),
            ("totem.interface.mcastport", Some(ANEW)),
            ("nodelist.node[pve1].ring0_addr", Some(ANEW)),
            ("nodelist.node[pve1.example.com].quorum_votes", Some(LIVE)),
            ("quorum.wait_for_all", Some(VOTEQUORUM)),
            ("totem.transport", Some(ALL_AT_ONCE)),
            ("quorum.device.net.host", Some(DEVICE)),
            ("totem.tokn", None),
            ("token", None),
        ] {
            assert_eq!(effect_of(path), expected, "{path}");
        }
    }
}
