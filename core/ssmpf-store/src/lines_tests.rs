use super::*;

const GOOD: &str = r#"{"target":"bastion","port":5432,"local_port":20000}"#;

fn names(text: &str) -> Option<Vec<String>> {
    fold(
        text,
        Vec::new,
        |names, name, _| names.push(name.into_owned()),
        |all, more| all.extend(more),
    )
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
fn text_is_split_between_lines_and_nothing_is_lost() {
    for count in 1..9 {
        for text in ["", "a", "a\nb", "aaaaaaaaaa\nb\nc", "ä\nöööö\nü\n\nx"] {
            let parts = split(text, count);
            assert_eq!(parts.join("\n"), text);
            assert!(parts.len() <= count);
        }
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
        store(""),
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
