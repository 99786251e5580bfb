//! A pasted `aws ssm start-session …` line.

use serde_json::Value;
use ssmpf_model::document::{REMOTE_HOST, SSH};
use ssmpf_model::{
    Connection, Destination, DocumentName, Host, InvalidInput, Kind, Port, SessionDocument,
    TargetSpec, Timestamp,
};

use super::Draft;

const HINT: &str = "paste the whole command, such as `aws ssm start-session --target i-… --document-name … --parameters …`";

/// Options of the AWS CLI that stand alone; every other one is followed by a value.
const SWITCHES: [&str; 8] = [
    "--debug",
    "--no-verify-ssl",
    "--no-paginate",
    "--no-sign-request",
    "--no-cli-pager",
    "--no-cli-auto-prompt",
    "--cli-auto-prompt",
    "--help",
];

/// Reads a line as a shell would, and makes a connection of it.
pub fn read(line: &str, now: Timestamp) -> Result<Draft, InvalidInput> {
    let words = shlex::split(&joined(line))
        .ok_or_else(|| InvalidInput::new("the line has a quote without its partner", HINT))?;
    let call = Call::from_words(&words)?
        .ok_or_else(|| InvalidInput::new("the line does not call `aws ssm start-session`", HINT))?;
    call.draft(now)
}

/// Joins lines that end in the continuation sign of a shell: sh, PowerShell or cmd.
fn joined(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        joined.push_str(line.strip_suffix(['\\', '`', '^']).unwrap_or(line));
        joined.push(' ');
    }
    joined
}

/// One call of `aws ssm start-session`, as its options say.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    target: Option<String>,
    document: Option<String>,
    parameters: Vec<(String, String)>,
    profile: Option<String>,
    region: Option<String>,
    reason: Option<String>,
}

impl Call {
    /// Finds the call among the words of a command line, whatever stands before and behind it.
    pub(super) fn from_words(words: &[String]) -> Result<Option<Self>, InvalidInput> {
        let mut call = Self::default();
        let is_aws = |word: &String| {
            let program = word.rsplit(['/', '\\']).next().unwrap_or(word);
            program == "aws" || program == "aws.exe"
        };
        // A line may call `aws` more than once, as proxy commands that push a key first do.
        for (start, _) in words.iter().enumerate().filter(|(_, word)| is_aws(word)) {
            let end = words[start..].iter().position(|word| is_operator(word));
            let rest = &words[start + 1..end.map_or(words.len(), |end| start + end)];
            if call.take(rest)? {
                call.take_environment(&words[..start]);
                return Ok(Some(call));
            }
            call = Self::default();
        }
        Ok(None)
    }

