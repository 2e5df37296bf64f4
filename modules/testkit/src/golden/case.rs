// SPDX-License-Identifier: GPL-3.0-or-later
//! One golden case: its three runs and what they must have in common.

use std::path::Path;

use ansible_module::{Spec, answer};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Module, files, setup};
use crate::FakeHost;

/// What is wrong with a case.
pub(super) fn problems<A: DeserializeOwned>(
    case: &Path,
    spec: &Spec,
    module: Module<A>,
    update: bool,
) -> Vec<String> {
    let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Found { case: case.to_owned(), update, problems: Vec::new() };
    let args: Map<String, Value> = files::json(&case.join("args.json"));
    let run = |host: &FakeHost, check: bool| {
        let mut args = args.clone();
        args.insert("_ansible_check_mode".into(), check.into());
        args.insert("_ansible_diff".into(), true.into());
        args.insert("_ansible_inject_invocation".into(), false.into());
        answer(spec, json!(args).to_string().as_bytes(), host, module)
    };

    let host = setup::machine(case);
    let before = setup::files(&host);
    let checked = run(&host, true);
    if !host.effects().is_empty() {
        found.problem(format!("check mode changed something: {}", host.effects().join(", ")));
    }
    if setup::files(&host) != before {
        found.problem("check mode changed files".to_owned());
    }

    // A fresh machine: check mode may have used up answers.
    let host = setup::machine(case);
    let result = run(&host, false);
    found.same("result.json", &files::pretty(&result));
    let own_check = case.join("check.json");
    if own_check.exists() {
        found.same("check.json", &files::pretty(&checked));
    } else if checked != result {
        found.problem(format!(
            "check mode answers otherwise than the real run; if that is right, put it into check.json:\n{}",
            difference(&files::pretty(&result), &files::pretty(&checked))
        ));
    }
    let effects = host.effects();
    found.same("effects.txt", &effects.iter().map(|effect| format!("{effect}\n")).collect::<String>());
    let after = setup::files(&host);
    found.tree(&after);

    let (failed, changed) = (flag(&result, "failed"), flag(&result, "changed"));
    if !failed && changed == (effects.is_empty() && after == before) {
        found.problem(format!("the answer says changed: {changed}, but the effects are {effects:?}"));
    }
    if failed && !changed && after != before {
        found.problem("the answer says that nothing was changed, but files were".to_owned());
    }
    if !failed || !changed {
        host.revive();
        let again = run(&host, false);
        if flag(&again, "failed") != failed {
            found.problem(format!("the second run answers {again}"));
        }
        if flag(&again, "changed") || !host.effects().is_empty() || setup::files(&host) != after {
            found.problem(format!(
                "the second run changed something: {} ({again})",
                host.effects().join(", ")
            ));
        }
    }
    found.problems.into_iter().map(|problem| format!("{name}: {problem}")).collect()
}

fn flag(answer: &Value, name: &str) -> bool {
    answer.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The problems of a case so far.
struct Found {
    case: std::path::PathBuf,
    update: bool,
    problems: Vec<String>,
}

impl Found {
    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Compares a text with what a file holds, or writes it there.
    fn same(&mut self, file: &str, text: &str) {
        let path = self.case.join(file);
        if self.update {
            files::write_or_remove(&path, text);
            return;
        }
        let expected = files::text(&path);
        if expected != text {
            self.problem(format!("{file} differs:\n{}", difference(&expected, text)));
        }
    }

    /// Compares the machine's files with `after/`, or writes them there.
    fn tree(&mut self, after: &files::Tree) {
        let path = self.case.join("after");
        if self.update {
            files::replace_tree(&path, after);
            return;
        }
        let expected = files::tree(&path);
        for name in expected.keys().filter(|name| !after.contains_key(*name)) {
            self.problem(format!("after/{name} is not there afterwards"));
        }
        for (name, content) in after {
            match expected.get(name) {
                None => self.problem(format!("'/{name}' is there afterwards, but not in after/")),
                Some(wanted) if wanted != content => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    self.problem(format!(
                        "after/{name} differs:\n{}",
                        difference(&text(wanted), &text(content))
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

/// Two texts, with `-` before lines that were expected and `+` before those that came instead.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let head = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let tail = expected
        .iter()
        .rev()
        .zip(found.iter().rev())
        .take(expected.len().min(found.len()) - head)
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |lines: &[&str], sign: &str| {
        let lines = lines.get(head..lines.len() - tail).unwrap_or_default();
        lines.iter().map(|line| format!("    {sign} {line}\n")).collect::<String>()
    };
    if expected == found {
        return "    only the end of the last line differs".to_owned();
    }
    format!("{}{}", middle(&expected, "-"), middle(&found, "+")).trim_end().to_owned()
}
