// SPDX-License-Identifier: GPL-3.0-or-later
//! What names the node in high availability and replication: lists that lose it, and jobs that end with it.

use membership::references::{Section, sections};

/// A rule or a group of high availability whose list of nodes loses the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortened {
    /// The file it is in.
    pub(crate) path: String,
    /// Its header, such as `node-affinity: r1`.
    pub(crate) section: String,
    /// The words of PVE's command that sets its nodes, up to the option.
    command: [&'static str; 2],
    pub(crate) id: String,
    /// The nodes that it keeps, with their priorities: `pve1:2,pve2`.
    pub(crate) nodes: String,
    /// The nodes that it has as long as the node is in the cluster: the same and the node.
    pub(crate) before: String,
    /// Nodes that it names and the cluster does not list, which go too: PVE takes none that it does not know.
    pub(crate) strangers: Vec<String>,
}

impl Shortened {
    /// The arguments of `ha-manager`: `rules set node-affinity r1 --nodes pve1:2,pve2`, `groupset main --nodes pve1`.
    ///
    /// Source: ha-manager(1) of PVE 9 (rules) and of PVE 8 (groups).
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.set(&self.nodes)
    }

    /// Those that put the node back.
    pub(crate) fn arguments_before(&self) -> Vec<String> {
        self.set(&self.before)
    }

    fn set(&self, nodes: &str) -> Vec<String> {
        let words = self.command.iter().flat_map(|words| words.split(' ')).filter(|word| !word.is_empty());
        let mut all: Vec<String> = words.map(str::to_owned).collect();
        all.extend([self.id.clone(), "--nodes".to_owned(), nodes.to_owned()]);
        all
    }
}

/// What a section of high availability that names the node comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Shortened(Shortened),
    /// It has no other node of the cluster. The commands that set its nodes and that remove it, up to their arguments.
    Alone {
        section: String,
        set: String,
        remove: String,
    },
    /// Nothing that this module changes.
    Other {
        section: String,
    },
}

/// The sections of a file of high availability that name the node. `staying` are the other nodes that the cluster lists.
///
/// Groups and rules have `nodes pve1:2,pve3`, fence devices `connect DEVICE node=pve3`.
pub(crate) fn ha(path: &str, text: &str, node: &str, staying: &[&str]) -> Vec<Named> {
    let named = |section: &Section<'_>| {
        section.properties.iter().any(|property| in_nodes(property, node) || is_property(property, node))
    };
    sections(text)
        .iter()
        .filter(|section| named(section))
        .map(|one| judge(path, one, node, staying))
        .collect()
}

/// Whether this section of the file names the node.
pub(crate) fn has(path: &str, text: &str, section: &str, node: &str) -> bool {
    ha(path, text, node, &[]).into_iter().any(|named| match named {
        Named::Shortened(one) => one.section == section,
        Named::Alone { section: one, .. } | Named::Other { section: one } => one == section,
    })
}

fn in_nodes((key, value): &(&str, &str), node: &str) -> bool {
    *key == "nodes" && items(value).any(|item| name(item) == node)
}

fn is_property((key, value): &(&str, &str), node: &str) -> bool {
    !matches!(*key, "nodes" | "comment")
        && value.split_whitespace().any(|word| word.strip_prefix("node=") == Some(node))
}

fn judge(path: &str, section: &Section<'_>, node: &str, staying: &[&str]) -> Named {
    let header = format!("{}: {}", section.kind, section.id);
    let (set, remove) = match (path.rsplit('/').next(), section.kind) {
        (Some("rules.cfg"), "node-affinity") => (["rules set", "node-affinity"], "rules remove"),
        (Some("groups.cfg"), "group") => (["groupset", ""], "groupremove"),
        _ => return Named::Other { section: header },
    };
    let mut lists = section.properties.iter().filter(|(key, _)| *key == "nodes");
    let (Some((_, list)), None) = (lists.next(), lists.next()) else {
        return Named::Other { section: header };
    };
    let sound = items(list).all(is_item)
        && is_id(section.id)
        && !section.properties.iter().any(|property| is_property(property, node));
    if !sound {
        return Named::Other { section: header };
    }
    let (kept, others): (Vec<&str>, Vec<&str>) =
        items(list).filter(|item| name(item) != node).partition(|item| staying.contains(&name(item)));
    if kept.is_empty() {
        let set = format!("{} {}", set.join(" ").trim_end(), section.id);
        return Named::Alone { section: header, set, remove: format!("{remove} {}", section.id) };
    }
    let before: Vec<&str> =
        items(list).filter(|item| name(item) == node || staying.contains(&name(item))).collect();
    Named::Shortened(Shortened {
        path: path.to_owned(),
        section: header,
        command: set,
        id: section.id.to_owned(),
        nodes: kept.join(","),
        before: before.join(","),
        strangers: others.into_iter().map(|item| name(item).to_owned()).collect(),
    })
}

