//! Entries of `~/.ssh/config` that reach their host through `aws ssm start-session`.
//!
//! Each host with such a `ProxyCommand` becomes a connection to its SSH port, and each of its
//! `LocalForward` lines one to the place it leads to. Options are looked up as OpenSSH does: all
//! blocks that match the host, the first value wins.

use ssmpf_model::document::SSH;
use ssmpf_model::{Destination, ForwardSpec, InvalidInput, Kind, Port, Timestamp};

use super::aws_cli::Call;
use super::{Draft, Left, Reading};

/// Reads the file. `Include` and `Match` lines are named as left.
pub fn read(text: &str, now: Timestamp) -> Reading {
    let mut reading = Reading::default();
    let blocks = blocks(text, &mut reading.left);
    let mut seen: Vec<&str> = Vec::new();
    for alias in blocks.iter().flat_map(|block| &block.patterns) {
        if alias.contains(['*', '?', '!']) || seen.contains(&alias.as_str()) {
            continue;
        }
        seen.push(alias);
        let host = SshHost::look_up(alias, &blocks);
        let Some(command) = host.session_command() else { continue };
        match host.drafts(&command, now) {
            Ok((drafts, left)) => {
                reading.drafts.extend(drafts);
                reading.left.extend(left);
            }
            Err(error) => reading.left.push(Left::new(alias, error.message)),
        }
    }
    for block in &blocks {
        let used = |alias: &&str| block.matches(alias);
        let sessions = block.value("proxycommand").is_some_and(starts_session);
        if sessions && !seen.iter().any(used) {
            let name = block.patterns.join(" ");
            reading.left.push(Left::new(name, "it is a pattern, and no host in the file fits it"));
        }
    }
    reading
}

/// A `Host` line and the options below it. What stands in front of the first is for all hosts.
struct Block {
    patterns: Vec<String>,
    options: Vec<(String, String)>,
}

impl Block {
    fn matches(&self, alias: &str) -> bool {
        let mut matched = false;
        for pattern in &self.patterns {
            match pattern.strip_prefix('!') {
                Some(pattern) if fits(pattern, alias) => return false,
                Some(_) => {}
                None => matched |= fits(pattern, alias),
            }
        }
        matched
    }

    fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.options.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// Splits the file into blocks.
fn blocks(text: &str, left: &mut Vec<Left>) -> Vec<Block> {
    let mut blocks = vec![Block { patterns: vec!["*".to_owned()], options: Vec::new() }];
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        let (name, value) = line.split_at(end);
        let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" => {
                let patterns = value.split_whitespace().map(|word| word.trim_matches('"'));
                let patterns = patterns.map(str::to_owned).collect();
                blocks.push(Block { patterns, options: Vec::new() });
            }
            "match" => {
                left.push(Left::new(line, "`Match` depends on more than the file"));
                blocks.push(Block { patterns: Vec::new(), options: Vec::new() });
            }
            "include" => left.push(Left::new(line, "give that file on its own")),
            _ => {
                if let Some(block) = blocks.last_mut() {
                    block.options.push((name, value.to_owned()));
                }
            }
        }
    }
    blocks
}

