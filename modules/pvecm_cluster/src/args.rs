// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Secret, Spec};
use serde::Deserialize;

use crate::declared::way::{self, Method, Way};
use crate::declared::{self, State};
use crate::{leave, remove, reserve};

/// The state that the task names; this alone chooses what the module does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Goal {
    Present,
    Joined,
    Removed,
    Absent,
    Reserved,
    Released,
}

/// The module's options as they are given.
#[derive(Clone, Deserialize)]
pub(crate) struct Given {
    state: Goal,
    cluster_name: String,
    links: Option<Vec<declared::GivenLink>>,
    nodeid: Option<i64>,
    votes: Option<i64>,
    token_coefficient: Option<i64>,
    cluster_node: Option<String>,
    method: Method,
    password: Option<Secret>,
    fingerprint: Option<String>,
    reservation: Option<String>,
    node: Option<String>,
    separated: bool,
    known_off: Vec<String>,
    repair: bool,
    force: bool,
    timeout: i64,
}

/// What is asked for, by state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// This node is to be a member.
    Member(declared::Args),
    /// Another node is to be none.
    Removal(remove::Args),
    /// Another node is to join by password, or has.
    Reservation(reserve::Args),
    /// This node is to be none.
    Absence(leave::Args),
}

impl Given {
    /// The password, for the one place that hands it on, and what is wrong with it.
    pub(crate) fn take_password(&mut self) -> (Option<Secret>, Option<&'static str>) {
        let password = self.password.take();
        let problem = match self.state {
            Goal::Joined => way::password_problem(password.as_ref(), self.method),
            _ => password.as_ref().map(|_| "'password' is for state 'joined'"),
        };
        (password, problem)
    }

    /// The task, and what is wrong with it because it belongs to another state.
    pub(crate) fn task(self) -> (Task, Vec<String>) {
        let state = match self.state {
            Goal::Present => State::Present,
            Goal::Joined => State::Joined,
            Goal::Removed => return self.removal(),
            Goal::Absent => return self.absence(),
            Goal::Reserved => return self.reservation(reserve::Deed::Reserve),
            Goal::Released => return self.reservation(reserve::Deed::Release),
        };
        let mut misplaced = Vec::new();
        if self.node.is_some() {
            misplaced.push("'node' is for states 'removed', 'reserved' and 'released'".to_owned());
        }
        misplaced.extend(self.of_removal());
        let args = declared::Args {
            state,
            cluster_name: self.cluster_name,
            links: self.links.unwrap_or_default(),
            nodeid: self.nodeid,
            votes: self.votes,
            token_coefficient: self.token_coefficient,
            cluster_node: self.cluster_node,
            way: way::Given {
                method: self.method,
                fingerprint: self.fingerprint,
                reservation: self.reservation,
            },
            repair: self.repair,
            force: self.force,
            timeout: self.timeout,
        };
        (Task::Member(args), misplaced)
    }

    /// What is given although it belongs to the state in which another node is removed.
    fn of_removal(&self) -> Vec<String> {
        let given = [("separated", self.separated), ("known_off", !self.known_off.is_empty())];
        let misplaced = given.iter().filter(|(_, given)| *given);
        misplaced.map(|(option, _)| format!("'{option}' is for state 'removed'")).collect()
    }

    fn absence(self) -> (Task, Vec<String>) {
        let mut misplaced = self.of_members(Goal::Absent);
        if self.node.is_some() {
            misplaced.push("'node' is for states 'removed', 'reserved' and 'released'".to_owned());
        }
        misplaced.extend(self.of_removal());
        let args = leave::Args { cluster_name: self.cluster_name, force: self.force, timeout: self.timeout };
        (Task::Absence(args), misplaced)
    }

    /// What is given although it belongs to the states in which this node is to be a member.
    fn of_members(&self, goal: Goal) -> Vec<String> {
        const BOTH: &str = "states 'present' and 'joined'";
        let given = [
            ("links", BOTH, self.links.is_some()),
            ("nodeid", BOTH, self.nodeid.is_some()),
            ("votes", BOTH, self.votes.is_some()),
            ("token_coefficient", "state 'present'", self.token_coefficient.is_some()),
            ("cluster_node", "state 'joined'", self.cluster_node.is_some()),
            ("repair", BOTH, self.repair),
            ("force", "states 'joined' and 'absent'", self.force && goal != Goal::Absent),
        ];
        let misplaced = given.iter().filter(|(_, _, given)| *given);
        let mut misplaced: Vec<String> =
            misplaced.map(|(option, states, _)| format!("'{option}' is for {states}")).collect();
        misplaced.extend(Way::misplaced(&way::Given {
            method: self.method,
            fingerprint: self.fingerprint.clone(),
            reservation: self.reservation.clone(),
        }));
        misplaced
    }

    fn reservation(self, deed: reserve::Deed) -> (Task, Vec<String>) {
        let mut misplaced = self.of_members(self.state);
        misplaced.extend(self.of_removal());
        let args = reserve::Args {
            deed,
            cluster_name: self.cluster_name,
            node: self.node.unwrap_or_default(),
            timeout: self.timeout,
        };
        (Task::Reservation(args), misplaced)
    }

    fn removal(self) -> (Task, Vec<String>) {
        let misplaced = self.of_members(Goal::Removed);
        let args = remove::Args {
            cluster_name: self.cluster_name,
            node: self.node.unwrap_or_default(),
            separated: self.separated,
            known_off: self.known_off,
            timeout: self.timeout,
        };
        (Task::Removal(args), misplaced)
    }
}

const STATES: &[&str] = &["present", "joined", "removed", "absent", "reserved", "released"];

/// The options as `plugins/modules/pvecm_cluster.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "pvecm_cluster",
        options: vec![
            Opt::new("state", Kind::Str).default("present").choices(STATES),
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::list("links", Kind::Dict).suboptions(vec![
                Opt::new("number", Kind::Int),
                Opt::new("address", Kind::Str).required(),
                Opt::new("priority", Kind::Int),
            ]),
            Opt::new("nodeid", Kind::Int),
            Opt::new("votes", Kind::Int),
            Opt::new("token_coefficient", Kind::Int),
            Opt::new("cluster_node", Kind::Str),
            Opt::new("method", Kind::Str).default("ssh").choices(&["ssh", "api"]),
            Opt::new("password", Kind::Str).secret(),
            Opt::new("fingerprint", Kind::Str),
            Opt::new("reservation", Kind::Str),
            Opt::new("node", Kind::Str),
            Opt::new("separated", Kind::Bool).default(false),
            Opt::list("known_off", Kind::Str).default(Vec::<String>::new()),
            Opt::new("repair", Kind::Bool).default(false),
            Opt::new("force", Kind::Bool).default(false),
            Opt::new("timeout", Kind::Int).default(120),
        ],
        required_if: &[
            ("state", "present", &["links"]),
            ("state", "joined", &["cluster_node", "links"]),
            ("state", "removed", &["node"]),
            ("state", "reserved", &["node"]),
            ("state", "released", &["node"]),
            ("method", "api", &["password", "fingerprint"]),
        ],
        ..Spec::default()
    }
}