    /// Reads the words behind `aws`. Returns whether they start a session.
    fn take(&mut self, words: &[String]) -> Result<bool, InvalidInput> {
        let mut plain: Vec<&str> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_str();
            at += 1;
            if !word.starts_with("--") {
                plain.push(word);
                continue;
            }
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None if SWITCHES.contains(&word) => (word, None),
                None => {
                    let value = words.get(at).cloned();
                    at += 1;
                    (word, value)
                }
            };
            let value = match (option, value) {
                ("--parameters", Some(mut value)) => {
                    // The shorthand may go on over several words.
                    while let Some(more) = words.get(at).filter(|more| !more.starts_with("--")) {
                        value.push(',');
                        value.push_str(more);
                        at += 1;
                    }
                    Some(value)
                }
                (_, value) => value,
            };
            match (option, value) {
                ("--target", value) => self.target = value,
                ("--document-name", value) => self.document = value,
                ("--profile", value) => self.profile = value,
                ("--region", value) => self.region = value,
                ("--reason", value) => self.reason = value,
                ("--parameters", Some(value)) => self.parameters = parameters(&value)?,
                ("--cli-input-json" | "--cli-input-yaml", _) => {
                    return Err(InvalidInput::new(
                        format!("`{option}` keeps the settings in another place"),
                        "write its contents as options of the command",
                    ));
                }
                _ => {}
            }
        }
        Ok(plain.starts_with(&["ssm", "start-session"]))
    }

    /// Reads assignments in front of the command, such as `AWS_PROFILE=prod`.
    fn take_environment(&mut self, words: &[String]) {
        for (name, value) in words.iter().filter_map(|word| word.split_once('=')) {
            let place = match name {
                "AWS_PROFILE" | "AWS_DEFAULT_PROFILE" => &mut self.profile,
                "AWS_REGION" | "AWS_DEFAULT_REGION" => &mut self.region,
                _ => continue,
            };
            place.get_or_insert_with(|| value.to_owned());
        }
    }

    /// Makes a connection of the call. Its name is a proposal.
    pub(super) fn draft(&self, now: Timestamp) -> Result<Draft, InvalidInput> {
        let target = self.target()?;
        let document = self.document.as_deref().ok_or_else(|| {
            InvalidInput::new(
                "the command opens a shell: there is no port to forward",
                "use `ssmpf shell TARGET` for that; forwarding needs --document-name",
            )
        })?;
        let document: DocumentName = document.parse()?;
        let port = match (self.parameter("portNumber"), document.as_str()) {
            (Some(port), _) => port.parse()?,
            (None, SSH) => Kind::Ssh.default_port().ok_or_else(|| missing("portNumber"))?,
            // What the documents themselves fall back to.
            (None, _) => Port::new(80).ok_or_else(|| missing("portNumber"))?,
        };
        let host: Option<Host> = self.parameter("host").map(str::parse).transpose()?;
        if document.as_str() == REMOTE_HOST && host.is_none() {
            return Err(missing("host"));
        }
        let destination = Destination { host, port };
        let local_port = self.parameter("localPortNumber").filter(|port| *port != "0");
        let local_port: Option<Port> = local_port.map(str::parse).transpose()?;
        let name = match &destination.host {
            Some(host) if host.as_str().parse::<std::net::IpAddr>().is_err() => {
                host.as_str().split('.').next().unwrap_or_default().to_owned()
            }
            Some(host) => host.to_string(),
            None => format!("{target}-{port}"),
        };
        let mut connection = Connection::new(target, destination, local_port.unwrap_or(port), now);
        // A document that would be chosen anyway is not worth pinning.
        let chosen = SessionDocument::for_destination(&connection.destination, None)?;
        if chosen.name() != document.as_str() {
            SessionDocument::for_destination(&connection.destination, Some(&document))?;
            connection.document = Some(document);
        }
        if connection.document.as_ref().is_some_and(|document| document.as_str() == SSH) {
            connection.kind = Kind::Ssh;
        }
        connection.profile = self.profile.as_deref().map(str::parse).transpose()?;
        connection.region = self.region.as_deref().map(str::parse).transpose()?;
        connection.reason = self.reason.clone().filter(|reason| !reason.is_empty());
        Ok(Draft { name, local_port, connection })
    }

    /// Returns the target, unless it is only known to the shell the line was meant for.
    pub(super) fn target(&self) -> Result<TargetSpec, InvalidInput> {
        let text = self.target.as_deref().ok_or_else(|| {
            InvalidInput::new("the command names no target", "it needs `--target i-…`")
        })?;
        if text.contains(['$', '`', '(']) {
            return Err(InvalidInput::new(
                format!("`{text}` is filled in by the shell, which has not been asked"),
                "write the target itself, or a lookup such as `tag:Role=bastion`",
            ));
        }
        text.parse()
    }

    /// Sets what the command leaves open.
    pub(super) fn with_destination(mut self, host: Option<&str>, port: &str, local: &str) -> Self {
        self.document = Some(match host {
            Some(_) => REMOTE_HOST.to_owned(),
            None => ssmpf_model::document::PORT_FORWARDING.to_owned(),
        });
        self.parameters = vec![
            ("portNumber".to_owned(), port.to_owned()),
            ("localPortNumber".to_owned(), local.to_owned()),
        ];
        if let Some(host) = host {
            self.parameters.push(("host".to_owned(), host.to_owned()));
        }
        self
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

fn missing(parameter: &str) -> InvalidInput {
    InvalidInput::new(format!("the command lacks the parameter `{parameter}`"), HINT)
}

fn is_operator(word: &str) -> bool {
    matches!(word, "&&" | "||" | ";" | "|" | "&") || word.ends_with(';')
}

/// Reads `--parameters`: JSON, or the AWS CLI's shorthand.
fn parameters(text: &str) -> Result<Vec<(String, String)>, InvalidInput> {
    let text = text.trim();
    if text.starts_with("file://") {
        return Err(InvalidInput::new(
            "the parameters are in a file",
            "write what is in the file in place of `file://…`",
        ));
    }
    if !text.starts_with('{') {
        return Ok(shorthand(text));
    }
    let invalid = || {
        InvalidInput::new(
            "the parameters are not valid JSON",
            "write them like '{\"host\":[\"db.internal\"],\"portNumber\":[\"5432\"]}'",
        )
    };
    let json: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|_| invalid())?;
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    json.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Array(values) => values.first().and_then(plain),
                other => plain(other),
            };
            Ok((name.clone(), value.ok_or_else(invalid)?))
        })
        .collect()
}

/// Reads `a=b,c=["d"],e=[f]`: the first value of each, without brackets and quotes.
fn shorthand(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        // A part without a name is a further value of the one before; every value is a list of one.
        let Some((name, value)) = part.split_once('=') else { continue };
        let value = value.trim().trim_matches(|c| matches!(c, '[' | ']' | '"' | '\'' | ' '));
        pairs.push((name.trim().to_owned(), value.to_owned()));
    }
    pairs
}

#[cfg(test)]
#[path = "aws_cli_tests.rs"]
mod tests;
