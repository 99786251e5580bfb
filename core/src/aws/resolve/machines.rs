//! Names, tags, addresses and groups: which machine is meant.
//!
//! EC2 knows names, addresses and groups; Systems Manager knows which machine is Online, and the
//! machines outside of EC2. Where the user may ask only one of them, that one has to do.

use std::collections::HashMap;

use ssmpf_schema::ErrorKind;

use super::{listed, not_connected, not_found};
use crate::aws::ec2::{Ec2, Instance, InstanceFilter};
use crate::aws::nodes::{ManagedNode, Nodes};
use crate::aws::{AwsContext, AwsFailure};
use crate::model::{Target, TargetMeaning, TargetSpec};
use crate::near;

/// Instances that are looked through for a similar name when nothing fits.
const NEAR: usize = 1000;

/// Something that fits, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    id: String,
    /// `None` when EC2 was not asked or has nothing to do with it.
    running: Option<bool>,
    /// `None` when Systems Manager could not be asked.
    online: Option<bool>,
    state: String,
    launched: i64,
}

pub(super) async fn candidates(
    context: &AwsContext,
    spec: &TargetSpec,
) -> Result<Vec<Target>, AwsFailure> {
    let (ec2, nodes) = (Ec2::new(context), Nodes::new(context));
    let instances = instances(&ec2, spec.meaning()).await;
    let (instances, refused) = match instances {
        Ok(instances) => (instances, None),
        // Machines outside of EC2 may still be found, and so may those whose host name is typed.
        Err(failure) if failure.kind == ErrorKind::Denied => (Vec::new(), Some(failure)),
        Err(failure) => return Err(failure),
    };
    let live: Vec<Instance> = instances.into_iter().filter(|it| !it.is_gone()).collect();
    let found = if live.is_empty() {
        let found = others(&nodes, spec.meaning()).await;
        match (found, refused) {
            (Ok(found), Some(failure)) if found.is_empty() => return Err(failure),
            (Err(_), Some(failure)) => return Err(failure),
            // Those who may not list nodes know their EC2 names at least.
            (Err(failure), None) if failure.kind == ErrorKind::Denied => Vec::new(),
            (Err(failure), None) => return Err(failure),
            (Ok(found), _) => found.iter().map(of_node).collect(),
        }
    } else {
        joined(&nodes, live).await?
    };
    if found.is_empty() {
        return Err(nothing(&ec2, spec, context.region()).await);
    }
    chosen(spec, context.region(), found)
}

async fn instances(ec2: &Ec2, meaning: &TargetMeaning) -> Result<Vec<Instance>, AwsFailure> {
    let by = async |name: &str, value: &str| {
        ec2.instances(&[InstanceFilter::exact(name, &[value])]).await
    };
    match meaning {
        TargetMeaning::Name(name) => by("tag:Name", name).await,
        TargetMeaning::Tags(tags) => {
            let filter = |(key, value): &(String, String)| {
                InstanceFilter::exact(format!("tag:{key}"), &[value])
            };
            ec2.instances(&tags.iter().map(filter).collect::<Vec<_>>()).await
        }
        TargetMeaning::Address(address) => {
            let text = address.to_string();
            let (first, second) = if address.is_ipv4() {
                ("private-ip-address", "network-interface.addresses.private-ip-address")
            } else {
                ("ipv6-address", "network-interface.ipv6-addresses.ipv6-address")
            };
            let found = by(first, &text).await?;
            // The second covers further addresses and network interfaces.
            if found.is_empty() { by(second, &text).await } else { Ok(found) }
        }
        TargetMeaning::Dns(host) => by("private-dns-name", host.as_str()).await,
        TargetMeaning::AutoScalingGroup(group) => by("tag:aws:autoscaling:groupName", group).await,
        TargetMeaning::Exact(_) | TargetMeaning::EcsService { .. } => Ok(Vec::new()),
    }
}

