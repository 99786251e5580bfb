//! Every documented example runs in the real Nushell, and comes to what it says.

use std::collections::BTreeSet;

use nu_plugin_ssmpf::commands;
use nu_plugin_ssmpf::spec::Sample;
use nu_protocol::Value;

use crate::documents::account;
use crate::forwards::Cleanup;
use crate::nu::Nu;

/// A value in Nushell's own notation.
fn nuon(value: &Value) -> String {
    match value {
        Value::Int { val, .. } => val.to_string(),
        Value::Duration { val, .. } => format!("{val}ns"),
        Value::String { val, .. } => format!("{val:?}"),
        Value::List { vals, .. } => {
            format!("[{}]", vals.iter().map(nuon).collect::<Vec<_>>().join(", "))
        }
        Value::Record { val, .. } => {
            let fields = val.iter().map(|(name, it)| format!("{name}: {}", nuon(it)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => panic!("no example has {other:?} yet"),
    }
}

/// What has to be there before an example makes sense, and how an endless one is ended.
fn surrounded(sample: &Sample) -> (Option<&'static str>, String) {
    let code = sample.code.to_owned();
    if code.starts_with("ssmpf connect") || code.contains("--watch") {
        return (Some("ssmpf up web"), format!("{code} | first 1"));
    }
    let before = if code.contains("logs prod-db") { Some("ssmpf up prod-db") } else { None };
    (before, code)
}

#[test]
fn every_example_comes_to_what_it_says() {
    let mut with_result = 0;
    for spec in commands::ALL {
        // Each command finds the place as it was; examples of one command go on from each other.
        for sample in spec.examples {
            let nu = account();
            let _cleanup = Cleanup(&nu);
            let (before, code) = surrounded(sample);
            if let Some(before) = before {
                nu.ok(before);
            }
            let printed = nu.value(&code);
            if let Some(result) = sample.result {
                with_result += 1;
                let wanted = nu.value(&nuon(&result()));
                assert_eq!(printed, wanted, "{}", sample.code);
            }
        }
    }
    assert!(with_result > 10, "{with_result} examples have a result");
}

#[test]
fn every_command_of_the_core_that_shows_something_is_here() {
    let nu = Nu::new();
    let help = nu.env.run(&["--help"]).stdout;
    let core: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let here: BTreeSet<&str> =
        commands::ALL.iter().filter_map(|spec| spec.words.first().copied()).collect();
    assert!(here.is_subset(&core), "{here:?} has what {core:?} does not");
    // What asks on the terminal, is for other shells, or is about the store and not what is in it.
    let left: BTreeSet<&str> = [
        "completions",
        "export",
        "forward",
        "help",
        "import",
        "init",
        "lock",
        "passwd",
        "pick",
        "prompt",
        "service",
        "store",
        "unlock",
    ]
    .into();
    let missing: Vec<_> = core.difference(&here).filter(|it| !left.contains(*it)).collect();
    assert!(missing.is_empty(), "the plugin does not have {missing:?} yet");
}
