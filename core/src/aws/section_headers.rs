//! The section headers of the configuration files, with their lines.
//!
//! The SDK leaves out names that only the AWS CLI accepts, and merges sections for which the CLI
//! refuses the whole file. Whoever lists profiles has to know of both.

use std::collections::BTreeSet;
use std::path::Path;

use ssmpf_schema::FileProblem;

/// Returns the profile that a section of the config file defines, as the AWS CLI reads it.
pub(super) fn name_in_config(header: &str) -> Option<String> {
    if header == "default" {
        return Some(header.to_owned());
    }
    let words = shlex::split(header)?;
    match &words[..] {
        [kind, name] if kind == "profile" => Some(name.clone()),
        _ => None,
    }
}

/// Returns the names of the profiles that a file speaks of, and notes what is odd about it.
pub(super) fn names_in(
    file: &Path,
    name_of: impl Fn(&str) -> Option<String>,
    problems: &mut Vec<FileProblem>,
) -> BTreeSet<String> {
    let mut problem = |line: Option<usize>, message: String| {
        let line = line.map(|line| line as u64);
        problems.push(FileProblem { file: file.display().to_string(), line, message });
    };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BTreeSet::new(),
        Err(error) => {
            problem(None, format!("it cannot be read: {error}"));
            return BTreeSet::new();
        }
    };
    let mut names = BTreeSet::new();
    let mut headers: BTreeSet<&str> = BTreeSet::new();
    for (line, header) in headers_in(&text) {
        if !headers.insert(header) {
            problem(
                Some(line),
                format!("section `[{header}]` is there twice; the AWS CLI refuses the whole file"),
            );
        }
        if let Some(name) = name_of(header) {
            names.insert(name);
        }
    }
    for (line, key) in repeated_keys(&text) {
        let why = "is there twice in its section; the AWS CLI refuses the whole file";
        problem(Some(line), format!("`{key}` {why}"));
    }
    names
}

/// Returns the keys that a section has twice, with the lines of the second ones.
fn repeated_keys(text: &str) -> Vec<(usize, String)> {
    let mut keys: BTreeSet<String> = BTreeSet::new();
    let mut repeated = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            keys.clear();
            continue;
        }
        // What is indented belongs to the value above.
        let is_option = !line.starts_with([' ', '\t', '#', ';']);
        let key = line.split_once(['=', ':']).map(|(key, _)| key.trim().to_lowercase());
        if let Some(key) = key.filter(|key| is_option && !key.is_empty())
            && !keys.insert(key.clone())
        {
            repeated.push((at + 1, key));
        }
    }
    repeated
}

/// Returns the section headers with their lines, counted from 1.
fn headers_in(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let (header, _) = line.strip_prefix('[')?.split_once(']')?;
        Some((at + 1, header.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_cli_reads_them() {
        for (header, name) in [
            ("default", Some("default")),
            ("profile a", Some("a")),
            ("profile \"with space\"", Some("with space")),
            ("profile a b", None),
            ("profile", None),
            ("sso-session a", None),
            ("profile 'open", None),
        ] {
            assert_eq!(name_in_config(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn keys_that_are_there_twice_are_found_in_their_section_only() {
        let text = "[a]\nregion = x\nRegion: y\n# region = z\n[b]\nregion = x\ns3 =\n  a = 1\n\
                    api_versions =\n  a = 1\n";
        assert_eq!(repeated_keys(text), [(3, "region".to_owned())]);
    }

    #[test]
    fn headers_come_with_their_lines() {
        let text = "# [no]\n[a]\nx = [b]\n\n[ c ] # note\n [indented]\n[open\n";
        let headers: Vec<_> = headers_in(text).collect();
        assert_eq!(headers, [(2, "a"), (5, "c")]);
    }
}
