// SPDX-License-Identifier: GPL-3.0-or-later
//! Whatever the arguments are, there is one answer, and no secret in it.

use ansible_module::{Context, Diff, Failure, Kind, Opt, Outcome, Rules, Spec, answer};
use host::Host;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use testkit::FakeHost;

fn spec() -> Spec {
    let inner = vec![
        Opt::new("x", Kind::Int).required(),
        Opt::new("key", Kind::Str).secret(),
        Opt::list("ports", Kind::Int),
    ];
    Spec {
        name: "any",
        options: vec![
            Opt::new("s", Kind::Str).aliases(&["t"]),
            Opt::new("n", Kind::Int),
            Opt::new("f", Kind::Float),
            Opt::new("b", Kind::Bool).default(false),
            Opt::list("l", Kind::Str),
            Opt::new("d", Kind::Dict),
            Opt::new("p", Kind::Path),
            Opt::new("r", Kind::Raw),
            Opt::new("c", Kind::Str).choices(&["yes", "no"]),
            Opt::new("secret", Kind::Str).secret(),
            Opt::new("o", Kind::Dict)
                .suboptions(inner.clone())
                .rules(Rules { required_together: &[&["key", "ports"]], ..Rules::NONE }),
            Opt::list("os", Kind::Dict).suboptions(inner),
        ],
        ..Spec::default()
    }
}

/// Repeats what it got in every place there is, or fails with it.
fn parrot(args: Map<String, Value>, _: &Context, _: &dyn Host) -> Result<Outcome, Failure> {
    let secret = args.get("secret").and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = format!("it said <{secret}>{}", json!({ "said": secret }));
    if args.get("b") == Some(&json!(true)) {
        let error = anyhow::anyhow!("{text}").context(text.clone());
        return Err(Failure::from(error).with("args", &args).with("stdout", &text).warn(text));
    }
    Ok(Outcome::changed()
        .msg(&text)
        .with("args", &args)
        .with("nested", json!([{ "a": [&text, &secret] }]))
        .diff(Diff::of_file("/etc/x", text.as_str(), text.as_str()))
        .warn(text))
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |f| f.is_finite().then(|| Value::from(f))),
        ".{0,12}".prop_map(Value::from),
        "[-+0-9._eE ]{0,8}".prop_map(Value::from),
        r#"[{}\[\]()'",:=\\ a0TrueNone]{0,16}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("(x|key|ports|[a-z]{1,3})", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn args() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        10 => prop::sample::select(vec!["s", "t", "n", "f", "b", "l", "d", "p", "r", "c", "secret", "o", "os"])
            .prop_map(str::to_owned),
        1 => "[a-z_]{1,8}",
    ];
    prop::collection::hash_map(name, any_value(), 0..6).prop_map(|map| map.into_iter().collect())
}

/// Every text in a value, keys too.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            found.push(key.clone());
            texts(item, found);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn there_is_always_an_answer(args in args()) {
        let answer = answer(&spec(), json!(args).to_string().as_bytes(), &FakeHost::new(), parrot);
        let failed = answer.get("failed") == Some(&json!(true));
        prop_assert!(answer.get("changed").is_some_and(Value::is_boolean));
        prop_assert!(!failed || answer.get("msg").and_then(Value::as_str).is_some_and(|msg| !msg.is_empty()));
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let answer = answer(&spec(), &bytes, &FakeHost::new(), parrot);
        prop_assert!(answer.is_object());
    }

    #[test]
    fn a_secret_is_nowhere_in_the_answer(
        secret in "[a-zA-Z0-9\"'\\\\\n\t é$]{5,24}",
        b in any::<bool>(),
        verbosity in 0..5,
        key in any::<bool>(),
    ) {
        // Letters of the module's own words would be censored too, which proves nothing.
        prop_assume!(secret.trim().chars().count() >= 5);
        let args = json!({
            "secret": secret, "b": b, "s": format!("({secret})"), "r": { "deep": [secret] },
            "o": if key { json!({"x": 1, "key": secret, "ports": [secret]}) } else { Value::Null },
            "_ansible_diff": true, "_ansible_verbosity": verbosity,
        });
        let answer = answer(&spec(), args.to_string().as_bytes(), &FakeHost::new(), parrot);
        let mut found = Vec::new();
        texts(&answer, &mut found);
        for text in found {
            prop_assert!(!text.contains(secret.as_str()) && !text.contains(secret.trim()), "{text:?}");
        }
        prop_assert!(!answer.to_string().contains(secret.trim()));
    }

    #[test]
    fn what_has_its_type_already_is_not_changed(
        n in any::<i64>(),
        s in ".{0,20}",
        l in prop::collection::vec(".{0,5}", 0..4),
    ) {
        let args = json!({ "s": s, "n": n, "l": l, "r": { "a": [n, s, null] }, "_ansible_inject_invocation": false });
        let answer = answer(&spec(), args.to_string().as_bytes(), &FakeHost::new(), parrot);
        prop_assert_eq!(
            answer.get("args"),
            Some(&json!({ "s": s, "n": n, "b": false, "l": l, "r": { "a": [n, s, null] } }))
        );
    }
}
