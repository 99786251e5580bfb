use super::*;
use crate::contents::Contents;

const GOOD: &str = r#"{"target":"bastion","port":5432,"local_port":20000,"tags":["b","a"]}"#;

fn opened(json: &str) -> Opened {
    let file = SafeFile::anywhere("/nonexistent/store.age".into());
    Opened::new(Redacted::new(json.as_bytes().to_vec()), file)
}

fn with(connections: &str) -> Opened {
    opened(&format!(r#"{{"version":1,"connections":{{{connections}}},"later":[1]}}"#))
}

fn names(opened: &Opened) -> Vec<String> {
    list(opened).expect("it is a store")
}

fn list(opened: &Opened) -> Result<Vec<String>, StoreError> {
    opened.fold(
        Vec::new,
        |names, name, _| names.push(name.into_owned()),
        |all, more| all.extend(more),
    )
}

#[test]
fn what_is_listed_comes_in_the_order_of_names() {
    assert_eq!(names(&with(&format!(r#""a":{GOOD},"b":{GOOD}"#))), ["a", "b"]);
    assert_eq!(names(&with(&format!(r#""b":{GOOD},"a":{GOOD}"#))), ["a", "b"]);
    assert!(names(&with("")).is_empty());
    let escaped = with(&format!(r#""\u0061b":{GOOD}"#));
    assert_eq!(names(&escaped), ["ab"]);
    assert_eq!(escaped.find("ab").expect("there").1.tags.len(), 2);
}

#[test]
fn a_connection_is_found_without_looking_into_the_others() {
    let opened = with(&format!(r#""bad":{{"port":"x"}},"good":{GOOD}"#));
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
        let error = list(&opened(&json)).expect_err(&json);
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
            list(&opened(json)).map(|_| ()).expect_err(json),
            opened(json).find("a").map(|_| ()).expect_err(json),
        ] {
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }
}
