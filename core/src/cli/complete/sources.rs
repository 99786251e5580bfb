//! One function for each kind of candidate; `args` names them where a value of that kind is typed.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::CompletionCandidate;
use ssmpf_store::show::As;

use super::super::args::Cli;
use super::super::help;
use super::catalogue::{Found, Glimpse, Parts};
use super::line::Line;
use super::regions::REGIONS;
use super::{aws_files, catalogue, forwards, found_lately};
use crate::model::Kind;

/// What TAB shows.
type Candidates = Vec<CompletionCandidate>;

/// Saved connections.
pub(in crate::cli) fn connections(typed: &OsStr) -> Candidates {
    let Some(typed) = beginning(typed) else { return Candidates::new() };
    let mut found = catalogue::read(move |found, it| push_connection(found, &it, &typed));
    say_what_is_up(&mut found);
    all(found)
}

/// Saved connections, or `@tag`; what is on the line already is left out.
pub(in crate::cli) fn connections_or_tags(typed: &OsStr) -> Candidates {
    let Some(typed) = beginning(typed) else { return Candidates::new() };
    let wants_tags = typed.is_empty() || typed.starts_with('@');
    let start = typed.clone();
    let mut found = catalogue::read(move |found, it| {
        push_connection(found, &it, &typed);
        if wants_tags {
            let tags = it.parts().tags.into_iter();
            found.extend(tags.map(|tag| (format!("@{tag}"), String::new())));
        }
    });
    say_what_is_up(&mut found);
    // Connections first, tags behind them: no name begins with `@`.
    let (tags, names): (Found, Found) = found.into_iter().partition(|it| it.0.starts_with('@'));
    let found = names.into_iter().chain(catalogue::distinct(tags));
    all(found.filter(|(value, _)| value.starts_with(&start) && !Line::has(value)))
}

/// What a name or tag may begin with. A flag cannot be one, and the store need not be opened for it.
fn beginning(typed: &OsStr) -> Option<String> {
    typed.to_str().filter(|typed| !typed.starts_with('-')).map(str::to_owned)
}

/// Adds a connection whose name goes on as was typed.
fn push_connection(found: &mut Found, it: &Glimpse<'_>, typed: &str) {
    if it.name.starts_with(typed) {
        let about = if Line::shows_help() { about(it) } else { String::new() };
        found.push((it.name.to_owned(), about));
    }
}

/// Adds to the line about each connection whether it is up.
fn say_what_is_up(found: &mut Found) {
    if !Line::shows_help() {
        return;
    }
    let up: BTreeSet<String> = forwards::running().into_iter().map(|record| record.name).collect();
    for (_, about) in found.iter_mut().filter(|(name, _)| up.contains(name)) {
        about.push_str(", up");
    }
}

/// Tags of saved connections.
pub(in crate::cli) fn tags(typed: &OsStr) -> Candidates {
    if beginning(typed).is_none() {
        return Candidates::new();
    }
    let found = catalogue::read(|found, it| {
        found.extend(it.parts().tags.into_iter().map(|tag| (tag, String::new())));
    });
    fitting(typed, catalogue::distinct(found))
}

/// Forwards that are up.
pub(in crate::cli) fn forwards(typed: &OsStr) -> Candidates {
    let found = forwards::running().into_iter();
    fitting(typed, found.map(|record| (record.name, record.destination)))
}

/// Forwards that are up, or `@tag` of one; what is on the line already is left out.
pub(in crate::cli) fn forwards_or_tags(typed: &OsStr) -> Candidates {
    let running = forwards::running();
    let tags: BTreeSet<String> = running.iter().flat_map(|record| record.tags.clone()).collect();
    let names = running.into_iter().map(|record| (record.name, record.destination));
    let tags = tags.into_iter().map(|tag| (format!("@{tag}"), String::new()));
    fitting(typed, names.chain(tags).filter(|(value, _)| !Line::has(value)))
}

/// Sign-ins to IAM Identity Center of the AWS configuration file.
pub(in crate::cli) fn sso_sessions(typed: &OsStr) -> Candidates {
    fitting(typed, aws_files::sso_sessions().into_iter().map(|name| (name, String::new())))
}

