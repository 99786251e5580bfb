use std::sync::Arc;

use super::*;
use crate::contents::Contents;
use crate::keys::Identity;
use crate::seal::{self, Form};
use crate::sealed::Sealed;

const GOOD: &str = r#"{"target":"bastion","port":5432,"local_port":20000,"tags":["b","a"]}"#;

fn opened(json: &str) -> Opened {
    let (sealed, identity) = sealed(json.as_bytes());
    of(sealed, &identity)
}

fn sealed(json: &[u8]) -> (Vec<u8>, Identity) {
    let identity = Identity::generate();
    let sealed = seal::seal(json, &identity.recipients(), Form::Binary).expect("sealed");
    (sealed, identity)
}

fn of(sealed: Vec<u8>, identity: &Identity) -> Opened {
    let file = SafeFile::anywhere("/nonexistent/store.age".into());
    let sealed = Sealed::Shared(Arc::new(sealed));
    Opened::new(Payload::begin(&sealed, identity).expect("it opens"), file)
}

fn with(connections: &str) -> Opened {
    opened(&format!(r#"{{"version":1,"connections":{{{connections}}},"later":[1]}}"#))
}

fn names(opened: &mut Opened) -> Vec<String> {
    list(opened).expect("it is a store")
}

fn list(opened: &mut Opened) -> Result<Vec<String>, StoreError> {
    opened.fold(
        Vec::new,
        |names, name, _| names.push(name.into_owned()),
        |all, more| all.extend(more),
    )
}

#[test]
fn what_is_listed_comes_in_the_order_of_names() {
    assert_eq!(names(&mut with(&format!(r#""a":{GOOD},"b":{GOOD}"#))), ["a", "b"]);
    assert_eq!(names(&mut with(&format!(r#""b":{GOOD},"a":{GOOD}"#))), ["a", "b"]);
    assert!(names(&mut with("")).is_empty());
    let mut escaped = with(&format!(r#""\u0061b":{GOOD}"#));
    assert_eq!(names(&mut escaped), ["ab"]);
    assert_eq!(escaped.find("ab").expect("there").1.tags.len(), 2);
}

#[test]
fn a_connection_is_found_without_looking_into_the_others() {
    let mut opened = with(&format!(r#""bad":{{"port":"x"}},"good":{GOOD}"#));
    assert_eq!(opened.find("good").expect("there").1.local_port.number(), 20_000);
    let error = opened.find("bad").expect_err("damaged").to_string();
    assert!(error.contains("connection `bad`"), "{error}");
    let error = opened.find("goood").expect_err("no such name");
    assert!(error.hint().expect("a hint").contains("`good`"));
    assert_eq!(error.kind().exit_code().number(), 3);
}

#[test]
fn a_listing_refuses_whatever_reading_all_of_it_refuses() {
    for connections in [
        r#""a b":{"target":"b","port":1,"local_port":1}"#.to_owned(),
        format!(r#""a":{GOOD},"a":{GOOD}"#),
        format!(r#""b":{GOOD},"a":{GOOD},"b":{GOOD}"#),
        r#""a":{"port":1,"local_port":1}"#.to_owned(),
        r#""a":{"target":"i-1","port":1,"local_port":1}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"tags":["a b"]}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"host":"a b"}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"profile":""}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"region":"some where"}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"document":"x"}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"created":"yesterday"}"#.to_owned(),
        r#""a":{"target":"b","port":1,"local_port":1,"sessions":0}"#.to_owned(),
    ] {
        let json = format!(r#"{{"version":1,"connections":{{{connections}}}}}"#);
        Contents::from_json(json.as_bytes()).expect_err(&json);
        let error = list(&mut opened(&json)).expect_err(&json);
        assert_eq!(error.kind().exit_code().number(), 10, "{json}");
    }
}

#[test]
fn other_versions_and_other_files_are_named() {
    for (json, words) in [
        (r#"{"version":2,"connections":{}}"#, "newer version"),
        (r#"{"connections":[1],"version":7}"#, "newer version"),
        ("{}", "missing field `connections`"),
        (r#"{"connections":{}}"#, "missing field `version`"),
        (r#"{"version":1,"connections":{},"connections":{}}"#, "duplicate field"),
        (r#"{"version":1,"connections":{}} x"#, "trailing"),
        ("[]", "a store of connections"),
    ] {
        for error in [
            list(&mut opened(json)).map(|_| ()).expect_err(json),
            opened(json).find("a").map(|_| ()).expect_err(json),
        ] {
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }
}

/// A store of several chunks, as we write it.
fn long() -> Vec<u8> {
    let lines: Vec<String> = (0..9_000).map(|it| format!("\"c{it:05}\":{GOOD}")).collect();
    let json = format!("{{\"version\":1,\"connections\":{{\n{}\n}}}}\n", lines.join(",\n"));
    json.into_bytes()
}

#[test]
fn a_store_that_is_damaged_at_its_end_gives_nothing_of_its_beginning() {
    let (sealed, identity) = sealed(&long());
    assert_eq!(names(&mut of(sealed.clone(), &identity)).len(), 9_000);
    let mut flipped = sealed.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let cut = sealed[..sealed.len() - 1].to_vec();
    let without_last_chunk = sealed[..sealed.len() - sealed.len() % 65_552].to_vec();
    for damaged in [flipped, cut, without_last_chunk] {
        let error = list(&mut of(damaged.clone(), &identity)).expect_err("damaged");
        assert_eq!(error.kind().exit_code().number(), 10, "{error}");
        of(damaged.clone(), &identity).find("c00000").expect_err("damaged");
        let skimmed = of(damaged, &identity).skim(|| 0, |count, _, _| *count += 1, |a, b| *a += b);
        skimmed.expect_err("damaged");
    }
}

#[test]
fn skimming_looks_into_nothing_but_the_names() {
    let skimmed = |opened: &mut Opened| {
        let take = |found: &mut Vec<String>, name: &str, json: &str| {
            found.push(format!("{name} {json}"));
        };
        opened.skim(Vec::new, take, |all, more| all.extend(more)).expect("a store")
    };
    let lines = "{\"version\":1,\"connections\":{\n\"a\":{\"x\":1},\n\"b\":{}\n}}\n";
    assert_eq!(skimmed(&mut opened(lines)), ["a {\"x\":1}", "b {}"]);
    let other = r#"{"version":1,"connections":{"b":{},"a b":{},"a":{"x":1}}}"#;
    assert_eq!(skimmed(&mut opened(other)), ["b {}", "a {\"x\":1}"]);
    let (sealed, identity) = sealed(&long());
    assert_eq!(skimmed(&mut of(sealed, &identity)).len(), 9_000);
}