/// The items of a list, which PVE separates by any of these.
fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ';', ' ', '\t']).filter(|item| !item.is_empty())
}

/// A node without its priority.
fn name(item: &str) -> &str {
    item.split(':').next().unwrap_or(item)
}

/// Whether this is a node with or without a priority.
fn is_item(item: &str) -> bool {
    let priority = item.split_once(':').map(|(_, priority)| priority);
    membership::check::is_node_name(name(item))
        && priority
            .is_none_or(|priority| !priority.is_empty() && priority.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether this is an id as PVE gives them (pve-configid), and no option of a command.
fn is_id(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The replication jobs that end with the node: those to it, and those of guests that leave the cluster.
///
/// `source` is PVE's own note of where the guest was last: of a guest that is elsewhere PVE sets it right itself (pvesr(1):
/// "For internal use, to detect if the guest was stolen").
pub(crate) fn jobs(text: &str, node: &str, leaving: &[u32]) -> Vec<String> {
    let ends = |section: &Section<'_>| {
        section.properties.contains(&("target", node))
            || guest(section.id).is_some_and(|guest| leaving.contains(&guest))
    };
    sections(text).into_iter().filter(ends).map(|section| section.id.to_owned()).collect()
}

/// The guest of a job, whose number its name begins with.
fn guest(job: &str) -> Option<u32> {
    job.split('-').next()?.parse().ok()
}

/// Whether this is a job's name as PVE gives them: `100-0`.
pub(crate) fn is_job(id: &str) -> bool {
    let digits =
        |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    id.split_once('-').is_some_and(|(guest, number)| digits(guest, 3) && digits(number, 1))
}

/// A file of high availability with these sections' lists as they are afterwards, as far as this module asks for it.
pub(crate) fn shortened(text: &str, lists: &[&Shortened]) -> String {
    let mut after = String::new();
    let mut current = None;
    for line in text.split_inclusive('\n') {
        if let Some(section) = header(line) {
            current = lists.iter().find(|list| list.section == section);
        }
        let trimmed = line.trim();
        let value =
            trimmed.split_once([' ', '\t']).filter(|(key, _)| *key == "nodes").map(|(_, value)| value.trim());
        match (current, value.and_then(|value| line.rfind(value).map(|at| (at, value.len())))) {
            (Some(list), Some((at, length))) if line.starts_with([' ', '\t']) => {
                after.push_str(&line[..at]);
                after.push_str(&list.nodes);
                after.push_str(&line[at + length..]);
            }
            _ => after.push_str(line),
        }
    }
    after
}

/// The replication jobs without these.
pub(crate) fn without_jobs(text: &str, jobs: &[String]) -> String {
    let mut goes = false;
    let mut after = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(section) = header(line) {
            goes = section.split_once(": ").is_some_and(|(_, id)| jobs.iter().any(|job| job == id));
        }
        if !goes {
            after.push_str(line);
        }
    }
    after
}

/// The header that this line is, as `group: main`.
fn header(line: &str) -> Option<String> {
    let trimmed = line.trim();
    if trimmed.starts_with('#') || line.starts_with([' ', '\t']) {
        return None;
    }
    trimmed.split_once(':').map(|(kind, id)| format!("{}: {}", kind.trim(), id.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "/etc/pve/ha/rules.cfg";
    const GROUPS: &str = "/etc/pve/ha/groups.cfg";
    const STAYING: &[&str] = &["pve1", "pve2", "pve30"];

    fn asked(path: &str, text: &str) -> Vec<String> {
        let words = |named| match named {
            Named::Shortened(list) => list.arguments().join(" "),
            Named::Alone { section, set, remove } => format!("alone: {section}; {set}; {remove}"),
            Named::Other { section } => format!("other: {section}"),
        };
        ha(path, text, "pve3", STAYING).into_iter().map(words).collect()
    }

    #[test]
    fn lists_keep_the_other_nodes_and_their_priorities() {
        let text = "node-affinity: r1\n\tnodes pve1:2,pve3:1,pve2\n\tresources vm:100\n\tstrict 1\n\nnode-affinity: r2\n\
                    \tcomment nodes pve3\n\tnodes pve1,pve30\n\nresource-affinity: r3\n\taffinity negative\n\tresources \
                    vm:1,vm:2\n\nnode-affinity: r-4_b\n\tnodes pve3; pve30:10\tpve2:1000\n";
        assert_eq!(
            asked(RULES, text),
            [
                "rules set node-affinity r1 --nodes pve1:2,pve2",
                "rules set node-affinity r-4_b --nodes pve30:10,pve2:1000"
            ]
        );
        let text = "group: main\n\tnodes pve3:2,pve1\n\tnofailback 0\n\trestricted 1\n\ngroup: other\n\tnodes pve1\n";
        assert_eq!(asked(GROUPS, text), ["groupset main --nodes pve1"]);
    }

    #[test]
    fn any_list_keeps_exactly_what_is_not_the_node() {
        // Every order and choice of these, with and without priorities.
        let items = ["pve1:7", "pve2", "pve30:0", "pve3", "pve3:4"];
        let mut seen = 0;
        for choice in 0..items.len().pow(4) {
            let list: Vec<&str> =
                (0..4).map(|place| items[choice / items.len().pow(place) % items.len()]).collect();
            let kept: Vec<&str> =
                list.iter().copied().filter(|item| !item.starts_with("pve3") || *item == "pve30:0").collect();
            let before = "node-affinity: before\n\tnodes pve1\n\n# note\n";
            let text = format!("{before}node-affinity: r1\n\tnodes {}\n\tresources vm:3\n", list.join(","));
            match &ha(RULES, &text, "pve3", STAYING)[..] {
                [] => assert_eq!(kept.len(), 4, "{list:?}"),
                [Named::Alone { .. }] => assert!(kept.is_empty(), "{list:?}"),
                [Named::Shortened(one)] => {
                    assert_eq!(one.nodes, kept.join(","), "{list:?}");
                    let after = shortened(&text, &[one]);
                    assert_eq!(after, text.replace(&list.join(","), &kept.join(",")));
                    assert_eq!(ha(RULES, &after, "pve3", STAYING), []);
                    seen += 1;
                }
                other => panic!("{list:?}: {other:?}"),
            }
        }
        assert!(seen > 400, "{seen}");
    }

    #[test]
    fn what_is_not_a_list_with_others_is_left_alone() {
        let table = [
            (
                RULES,
                "node-affinity: r1\n\tnodes pve3\n",
                "alone: node-affinity: r1; rules set node-affinity r1; rules remove r1",
            ),
            (GROUPS, "group: g\n\tnodes pve3:1,pve9\n", "alone: group: g; groupset g; groupremove g"),
            (RULES, "node-affinity: --x\n\tnodes pve1,pve3\n", "other: node-affinity: --x"),
            (RULES, "node-affinity: r1\n\tnodes pve1:--x,pve3\n", "other: node-affinity: r1"),
            (RULES, "node-affinity: r1\n\tnodes pve1,pve3\n\tnodes pve2,pve3\n", "other: node-affinity: r1"),
            (RULES, "node-affinity: r1\n\tnodes pve1,pve3\n\tplug node=pve3\n", "other: node-affinity: r1"),
            (RULES, "future: r1\n\tnodes pve1,pve3\n", "other: future: r1"),
            ("/etc/pve/ha/fence.cfg", "# x\nconnect: apc\n\tplug node=pve3 port=1\n", "other: connect: apc"),
            ("/etc/pve/ha/future.cfg", "group: g\n\tnodes pve1,pve3\n", "other: group: g"),
        ];
        for (path, text, expected) in table {
            assert_eq!(asked(path, text), [expected]);
        }
        assert_eq!(
            asked("/etc/pve/ha/resources.cfg", "vm: 100\n\tgroup pve3\n\tcomment node=pve3\n"),
            [""; 0]
        );
    }

    #[test]
    fn nodes_that_the_cluster_does_not_list_go_too() {
        let found = ha(RULES, "node-affinity: r1\n\tnodes pve9:3,pve1,pve3\n", "pve3", STAYING);
        let [Named::Shortened(one)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((one.nodes.as_str(), &one.strangers[..]), ("pve1", &["pve9".to_owned()][..]));
    }

    #[test]
    fn jobs_to_the_node_and_of_guests_that_leave_end() {
        let text = "local: 100-0\n\ttarget pve3\n\trate 10\n\nlocal: 101-0\n\tsource pve3\n\ttarget pve1\n\nlocal: 102-0\n\
                    \ttarget pve30\n\tcomment pve3\n";
        assert_eq!(jobs(text, "pve3", &[]), ["100-0"]);
        assert_eq!(jobs(text, "pve3", &[101, 10]), ["100-0", "101-0"]);
        let after = without_jobs(text, &["100-0".to_owned()]);
        assert_eq!(after, &text[text.find("local: 101-0").unwrap()..]);
        assert!(
            is_job("100-0")
                && is_job("123456-12")
                && !is_job("--force")
                && !is_job("100")
                && !is_job("1x0-0")
        );
    }
}
