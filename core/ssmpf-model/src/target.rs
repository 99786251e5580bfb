//! Targets: what a session goes to.

use std::fmt;
use std::str::FromStr;

use crate::InvalidInput;

const TARGET_HINT: &str = "a session goes to an instance (`i-0123456789abcdef0`), a managed node \
     (`mi-0123456789abcdef0`) or an ECS container (`ecs:cluster_task_runtime`)";

/// Longest target the service takes, in bytes [StartSession: Target].
const MAX_LENGTH: usize = 400;

/// The node a session goes to, in the form AWS takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An EC2 instance: `i-` and 8 or 17 hexadecimal digits.
    Instance(String),
    /// A hybrid or otherwise managed node: `mi-` and 17 hexadecimal digits.
    ManagedNode(String),
    /// A container of an ECS task.
    EcsContainer {
        /// Name of the cluster; it may contain `_`.
        cluster: String,
        /// Id of the task.
        task: String,
        /// Runtime id of the container, which is opaque.
        runtime: String,
    },
}

impl FromStr for Target {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidInput::new("the target is empty", TARGET_HINT));
        }
        if let Some(rest) = text.strip_prefix("ecs:") {
            return ecs(rest).ok_or_else(|| {
                InvalidInput::new(
                    format!("`{text}` does not name an ECS container"),
                    "write `ecs:<cluster>_<task id>_<container runtime id>`; all three are in the \
                     output of `aws ecs describe-tasks`",
                )
            });
        }
        let digits = |rest: &str| {
            let valid = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            rest.bytes().all(valid).then_some(rest.len())
        };
        if let Some(rest) = text.strip_prefix("mi-") {
            return match digits(rest) {
                Some(17) => Ok(Target::ManagedNode(text.to_owned())),
                _ => Err(InvalidInput::new(
                    format!("`{text}` is not the id of a managed node"),
                    "such ids are `mi-` followed by 17 digits out of 0-9 and a-f",
                )),
            };
        }
        if let Some(rest) = text.strip_prefix("i-") {
            return match digits(rest) {
                Some(8 | 17) => Ok(Target::Instance(text.to_owned())),
                _ => Err(InvalidInput::new(
                    format!("`{text}` is not an instance id"),
                    "such ids are `i-` followed by 8 or 17 digits out of 0-9 and a-f",
                )),
            };
        }
        Err(InvalidInput::new(
            format!("`{text}` is not a target that can be used directly"),
            TARGET_HINT,
        ))
    }
}

/// Splits `cluster_task_runtime` from the right, since only the cluster's name may contain `_`.
fn ecs(text: &str) -> Option<Target> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let mut parts = text.rsplitn(3, '_');
    let (runtime, task, cluster) = (parts.next()?, parts.next()?, parts.next()?);
    let word = |part: &str| {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !part.is_empty() && part.bytes().all(valid)
    };
    (word(runtime) && word(task) && word(cluster)).then(|| Target::EcsContainer {
        cluster: cluster.to_owned(),
        task: task.to_owned(),
        runtime: runtime.to_owned(),
    })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Instance(id) | Target::ManagedNode(id) => f.write_str(id),
            Target::EcsContainer { cluster, task, runtime } => {
                write!(f, "ecs:{cluster}_{task}_{runtime}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_instances_and_managed_nodes_are_targets() {
        for text in ["i-0123abcd", "i-0123456789abcdef0", "mi-0123456789abcdef0"] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn an_ecs_target_is_split_from_the_right() {
        let text = "ecs:my_own_cluster_0123456789abcdef0123456789abcdef_0123456789abcdef-265927825";
        let target: Target = text.parse().expect("valid");
        assert_eq!(
            target,
            Target::EcsContainer {
                cluster: "my_own_cluster".to_owned(),
                task: "0123456789abcdef0123456789abcdef".to_owned(),
                runtime: "0123456789abcdef-265927825".to_owned(),
            }
        );
        assert_eq!(target.to_string(), text);
    }

    #[test]
    fn malformed_ids_are_named_as_what_they_were_meant_to_be() {
        for (text, words) in [
            ("i-123", "not an instance id"),
            ("i-0123456789ABCDEF0", "not an instance id"),
            ("mi-0123abcd", "not the id of a managed node"),
            ("ecs:cluster", "does not name an ECS container"),
            ("ecs:_task_runtime", "does not name an ECS container"),
            ("ecs:a_b_c d", "does not name an ECS container"),
            ("", "is empty"),
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn what_has_to_be_looked_up_is_no_target_yet() {
        for text in ["bastion", "tag:Name=bastion", "10.0.0.7", "asg:web"] {
            let error = text.parse::<Target>().expect_err(text);
            assert!(error.hint.contains("ecs:cluster_task_runtime"), "{error:?}");
        }
    }
}
