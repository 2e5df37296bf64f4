// SPDX-License-Identifier: GPL-3.0-or-later
//! State `entered`: this node opens its envelope, takes the steps that PVE's own join takes after it was admitted, and waits until the
//! cluster counts it.

use std::path::Path;
use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::corosync_conf::LOCAL;
use cluster_state::journal::LastWords;
use cluster_state::leftovers::AUTHKEY;
use cluster_state::pmxcfs::DATABASE;
use corosync_document::Document;
use host::{Attributes, Command, Host, HostError, Waited, if_there, is_there, replace_file, wait_until};
use membership::files::{AUTHORIZED_KEYS, COPIES, renamed_over};
use membership::pmxcfs_service::{self, make_dirs, systemctl};
use membership::seen::Here;
use membership::verify::{self, Membership, Missing, Unconfirmed};
use membership::{authority, database_copy, keys, observe};
use serde_json::json;

use crate::args::{Situation, State, Wanted};
use crate::look::Entering;
use crate::material::{self, Letter};
use crate::{decide, look, words};

/// What the file is called until everything beside it is in its place.
const PREPARED: &str = "/etc/corosync/corosync.conf.pve-cluster-relay";
const PAUSE: Duration = Duration::from_secs(1);
/// systemd gives corosync 90 s to start; a job that failed is not a node that failed.
const START: Duration = Duration::from_secs(100);
/// How long pmxcfs may count nobody before it is restarted.
const LONELY: Duration = Duration::from_secs(10);
/// How often certificates and keys are made again when they are not complete: other nodes make theirs at the same moment.
const TRIES: usize = 3;

/// Does what the task asks.
pub(crate) fn run(wanted: &Wanted, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Entered, name, &why);
    let here = observe::here(host).map_err(|error| failed(error.to_string()))?;
    let candidate = look::candidate(host).map_err(|error| failed(error.to_string()))?;
    let situation = decide::situation(name, &wanted.links, &here, &candidate)
        .map_err(|reasons| words::refused(State::Entered, name, &words::texts(&reasons)))?;
    let is_in = matches!(situation, Situation::Admitted | Situation::Member);
    let letter = match (&wanted.envelope, is_in) {
        (_, true) => None,
        (None, false) => {
            let why = format!(
                "this node is not in the cluster, and there is no 'envelope' for it: {}",
                words::AGAIN
            );
            return Err(words::refused(State::Entered, name, &[why]));
        }
        (Some(envelope), false) => {
            if context.check_mode {
                return Ok(Outcome::changed().msg(format!("this node enters cluster '{name}'")));
            }
            let letter = open(host, wanted, &here, envelope)
                .map_err(|why| words::refused(State::Entered, name, &[why]))?;
            Some(letter)
        }
    };
    let deadline = host.elapsed() + wanted.timeout;
    let mut outcome = Outcome::unchanged();
    if let Some(letter) = &letter {
        let began = begin(host, wanted, &here, letter, deadline).map_err(|stopped| {
            let failure = failed(stopped.why);
            if stopped.dropped { failure.after_change() } else { failure }
        })?;
        outcome = Outcome::changed().diff(Diff::of_file(
            "cluster membership",
            "cluster: none\n",
            format!("cluster: {name}\nconfig_version: {}\n", letter.config_version),
        ));
        if let Some(backup) = began {
            outcome = outcome.with("backup", backup);
        }
    }
    let entered = letter.is_some();
    let lost = |why: String| if entered { failed(why).after_change() } else { failed(why) };
    let counted = wait(host, wanted, deadline, !context.check_mode)
        .map_err(|why| lost(format!("{why}; {}", words::AGAIN)))?;
    let complete = !entered && is_complete(host, &here).map_err(|error| lost(error.to_string()))?;
    if !complete {
        outcome.changed = true;
        if context.check_mode {
            return Ok(outcome.msg(format!("this node gets its certificate of cluster '{name}'")));
        }
        finish(host, wanted, deadline).map_err(|why| lost(format!("{why}; {}", words::AGAIN)))?;
    }
    if let Some(strange) = authority::lost(host, &counted.conf, &counted.conf.name_of(counted.nodeid)) {
        return Err(lost(format!("this node is in the cluster, but {strange}")));
    }
    if !context.check_mode {
        if_there(host.remove_file(Path::new(&look::record()))).map_err(|error| lost(error.to_string()))?;
        material::destroy(host).map_err(|error| lost(error.to_string()))?;
    }
    let mut members: Vec<String> = counted.members.iter().map(|id| counted.conf.name_of(*id)).collect();
    members.sort();
    let votes = counted.conf.nodes.get(&counted.nodeid).map_or(0, |node| node.votes);
    Ok(outcome
        .msg(format!("this node is in cluster '{name}' as nodeid {}", counted.nodeid))
        .with("cluster_name", name)
        .with("nodeid", counted.nodeid)
        .with("config_version", counted.conf.config_version)
        .with("members", members)
        .with("votes", votes))
}

