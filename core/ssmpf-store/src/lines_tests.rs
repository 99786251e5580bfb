use ssmpf_model::{KnownWords, StoredConnection};

use super::*;

const GOOD: &str = r#"{"target":"bastion","port":5432,"local_port":20000}"#;

fn names(text: &str) -> Option<Vec<String>> {
    let names = fold(
        text.as_bytes(),
        text.len(),
        Vec::new,
        |names, name, value| {
            let mut stored: StoredConnection = serde_json::from_str(value).ok()?;
            stored.check(&mut KnownWords::default()).ok()?;
            names.push(name.to_owned());
            Some(())
        },
        |all, more| all.extend(more),
    );
    names.expect("memory reads")
}

fn store(lines: &str) -> String {
    format!("{{\"version\":1,\"connections\":{{\n{lines}\n}},\"later\":[1]}}\n")
}

fn many(count: usize) -> Contents {
    let lines: Vec<String> = (0..count).map(|it| format!("\"c{it:05}\":{GOOD}")).collect();
    Contents::from_json(store(&lines.join(",\n")).as_bytes()).expect("a store")
}

#[test]
fn what_is_written_is_read_again_in_one_part_or_in_several() {
    for count in [1, 2, 20_000] {
        let contents = many(count);
        let text = String::from_utf8(write(&contents)).expect("JSON");
        let expected: Vec<String> = contents.connections.keys().map(ToString::to_string).collect();
        assert_eq!(names(&text), Some(expected));
        assert_eq!(Contents::from_json(text.as_bytes()), Ok(contents));
        assert!(count < 20_000 || text.len() > LARGE);
    }
}

#[test]
fn a_store_without_connections_may_have_lines_too() {
    assert_eq!(names("{\"version\":1,\"connections\":{\n},\"later\":[1]}\n"), Some(Vec::new()));
    let written = String::from_utf8(write(&Contents::default())).expect("JSON");
    assert!(Contents::from_json(written.as_bytes()).expect("a store").connections.is_empty());
}

#[test]
fn a_line_longer_than_a_part_is_read_like_any_other() {
    let long = GOOD.replace('}', &format!(",\"description\":\"{}\"}}", "ö".repeat(parts::PART)));
    let lines = ["a", "b", "c"].map(|name| match name {
        "b" => format!("\"b\":{long}"),
        _ => format!("\"{name}\":{GOOD}"),
    });
    let text = store(&lines.join(",\n"));
    assert!(text.len() > 2 * parts::PART);
    let expected = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(names(&text), Some(expected.to_vec()));
}

#[test]
fn what_is_wrong_where_two_parts_meet_is_noticed() {
    let lines: Vec<String> = (0..20_000).map(|it| format!("\"c{it:05}\":{GOOD}")).collect();
    assert!(names(&store(&lines.join(",\n"))).is_some());
    for at in [1, 5_000, 10_000, 19_999] {
        let mut swapped = lines.clone();
        swapped.swap(at - 1, at);
        assert_eq!(names(&store(&swapped.join(",\n"))), None, "{at}");
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        assert_eq!(names(&store(&twice.join(",\n"))), None, "{at}");
        let (before, after) = lines.split_at(at);
        let without_comma = format!("{}\n{}", before.join(",\n"), after.join(",\n"));
        assert_eq!(names(&store(&without_comma)), None, "{at}");
    }
}

#[test]
fn text_of_another_form_is_left_to_those_who_can_say_what_is_wrong() {
    let line = |name: &str| format!("\"{name}\":{GOOD}");
    for text in [
        String::new(),
        "{}".to_owned(),
        store(&line("a")).replace(":1,", ":2,"),
        store(&line("a")).replace("\"version\":1,", ""),
        store(&line("a")).replace("[1]", "[1"),
        store(&line("a")) + "x",
        store("\n"),
        store(&format!("{},", line("a"))),
        store(&format!("{}\n{}", line("a"), line("b"))),
        store(&format!("{},\n{}", line("b"), line("a"))),
        store(&format!("{},\n{}", line("a"), line("a"))),
        store(&line("a b")),
        store(&line("\\u0061")),
        store(&line("a").replace("5432", "0")),
        store(&line("a").replace("bastion", "i-1")),
        store("\"a\":{\n}"),
        store(&format!("{},\n}},\"connections\":{{\n{}", line("a"), line("b"))),
    ] {
        assert_eq!(names(&text), None, "{text}");
    }
}