/// What the file says about one host.
struct SshHost<'a> {
    alias: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> SshHost<'a> {
    fn look_up(alias: &'a str, blocks: &'a [Block]) -> Self {
        let matching = blocks.iter().filter(|block| block.matches(alias));
        let options = matching.flat_map(|block| &block.options);
        Self { alias, options: options.map(|(n, v)| (n.as_str(), v.as_str())).collect() }
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.options.iter().find(|(known, _)| *known == name)?;
        Some(unquoted(value))
    }

    /// Returns the proxy command with its tokens filled in, if it starts a session.
    fn session_command(&self) -> Option<String> {
        // Not unquoted: a command keeps its quotes for the shell.
        let (_, command) = self.options.iter().find(|(known, _)| *known == "proxycommand")?;
        if !starts_session(command) {
            return None;
        }
        let host = self.value("hostname").unwrap_or("%h").replace("%h", self.alias);
        let mut filled = String::new();
        let mut rest = command.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                filled.push(c);
                continue;
            }
            match rest.next() {
                Some('h') => filled.push_str(&host),
                Some('n') => filled.push_str(self.alias),
                Some('p') => filled.push_str(self.value("port").unwrap_or("22")),
                Some('r') => filled.push_str(self.value("user").unwrap_or("")),
                Some('%') => filled.push('%'),
                Some(other) => filled.extend(['%', other]),
                None => filled.push('%'),
            }
        }
        Some(filled)
    }

    fn drafts(
        &self,
        command: &str,
        now: Timestamp,
    ) -> Result<(Vec<Draft>, Vec<Left>), InvalidInput> {
        let call = call(command)?;
        let mut ssh = call.draft(now)?;
        ssh.name = self.alias.to_owned();
        // The document opens the SSH port for OpenSSH's own use; a forward to it is an ordinary one.
        if ssh.connection.document.as_ref().is_some_and(|name| name.as_str() == SSH) {
            ssh.connection.document = None;
            ssh.connection.kind = Kind::Ssh;
        }
        let mut drafts = vec![ssh];
        let mut left = Vec::new();
        for (_, line) in self.options.iter().filter(|(name, _)| *name == "localforward") {
            match self.forward(&call, line, now) {
                Ok(draft) => drafts.push(draft),
                Err(error) => left
                    .push(Left::new(format!("{}: LocalForward {line}", self.alias), error.message)),
            }
        }
        Ok((drafts, left))
    }

    /// Makes a connection of a `LocalForward` line: `[bind:]port host:port`.
    fn forward(&self, call: &Call, line: &str, now: Timestamp) -> Result<Draft, InvalidInput> {
        let words: Vec<&str> = line.split_whitespace().map(unquoted).collect();
        if words.iter().any(|word| word.contains('/')) {
            return Err(InvalidInput::new(
                "it names a socket file, which cannot be forwarded",
                "only TCP ports can",
            ));
        }
        let spec: ForwardSpec = words.join(":").parse()?;
        let Destination { host, port } = &spec.destination;
        // Seen from the node, the node itself is its own port.
        let remote = host.as_ref().filter(|host| !host.is_loopback());
        let remote = remote.map(|host| host.as_str());
        let (port, local) = (port.to_string(), spec.local_port.number().to_string());
        let call = call.clone().with_destination(remote, &port, &local);
        let mut draft = call.draft(now)?;
        let what = remote.map_or("", |host| host.split('.').next().unwrap_or(host));
        draft.name = [self.alias, what, &port]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("-");
        draft.local_port = Port::new(spec.local_port.number());
        draft.connection.bind = spec.bind.unwrap_or_default();
        Ok(draft)
    }
}

/// Finds the call of `aws` in a proxy command, which is often wrapped in `sh -c "…"`.
fn call(command: &str) -> Result<Call, InvalidInput> {
    let unreadable = || {
        InvalidInput::new("its ProxyCommand cannot be read", "add it with `ssmpf add --from '…'`")
    };
    let words = shlex::split(command).ok_or_else(unreadable)?;
    if let Some(call) = Call::from_words(&words)? {
        return Ok(call);
    }
    // The script of a `sh -c` is one word here.
    for script in words.iter().filter(|word| starts_session(word)) {
        let words = shlex::split(script).ok_or_else(unreadable)?;
        if let Some(call) = Call::from_words(&words)? {
            return Ok(call);
        }
    }
    Err(unreadable())
}

