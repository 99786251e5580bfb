use proptest::prelude::*;
use ssmpf_model::{Destination, Tag};

use super::*;

fn name(text: &str) -> ConnectionName {
    text.parse().expect("a valid name")
}

fn connection(port: u16) -> Connection {
    let port = Port::new(port).expect("not 0");
    Connection::new(
        "bastion".parse().expect("a target"),
        Destination { host: None, port },
        port,
        Timestamp::UNIX_EPOCH,
    )
}

fn two() -> Contents {
    let mut contents = Contents::default();
    let mut tagged = connection(5432);
    tagged.tags.insert("prod".parse::<Tag>().expect("a tag"));
    contents.add(name("prod-db"), tagged).expect("free");
    contents.add(name("cache"), connection(6379)).expect("free");
    contents
}

#[test]
fn contents_survive_the_way_to_json_and_back() {
    let contents = two();
    let json = contents.to_json();
    assert_eq!(Contents::from_json(json.expose()), Ok(contents));
    let text = String::from_utf8(json.expose().clone()).expect("JSON is UTF-8");
    assert!(text.starts_with("{\"version\":1,\"connections\":{\n\"cache\":{"), "{text}");
}

#[test]
fn a_newer_format_is_named_even_if_nothing_else_can_be_read() {
    for json in [
        r#"{"version":2,"connections":{}}"#,
        r#"{"version":2,"entries":[1,2]}"#,
        r#"{"connections":{"a":{"target":{"kind":"new"}}},"version":7}"#,
    ] {
        let error = Contents::from_json(json.as_bytes()).expect_err(json);
        assert!(matches!(error, ContentsError::Newer { found: 2 | 7 }), "{error:?}");
    }
}

#[test]
fn what_is_no_store_is_named_with_the_place() {
    for (json, words) in [
        ("", "EOF"),
        ("[]", "a store of connections"),
        ("{}", "missing field `connections`"),
        (r#"{"version":1,"connections":{"a b":{}}}"#, "cannot name a connection"),
        (r#"{"version":1,"connections":{"a":{}}}"#, "connection `a`: missing field `port`"),
        (r#"{"version":1,"connections":{},"recipients":["bob"]}"#, "not a recipient"),
    ] {
        let error = Contents::from_json(json.as_bytes()).expect_err(json);
        assert!(error.to_string().contains(words), "{json}: {error}");
    }
}

#[test]
fn fields_of_a_newer_version_are_kept_at_the_top_too() {
    let json = "{\"version\":1,\"connections\":{},\"groups\":{\"x\":[1,2.50]}}\n";
    let contents = Contents::from_json(json.as_bytes()).expect("it parses");
    assert_eq!(contents.to_json().expose(), json.as_bytes());
}

#[test]
fn a_mistyped_name_or_tag_suggests_the_nearest() {
    let contents = two();
    let error = contents.get("prod-bd").expect_err("no such name");
    assert_eq!(error.to_string(), "no connection named `prod-bd`");
    assert_eq!(error.hint(), "did you mean `prod-db`? `ssmpf ls` shows all of them");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = contents.select(&["@prd"]).expect_err("no such tag");
    assert!(error.hint().contains("`@prod`"), "{}", error.hint());
}

#[test]
fn names_and_tags_select_each_connection_once() {
    let contents = two();
    let chosen = contents.select(&["cache", "@prod", "prod-db"]).expect("all there");
    let names: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cache", "prod-db"]);
}

#[test]
fn a_copy_gets_a_port_of_its_own_and_a_renamed_one_keeps_it() {
    let mut contents = two();
    let now = Timestamp::from_second(1_000_000).expect("a time");
    contents.copy("prod-db", name("copy"), now).expect("free");
    let copied = contents.get("copy").expect("there").1;
    assert_ne!(copied.local_port.number(), 5432);
    assert_eq!(copied.created, now);
    contents.rename("prod-db", name("orders"), now).expect("free");
    assert_eq!(contents.get("orders").expect("there").1.local_port.number(), 5432);
    assert!(contents.get("prod-db").is_err());
    let error = contents.rename("orders", name("cache"), now).expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_new_connection_never_takes_a_held_port() {
    let mut contents = Contents::default();
    for number in 0..200 {
        let name = name(&format!("c{number}"));
        let port = contents.free_port(&name);
        assert_eq!(contents.holder_of(port, &name), None);
        contents.add(name, connection(port.number())).expect("free");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_contents_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Contents::from_json(&bytes);
    }
}