/// Asks Systems Manager alone, for machines that EC2 does not know.
async fn others(nodes: &Nodes, meaning: &TargetMeaning) -> Result<Vec<ManagedNode>, AwsFailure> {
    let same = |known: &Option<String>, wanted: &str| {
        known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(wanted))
    };
    let mut found = match meaning {
        TargetMeaning::Tags(tags) => nodes.tagged(tags).await?,
        TargetMeaning::Dns(_) => nodes.all().await?,
        TargetMeaning::Name(_) | TargetMeaning::Address(_) => nodes.hybrid().await?,
        _ => Vec::new(),
    };
    match meaning {
        TargetMeaning::Name(name) => {
            let exact = |node: &ManagedNode| node.name.as_deref() == Some(name);
            // A hybrid node that was registered without a name has its host name.
            found.retain(|node| exact(node) || same(&node.computer_name, name));
            if found.iter().any(exact) {
                found.retain(exact);
            }
        }
        TargetMeaning::Address(address) => found.retain(|node| {
            node.address.as_ref().and_then(|it| it.parse().ok()).as_ref() == Some(address)
        }),
        TargetMeaning::Dns(host) => found.retain(|node| same(&node.computer_name, host.as_str())),
        _ => {}
    }
    Ok(found)
}

/// Adds to instances what Systems Manager knows about them.
async fn joined(nodes: &Nodes, instances: Vec<Instance>) -> Result<Vec<Candidate>, AwsFailure> {
    let running = instances.iter().filter(|it| it.is_running());
    let ids: Vec<String> = running.map(|it| it.id.clone()).collect();
    let known = match nodes.with_ids(&ids).await {
        Ok(known) => Some(known),
        // Then StartSession has the word.
        Err(failure) if failure.kind == ErrorKind::Denied => None,
        Err(failure) => return Err(failure),
    };
    let known: Option<HashMap<&str, &ManagedNode>> =
        known.as_ref().map(|known| known.iter().map(|node| (node.id.as_str(), node)).collect());
    let candidate = |it: Instance| {
        let node = known.as_ref().map(|known| known.get(it.id.as_str()));
        let state = match node {
            Some(Some(node)) if it.is_running() => format!("{}, {}", it.state, node.ping),
            Some(None) if it.is_running() => format!("{}, not a managed node", it.state),
            _ => it.state.clone(),
        };
        Candidate {
            running: Some(it.is_running()),
            online: node.map(|node| node.is_some_and(|node| node.is_online())),
            state,
            launched: it.launched.unwrap_or_default(),
            id: it.id,
        }
    };
    Ok(instances.into_iter().map(candidate).collect())
}

fn of_node(node: &ManagedNode) -> Candidate {
    Candidate {
        id: node.id.clone(),
        running: None,
        online: Some(node.is_online()),
        state: node.ping.clone(),
        launched: node.last_ping.unwrap_or_default(),
    }
}

/// Decides between those that fit.
fn chosen(
    spec: &TargetSpec,
    region: &str,
    mut found: Vec<Candidate>,
) -> Result<Vec<Target>, AwsFailure> {
    found.sort_by(|a, b| {
        let rank = |it: &Candidate| (it.online == Some(true), it.launched);
        rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id))
    });
    let described: Vec<String> =
        found.iter().map(|it| format!("{} ({})", it.id, it.state)).collect();
    let up: Vec<&Candidate> = found.iter().filter(|it| it.running != Some(false)).collect();
    if up.is_empty() {
        return Err(not_connected(
            format!("nothing that `{spec}` means in {region} is running: {}", listed(&described)),
            "start it, or choose another target; `ssmpf targets` shows what is Online",
        ));
    }
    let online: Vec<&Candidate> =
        up.iter().copied().filter(|it| it.online != Some(false)).collect();
    let group =
        matches!(spec.meaning(), TargetMeaning::Tags(_) | TargetMeaning::AutoScalingGroup(_));
    let best = if group || online.is_empty() { &up } else { &online };
    if !group && best.len() > 1 {
        return Err(match online.is_empty() {
            true => not_connected(
                format!("none that `{spec}` means in {region} is Online: {}", listed(&described)),
                "check their agents; `ssmpf targets` shows what is Online",
            ),
            false => not_found(
                format!("`{spec}` means more than one node in {region}: {}", listed(&described)),
                ambiguity_hint(spec),
            ),
        });
    }
    let targets = best.iter().filter_map(|it| it.id.parse::<Target>().ok());
    let targets: Vec<Target> = targets.collect();
    if targets.is_empty() {
        let sentence = format!("AWS gave no usable id for `{spec}`: {}", listed(&described));
        return Err(not_found(sentence, "give the node itself: `--target i-…`"));
    }
    Ok(targets)
}