/// Opens the envelope, which is good for once.
fn open(host: &dyn Host, wanted: &Wanted, here: &Here, envelope: &str) -> Result<Letter, String> {
    let stale = |why: &str| format!("the envelope is not for this node now ({why}): {}", words::AGAIN);
    let note = material::note(host).map_err(|error| error.to_string())?;
    let note =
        note.ok_or_else(|| stale("there is no key for it, because it was used or the node was restarted"))?;
    let opened = material::open(host, envelope).map_err(|error| error.to_string())?;
    let letter = opened.ok_or_else(|| stale("the key of this node's last offer does not open it"))?;
    let now = host.unix_time();
    let problem = problem(wanted, &here.view.node, &letter, &note, now);
    // Whatever it was, it is used up.
    material::destroy(host).map_err(|error| error.to_string())?;
    match problem {
        None => Ok(letter),
        Some(why) => Err(stale(why)),
    }
}

/// What is wrong with a letter. Pure.
pub(crate) fn problem(
    wanted: &Wanted,
    node: &str,
    letter: &Letter,
    note: &material::Note,
    now: u64,
) -> Option<&'static str> {
    let conf = Document::parse(letter.conf.as_bytes());
    let listed = conf.nodes().into_iter().find(|listed| listed.name == node);
    if letter.id != note.id {
        Some("it answers an earlier offer")
    } else if now > note.expires || letter.expires != note.expires {
        Some("the offer has expired")
    } else if letter.node != node {
        Some("it is for another node")
    } else if letter.cluster_name != wanted.cluster_name || conf.cluster_name() != Some(&wanted.cluster_name)
    {
        Some("it is of another cluster")
    } else if conf.config_version() != Some(letter.config_version) {
        Some("its config_version is not that of the file in it")
    } else if listed.is_none_or(|listed| listed.votes != 0) {
        Some("the file in it does not list this node without a vote")
    } else if letter.key().is_none() {
        Some("there is no authkey in it")
    } else {
        None
    }
}

/// An entry that stopped.
struct Stopped {
    why: String,
    /// Whether the node's own database is gone, so that only going on helps.
    dropped: bool,
}

/// Everything up to the start of the services. Answers with where the copies are.
fn begin(
    host: &dyn Host,
    wanted: &Wanted,
    here: &Here,
    letter: &Letter,
    deadline: Duration,
) -> Result<Option<String>, Stopped> {
    let drops = decide::drops_database(&wanted.cluster_name, here);
    let undone = |why: String| {
        let left = undo(host, deadline).map(|left| format!("; and {left}")).unwrap_or_default();
        Stopped { why: format!("{why}{left}"), dropped: false }
    };
    let backup = prepare(host, wanted, letter, drops, deadline).map_err(undone)?;
    if drops {
        if_there(host.remove_file(Path::new(DATABASE))).map_err(|error| undone(error.to_string()))?;
    }
    // From here on there is only forward.
    let stopped = |why: String| Stopped { why: format!("{why}; {}", words::AGAIN), dropped: true };
    if drops {
        for file in ["-wal", "-shm"] {
            if_there(host.remove_file(Path::new(&format!("{DATABASE}{file}"))))
                .map_err(|error| stopped(error.to_string()))?;
        }
    }
    host.rename(Path::new(PREPARED), Path::new(LOCAL)).map_err(|error| stopped(error.to_string()))?;
    start(host).map_err(|error| stopped(error.to_string()))?;
    Ok(backup)
}

/// What can be undone: services stopped, the database copied, the two files laid ready.
fn prepare(
    host: &dyn Host,
    wanted: &Wanted,
    letter: &Letter,
    drops: bool,
    deadline: Duration,
) -> Result<Option<String>, String> {
    let words = |error: HostError| error.to_string();
    let private = |mode| Attributes::Exactly { mode, uid: 0, gid: 0 };
    make_dirs(host, Path::new(COPIES)).map_err(words)?;
    let record = Entering { cluster_name: wanted.cluster_name.clone() };
    let text = json!({"cluster_name": record.cluster_name}).to_string();
    replace_file(host, Path::new(&look::record()), text.as_bytes(), private(0o600)).map_err(words)?;
    pmxcfs_service::stop(host, false, deadline)?;
    let strays = pmxcfs_service::strays(host).map_err(words)?;
    let mut backup = None;
    if drops && is_there(host, Path::new(DATABASE)).map_err(words)? {
        let directory = database_copy::write(host, &format!("entered-{}", wanted.cluster_name))?;
        backup = Some(directory.to_string_lossy().into_owned());
    }
    if !strays.is_empty() {
        let aside = Path::new(COPIES).join(format!("strays-{}", host.unix_time()));
        pmxcfs_service::set_strays_aside(host, &aside).map_err(words)?;
    }
    let key = letter.key().unwrap_or_default();
    replace_file(host, Path::new(AUTHKEY), &key, private(0o400)).map_err(words)?;
    replace_file(host, Path::new(PREPARED), letter.conf.as_bytes(), private(0o644)).map_err(words)?;
    Ok(backup)
}

