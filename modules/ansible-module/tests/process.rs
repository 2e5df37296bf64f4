// SPDX-License-Identifier: GPL-3.0-or-later
//! A module as a process: what it prints on which stream, and how it ends, whatever happens.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "the tests run the module as a process")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// `examples/echo.rs`, which cargo builds with the tests.
fn echo() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples/echo");
    assert!(path.exists(), "build it with: cargo build -p ansible-module --example echo");
    path
}

/// The answer to these arguments: one line on stdout, nothing on stderr, and the exit code that fits it.
fn answer(args: &Value) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), args.to_string()).unwrap();
    let mut command = assert_cmd::Command::new(echo());
    let output = command.arg(file.path()).output().unwrap();
    parsed(&output.stdout, &output.stderr, output.status.code())
}

fn parsed(stdout: &[u8], stderr: &[u8], code: Option<i32>) -> Value {
    assert_eq!(String::from_utf8_lossy(stderr), "");
    let stdout = std::str::from_utf8(stdout).unwrap();
    assert_eq!(stdout.matches('\n').count(), 1, "{stdout}");
    assert!(stdout.ends_with('\n'));
    let answer: Value = serde_json::from_str(stdout).unwrap();
    let failed = answer.get("failed") == Some(&json!(true));
    assert_eq!(code, Some(i32::from(failed)));
    answer
}

/// The answer to no arguments file but these command line arguments.
fn answer_to(args: &[&str]) -> Value {
    let output = assert_cmd::Command::new(echo()).args(args).output().unwrap();
    parsed(&output.stdout, &output.stderr, output.status.code())
}

#[test]
fn a_missing_or_unreadable_arguments_file() {
    assert_eq!(
        answer_to(&[]),
        json!({"failed": true, "changed": false,
            "msg": "cannot read the arguments: no file was named; this is an Ansible module, which Ansible runs"})
    );
    assert_eq!(
        answer_to(&["/no/such/file"]),
        json!({"failed": true, "changed": false,
            "msg": "cannot read the arguments '/no/such/file': No such file or directory (os error 2)"})
    );
    assert_eq!(
        answer_to(&["/"]),
        json!({"failed": true, "changed": false,
            "msg": "cannot read the arguments '/': Is a directory (os error 21)"})
    );
}

#[test]
fn what_is_no_json_object() {
    for (text, why) in [
        ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        ("nonsense", "not JSON: expected ident at line 1 column 2"),
        ("[{}]", "a list instead of a JSON object"),
    ] {
        let output = assert_cmd::Command::new(echo()).arg("/dev/stdin").write_stdin(text).output().unwrap();
        assert_eq!(
            parsed(&output.stdout, &output.stderr, output.status.code()),
            json!({"failed": true, "changed": false, "msg": format!("cannot read the arguments: {why}")})
        );
    }
}

