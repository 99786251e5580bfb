//! The target as the user meant it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Host, InvalidInput, Target};

const SPEC_HINT: &str = "write an instance id (`i-0123456789abcdef0`), a Name (`bastion` or `name:bastion`), \
     `tag:Role=bastion`, a private address or DNS name, `asg:GROUP`, or \
     `ecs:cluster/service[/container]`";

/// Longest value of a tag, in characters [EC2: tag restrictions].
const MAX_TAG_VALUE: usize = 256;
/// Longest key of a tag, in characters [EC2: tag restrictions].
const MAX_TAG_KEY: usize = 128;
/// Longest name of an Auto Scaling group, and of an ECS cluster, service or container.
const MAX_NAME: usize = 255;

/// How the node is found. Kept as the user wrote it and resolved at connect time, because instances
/// and tasks are replaced.
///
/// [`fmt::Display`] gives back what was typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetSpec {
    typed: String,
    meaning: TargetMeaning,
}

/// What a [`TargetSpec`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetMeaning {
    /// The node itself, as AWS takes it.
    Exact(Target),
    /// The node whose tag `Name` has this value.
    Name(String),
    /// A node that bears all of these tags, as key and value.
    Tags(Vec<(String, String)>),
    /// The node with this private address.
    Address(IpAddr),
    /// The node with this private DNS name.
    Dns(Host),
    /// A healthy instance of this Auto Scaling group.
    AutoScalingGroup(String),
    /// A running task of an ECS service.
    EcsService {
        /// Name of the cluster.
        cluster: String,
        /// Name of the service.
        service: String,
        /// Name of the container; none means the only one, or the first that can be entered.
        container: Option<String>,
    },
}

impl TargetSpec {
    /// Returns what the text says.
    pub fn meaning(&self) -> &TargetMeaning {
        &self.meaning
    }

    /// Returns what the user wrote.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// Returns the target itself, if nothing has to be looked up.
    pub fn exact(&self) -> Option<&Target> {
        match &self.meaning {
            TargetMeaning::Exact(target) => Some(target),
            _ => None,
        }
    }

    /// Joins the values of a repeated `--target`: only tags can be given more than once.
    pub fn all_of<T: AsRef<str>>(texts: &[T]) -> Result<Self, InvalidInput> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        if texts.len() > 1 && texts.iter().any(|text| !text.starts_with("tag:")) {
            return Err(InvalidInput::new(
                "a connection has one target",
                "only `tag:KEY=VALUE` can be given more than once: the node bears all of them",
            ));
        }
        texts.join(",").parse()
    }
}

impl FromStr for TargetSpec {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let typed = text.trim();
        Ok(Self { typed: typed.to_owned(), meaning: meaning(typed)? })
    }
}

impl From<Target> for TargetSpec {
    fn from(target: Target) -> Self {
        Self { typed: target.to_string(), meaning: TargetMeaning::Exact(target) }
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.typed)
    }
}

fn meaning(text: &str) -> Result<TargetMeaning, InvalidInput> {
    if text.is_empty() {
        return Err(InvalidInput::new("the target is empty", SPEC_HINT));
    }
    if text.chars().any(char::is_control) {
        let shown = text.escape_debug();
        return Err(InvalidInput::new(format!("`{shown}` is not a target"), SPEC_HINT));
    }
    if let Some(name) = text.strip_prefix("name:") {
        return named(name);
    }
    if text.starts_with("tag:") {
        return tags(text);
    }
    if let Some(group) = text.strip_prefix("asg:") {
        return match (1..=MAX_NAME).contains(&group.chars().count()) {
            true => Ok(TargetMeaning::AutoScalingGroup(group.to_owned())),
            false => Err(InvalidInput::new(
                format!("`{text}` does not name an Auto Scaling group"),
                "write `asg:` and the name of the group, such as `asg:bastions`",
            )),
        };
    }
    if let Some(path) = text.strip_prefix("ecs:").filter(|path| path.contains('/')) {
        return ecs_service(text, path);
    }
    if ["i-", "mi-", "ecs:"].iter().any(|prefix| text.starts_with(prefix)) {
        // `i-` might also begin a Name; whoever means that writes `name:i-…`.
        return text.parse().map(TargetMeaning::Exact);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(TargetMeaning::Address(address));
    }
    if let Some((prefix, _)) = text.split_once(':') {
        return Err(InvalidInput::new(
            format!("`{text}` is not a target: there is no `{prefix}:`"),
            SPEC_HINT,
        ));
    }
    if is_dns_name(text)
        && let Ok(host) = text.parse()
    {
        return Ok(TargetMeaning::Dns(host));
    }
    named(text)
}

fn named(name: &str) -> Result<TargetMeaning, InvalidInput> {
    if (1..=MAX_TAG_VALUE).contains(&name.chars().count()) && name.trim() == name {
        return Ok(TargetMeaning::Name(name.to_owned()));
    }
    Err(InvalidInput::new(
        format!("`{name}` cannot be the Name of a node"),
        "Names have 1 to 256 characters, such as `bastion`",
    ))
}

