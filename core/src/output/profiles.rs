//! How AWS profiles look.

use jiff::{SignedDuration, Timestamp};
use ssmpf_schema::{FileProblem, ProfileRecord, SignInState};

use super::table::Table;

/// Returns the table of `profiles`.
pub fn table(profiles: &[ProfileRecord], width: Option<usize>) -> String {
    let headings = ["NAME", "SIGN-IN", "KIND", "REGION", "ACCOUNT", "ROLE", "NOTE"];
    let mut table = Table::new(&headings).keep_whole("SIGN-IN");
    for profile in profiles {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        table.row(vec![
            profile.name.clone(),
            sign_in(profile, Timestamp::now()),
            profile.kind.as_str().to_owned(),
            text(&profile.region),
            text(&profile.account),
            text(&profile.role),
            note(profile),
        ]);
    }
    table.render(width)
}

/// Returns what is odd about a file, in one line.
pub fn problem(problem: &FileProblem) -> String {
    match problem.line {
        Some(line) => format!("{}, line {line}: {}", problem.file, problem.message),
        None => format!("{}: {}", problem.file, problem.message),
    }
}

fn sign_in(profile: &ProfileRecord, now: Timestamp) -> String {
    match (profile.sign_in.state, &profile.sign_in.until) {
        (SignInState::SignedIn, Some(until)) => format!("signed in until {}", local(until, now)),
        (SignInState::SignedIn, None) => "signed in".to_owned(),
        (SignInState::Expired, _) => "expired".to_owned(),
        (SignInState::Never, _) => "never".to_owned(),
        (SignInState::NotApplicable, _) => "n/a".to_owned(),
    }
}

fn note(profile: &ProfileRecord) -> String {
    match (&profile.problem, &profile.source_profile, &profile.sso_session) {
        (Some(problem), _, _) => problem.clone(),
        (None, Some(source), _) => format!("from {source}"),
        (None, None, Some(session)) => format!("sso-session {session}"),
        (None, None, None) => String::new(),
    }
}

/// Writes a time for people here, as short as it can be: within a day the clock, else the date. What
/// is no time stays as it is.
fn local(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return time.to_owned() };
    let is_near = time.duration_since(now).abs() < SignedDuration::from_hours(24);
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime(if is_near { "%H:%M" } else { "%Y-%m-%d" }).to_string()
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::{ProfileKind, SignInRecord};

    use super::*;

    #[test]
    fn every_state_has_its_words() {
        let now = "2026-01-01T05:00:00Z".parse().unwrap();
        let row = |state, until: Option<&str>| {
            let profile = ProfileRecord {
                name: "a".to_owned(),
                kind: ProfileKind::SsoSession,
                region: None,
                account: None,
                role: None,
                sso_session: None,
                source_profile: None,
                sign_in: SignInRecord { state, until: until.map(str::to_owned) },
                problem: None,
            };
            sign_in(&profile, now)
        };
        let today = row(SignInState::SignedIn, Some("2026-01-01T12:00:00Z"));
        assert!(today.starts_with("signed in until ") && today.contains(':'), "{today}");
        let later = row(SignInState::SignedIn, Some("2026-02-15T12:00:00Z"));
        assert!(later.starts_with("signed in until 2026-02-1"), "{later}");
        assert_eq!(row(SignInState::SignedIn, None), "signed in");
        assert_eq!(row(SignInState::Expired, Some("2026-01-01T12:00:00Z")), "expired");
        assert_eq!(row(SignInState::Never, None), "never");
        assert_eq!(row(SignInState::NotApplicable, None), "n/a");
    }

    #[test]
    fn a_problem_names_file_and_line() {
        let odd = FileProblem { file: "/c".to_owned(), line: Some(3), message: "x".to_owned() };
        assert_eq!(problem(&odd), "/c, line 3: x");
    }
}