/// Nodes that saved connections go through or that were found lately, and the ways to name others.
pub(in crate::cli) fn targets(typed: &OsStr) -> Candidates {
    let mut found: Found = found_lately::targets().iter().map(found_lately::target).collect();
    found.extend(catalogue::read(|found, it| {
        found.push((it.parts().target, format!("as in {}", it.name)));
    }));
    // What is saved says more than what was found.
    let mut found = catalogue::distinct(found);
    found.extend(
        [
            ("tag:", "a tag of the node: tag:KEY=VALUE"),
            ("asg:", "a node of an Auto Scaling group: asg:GROUP"),
            ("ecs:", "a task of ECS: ecs:CLUSTER/SERVICE[/CONTAINER]"),
        ]
        .map(|(value, help)| (value.to_owned(), help.to_owned())),
    );
    fitting(typed, found)
}

/// Hosts that saved connections lead to or that were found lately.
pub(in crate::cli) fn hosts(typed: &OsStr) -> Candidates {
    let mut found: Found = found_lately::endpoints().iter().map(found_lately::endpoint).collect();
    found.extend(catalogue::read(|found, it| {
        found.extend(it.parts().host.map(|host| (host, format!("as in {}", it.name))));
    }));
    fitting(typed, catalogue::distinct(found))
}

/// Profiles of the AWS configuration files.
pub(in crate::cli) fn profiles(typed: &OsStr) -> Candidates {
    fitting(typed, aws_files::profiles().into_iter().map(|name| (name, String::new())))
}

/// Regions of AWS.
pub(in crate::cli) fn regions(typed: &OsStr) -> Candidates {
    fitting(typed, REGIONS.map(|(region, place)| (region.to_owned(), place.to_owned())))
}

/// What listens at the destination.
pub(in crate::cli) fn kinds(typed: &OsStr) -> Candidates {
    let port = |kind: &Kind| {
        kind.default_port().map(|port| format!("port {}", port.number())).unwrap_or_default()
    };
    fitting(typed, Kind::all().map(|kind| (kind.as_str().to_owned(), port(kind))))
}

/// What `show --as` can write.
pub(in crate::cli) fn forms(typed: &OsStr) -> Candidates {
    fitting(typed, As::ALL.map(|(_, word)| (word.to_owned(), String::new())))
}

/// How a database user signs in.
pub(in crate::cli) fn sign_ins(typed: &OsStr) -> Candidates {
    let known = [("password", "as the database knows it"), ("iam", "with a token of IAM")];
    fitting(typed, known.map(|(value, help)| (value.to_owned(), help.to_owned())))
}

/// Where one number is chosen by the program: a local port, a count of sessions.
pub(in crate::cli) fn auto(typed: &OsStr) -> Candidates {
    fitting(typed, [("auto".to_owned(), String::new())])
}

/// What `help` explains: topics and commands.
pub(in crate::cli) fn help_topics(typed: &OsStr) -> Candidates {
    let topics = help::TOPICS.map(|topic| (topic.to_owned(), "topic".to_owned()));
    let command = Cli::command();
    let about = |it: &clap::Command| it.get_about().map(ToString::to_string).unwrap_or_default();
    let commands = command.get_subcommands().map(|it| (it.get_name().to_owned(), about(it)));
    fitting(typed, topics.into_iter().chain(commands))
}

/// A line about a connection: what it is for and whose account it is in.
fn about(it: &Glimpse<'_>) -> String {
    match it.front() {
        Some((description, profile)) => format!("{description} ({profile})"),
        None => about_parts(&it.parts()),
    }
}

fn about_parts(it: &Parts) -> String {
    let place = || match &it.host {
        Some(host) => format!("{host}:{}", it.port),
        None => format!("port {} of {}", it.port, it.target),
    };
    let what = it.description.clone().unwrap_or_else(place);
    match &it.profile {
        Some(profile) => format!("{what} ({profile})"),
        None => what,
    }
}

fn fitting(typed: &OsStr, values: impl IntoIterator<Item = (String, String)>) -> Candidates {
    let Some(typed) = typed.to_str() else { return Candidates::new() };
    all(values.into_iter().filter(|(value, _)| value.starts_with(typed)))
}

fn all(values: impl IntoIterator<Item = (String, String)>) -> Candidates {
    let candidate = |(value, help): (String, String)| {
        CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
    };
    values.into_iter().map(candidate).collect()
}
