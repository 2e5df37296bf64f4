// SPDX-License-Identifier: GPL-3.0-or-later
//! A stub that fits its spec has no differences; every kind of difference is found and told in a sentence.

use std::path::{Path, PathBuf};

use ansible_module::{Kind, Opt, Rules, Spec};
use serde_json::json;
use testkit::docs_differences;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/sample.py")
}

fn spec() -> Spec {
    Spec {
        name: "sample",
        options: vec![
            Opt::new("state", Kind::Str).default("present").choices(&["present", "absent"]),
            Opt::new("name", Kind::Str).required().aliases(&["title"]),
            Opt::new("password", Kind::Str).secret(),
            Opt::new("force", Kind::Bool).default(false),
            Opt::new("level", Kind::Int).choices(&["1", "2"]),
            Opt::list("links", Kind::Dict)
                .default(json!([]))
                .suboptions(vec![
                    Opt::new("number", Kind::Int).required(),
                    Opt::new("address", Kind::Str),
                    Opt::new("key", Kind::Str).secret(),
                ])
                .rules(Rules { required_together: &[&["address", "key"]], ..Rules::NONE }),
        ],
        mutually_exclusive: &[&["password", "level"]],
        required_if: &[("force", "true", &["level"]), ("state", "present", &["links"])],
        required_by: &[("password", &["level"])],
        ..Spec::default()
    }
}

#[test]
fn a_stub_that_fits_has_no_differences() {
    assert_eq!(docs_differences(&spec(), &sample()), Vec::<String>::new());
}

/// The differences after this change of the spec.
fn after(change: impl FnOnce(&mut Spec)) -> Vec<String> {
    let mut spec = spec();
    change(&mut spec);
    docs_differences(&spec, &sample())
}

#[test]
fn every_facet_is_compared() {
    let both = |rest: &str, code: &str| {
        vec![
            format!("argument_spec: {rest}, the code {code}"),
            format!("DOCUMENTATION: {rest}, the code {code}"),
        ]
    };
    assert_eq!(after(|s| s.options[0].kind = Kind::Raw), both("'state' has type \"str\"", "\"raw\""));
    assert_eq!(after(|s| s.options[1].required = false), both("'name' has required true", "nothing"));
    assert_eq!(after(|s| s.options[1].aliases = &[])[..2], both("'name' has aliases [\"title\"]", "nothing"));
    assert_eq!(after(|s| s.options[3].default = None), both("'force' has default false", "nothing"));
    assert_eq!(after(|s| s.options[4].choices = &["1"]), both("'level' has choices [1,2]", "[1]"));
    assert_eq!(after(|s| s.options[5].elements = None), both("'links' has elements \"dict\"", "nothing"));
    assert_eq!(
        after(|s| s.options[5].suboptions[0].kind = Kind::Str),
        both("'links.number' has type \"int\"", "\"str\"")
    );
    assert_eq!(
        after(|s| s.options[2].no_log = false),
        ["argument_spec: 'password' has no_log true, the code nothing"]
    );
}

#[test]
fn options_of_one_side_only_are_named() {
    assert_eq!(
        after(|s| s.options.push(Opt::new("more", Kind::Str))),
        ["argument_spec: lacks 'more'", "DOCUMENTATION: lacks 'more'"]
    );
    assert_eq!(
        after(|s| s.options[5].suboptions.truncate(1)),
        [
            "argument_spec: 'links.address' is no option of the code",
            "argument_spec: 'links.key' is no option of the code",
            "DOCUMENTATION: 'links.address' is no option of the code",
            "DOCUMENTATION: 'links.key' is no option of the code",
            "EXAMPLES: 'links.address' is no option of the code",
        ]
    );
}

#[test]
fn rules_are_compared() {
    assert_eq!(
        after(|s| s.mutually_exclusive = &[]),
        ["AnsibleModule(..): mutually_exclusive is [[\"password\",\"level\"]], in the code []"]
    );
    assert_eq!(
        after(|s| s.required_if = &[("force", "true", &["level"])]),
        [
            "AnsibleModule(..): required_if is [[\"force\",\"true\",[\"level\"]],[\"state\",\"present\",[\"links\"]]], \
          in the code [[\"force\",\"true\",[\"level\"]]]"
        ]
    );
    assert_eq!(
        after(|s| s.required_by = &[]),
        ["AnsibleModule(..): required_by is [[\"password\",[\"level\"]]], in the code []"]
    );
    assert_eq!(
        after(|s| s.options[5].rules = Rules::NONE),
        ["AnsibleModule(..): links.required_together is [[\"address\",\"key\"]], in the code []"]
    );
}

#[test]
fn the_name_and_the_examples_are_compared() {
    assert_eq!(
        after(|s| s.name = "other"),
        ["DOCUMENTATION: module is not 'other'", "EXAMPLES: no task calls 'pve.cluster.other'"]
    );
    assert_eq!(
        after(|s| s.options[4].required = true)[2..],
        [
            "EXAMPLES: 'level' is required and missing".to_owned(),
            "EXAMPLES: 'level' is required and missing".to_owned()
        ]
    );
}

#[test]
#[should_panic(expected = "cannot read '/no/such/stub.py'")]
fn a_missing_stub_is_named() {
    let _ = docs_differences(&spec(), Path::new("/no/such/stub.py"));
}