fn starts_session(command: &str) -> bool {
    command.contains("ssm") && command.contains("start-session")
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// Returns whether `alias` fits a pattern with `*` and `?`.
fn fits(pattern: &str, alias: &str) -> bool {
    let (pattern, alias): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), alias.chars().collect());
    // For each length of the beginning of `alias`: does the pattern read so far fit it?
    let mut row = vec![false; alias.len() + 1];
    row[0] = true;
    for &p in &pattern {
        let mut next = vec![false; alias.len() + 1];
        next[0] = p == '*' && row[0];
        for at in 0..alias.len() {
            next[at + 1] = match p {
                '*' => next[at] || row[at + 1],
                '?' => row[at],
                letter => row[at] && alias[at] == letter,
            };
        }
        row = next;
    }
    row[alias.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"
# the way AWS documents it
Host i-* mi-*
    ProxyCommand sh -c "aws ssm start-session --target %h --document-name AWS-StartSSHSession --parameters 'portNumber=%p'"

Host i-0123456789abcdef0
    User ec2-user
    LocalForward 15432 orders.internal:5432

Host bastion jump
    HostName i-0123abcd
    Port 2222
    ProxyCommand aws --profile prod --region eu-west-1 ssm start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p
    LocalForward 127.0.0.1:8080 localhost:80
    LocalForward [::1]:9200 [fd00::7]:9200
    LocalForward 1234 /run/x.sock

Host pushed
    HostName mi-0123456789abcdef0
    ProxyCommand sh -c "aws ec2-instance-connect send-ssh-public-key --instance-id %h && aws ssm start-session --target %h --document-name AWS-StartSSHSession --parameters 'portNumber=%p'"

Host plain
    HostName plain.example.com
Host variable
    ProxyCommand aws ssm start-session --target $(lookup) --document-name AWS-StartSSHSession
Match host x
    User y
Include other.conf
"#;

    fn names(reading: &Reading) -> Vec<&str> {
        reading.drafts.iter().map(|draft| draft.name.as_str()).collect()
    }

    fn draft<'a>(reading: &'a Reading, name: &str) -> &'a Draft {
        reading.drafts.iter().find(|draft| draft.name == name).expect(name)
    }

    #[test]
    fn hosts_behind_a_session_and_their_forwards_become_connections() {
        let reading = read(FILE, Timestamp::UNIX_EPOCH);
        assert_eq!(
            names(&reading),
            [
                "i-0123456789abcdef0",
                "i-0123456789abcdef0-orders-5432",
                "bastion",
                "bastion-80",
                "bastion-fd00::7-9200",
                "jump",
                "jump-80",
                "jump-fd00::7-9200",
                "pushed",
            ]
        );
        let bastion = &draft(&reading, "bastion").connection;
        assert_eq!(bastion.target.as_str(), "i-0123abcd");
        assert_eq!(bastion.destination.to_string(), "port 2222 on the node");
        assert_eq!(bastion.kind, Kind::Ssh);
        assert_eq!(bastion.profile.as_ref().map(|profile| profile.as_str()), Some("prod"));
        let orders = draft(&reading, "i-0123456789abcdef0-orders-5432");
        assert_eq!(orders.local_port, Port::new(15432));
        assert_eq!(orders.connection.destination.to_string(), "orders.internal:5432");
        let web = draft(&reading, "bastion-80");
        assert_eq!(web.connection.bind.to_string(), "127.0.0.1");
        assert_eq!(web.connection.destination.to_string(), "port 80 on the node");
        assert_eq!(draft(&reading, "pushed").connection.target.as_str(), "mi-0123456789abcdef0");
    }

    #[test]
    fn what_cannot_be_taken_is_named_with_the_reason() {
        let reading = read(FILE, Timestamp::UNIX_EPOCH);
        let left = |name: &str| {
            let found = reading.left.iter().find(|left| left.name.contains(name));
            found.map(|left| left.why.clone()).unwrap_or_default()
        };
        assert!(left("/run/x.sock").contains("socket file"), "{:?}", reading.left);
        assert!(left("variable").contains("filled in by the shell"), "{:?}", reading.left);
        assert!(left("Match host x").contains("Match"));
        assert!(left("Include other.conf").contains("that file"));
        let pattern = "Host i-*\n ProxyCommand aws ssm start-session --target %h\n";
        let reading = read(pattern, Timestamp::UNIX_EPOCH);
        assert_eq!(reading.left[0].name, "i-*");
    }

    #[test]
    fn patterns_fit_as_in_openssh() {
        for (pattern, alias, expected) in [
            ("i-*", "i-0abc", true),
            ("i-*", "mi-0abc", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.internal", "a.b.internal", true),
        ] {
            assert_eq!(fits(pattern, alias), expected, "{pattern} {alias}");
        }
        let block = Block {
            patterns: vec!["*.internal".to_owned(), "!secret.internal".to_owned()],
            options: Vec::new(),
        };
        assert!(block.matches("db.internal") && !block.matches("secret.internal"));
    }

    proptest! {
        #[test]
        fn any_file_is_read_without_a_panic(text in "(Host|ProxyCommand|LocalForward| |\n|\"|ssm start-session|[a-z*!%:\\[]){0,60}") {
            let _ = read(&text, Timestamp::UNIX_EPOCH);
        }
    }
}