/// Makes the node what it was before it was prepared; says what could not be undone. The authkey stays where a corosync.conf needs it.
fn undo(host: &dyn Host, deadline: Duration) -> Option<String> {
    let mut left = Vec::new();
    let mut gone = vec![PREPARED];
    match is_there(host, Path::new(LOCAL)) {
        Ok(false) => gone.push(AUTHKEY),
        Ok(true) => {}
        Err(error) => left.push(error.to_string()),
    }
    for path in gone {
        left.extend(if_there(host.remove_file(Path::new(path))).err().map(|error| error.to_string()));
    }
    left.extend(pmxcfs_service::start(host, deadline.max(host.elapsed() + PAUSE)).err());
    if left.is_empty() {
        left.extend(
            if_there(host.remove_file(Path::new(&look::record()))).err().map(|error| error.to_string()),
        );
    }
    (!left.is_empty()).then(|| left.join("; "))
}

/// Starts both services. What becomes of the job is not asked: it may time out on a busy machine, and the node comes in all the same.
fn start(host: &dyn Host) -> Result<(), HostError> {
    // Failed starts of before would count against this one.
    host.run(&Command::new("systemctl").args(["reset-failed", "pve-cluster", "corosync"]))?;
    let start = Command::new("systemctl").args(["start", "corosync", "pve-cluster"]).timeout(START);
    host.run(&start).map(|_| ())
}

/// Waits until the cluster counts this node, whether it has its certificate or not. Starts again what has given up.
fn wait(host: &dyn Host, wanted: &Wanted, deadline: Duration, acts: bool) -> Result<Membership, String> {
    let name = &wanted.cluster_name;
    let mut lonely: Option<Duration> = None;
    loop {
        let mut company = false;
        let enough = |left: &Unconfirmed| left.is_unfinished() || is_lonely(left);
        let left = match verify::wait(host, name, deadline, acts, enough) {
            Ok(membership) => return Ok(membership),
            Err(left) => left,
        };
        let here = left.here.as_ref();
        if let Some(membership) =
            here.filter(|_| left.is_unfinished()).and_then(|here| verify::with_certificate(name, here))
        {
            return Ok(membership);
        }
        if host.elapsed() >= deadline || !acts {
            return Err(left.words());
        }
        if is_lonely(&left) {
            company = true;
            let since = *lonely.get_or_insert(host.elapsed());
            if host.elapsed() >= since + LONELY {
                // It takes over what it knew of its group before it knew the nodes, which was nothing.
                systemctl(host, "restart", &["pve-cluster"])?;
                lonely = None;
            }
        } else if let Some(LastWords::OtherVersion { theirs, ours }) =
            here.and_then(|here| here.last_words.as_ref())
        {
            return Err(format!(
                "corosync had config_version {ours} and the other nodes {theirs}: the cluster has changed its file meanwhile"
            ));
        } else {
            start(host).map_err(|error| error.to_string())?;
        }
        if !company {
            lonely = None;
        }
        host.sleep(PAUSE.min(deadline.saturating_sub(host.elapsed())));
    }
}

/// Whether all that is missing is that pmxcfs counts anybody.
fn is_lonely(left: &Unconfirmed) -> bool {
    let company = |missing: &Missing| matches!(missing, Missing::Company(alone) if !alone.counts);
    left.missing.iter().any(company)
}

/// Makes certificates and keys by PVE's own command until they are complete, and lets the services that serve them read them.
fn finish(host: &dyn Host, wanted: &Wanted, deadline: Duration) -> Result<(), String> {
    let name = &wanted.cluster_name;
    let mut said = String::new();
    for _ in 0..TRIES {
        let patience = deadline.saturating_sub(host.elapsed()).max(PAUSE);
        let command = Command::new("pvecm").args(["updatecerts", "--force"]).timeout(patience);
        let output = host.run(&command).map_err(|error| error.to_string())?;
        output.first_words().unwrap_or("nothing").clone_into(&mut said);
        let look = wait_until(host, host.elapsed() + PAUSE, PAUSE / 4, || {
            let here = observe::here(host).map_err(|error| error.to_string())?;
            match is_complete(host, &here) {
                Ok(true) => verify::membership(name, &here)
                    .map(|_| ())
                    .map_err(|missing| Unconfirmed { missing, here: None }.words()),
                Ok(false) => {
                    Err("certificate, its key or root's ssh key among the cluster's are missing".to_owned())
                }
                Err(error) => Err(error.to_string()),
            }
        });
        match look {
            Waited::Done(()) => return systemctl(host, "reload-or-restart", &["pvedaemon", "pveproxy"]),
            Waited::Pending(missing) => said = format!("{missing}, after '{}' said: {said}", command.line()),
        }
    }
    Err(said)
}

/// Whether the node has what `pvecm updatecerts` makes, with its own key among the cluster's: PVE takes no lock for that file, so another
/// node's at the same moment can take it away.
fn is_complete(host: &dyn Host, here: &Here) -> Result<bool, HostError> {
    let among = keys::in_file(renamed_over(host, AUTHORIZED_KEYS)?.as_bytes());
    let own = keys::own_keys(host)?;
    let has_key = own.is_empty() || own.iter().any(|key| among.contains(key));
    Ok(here.certificate && here.certificate_key && has_key)
}