#[test]
fn arguments_on_standard_input() {
    let output = assert_cmd::Command::new(echo())
        .arg("/dev/stdin")
        .write_stdin(r#"{"name": "x\udce9", "_ansible_inject_invocation": false}"#)
        .output()
        .unwrap();
    let answer = parsed(&output.stdout, &output.stderr, output.status.code());
    assert_eq!(answer["args"]["name"], "x\u{fffd}");
    assert_eq!(answer["changed"], false);
}

#[test]
fn arguments_on_a_socket() {
    use std::io::{Read, Write};
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.write_all(br#"{"name": "x"}"#).unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut child = Command::new(echo())
        .arg("/dev/stdin")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["args"]["name"], "x");
}

/// The arguments of a current Ansible besides the task's own.
fn current(mut args: Value) -> Value {
    let own = json!({
        "_ansible_check_mode": false, "_ansible_no_log": false, "_ansible_debug": false, "_ansible_diff": false,
        "_ansible_verbosity": 0, "_ansible_version": "2.21.5", "_ansible_module_name": "pve.cluster.echo",
        "_ansible_syslog_facility": "LOG_USER", "_ansible_selinux_special_fs": ["fuse"], "_ansible_socket": null,
        "_ansible_shell_executable": "/bin/sh", "_ansible_keep_remote_files": false, "_ansible_tmpdir": null,
        "_ansible_remote_tmp": "~/.ansible/tmp", "_ansible_ignore_unknown_opts": false,
        "_ansible_pve_cluster_origin": {"run": "r1", "by": "anna@desk"}, "_ansible_target_log_info": null, "_ansible_tracebacks_for": [], "_ansible_inject_invocation": false,
    });
    let args = args.as_object_mut().unwrap();
    for (name, value) in own.as_object().unwrap() {
        args.entry(name.clone()).or_insert(value.clone());
    }
    json!(args)
}

#[test]
fn the_whole_answer_of_a_change() {
    assert_eq!(
        answer(&current(json!({"name": "x", "title": "y", "act": "change", "_ansible_diff": true}))),
        json!({
            "changed": true,
            "msg": "changed it",
            "args": {"name": "y", "act": "change", "sd": "d", "nd": 5, "bd": false, "ld": [], "state": "present"},
            "context": "Context { check_mode: false, diff: true, no_log: false, verbosity: 0, \
                module_name: \"pve.cluster.echo\", tracebacks: false, \
                origin: Origin { run: \"r1\", by: \"anna@desk\", task: \"\" } }",
            "diff": [{"before_header": "/etc/x", "after_header": "/etc/x", "before": "old\n", "after": "\n"}],
            "warnings": ["Both option name and its alias title are set.", "look out"],
            "deprecations":
                [{"msg": "echo is going away", "version": "2.0.0", "collection_name": "pve.cluster"}],
        })
    );
    assert_eq!(answer(&current(json!({"name": "x", "act": "change"}))).get("diff"), None);
}

#[test]
fn the_whole_answer_of_a_failure() {
    let args = json!({"name": "prod", "act": "fail", "password": "hunter2"});
    let expected = json!({
        "failed": true,
        "changed": true,
        "msg": "cannot join 'prod': the password ******** is wrong",
        "warnings": ["'prod' is half done"],
    });
    assert_eq!(answer(&current(args.clone())), expected);

    let mut wanted = args.clone();
    wanted["_ansible_tracebacks_for"] = json!(["error"]);
    let mut with_exception = expected.clone();
    with_exception["exception"] = "cannot join 'prod'\ncaused by: the password ******** is wrong".into();
    assert_eq!(answer(&current(wanted)), with_exception);

    let mut verbose = args;
    verbose["_ansible_verbosity"] = json!(3);
    assert_eq!(answer(&current(verbose)), with_exception);
}

#[test]
fn a_task_with_no_log_gets_a_message_without_its_values() {
    assert_eq!(
        answer(&current(
            json!({"name": "prod", "act": "fail", "password": "hunter2", "_ansible_no_log": true})
        )),
        json!({
            "failed": true,
            "changed": true,
            "msg": "cannot join '********': the password ******** is wrong",
            "warnings": ["'********' is half done"],
        })
    );
}

#[test]
fn older_versions_get_the_invocation_without_secrets() {
    let args = json!({
        "name": "x", "act": "change", "password": "hunter2", "_ansible_diff": true, "_ansible_verbosity": 3,
        "s": "it is hunter2", "links": [{"number": "1", "key": "s3cr\"et", "addr": "on s3cr\"et"}],
        "d": {"a": "s3cr\"et", "s3cr\"et": "{\"pw\": \"s3cr\\\"et\"}"}, "_ansible_version": "2.18.1",
    });
    let answer = answer(&args);
    let text = answer.to_string();
    assert!(!text.contains("hunter2") && !text.contains("s3cr"), "{text}");
    assert_eq!(answer["diff"][0]["after"], "********\n");
    let mut expected = json!({
        "name": "x", "act": "change", "s": "it is ********", "sd": "d", "nd": 5, "bd": false, "ld": [],
        "state": "present", "password": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "d": {"a": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "********": "{\"pw\": \"********\"}"},
        "links": [{
            "number": 1, "key": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "address": "on ********", "mode": "passive",
        }],
    });
    for unset in [
        "n", "f", "b", "l", "ls", "li", "lb", "lp", "p", "r", "yn", "onoff", "lc", "ic", "ma", "mb", "ta",
        "tb", "why", "how", "link", "ruled",
    ] {
        expected[unset] = Value::Null;
    }
    assert_eq!(answer["invocation"]["module_args"], expected);
}

#[test]
fn the_invocation_is_given_as_asked() {
    let asks = |wish: bool| {
        answer(&current(json!({"name": "x", "_ansible_inject_invocation": wish}))).get("invocation").is_some()
    };
    assert!(asks(true) && !asks(false));
}

#[test]
fn a_program_that_repeats_a_secret_is_censored() {
    let answer = answer(&current(json!({
        "name": "x", "act": "run", "password": "it's \"4\"", "link": "number=1 address=a1 key=linksecret",
        "s": "printf '%s\\n' linksecret >&2; printf '%s|%s' \"it's \\\"4\\\"\" '\"it'\\''s \\\"4\\\"\"'",
    })));
    assert_eq!(answer["stdout"], "********|\"********\"");
    assert_eq!(answer["stderr"], "********\n");
}

#[test]
fn wrong_options_fail_in_one_sentence() {
    for (args, msg) in [
        (json!({}), "missing required arguments: name"),
        (
            json!({"name": "x", "nope": 1}),
            "Unsupported parameters for (pve.cluster.echo) module: nope. Supported parameters include: act, b, bd, \
             d, f, how, ic, l, lb, lc, ld, li, link, links, lp, ls, ma, mb, n, name, nd, onoff, p, password, r, \
             ruled, s, sd, state, ta, tb, why, yn (label, title).",
        ),
        (
            json!({"name": "x", "password": "hunter2", "n": "hunter2"}),
            "argument 'n' is of type str and we were unable to convert to int: \"'********'\" cannot be converted to \
             an int",
        ),
    ] {
        assert_eq!(answer(&current(args)), json!({"failed": true, "changed": false, "msg": msg}));
    }
    let ignored = json!({"name": "x", "nope": 1, "_ansible_ignore_unknown_opts": true});
    assert_eq!(answer(&current(ignored)).get("failed"), None);
}

#[test]
fn a_panic_is_one_answer_without_secrets() {
    let panic = answer(&current(json!({"name": "x", "act": "panic", "password": "hunter2"})));
    let msg = panic["msg"].as_str().unwrap();
    assert!(msg.starts_with("bug in this module: no way out with ******** ("), "{msg}");
    assert!(msg.ends_with(')') && msg.contains("echo.rs:"), "{msg}");
    assert_eq!(panic["failed"], true);

    let elsewhere = answer(&current(json!({"name": "x", "act": "panic_elsewhere"})));
    assert!(elsewhere["msg"].as_str().unwrap().starts_with("bug in this module: in a thread ("));
}

#[test]
fn an_unwritable_stdout_is_no_panic() {
    for act in ["nothing", "panic"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        for stdout in [Stdio::from(full), Stdio::from(closed)] {
            let mut child = Command::new(echo())
                .arg("/dev/stdin")
                .stdin(Stdio::piped())
                .stdout(stdout)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let text = json!({"name": "x", "act": act}).to_string();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{act}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{act}");
        }
    }
}

#[test]
fn a_hang_up_does_not_end_a_module_half_way() {
    let dir = tempfile::tempdir().unwrap();
    let (begun, done) = (dir.path().join("begun"), dir.path().join("done"));
    let script = format!("touch {}; sleep 1; touch {}", begun.display(), done.display());
    let args = dir.path().join("args");
    fs::write(&args, json!({"name": "x", "act": "run", "s": script}).to_string()).unwrap();
    let child = Command::new(echo()).arg(args).stdout(Stdio::piped()).spawn().unwrap();
    while !begun.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(done.exists());
}

#[test]
fn a_hang_up_is_not_blocked_in_what_a_module_starts() {
    let answer = answer(&current(json!({"name": "x", "act": "run", "s": "kill -HUP $$; echo still here"})));
    assert_eq!(answer["stdout"], "");
}

#[test]
fn what_a_module_starts_has_no_terminal() {
    let args = tempfile::NamedTempFile::new().unwrap();
    let script = "(: </dev/tty) 2>/dev/null && echo terminal || echo none";
    fs::write(args.path(), json!({"name": "x", "act": "run", "s": script}).to_string()).unwrap();
    // As over ssh: below a shell that waits, on a terminal.
    let line = format!(
        "(: </dev/tty) && echo begun on a terminal; {} {}; true",
        echo().display(),
        args.path().display()
    );
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("begun on a terminal"));
    let answer: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(answer["stdout"], "none\n");
}
