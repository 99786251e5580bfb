//! Lists and pipelines.

use crate::nu::Nu;

#[test]
fn the_connections_of_a_profile_are_a_question_to_a_table() {
    let nu = Nu::new().with_connections();
    assert_eq!(nu.value("ssmpf ls | where profile == prod | get name"), "[prod-api, prod-db]");
    // As a person sees it.
    let shown = nu.ok("ssmpf ls | where profile == prod | select name host port local_port");
    assert!(shown.contains("prod-db") && shown.contains("orders.internal"), "{shown}");
    assert!(!shown.contains("stage-db"), "{shown}");
}

#[test]
fn times_durations_and_numbers_are_no_text() {
    let nu = Nu::new().with_connections();
    let kind = |expression: &str| nu.ok(expression);
    assert_eq!(kind("ssmpf show prod-db | get created | describe"), "datetime");
    assert_eq!(kind("ssmpf show prod-db | get port | describe"), "int");
    assert_eq!(kind("ssmpf show prod-db | get guard | describe"), "bool");
    assert_eq!(kind("ssmpf show prod-db | get tags | describe"), "list<string>");
    assert_eq!(kind("ssmpf show prod-db | get region | describe"), "nothing");
    assert_eq!(kind("ssmpf ls | where created > (date now) - 1hr | length"), "4");
    assert_eq!(kind("ssmpf edit web --max-age 8hr | get max_age | describe"), "duration");
    assert_eq!(
        kind("ssmpf edit web --max-age 8hr | get max_age | $in + 1min | to text"),
        "8hr 1min"
    );
}

#[test]
fn an_empty_store_is_an_empty_table() {
    let nu = Nu::new();
    assert_eq!(nu.value("ssmpf ls"), "[]");
    assert_eq!(nu.value("ssmpf ls | where profile == prod | get name"), "[]");
    assert_eq!(nu.value("ssmpf ls | where profile == prod | ssmpf up"), "[]");
    assert_eq!(nu.value("ssmpf ls | ssmpf down"), "{stopped: [], not_up: []}");
    assert_eq!(nu.value("ssmpf | get connections"), "0");
}

#[test]
fn files_are_opened_and_added() {
    let nu = Nu::new().with_connections();
    let write = |name: &str, text: &str| {
        std::fs::write(nu.env.home().join(name), text).expect("written");
    };
    write(
        "more.json",
        r#"[{"name": "a", "target": "bastion", "port": 1, "idle_timeout_seconds": 60},
        {"name": "b", "target": "bastion", "port": 2, "tags": ["x", "y"]}]"#,
    );
    let added = "open more.json | ssmpf add | select name port idle_timeout tags";
    assert_eq!(
        nu.value(added),
        "[[name, port, idle_timeout, tags]; [a, 1, 60000000000ns, []], [b, 2, null, [x, y]]]"
    );
    // The document of another store's list, and the program's own export.
    for (file, words) in [("list.json", &["ls", "--json"][..]), ("export.json", &["export"])] {
        let done = nu.env.run(words);
        write(file, &done.stdout);
        let other = format!("ssmpf ls --store {file}.age | get name");
        nu.ok(&format!("open {file} | ssmpf add --store {file}.age"));
        assert_eq!(nu.value(&other), "[a, b, prod-api, prod-db, stage-db, web]");
    }
}

#[test]
fn the_environment_is_that_of_the_shell_at_the_time_of_the_call() {
    let nu = Nu::new().with_connections();
    let line = "let before = (ssmpf ls | length)
        $env.SSMPF_STORE = 'other.age'; mkdir sub; cd sub
        let after = (ssmpf ls | length)
        ssmpf add here --target bastion --port 1
        [$before $after ('other.age' | path exists)]";
    assert_eq!(nu.value(line), "[4, 0, true]");
}

#[test]
fn targets_and_profiles_are_tables_too() {
    let nu = Nu::new();
    let targets = "ssmpf targets | select target kind reachable";
    assert_eq!(
        nu.value(targets),
        "[[target, kind, reachable]; [\"i-0123456789abcdef0\", \"ec2\", true]]"
    );
    assert_eq!(nu.ok("ssmpf targets | get 0.last_ping | describe"), "datetime");
    assert_eq!(nu.value("ssmpf targets --full | get places.found"), "[1]");
    assert_eq!(nu.value("ssmpf targets --full | get failures"), "[]");
    assert_eq!(nu.value("ssmpf targets nothing-like-this"), "[]");
    assert_eq!(nu.value("ssmpf endpoints"), "[]");
    assert_eq!(nu.value("ssmpf sessions"), "[]");
    assert_eq!(nu.value("ssmpf profiles"), "[]");
}

#[test]
fn the_summary_says_what_there_is() {
    let nu = Nu::new().with_connections();
    assert_eq!(nu.value("ssmpf | select connections up"), "{connections: 4, up: 0}");
    let program = nu.ok("ssmpf | get program");
    assert_eq!(program, nu.program().display().to_string());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(nu.ok("ssmpf | $'($in.version) ($in.plugin)'"), format!("{version} {version}"));
    assert!(nu.ok("ssmpf | get commands.name | str join ,").contains(",ssmpf status,"));
    assert!(nu.ok("ssmpf status --help").contains("--watch"));
}

#[test]
fn another_nushell_takes_the_plugin_from_the_registry() {
    let nu = Nu::new().with_connections();
    let registry = nu.env.home().join("plugins.msgpackz");
    let line = format!(
        "plugin use --plugin-config '{}' ssmpf; ssmpf ls | where profile == prod | get name | to nuon",
        registry.display()
    );
    let mut other = nu.env.command(crate::nu::nu());
    other.current_dir(nu.env.home()).args(["-c", &line]);
    let done = ssmpf_tests::process::run(other);
    assert_eq!((done.code, done.stdout.trim()), (Some(0), "[prod-api, prod-db]"), "{done:#?}");
}
