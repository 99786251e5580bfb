//! Session documents: which exist, what they take, and what they make of a session.

use serde::Deserialize;
use std::collections::BTreeMap;

use crate::api::ApiError;

/// Parameters of `StartSession` as they arrive.
pub(crate) type Parameters = BTreeMap<String, Vec<String>>;

/// Pattern of a port, as the documents state it.
const PORT_PATTERN: &str = "^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";

/// Pattern of a local port, where 0 means that the client chooses.
const LOCAL_PORT_PATTERN: &str = "^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";

/// Pattern of a remote host.
const HOST_PATTERN: &str = "^[^,$&()!;'\"<>`{}[\\]|#=]{3,}$";

/// A session document of the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomDocument {
    /// Name of the document.
    pub name: String,
    /// The parameters it takes: any of `host`, `portNumber` and `localPortNumber`.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// The host it fixes.
    #[serde(default)]
    pub host: Option<String>,
    /// The port it fixes.
    #[serde(default)]
    pub port: Option<String>,
    /// `LocalPortForwarding` unless told otherwise; empty for the SSH kind.
    #[serde(default = "forwarding")]
    pub r#type: String,
}

fn forwarding() -> String {
    "LocalPortForwarding".into()
}

/// What a started document tells the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionPlan {
    /// `Port`, `Standard_Stream`, `InteractiveCommands` or `NonInteractiveCommands`.
    pub(crate) session_type: String,
    /// The document's properties after substitution; none for shells.
    pub(crate) properties: Option<BTreeMap<String, String>>,
}

/// How a value is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Port,
    LocalPort,
    Host,
    Free,
}

impl Check {
    fn of(parameter: &str) -> Check {
        match parameter {
            "portNumber" => Check::Port,
            "localPortNumber" => Check::LocalPort,
            "host" => Check::Host,
            _ => Check::Free,
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Check::Port => PORT_PATTERN,
            Check::LocalPort => LOCAL_PORT_PATTERN,
            Check::Host => HOST_PATTERN,
            Check::Free => ".*",
        }
    }

    fn accepts(self, value: &str) -> bool {
        let port = |value: &str| {
            value.bytes().all(|byte| byte.is_ascii_digit())
                && !value.starts_with('0')
                && value.parse::<u16>().is_ok()
        };
        match self {
            Check::Port => port(value),
            Check::LocalPort => value == "0" || port(value),
            Check::Host => {
                value.chars().count() >= 3
                    && !value.contains(|c| ",$&()!;'\"<>`{}[]|#=".contains(c))
            }
            Check::Free => true,
        }
    }
}

