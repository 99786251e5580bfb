//! What commands return, value by value, and where errors point: the plugin in this process, with the
//! real program behind it.

use std::sync::Arc;

use nu_plugin_ssmpf::SsmpfPlugin;
use nu_plugin_test_support::PluginTest;
use nu_protocol::{LabeledError, Record, ShellError, Span, Value};

use crate::documents::account;
use crate::nu::Nu;

/// The plugin as Nushell calls it, in the environment of a test.
fn plugin(nu: &Nu) -> PluginTest {
    let mut test = PluginTest::new("ssmpf", Arc::new(SsmpfPlugin)).expect("the plugin registers");
    let state = test.engine_state_mut();
    let command = nu.command(&[]);
    for (name, value) in command.get_envs() {
        let (name, value) = (name.to_str().expect("text"), value.and_then(|it| it.to_str()));
        state.add_env_var(name.to_owned(), Value::test_string(value.unwrap_or_default()));
    }
    let home = nu.env.home().display().to_string();
    state.add_env_var("PWD".to_owned(), Value::test_string(home));
    test
}

fn eval(test: &mut PluginTest, line: &str) -> Result<Value, Box<ShellError>> {
    Ok(test.eval(line)?.into_value(Span::test_data())?)
}

#[track_caller]
fn rows(test: &mut PluginTest, line: &str) -> Vec<Record> {
    let value = eval(test, line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
    let rows = value.into_list().expect("a list").into_iter();
    rows.map(|row| row.into_record().expect("a record")).collect()
}

#[track_caller]
fn record(test: &mut PluginTest, line: &str) -> Record {
    let value = eval(test, line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
    value.into_record().expect("a record")
}

/// The error, and the text that its first label covers.
#[track_caller]
fn error(test: &mut PluginTest, line: &str) -> (LabeledError, String) {
    let error = eval(test, line).expect_err(line);
    let ShellError::LabeledError(error) = *error else { panic!("{line}: {error:?}") };
    let span = error.labels[0].span;
    let text = test.engine_state().get_span_contents(span);
    let text = String::from_utf8_lossy(text).into_owned();
    (*error, text)
}

#[test]
fn every_field_has_its_type() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let row = record(&mut test, "ssmpf edit prod-db --idle-timeout 90sec --max-age 8hr --lazy");
    let is = |name: &str| row.get(name).unwrap_or_else(|| panic!("{name} is missing"));
    assert_eq!(is("name"), &Value::test_string("prod-db"));
    assert_eq!(is("port"), &Value::test_int(5432));
    assert_eq!(is("local_port"), &Value::test_int(15432));
    let tags = ["db", "prod"].map(Value::test_string).to_vec();
    assert_eq!(is("tags"), &Value::test_list(tags));
    assert_eq!(is("lazy"), &Value::test_bool(true));
    assert_eq!(is("guard"), &Value::test_bool(false));
    assert_eq!(is("idle_timeout"), &Value::test_duration(90_000_000_000));
    assert_eq!(is("max_age"), &Value::test_duration(8 * 3_600_000_000_000));
    assert_eq!(is("region"), &Value::test_nothing());
    assert_eq!(is("last_used"), &Value::test_nothing());
    assert!(matches!(is("created"), Value::Date { .. }), "{:?}", is("created"));
    let database = is("database").as_record().expect("a record");
    assert_eq!(database.get("user"), Some(&Value::test_string("app")));
}

#[test]
fn lists_are_tables_whose_rows_have_the_same_columns() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let all = rows(&mut test, "ssmpf ls");
    let names: Vec<_> = all.iter().map(|row| row.get("name").expect("a name").clone()).collect();
    assert_eq!(names, ["prod-api", "prod-db", "stage-db", "web"].map(Value::test_string));
    let columns = |row: &Record| row.columns().cloned().collect::<Vec<_>>();
    assert!(all.iter().all(|row| columns(row) == columns(&all[0])));
    assert_eq!(rows(&mut test, "ssmpf ls --profile staging").len(), 1);
    assert_eq!(rows(&mut test, "ssmpf ls @db orders").len(), 2);
    assert_eq!(rows(&mut test, "ssmpf status"), []);
}

#[test]
fn rows_and_names_come_through_the_pipe() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let shown = record(&mut test, "ssmpf ls --profile staging | ssmpf show");
    assert_eq!(shown.get("name"), Some(&Value::test_string("stage-db")));
    let removed = eval(&mut test, "ssmpf ls @prod | ssmpf rm web --yes").expect("removed");
    let names = ["web", "prod-api", "prod-db"].map(Value::test_string).to_vec();
    assert_eq!(removed, Value::test_list(names));
    assert_eq!(eval(&mut test, "[] | ssmpf rm --yes").expect("none"), Value::test_list(vec![]));
    let (not_up, _) = error(&mut test, "ssmpf ls | ssmpf status");
    assert_eq!(not_up.msg, "`stage-db` is not up");
    assert_eq!(rows(&mut test, "ssmpf ls nobody | ssmpf status"), []);
    assert_eq!(rows(&mut test, "ssmpf ls").len(), 1);
}

