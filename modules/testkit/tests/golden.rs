// SPDX-License-Identifier: GPL-3.0-or-later
//! The runner of golden cases, on a module that writes a text into a file and tells a program of it.

#![expect(clippy::disallowed_methods, reason = "the test makes cases of its own")]

use std::path::{Path, PathBuf};

use ansible_module::{Context, Diff, Failure, Kind, Opt, Outcome, Spec};
use host::{Command, Host};
use serde::Deserialize;
use testkit::{golden, golden_problems};

#[derive(Deserialize)]
struct Args {
    text: String,
}

fn spec() -> Spec {
    Spec { name: "sample", options: vec![Opt::new("text", Kind::Str).required()], ..Spec::default() }
}

const PATH: &str = "/etc/pve/text";

fn well_behaved(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let name = host.hostname()?;
    let quorate = host.run(&Command::new("corosync-quorumtool").arg("-s"))?.exited_zero();
    let now = String::from_utf8_lossy(&host.read(Path::new(PATH))?).into_owned();
    if now == args.text {
        return Ok(Outcome::unchanged().with("name", name));
    }
    if !quorate {
        return Err(Failure::new(format!("cannot write '{PATH}': not quorate")));
    }
    let outcome = Outcome::changed().with("name", name).diff(Diff::of_file(PATH, now, args.text.as_str()));
    if !context.check_mode {
        let new = format!("{PATH}.new");
        host.create(Path::new(&new), args.text.as_bytes(), 0o640)?;
        host.rename(Path::new(&new), Path::new(PATH))?;
        host.run(&Command::new("tell").arg("it"))?;
    }
    Ok(outcome)
}

fn ignores_check_mode(args: Args, _: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    well_behaved(args, &Context::default(), host)
}

fn always_changed(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    well_behaved(args, context, host).map(|outcome| Outcome { changed: true, ..outcome })
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn a_module_that_keeps_its_promises_passes() {
    golden(cases(), &spec(), well_behaved);
}

/// Those of the problems that hold this text.
fn problems(module: fn(Args, &Context, &dyn Host) -> Result<Outcome, Failure>, text: &str) -> Vec<String> {
    golden_problems(&cases(), &spec(), module, false).into_iter().filter(|p| p.contains(text)).collect()
}

#[test]
fn a_module_that_ignores_check_mode_is_found() {
    assert_eq!(
        problems(ignores_check_mode, "check mode"),
        [
            "writes: check mode changed something: create /etc/pve/text.new 0640 (4 bytes), \
             rename /etc/pve/text.new -> /etc/pve/text, run tell it",
            "writes: check mode changed files"
        ]
    );
}

#[test]
fn a_module_that_is_never_content_is_found() {
    assert_eq!(
        problems(always_changed, "changed"),
        [
            "already_so: result.json differs:\n    -   \"changed\": false,\n    +   \"changed\": true,",
            "already_so: the answer says changed: true, but the effects are []",
            "already_so: the second run changed something:  ({\"changed\":true,\"name\":\"pve1\"})",
            "writes: the second run changed something:  ({\"changed\":true,\"name\":\"pve1\"})",
        ]
    );
}

#[test]
fn expectations_can_be_rewritten_and_hold_then() {
    let copy = std::env::temp_dir().join(format!("golden-{}", std::process::id()));
    for (case, file) in
        [("writes", "args.json"), ("writes", "machine.json"), ("writes", "before/etc/pve/text")]
    {
        let to = copy.join(case).join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(cases().join(case).join(file), to).unwrap();
    }
    for file in ["1-quorum", "2-tell"] {
        let to = copy.join("writes/answers").join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(cases().join("writes/answers").join(file), to).unwrap();
    }
    assert!(!golden_problems(&copy, &spec(), well_behaved, false).is_empty());
    assert!(golden_problems(&copy, &spec(), well_behaved, true).is_empty());
    assert!(golden_problems(&copy, &spec(), well_behaved, false).is_empty());
    std::fs::remove_dir_all(copy).unwrap();
}