/// Applies the rules of the document to the parameters.
pub(crate) fn plan(
    document: Option<&str>,
    parameters: &Parameters,
    custom: &[CustomDocument],
) -> Result<SessionPlan, ApiError> {
    let port = |defaults: &[(&str, Option<&str>)], fixed: &[(&str, &str)]| {
        let mut properties = substitute(document.unwrap_or_default(), defaults, parameters)?;
        properties.extend(fixed.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        Ok(SessionPlan { session_type: "Port".into(), properties: Some(properties) })
    };
    let shell = |session_type: &str, defaults: &[(&str, Option<&str>)]| {
        substitute(document.unwrap_or_default(), defaults, parameters)?;
        Ok(SessionPlan { session_type: session_type.into(), properties: None })
    };
    const FORWARDING: (&str, &str) = ("type", "LocalPortForwarding");
    const PORTS: [(&str, Option<&str>); 2] =
        [("portNumber", Some("80")), ("localPortNumber", Some("0"))];
    match document {
        Some("AWS-StartPortForwardingSession") => port(&PORTS, &[FORWARDING]),
        Some("AWS-StartPortForwardingSessionToRemoteHost") => {
            port(&[PORTS[0], PORTS[1], ("host", None)], &[FORWARDING])
        }
        Some("AWS-StartSSHSession") => port(&[("portNumber", Some("22"))], &[]),
        None | Some("SSM-SessionManagerRunShell") => shell("Standard_Stream", &[]),
        Some("AWS-StartInteractiveCommand") => shell("InteractiveCommands", &[("command", None)]),
        Some("AWS-StartNonInteractiveCommand") => shell(
            "NonInteractiveCommands",
            &[
                ("command", None),
                ("separateOutputStream", Some("false")),
                ("stdOutSeparatorPrefix", Some("")),
                ("stdErrSeparatorPrefix", Some("")),
            ],
        ),
        Some(name) => match custom.iter().find(|document| document.name == name) {
            Some(own) => own_plan(own, parameters),
            None => Err(ApiError::new(
                "InvalidDocument",
                format!("Document with name {name} does not exist."),
            )),
        },
    }
}

fn own_plan(document: &CustomDocument, parameters: &Parameters) -> Result<SessionPlan, ApiError> {
    let defaults: Vec<(&str, Option<&str>)> = document
        .parameters
        .iter()
        .map(|name| match name.as_str() {
            "portNumber" => ("portNumber", document.port.as_deref().or(Some("80"))),
            "localPortNumber" => ("localPortNumber", Some("0")),
            "host" => ("host", document.host.as_deref()),
            other => (other, None),
        })
        .collect();
    let mut properties = substitute(&document.name, &defaults, parameters)?;
    let mut fix = |key: &str, value: Option<&String>| {
        if let Some(value) = value {
            properties.entry(key.into()).or_insert_with(|| value.clone());
        }
    };
    fix("host", document.host.as_ref());
    fix("portNumber", document.port.as_ref());
    if !document.r#type.is_empty() {
        fix("type", Some(&document.r#type));
        fix("localPortNumber", Some(&"0".to_owned()));
    }
    Ok(SessionPlan { session_type: "Port".into(), properties: Some(properties) })
}

/// Checks every parameter and fills in the defaults.
fn substitute(
    document: &str,
    declared: &[(&str, Option<&str>)],
    parameters: &Parameters,
) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |text: String| ApiError::new("InvalidParameters", text);
    let mut properties = BTreeMap::new();
    for (name, values) in parameters {
        if !declared.iter().any(|(known, _)| known == name) {
            return Err(invalid(format!(
                "Parameter \"{name}\" is not defined in document {document}."
            )));
        }
        let [value] = &values[..] else {
            return Err(invalid(format!(
                "Parameter \"{name}\" takes exactly one value, {} were given.",
                values.len()
            )));
        };
        let check = Check::of(name);
        if !check.accepts(value) {
            return Err(invalid(format!(
                "Parameter \"{name}\" has value \"{value}\", which does not match the pattern \"{}\".",
                check.pattern()
            )));
        }
        properties.insert(name.clone(), value.clone());
    }
    for (name, default) in declared {
        if properties.contains_key(*name) {
            continue;
        }
        let Some(default) = default else {
            return Err(invalid(format!(
                "Parameter \"{name}\" is required by document {document}."
            )));
        };
        properties.insert(name.to_string(), default.to_string());
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        let pair = |(key, value): &(&str, &str)| (key.to_string(), vec![value.to_string()]);
        pairs.iter().map(pair).collect()
    }

    const REMOTE: Option<&str> = Some("AWS-StartPortForwardingSessionToRemoteHost");

    #[test]
    fn defaults_fill_what_is_not_given() {
        let plan = plan(Some("AWS-StartPortForwardingSession"), &parameters(&[]), &[]).unwrap();
        let properties = plan.properties.unwrap();
        assert_eq!(plan.session_type, "Port");
        assert_eq!(properties["portNumber"], "80");
        assert_eq!(properties["localPortNumber"], "0");
        assert_eq!(properties["type"], "LocalPortForwarding");
    }

    #[test]
    fn ssh_has_no_type() {
        let plan = plan(Some("AWS-StartSSHSession"), &parameters(&[]), &[]).unwrap();
        let properties = plan.properties.unwrap();
        assert_eq!(
            properties.into_iter().collect::<Vec<_>>(),
            [("portNumber".into(), "22".into())]
        );
    }

    #[test]
    fn values_must_match_the_pattern_and_the_text_names_both() {
        for (name, value) in [
            ("portNumber", "0"),
            ("portNumber", "65536"),
            ("portNumber", "080"),
            ("portNumber", "+80"),
            ("localPortNumber", "x"),
            ("host", "db"),
            ("host", "[::1]"),
        ] {
            let mut given = parameters(&[("host", "db.internal")]);
            given.insert(name.into(), vec![value.into()]);
            let error = plan(REMOTE, &given, &[]).unwrap_err();
            assert_eq!(error.code, "InvalidParameters", "{name}={value}");
            assert!(error.message.contains(name) && error.message.contains('^'));
        }
        let given = parameters(&[("host", "fd00::1"), ("portNumber", "65535")]);
        assert!(plan(REMOTE, &given, &[]).is_ok());
    }

    #[test]
    fn a_missing_host_an_unknown_parameter_and_two_values_are_refused() {
        let code = |given: &Parameters| plan(REMOTE, given, &[]).unwrap_err().code;
        assert_eq!(code(&parameters(&[])), "InvalidParameters");
        assert_eq!(code(&parameters(&[("host", "abc"), ("hsot", "x")])), "InvalidParameters");
        let mut two = parameters(&[("host", "abc")]);
        two.insert("portNumber".into(), vec!["1".into(), "2".into()]);
        assert_eq!(code(&two), "InvalidParameters");
    }

    #[test]
    fn an_unknown_document_is_invalid() {
        let error = plan(Some("AWS-Nothing"), &parameters(&[]), &[]).unwrap_err();
        assert_eq!(error.code, "InvalidDocument");
    }

    #[test]
    fn a_custom_document_fixes_host_and_port() {
        let own = CustomDocument {
            name: "Team-Database".into(),
            parameters: vec!["localPortNumber".into()],
            host: Some("db.internal".into()),
            port: Some("5432".into()),
            r#type: forwarding(),
        };
        let own = [own];
        let ok = plan(Some("Team-Database"), &parameters(&[]), &own).unwrap();
        assert_eq!(ok.properties.unwrap()["host"], "db.internal");
        let refused = plan(Some("Team-Database"), &parameters(&[("host", "other")]), &own);
        assert_eq!(refused.unwrap_err().code, "InvalidParameters");
    }
}