#[test]
fn an_error_points_at_the_word_that_it_is_about() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let (missing, word) = error(&mut test, "ssmpf rm web prod-bd --yes");
    assert_eq!(word, "prod-bd");
    assert_eq!(missing.code.as_deref(), Some("ssmpf::not-found"));
    assert_eq!(missing.msg, "no connection named `prod-bd`");
    assert!(missing.help.is_some_and(|it| it.contains("`prod-db`")), "the core's hint");
    let (usage, word) = error(&mut test, "ssmpf edit web --port 70000 --host a.b");
    assert_eq!(usage.code.as_deref(), Some("ssmpf::usage"));
    assert!(word.ends_with("70000"), "{word}");
    let (odd, word) = error(&mut test, "ssmpf add 'a b' --target i-0123456789abcdef0 --port 1");
    assert_eq!((odd.code.as_deref(), word.as_str()), (Some("ssmpf::usage"), "'a b'"));
    let (nobody, word) = error(&mut test, "ssmpf up");
    assert_eq!((nobody.code.as_deref(), word.as_str()), (Some("ssmpf::input"), "ssmpf up"));
    let (nameless, word) = error(&mut test, "[{colour: red}] | ssmpf up");
    assert_eq!((nameless.code.as_deref(), word.as_str()), (Some("ssmpf::input"), "{colour: red}"));
    let (row, word) = error(&mut test, "[{name: nobody}] | ssmpf show");
    assert_eq!((row.code.as_deref(), word.as_str()), (Some("ssmpf::not-found"), "nobody"));
    let (two, _) = error(&mut test, "ssmpf ls | ssmpf show");
    assert!(two.msg.contains("takes one name"), "{two:?}");
    let (asked, _) = error(&mut test, "ssmpf rm web");
    assert!(asked.help.is_some_and(|it| it.contains("`-y`")), "nothing is asked");
}

#[test]
fn rows_become_connections() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let line = "[[name target port tags idle_timeout]; [cache bastion 6379 [a b] 15min]
         [queue i-0123456789abcdef0 5672 [] null]] | ssmpf add --profile prod --lazy";
    let added = rows(&mut test, line);
    assert_eq!(added.len(), 2);
    assert_eq!(added[0].get("idle_timeout"), Some(&Value::test_duration(900_000_000_000)));
    assert_eq!(added[0].get("lazy"), Some(&Value::test_bool(true)));
    assert_eq!(added[1].get("profile"), Some(&Value::test_string("prod")));
    assert_eq!(added[1].get("tags"), Some(&Value::test_list(vec![])));
    let one = record(&mut test, "{name: one, target: bastion, kind: redis} | ssmpf add");
    assert_eq!(one.get("port"), Some(&Value::test_int(6379)));
    // A table of the plugin fits without a change, but for what has to be different.
    let store = nu.env.home().join("other.age").display().to_string();
    let copied = rows(&mut test, &format!("ssmpf ls | ssmpf add --store {store}"));
    assert_eq!(copied.len(), 7);
    let strip = |rows: Vec<Record>| {
        let history = ["created", "updated", "last_used", "up"];
        let keep = |row: Record| {
            let fields = row.into_iter().filter(|(name, _)| !history.contains(&name.as_str()));
            fields.collect::<Record>()
        };
        rows.into_iter().map(keep).collect::<Vec<_>>()
    };
    assert_eq!(strip(copied), strip(rows(&mut test, "ssmpf ls")), "nothing is lost on the way");
}

#[test]
fn a_row_that_is_no_connection_is_pointed_at() {
    let nu = Nu::new().with_connections();
    let mut test = plugin(&nu);
    let (odd, word) =
        error(&mut test, "[{name: a, target: b, port: 1}, {name: b, colour: red}] | ssmpf add");
    assert_eq!(word, "red");
    assert!(odd.msg.contains("no field `colour`"), "{odd:?}");
    assert!(odd.help.is_some_and(|it| it.contains("1 of 2 are added")), "what is done is said");
    let (nameless, word) = error(&mut test, "[{target: b, port: 1}] | ssmpf add");
    assert!(nameless.msg.contains("no column `name`"), "{nameless:?}");
    assert_eq!(word, "{target: b, port: 1}");
    let (taken, word) = error(&mut test, "[{name: web, target: b, port: 1}] | ssmpf add");
    assert_eq!(word, "web", "{taken:?}");
    let (incomplete, word) = error(&mut test, "[{name: c, target: b}] | ssmpf add");
    assert_eq!(incomplete.code.as_deref(), Some("ssmpf::usage"), "{incomplete:?}");
    assert!(["c", "{name: c, target: b}"].contains(&word.as_str()), "{word}");
}

#[test]
fn examples_of_plugin_commands_alone_return_what_they_say() {
    use nu_plugin_ssmpf::commands;
    let mut compared = 0;
    for spec in commands::ALL {
        for sample in spec.examples {
            // There is no `get` or `where` here; with those, examples run in the real Nushell.
            let is_ours = |it: &str| it.trim().starts_with("ssmpf") || it.trim() == "[]";
            let (Some(result), true) = (sample.result, sample.code.split('|').all(is_ours)) else {
                continue;
            };
            let nu = account();
            let found = eval(&mut plugin(&nu), sample.code);
            assert_eq!(found.expect(sample.code), result(), "{}", sample.code);
            compared += 1;
        }
    }
    assert!(compared >= 4, "{compared} examples are compared");
}

#[test]
fn every_command_describes_itself() {
    use nu_plugin::Plugin;
    for command in SsmpfPlugin.commands() {
        let name = command.name().to_owned();
        let signature = command.signature();
        assert!(!command.description().is_empty(), "{name}");
        assert!(!command.description().ends_with('.'), "{name}");
        assert!(!command.examples().is_empty(), "{name} has no example");
        assert!(!signature.input_output_types.is_empty(), "{name}");
        for flag in &signature.named {
            assert!(!flag.desc.is_empty(), "{name} --{}", flag.long);
        }
    }
}