fn ambiguity_hint(spec: &TargetSpec) -> String {
    match spec.meaning() {
        TargetMeaning::Name(name) => format!(
            "give the node itself, or `tag:Name={name}` if any of them will do: the newest that is \
             Online is taken"
        ),
        _ => "give the node itself: `--target i-…`".to_owned(),
    }
}

/// Says that nothing fits, and what is near.
async fn nothing(ec2: &Ec2, spec: &TargetSpec, region: &str) -> AwsFailure {
    let sentence = format!("nothing in {region} answers to the target `{spec}`");
    let hint = "`ssmpf targets` shows what there is; check profile and region";
    let TargetMeaning::Name(name) = spec.meaning() else {
        return not_found(sentence, hint);
    };
    let running = [InstanceFilter::exact("instance-state-name", &["running"])];
    // What is near is a courtesy; that it could not be had is no news.
    let instances = ec2.instances_until(&running, NEAR).await.unwrap_or_default();
    let mut names: Vec<&str> = instances.iter().filter_map(|it| it.name.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let wanted = name.to_lowercase();
    let similar: Vec<&str> = names
        .iter()
        .copied()
        .filter(|it| it.to_lowercase().contains(&wanted) || wanted.contains(&it.to_lowercase()))
        .collect();
    let near = near::closest(name, names.iter().copied());
    let similar = if similar.is_empty() { near.into_iter().collect() } else { similar };
    match similar.is_empty() {
        true => not_found(sentence, hint),
        false => not_found(
            sentence,
            format!("there is {}; `ssmpf targets` shows all of them", listed(&similar)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, online: Option<bool>, launched: i64) -> Candidate {
        Candidate {
            id: id.to_owned(),
            running: Some(true),
            online,
            state: "running".to_owned(),
            launched,
        }
    }

    fn choose(spec: &str, found: Vec<Candidate>) -> Result<Vec<String>, AwsFailure> {
        let targets = chosen(&spec.parse().expect(spec), "eu-west-1", found)?;
        Ok(targets.iter().map(Target::to_string).collect())
    }

    const A: &str = "i-0000000000000000a";
    const B: &str = "i-0000000000000000b";
    const C: &str = "i-0000000000000000c";

    #[test]
    fn a_name_of_one_online_node_among_others_is_that_node() {
        let found = vec![candidate(A, Some(false), 2), candidate(B, Some(true), 1)];
        assert_eq!(choose("bastion", found).expect("one is Online"), [B]);
    }

    #[test]
    fn a_name_of_two_online_nodes_is_the_users_to_decide() {
        let found = vec![candidate(A, Some(true), 2), candidate(B, Some(true), 1)];
        let failure = choose("bastion", found).expect_err("two are Online");
        assert_eq!(failure.kind, ErrorKind::NotFound);
        assert!(failure.message.contains(A) && failure.message.contains(B), "{failure}");
        assert!(failure.hint.is_some_and(|hint| hint.contains("tag:Name=bastion")));
    }

    #[test]
    fn a_single_node_that_is_offline_is_tried_all_the_same() {
        assert_eq!(choose("bastion", vec![candidate(A, Some(false), 1)]).expect("one"), [A]);
    }

    #[test]
    fn members_of_a_group_are_tried_online_first_and_then_by_age() {
        let found = vec![
            candidate(A, Some(false), 9),
            candidate(B, Some(true), 1),
            candidate(C, Some(true), 5),
        ];
        assert_eq!(choose("asg:bastions", found).expect("all"), [C, B, A]);
    }

    #[test]
    fn what_is_stopped_is_said_to_be_stopped() {
        let stopped = Candidate {
            running: Some(false),
            state: "stopped".to_owned(),
            ..candidate(A, Some(false), 1)
        };
        let failure = choose("bastion", vec![stopped]).expect_err("it is not running");
        assert_eq!(failure.kind, ErrorKind::TargetNotConnected);
        assert!(failure.message.contains("stopped"), "{failure}");
    }

    #[test]
    fn without_word_from_systems_manager_running_has_to_do() {
        let found = vec![candidate(A, None, 1)];
        assert_eq!(choose("bastion", found).expect("it runs"), [A]);
    }
}