/// Reads `tag:k=v`, several joined by commas. A comma inside a value stays part of it.
fn tags(text: &str) -> Result<TargetMeaning, InvalidInput> {
    let mut tags = Vec::new();
    for part in text.split(",tag:") {
        let part = part.strip_prefix("tag:").unwrap_or(part);
        let pair = part.split_once('=').filter(|(key, value)| {
            (1..=MAX_TAG_KEY).contains(&key.chars().count())
                && value.chars().count() <= MAX_TAG_VALUE
        });
        let Some((key, value)) = pair else {
            return Err(InvalidInput::new(
                format!("`tag:{part}` does not name a tag and its value"),
                "write `tag:KEY=VALUE`, such as `tag:Role=bastion`",
            ));
        };
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(TargetMeaning::Tags(tags))
}

fn ecs_service(text: &str, path: &str) -> Result<TargetMeaning, InvalidInput> {
    let word = |part: &&str| {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=MAX_NAME).contains(&part.len()) && part.bytes().all(valid)
    };
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().all(word) {
        match parts[..] {
            [cluster, service] => {
                return Ok(TargetMeaning::EcsService {
                    cluster: cluster.to_owned(),
                    service: service.to_owned(),
                    container: None,
                });
            }
            [cluster, service, container] => {
                return Ok(TargetMeaning::EcsService {
                    cluster: cluster.to_owned(),
                    service: service.to_owned(),
                    container: Some(container.to_owned()),
                });
            }
            _ => {}
        }
    }
    Err(InvalidInput::new(
        format!("`{text}` does not name an ECS service"),
        "write `ecs:cluster/service` or `ecs:cluster/service/container`",
    ))
}

/// Returns whether `text` looks like a name of the private DNS: with dots, of its letters.
fn is_dns_name(text: &str) -> bool {
    let label = |part: &str| {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && part.len() <= 63 && part.bytes().all(valid)
    };
    text.contains('.') && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn means(text: &str) -> TargetMeaning {
        text.parse::<TargetSpec>().unwrap_or_else(|error| panic!("{text}: {error}")).meaning
    }

    #[test]
    fn every_form_of_the_manual_is_understood() {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for (text, meaning) in [
            (
                "i-0123456789abcdef0",
                TargetMeaning::Exact(Target::Instance("i-0123456789abcdef0".to_owned())),
            ),
            ("bastion", TargetMeaning::Name("bastion".to_owned())),
            ("name:my bastion.prod", TargetMeaning::Name("my bastion.prod".to_owned())),
            ("tag:Role=bastion", TargetMeaning::Tags(vec![tag("Role", "bastion")])),
            (
                "tag:a=b,c=d,tag:aws:x=",
                TargetMeaning::Tags(vec![tag("a", "b,c=d"), tag("aws:x", "")]),
            ),
            ("10.0.3.7", TargetMeaning::Address([10, 0, 3, 7].into())),
            ("[fd00::7]", TargetMeaning::Address("fd00::7".parse().expect("an address"))),
            (
                "ip-10-0-3-7.eu-west-1.compute.internal",
                TargetMeaning::Dns(
                    "ip-10-0-3-7.eu-west-1.compute.internal".parse().expect("a host"),
                ),
            ),
            ("asg:bastions", TargetMeaning::AutoScalingGroup("bastions".to_owned())),
            (
                "ecs:prod/web",
                TargetMeaning::EcsService {
                    cluster: "prod".to_owned(),
                    service: "web".to_owned(),
                    container: None,
                },
            ),
            (
                "ecs:prod/web/app",
                TargetMeaning::EcsService {
                    cluster: "prod".to_owned(),
                    service: "web".to_owned(),
                    container: Some("app".to_owned()),
                },
            ),
        ] {
            assert_eq!(means(text), meaning, "{text}");
            assert_eq!(text.parse::<TargetSpec>().expect(text).to_string(), text);
        }
        assert!(matches!(
            means("ecs:prod_0123456789abcdef0123456789abcdef_0123456789abcdef-265927825"),
            TargetMeaning::Exact(Target::EcsContainer { .. })
        ));
        assert!(matches!(means("mi-0123456789abcdef0"), TargetMeaning::Exact(_)));
    }

    #[test]
    fn malformed_targets_say_what_they_were_meant_to_be() {
        for (text, words) in [
            ("", "is empty"),
            ("i-123", "not an instance id"),
            ("tag:Role", "a tag and its value"),
            ("tag:=x", "a tag and its value"),
            ("asg:", "Auto Scaling group"),
            ("ecs:prod/", "ECS service"),
            ("ecs:a/b/c/d", "ECS service"),
            ("ecs:prod", "ECS container"),
            ("host:x", "there is no `host:`"),
            ("name:", "cannot be the Name"),
            ("a\u{7}b", "is not a target"),
        ] {
            let error = text.parse::<TargetSpec>().expect_err(text);
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn repeated_tags_are_joined_and_nothing_else_is() {
        let spec = TargetSpec::all_of(&["tag:a=b", "tag:c=d"]).expect("tags");
        assert_eq!(spec.to_string(), "tag:a=b,tag:c=d");
        assert!(TargetSpec::all_of(&["bastion", "tag:c=d"]).is_err());
        assert!(TargetSpec::all_of::<&str>(&[]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(text in ".{0,80}") {
            if let Ok(spec) = text.parse::<TargetSpec>() {
                prop_assert_eq!(spec.to_string().parse(), Ok(spec));
            }
        }
    }
}
