// SPDX-License-Identifier: GPL-3.0-or-later
//! A module that answers with its options, for the tests: `act` lets it change, warn, fail or panic.

use std::process::ExitCode;

use ansible_module::{Context, Diff, Failure, Kind, Opt, Outcome, Rules, Spec, main as module_main};
use host::{Command, Host};
use serde_json::{Map, Value};

fn link() -> Vec<Opt> {
    vec![
        Opt::new("number", Kind::Int).required(),
        Opt::new("address", Kind::Str).aliases(&["addr"]),
        Opt::new("key", Kind::Str).secret(),
        Opt::new("mode", Kind::Str).choices(&["active", "passive"]).default("passive"),
        Opt::list("ports", Kind::Int),
        Opt::new("inner", Kind::Dict)
            .suboptions(vec![Opt::new("x", Kind::Int).required(), Opt::list("y", Kind::Int)]),
    ]
}

fn spec() -> Spec {
    Spec {
        name: "echo",
        options: vec![
            Opt::new("name", Kind::Str).required().aliases(&["title", "label"]),
            Opt::new("act", Kind::Str).default("nothing"),
            Opt::new("s", Kind::Str),
            Opt::new("sd", Kind::Str).default("d"),
            Opt::new("n", Kind::Int),
            Opt::new("nd", Kind::Int).default(5),
            Opt::new("f", Kind::Float),
            Opt::new("b", Kind::Bool),
            Opt::new("bd", Kind::Bool).default(false),
            Opt::new("l", Kind::List),
            Opt::list("ls", Kind::Str),
            Opt::list("li", Kind::Int),
            Opt::list("lb", Kind::Bool),
            Opt::list("lp", Kind::Path),
            Opt::list("ld", Kind::Str).default(Value::Array(Vec::new())),
            Opt::new("d", Kind::Dict),
            Opt::new("p", Kind::Path),
            Opt::new("r", Kind::Raw),
            Opt::new("state", Kind::Str).choices(&["present", "absent"]).default("present"),
            Opt::new("yn", Kind::Str).choices(&["yes", "no"]),
            Opt::new("onoff", Kind::Str).choices(&["on", "true", "off"]),
            Opt::list("lc", Kind::Str).choices(&["a", "b", "c"]),
            Opt::new("ic", Kind::Int).choices(&["1", "2"]),
            Opt::new("password", Kind::Str).secret(),
            Opt::new("ma", Kind::Str),
            Opt::new("mb", Kind::Str),
            Opt::new("ta", Kind::Str),
            Opt::new("tb", Kind::Str),
            Opt::new("why", Kind::Str),
            Opt::new("how", Kind::Str),
            Opt::new("link", Kind::Dict)
                .suboptions(link())
                .rules(Rules { required_together: &[&["address", "key"]], ..Rules::NONE }),
            Opt::list("links", Kind::Dict).suboptions(link()),
            Opt::new("ruled", Kind::Dict)
                .suboptions(vec![
                    Opt::new("a", Kind::Str),
                    Opt::new("b", Kind::Str),
                    Opt::new("c", Kind::Str),
                    Opt::new("d", Kind::Str),
                ])
                .rules(Rules {
                    mutually_exclusive: &[&["a", "b"]],
                    required_together: &[],
                    required_one_of: &[&["a", "b"]],
                    required_if: &[("a", "x", &["c", "d"])],
                    required_by: &[("b", &["c", "d"])],
                }),
        ],
        mutually_exclusive: &[&["ma", "mb"], &["ma", "ta"]],
        required_together: &[&["ta", "tb"]],
        required_one_of: &[],
        required_if: &[("state", "absent", &["why", "how"]), ("bd", "true", &["why"])],
        required_by: &[("how", &["why"])],
    }
}

#[expect(clippy::panic, reason = "the tests look at what a panic answers")]
fn module(args: Map<String, Value>, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let act = text("act");
    let outcome = Outcome::default()
        .with("args", &args)
        .with("context", format!("{context:?}"))
        .with("failed", "a module cannot take Ansible's keys");
    match act.as_str() {
        "change" => {
            let outcome = outcome.diff(Diff::of_file("/etc/x", "old\n", format!("{}\n", text("password"))));
            Ok(Outcome { changed: true, ..outcome.msg("changed it").warn("look out") }
                .deprecate("echo is going away", "2.0.0"))
        }
        "fail" => Err(Failure::from(
            anyhow::anyhow!("the password {} is wrong", text("password"))
                .context(format!("cannot join '{}'", text("name"))),
        )
        .after_change()
        .warn(format!("'{}' is half done", text("name")))),
        "panic" => panic!("no way out with {}", text("password")),
        "panic_elsewhere" => {
            let _ = std::thread::spawn(|| panic!("in a thread")).join();
            Ok(outcome)
        }
        "run" => {
            let output = host.run(&Command::new("sh").args(["-c", &text("s")]))?;
            Ok(outcome.with("stdout", output.stdout).with("stderr", output.stderr))
        }
        _ => Ok(outcome),
    }
}

fn main() -> ExitCode {
    module_main(&spec(), module)
}
