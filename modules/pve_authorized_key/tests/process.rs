// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as a process: bad arguments, and real files on a small machine of its own (see `support/machine.sh`;
//! needs root).

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the tests run the module as a process")]

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

const MINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";

/// The module's answer to arguments, outside of any machine: only for those it refuses at once.
fn refused(args: &Value) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), args.to_string()).unwrap();
    let output =
        assert_cmd::Command::cargo_bin("pve_authorized_key").unwrap().arg(file.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    answers(&output).remove(0)
}

/// The lines of JSON that were printed, and nothing else.
fn answers(output: &Output) -> Vec<Value> {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!(line))).collect()
}

/// Runs a shell script on the small machine, in which `run JSON` runs the module.
fn on_machine(script: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    std::fs::write(&path, script).unwrap();
    let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/machine.sh");
    let module = assert_cmd::cargo::cargo_bin("pve_authorized_key");
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh"])
        .arg(machine)
        .arg(&path)
        .arg(module)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    answers(&output)
}

fn run(args: &Value) -> String {
    format!("run '{}'\n", args.to_string().replace('\'', "'\\''"))
}

#[test]
fn arguments_are_refused_in_ansibles_words() {
    assert_eq!(refused(&json!({}))["msg"], json!("one of the following is required: key, key_file"));
    assert_eq!(
        refused(&json!({"key": MINE, "key_file": ["/x"]}))["msg"],
        json!("parameters are mutually exclusive: key|key_file")
    );
    assert_eq!(
        refused(&json!({"key": MINE, "scope": "all"}))["msg"],
        json!("value of scope must be one of: cluster, local, both, got: all")
    );
}

#[test]
fn a_private_key_comes_back_in_no_form() {
    let secret = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ";
    let pem = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----\n");
    let answer = refused(
        &json!({"key": [pem], "_ansible_verbosity": 4, "_ansible_inject_invocation": true, "_ansible_diff": true}),
    );
    assert!(!answer.to_string().contains(&secret[..20]), "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains("it is a private key"), "{answer}");
}

#[test]
fn both_files_of_root() {
    let add = json!({"key": format!("{MINE} me")});
    let script = run(&add)
        + &run(&add)
        + &run(&json!({"key": MINE, "state": "absent"}))
        + "stat -c '%F %a %u %N' /root/.ssh/authorized_keys\n\
           stat -c '%F %a %u' /etc/pve/priv/authorized_keys /root/.ssh/authorized_keys2\n\
           ls -A /etc/pve/priv /etc/pve/priv/lock /root/.ssh\n";
    let said = on_machine(&script);
    assert_eq!(said[0]["changed"], json!(true), "{said:?}");
    assert_eq!(said[1]["changed"], json!(false), "{said:?}");
    assert_eq!(said[2]["changed"], json!(true), "{said:?}");
    assert_eq!(
        said[3..],
        [
            json!("symbolic link 777 0 '/root/.ssh/authorized_keys' -> '/etc/pve/priv/authorized_keys'"),
            json!("regular empty file 600 0"),
            json!("regular empty file 600 0"),
            json!("/etc/pve/priv:"),
            json!("authorized_keys"),
            json!("lock"),
            json!(""),
            json!("/etc/pve/priv/lock:"),
            json!(""),
            json!("/root/.ssh:"),
            json!("authorized_keys"),
            json!("authorized_keys2"),
        ]
    );
}

#[test]
fn a_users_files_are_theirs() {
    let script = run(&json!({"key": MINE, "user": "alice"}))
        + "stat -c '%a %u %g' /home/alice/.ssh/authorized_keys\nrm -r /home/alice/.ssh\n"
        + &run(&json!({"key": MINE, "user": "alice"}))
        + "stat -c '%a %u %g' /home/alice/.ssh /home/alice/.ssh/authorized_keys\n";
    let said = on_machine(&script);
    assert_eq!(said[0]["changed"], json!(true), "{said:?}");
    assert_eq!(said[1], json!("600 54321 54321"));
    assert_eq!(said[2]["changed"], json!(true), "{said:?}");
    assert_eq!(said[3..], [json!("700 54321 54321"), json!("600 54321 54321")]);
}

#[test]
fn a_planted_link_leads_no_further_than_its_owner_may_go() {
    let args = json!({"key": MINE, "user": "alice", "_ansible_diff": true});
    let script = format!(
        "echo 'secret of root' > /root/secret\nchmod 600 /root/secret\n\
         ln -s /root/secret /home/alice/.ssh/authorized_keys\nchown -h 54321:54321 /home/alice/.ssh/authorized_keys\n\
         {}cat /root/secret\n",
        run(&args)
    );
    let said = on_machine(&script);
    assert_eq!(said[0]["failed"], json!(true), "{said:?}");
    assert!(!said[0].to_string().contains("secret of root"), "{said:?}");
    assert_eq!(said[0]["msg"], json!("cannot read '/root/secret': Permission denied (os error 13)"));
    assert_eq!(said[1], json!("secret of root"));
}

#[test]
fn a_full_disk_loses_nothing() {
    let script = format!(
        "printf '{OTHER} kept\\n' > /root/.ssh/authorized_keys2\nchmod 600 /root/.ssh/authorized_keys2\n\
         head -c 70000 /dev/zero > /root/filler 2>/dev/null || true\n{}cat /root/.ssh/authorized_keys2\n\
         ls -A /root/.ssh\nrm /root/filler\n{}cat /root/.ssh/authorized_keys2\n",
        run(&json!({"key": MINE, "scope": "local"})),
        run(&json!({"key": MINE, "scope": "local"})),
    );
    let said = on_machine(&script);
    assert_eq!(said[0]["failed"], json!(true), "{said:?}");
    assert_eq!(said[0]["changed"], json!(false), "{said:?}");
    assert_eq!(
        said[0]["msg"],
        json!(
            "cannot change '/root/.ssh/authorized_keys2': cannot write '/root/.ssh/.authorized_keys2.pve-authorized-key': No space left on device (os error 28)"
        )
    );
    assert_eq!(said[1], json!(format!("{OTHER} kept")));
    assert_eq!(said[2..4], [json!("authorized_keys"), json!("authorized_keys2")]);
    assert_eq!(said[4]["changed"], json!(true), "{said:?}");
    assert_eq!(said[5..], [json!(format!("{OTHER} kept")), json!(MINE)]);
}

#[test]
fn eight_processes_at_once_lose_no_key() {
    let script = r#"
for n in 1 2 3 4 5 6 7 8; do
    ssh-keygen -q -t ed25519 -N '' -C "writer $n" -f "key$n" < /dev/null
done
lost=0
for round in $(seq 1 10); do
    : > /etc/pve/priv/authorized_keys
    rm -f /root/.ssh/authorized_keys2
    for n in 1 2 3 4 5 6 7 8; do
        run "{\"key_file\": [\"$PWD/key$n.pub\"], \"timeout\": 60}" > "answer$n" &
    done
    wait
    for n in 1 2 3 4 5 6 7 8; do
        grep -q '"changed":true' "answer$n" || { lost=$((lost + 1)); cat "answer$n"; }
        for file in /etc/pve/priv/authorized_keys /root/.ssh/authorized_keys2; do
            grep -qxFf "key$n.pub" "$file" || lost=$((lost + 1))
        done
    done
done
echo "lost $lost"
ls -A /etc/pve/priv/lock
"#;
    assert_eq!(on_machine(script), [json!("lost 0")]);
}
