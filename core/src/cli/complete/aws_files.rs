//! Names of AWS profiles, read without the AWS SDK.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::super::env::Environment;

/// Most that is read of a file, in bytes. Companies generate files of hundreds of kilobytes.
const MAX: u64 = 8 * 1024 * 1024;

/// Returns the names of all profiles in the AWS configuration files.
pub(in crate::cli) fn profiles() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Some(text) = file("AWS_CONFIG_FILE", "config").and_then(text) {
        names.extend(sections(&text).filter_map(profile_of_config));
    }
    if let Some(text) = file("AWS_SHARED_CREDENTIALS_FILE", "credentials").and_then(text) {
        names.extend(sections(&text).map(str::to_owned));
    }
    names
}

/// Returns the names of the `sso-session` sections.
pub(super) fn sso_sessions() -> BTreeSet<String> {
    let Some(text) = file("AWS_CONFIG_FILE", "config").and_then(text) else {
        return BTreeSet::new();
    };
    sections(&text).filter_map(|section| named(section, "sso-session")).collect()
}

/// The file that a variable names, or the usual one.
fn file(variable: &str, usual: &str) -> Option<PathBuf> {
    let environment = Environment::of_process();
    let named = environment.get(variable).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(environment.get("HOME")?).join(".aws").join(usual)))
}

fn text(path: PathBuf) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns what stands between brackets at the beginning of lines.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
    lines.map(|(name, _)| name.trim()).filter(|name| !name.is_empty())
}

/// `[default]` and `[profile NAME]`, the name perhaps in quotes; the rest are no profiles.
fn profile_of_config(section: &str) -> Option<String> {
    if section == "default" {
        return Some(section.to_owned());
    }
    named(section, "profile")
}

/// The name in `[KIND NAME]`, perhaps in quotes.
fn named(section: &str, kind: &str) -> Option<String> {
    let name = section.strip_prefix(kind)?;
    let name = name.strip_prefix([' ', '\t'])?.trim();
    let quoted = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_told_from_other_sections() {
        let text = "# [profile no]\n[default]\nregion = x\n[profile prod]\r\n[ profile  a b ] # c\n\
                    [profile 'quo ted']\n[sso-session corp]\n[services s3]\n[profile]\n[\n[]\n";
        let found: Vec<String> = sections(text).filter_map(profile_of_config).collect();
        assert_eq!(found, ["default", "prod", "a b", "quo ted"]);
    }
}
