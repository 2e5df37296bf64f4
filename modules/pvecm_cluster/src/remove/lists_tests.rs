// SPDX-License-Identifier: GPL-3.0-or-later
//! Lists and jobs as people write them: comments, lines out of place, names that PVE would not give.

use super::lists::{Named, ha, has, is_job, shortened, without_jobs};

const GROUPS: &str = "/etc/pve/ha/groups.cfg";
const RULES: &str = "/etc/pve/ha/rules.cfg";

#[test]
fn only_indented_lines_below_a_header_are_its_list() {
    let text = "group: g\n# note: x\n\t# of: y\n\tcomment nodes\n\tnodes pve1,pve3\nnodes pve1,pve3\n";
    let found = ha(GROUPS, text, "pve3", &["pve1"]);
    let [Named::Shortened(list)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        shortened(text, &[list]),
        "group: g\n# note: x\n\t# of: y\n\tcomment nodes\n\tnodes pve1\nnodes pve1,pve3\n"
    );
    assert_eq!(shortened("group: other\n\tnodes pve1,pve3\n", &[list]), "group: other\n\tnodes pve1,pve3\n");
}

#[test]
fn what_pve_would_not_have_written_is_left_to_a_person() {
    for (id, nodes) in [
        ("r1", "pve1:,pve3"),
        ("r1", "pve1:x,pve3"),
        ("r1", "-x,pve3"),
        ("1r", "pve1,pve3"),
        ("r.1", "pve1,pve3"),
        ("r 1", "pve1,pve3"),
    ] {
        let text = format!("node-affinity: {id}\n\tnodes {nodes}\n");
        let expected = [Named::Other { section: format!("node-affinity: {id}") }];
        assert_eq!(ha(RULES, &text, "pve3", &["pve1", "-x"]), expected, "{text}");
    }
}

#[test]
fn a_section_names_a_node_whatever_it_comes_to() {
    let text = "node-affinity: r1\n\tnodes pve1,pve3\n\nnode-affinity: r2\n\tnodes pve1\n\nfuture: r3\n\tnodes pve3\n";
    for (section, names) in
        [("node-affinity: r1", true), ("node-affinity: r2", false), ("future: r3", true), ("x: y", false)]
    {
        assert_eq!(has(RULES, text, section, "pve3"), names, "{section}");
    }
}

#[test]
fn names_of_jobs() {
    for (name, is) in [
        ("100-0", true),
        ("1234567-12", true),
        ("10-0", false),
        ("100-", false),
        ("100-x", false),
        ("1x0-0", false),
        ("-0", false),
        ("100", false),
    ] {
        assert_eq!(is_job(name), is, "{name}");
    }
}

#[test]
fn a_job_goes_with_its_lines_and_no_others() {
    let text = "# all: jobs\n\nlocal: 100-0\n\ttarget pve3\n# of: it\n\nlocal: 100-1\n\ttarget pve2\n";
    assert_eq!(without_jobs(text, &["100-0".to_owned()]), "# all: jobs\n\nlocal: 100-1\n\ttarget pve2\n");
    assert_eq!(without_jobs(text, &[]), text);
}
