//! All profiles of both files, and whether somebody is signed in to them. No network is used.

use std::collections::BTreeSet;
use std::path::Path;

use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use jiff::Timestamp;
use ssmpf_schema::{ProfileKind, ProfileListing, ProfileRecord, SignInRecord, SignInState};

use super::caches::{self, Caches};
use super::chain::{self, Base, Chain};
use super::cli_cache;
use super::error::AwsFailure;
use super::profile_files::ProfileFiles;
use super::profiles::Profiles;
use super::roles::account_of;
use super::section_headers::{name_in_config, names_in};
use super::sso::{SsoSession, TokenState};
use crate::events::rfc3339;

/// Longest a sign-in of `aws login` renews itself, in seconds.
const CONSOLE_LIFE: i64 = 12 * 3600;

/// Lists the profiles in `files`, with the sign-ins of `caches` as they are at `now`.
///
/// # Errors
///
/// When a file cannot be parsed: then no tool of AWS finds any profile. The cause names the line.
pub async fn list(
    files: &ProfileFiles,
    caches: Option<&Caches>,
    now: Timestamp,
) -> Result<ProfileListing, AwsFailure> {
    use aws_runtime::env_config::file::EnvConfigFileKind::{Config, Credentials};
    let mut sources = EnvConfigFiles::builder().with_contents(Config, "");
    // A file that is not there is no failure to any tool of AWS.
    for (kind, file) in [(Config, &files.config), (Credentials, &files.credentials)] {
        if file.exists() {
            sources = sources.with_file(kind, file);
        }
    }
    let profiles = Profiles::load(&sources.build(), None).await?;
    let set = profiles.set();
    let mut problems = Vec::new();
    let mut present = names_in(&files.config, name_in_config, &mut problems);
    present.extend(names_in(&files.credentials, |header| Some(header.to_owned()), &mut problems));
    let known: BTreeSet<String> = set.profiles().map(str::to_owned).collect();
    let records = present.union(&known).map(|name| match set.get_profile(name) {
        Some(profile) => record(set, profile, caches, now),
        None => ProfileRecord {
            problem: Some(
                "its name has characters that the AWS SDK does not accept, so only the AWS CLI \
                 can use it"
                    .to_owned(),
            ),
            ..empty(name)
        },
    });
    Ok(ProfileListing::new(records.collect(), problems))
}

fn empty(name: &str) -> ProfileRecord {
    ProfileRecord {
        name: name.to_owned(),
        kind: ProfileKind::None,
        region: None,
        account: None,
        role: None,
        sso_session: None,
        source_profile: None,
        sign_in: SignInRecord { state: SignInState::NotApplicable, until: None },
        problem: None,
    }
}

fn record(
    set: &ProfileSet,
    profile: &Profile,
    caches: Option<&Caches>,
    now: Timestamp,
) -> ProfileRecord {
    let value = |key: &str| profile.get(key).filter(|it| !it.is_empty()).map(str::to_owned);
    let mut record = ProfileRecord {
        region: value("region"),
        account: value("aws_account_id"),
        source_profile: value("source_profile").filter(|_| value("role_arn").is_some()),
        ..empty(profile.name())
    };
    let chain = match chain::resolve(set, profile.name()) {
        Ok(chain) => chain,
        Err(why) => {
            record.kind = guess(profile);
            record.problem = Some(why);
            return record;
        }
    };
    if let Some(chain) = &chain {
        describe(&mut record, chain);
        if let Some(caches) = caches {
            record.sign_in = sign_in(chain, caches, now);
        }
    } else if let Ok(Some(session)) = SsoSession::of_profile(set, profile) {
        // Without account and role there are no credentials, but a sign-in all the same.
        record.kind = kind_of_session(&session);
        record.sso_session = session.name.clone();
        if let Some(caches) = caches {
            record.sign_in = sign_in_to(&session, caches, now);
        }
    }
    record
}

fn describe(record: &mut ProfileRecord, chain: &Chain) {
    record.kind = match (&chain.roles[..], &chain.base) {
        ([], Base::Keys(_)) => ProfileKind::StaticKeys,
        ([], Base::Sso(access)) => kind_of_session(&access.session),
        ([], Base::WebIdentity { .. }) => ProfileKind::WebIdentity,
        ([], Base::Process { .. }) => ProfileKind::Process,
        ([], Base::Console { .. }) => ProfileKind::Login,
        (roles, _) if roles.iter().any(|role| role.mfa_serial.is_some()) => {
            ProfileKind::AssumeRoleMfa
        }
        (_, Base::Instance) => ProfileKind::InstanceRole,
        (_, Base::Container) => ProfileKind::ContainerRole,
        (_, Base::Environment) => ProfileKind::Environment,
        _ => ProfileKind::AssumeRole,
    };
    if let Base::Sso(access) = &chain.base {
        record.sso_session = access.session.name.clone();
    }
    let (account, role) = match (chain.roles.last(), &chain.base) {
        (Some(role), _) => (account_of(&role.arn), role_of(&role.arn)),
        (None, Base::Sso(access)) => (Some(access.account.as_str()), Some(access.role.as_str())),
        (None, Base::WebIdentity { role_arn, .. }) => (account_of(role_arn), role_of(role_arn)),
        (None, Base::Console { arn }) => (account_of(arn), None),
        (None, _) => (None, None),
    };
    record.account = account.map(str::to_owned).or(record.account.take());
    record.role = role.map(str::to_owned);
}

/// Returns the name in the ARN of a role, without its path.
fn role_of(arn: &str) -> Option<&str> {
    arn.rsplit(['/', ':']).next().filter(|name| !name.is_empty())
}

fn kind_of_session(session: &SsoSession) -> ProfileKind {
    match session.name {
        Some(_) => ProfileKind::SsoSession,
        None => ProfileKind::SsoLegacy,
    }
}

/// What a profile that leads nowhere was meant to be.
fn guess(profile: &Profile) -> ProfileKind {
    let has = |key: &str| profile.get(key).is_some();
    if has("role_arn") && has("mfa_serial") {
        ProfileKind::AssumeRoleMfa
    } else if has("role_arn") {
        ProfileKind::AssumeRole
    } else if has("sso_session") {
        ProfileKind::SsoSession
    } else if has("sso_start_url") || has("sso_region") {
        ProfileKind::SsoLegacy
    } else if has("aws_access_key_id") || has("aws_secret_access_key") {
        ProfileKind::StaticKeys
    } else {
        ProfileKind::None
    }
}

fn sign_in(chain: &Chain, caches: &Caches, now: Timestamp) -> SignInRecord {
    // A code is asked for last, so it decides.
    let with_mfa = chain.roles.iter().rev().find(|role| role.mfa_serial.is_some());
    if let Some(role) = with_mfa {
        return state(cli_cache::end(&role.path(caches)), now);
    }
    match &chain.base {
        Base::Sso(access) => sign_in_to(&access.session, caches, now),
        Base::Console { arn } => console(&caches.login_session(arn), now),
        _ => SignInRecord { state: SignInState::NotApplicable, until: None },
    }
}

fn sign_in_to(session: &SsoSession, caches: &Caches, now: Timestamp) -> SignInRecord {
    match TokenState::of(session, &caches.sso_token(session.key()), now) {
        TokenState::Missing => state(None, now),
        // A new sign-in overwrites it; for whoever asks it is as good as over.
        TokenState::Unusable(_) => SignInRecord { state: SignInState::Expired, until: None },
        TokenState::Renewable => SignInRecord { state: SignInState::SignedIn, until: None },
        TokenState::Valid(until) | TokenState::Expired(until) => state(Some(until), now),
    }
}

fn console(file: &Path, now: Timestamp) -> SignInRecord {
    let Ok(fields) = caches::read(file) else { return state(None, now) };
    let token = fields.get("accessToken").and_then(serde_json::Value::as_object);
    let until = token.and_then(|token| caches::parse_time(caches::text(token, "expiresAt")?));
    let written = std::fs::metadata(file).and_then(|metadata| metadata.modified());
    let age = written.ok().and_then(|time| Timestamp::try_from(time).ok());
    let age = age.map_or(i64::MAX, |time| now.duration_since(time).as_secs());
    if until.is_some_and(|until| until <= now)
        && caches::text(&fields, "refreshToken").is_some()
        && age < CONSOLE_LIFE
    {
        return SignInRecord { state: SignInState::SignedIn, until: None };
    }
    match until {
        Some(until) => state(Some(until), now),
        None => SignInRecord { state: SignInState::Expired, until: None },
    }
}

fn state(end: Option<Timestamp>, now: Timestamp) -> SignInRecord {
    let state = match end {
        None => SignInState::Never,
        Some(end) if end > now => SignInState::SignedIn,
        Some(_) => SignInState::Expired,
    };
    SignInRecord { state, until: end.map(rfc3339) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new(config: &str, credentials: &str) -> Self {
            let home = tempfile::tempdir().unwrap();
            std::fs::write(home.path().join("config"), config).unwrap();
            std::fs::write(home.path().join("credentials"), credentials).unwrap();
            Self(home)
        }

        fn caches(&self) -> Caches {
            Caches::in_home(self.0.path())
        }

        async fn list(&self) -> Result<ProfileListing, AwsFailure> {
            let files = ProfileFiles {
                config: self.0.path().join("config"),
                credentials: self.0.path().join("credentials"),
            };
            let now = "2026-01-01T12:00:00Z".parse().unwrap();
            list(&files, Some(&self.caches()), now).await
        }
    }

    #[tokio::test]
    async fn the_list_has_the_names_that_the_cli_lists() {
        let home = Home::new(
            "[default]\nregion = a\n[profile \"with space\"]\nregion = b\n[profile a]\nregion = c\n\
             [sso-session my-sso]\nsso_region = x\n[preview]\nx = y\n[services local]\nssm =\n  \
             endpoint_url = http://x\n[foo]\nbar = 1\n",
            "[a]\nregion = d\n[only-creds]\naws_access_key_id = A\naws_secret_access_key = B\n\
             [profile weird]\nregion = e\n",
        );
        let listing = home.list().await.expect("readable");
        let names: Vec<_> = listing.profiles.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a", "default", "only-creds", "profile weird", "with space"]);
        assert_eq!(listing.profiles[0].region.as_deref(), Some("d"), "credentials win");
        assert_eq!(listing.profiles[2].kind, ProfileKind::StaticKeys);
        assert!(listing.profiles[3].problem.is_some() && listing.profiles[4].problem.is_some());
        assert_eq!(listing.problems, []);
    }

    #[tokio::test]
    async fn one_sign_in_shows_in_all_profiles_that_share_it() {
        let home = Home::new(
            "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x\n\
             [profile dev]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Dev\n\
             [profile admin]\nrole_arn = arn:aws:iam::222222222222:role/ops/Admin\n\
             source_profile = dev\n[profile old]\nsso_start_url = https://y\nsso_region = eu-west-1\n\
             sso_account_id = 3\nsso_role_name = R\n",
            "",
        );
        let token = |expires: &str| {
            let file = serde_json::json!({ "accessToken": "t", "expiresAt": expires });
            caches::write(&home.caches().sso_token("corp"), &file).unwrap();
        };
        token("2026-01-01T13:00:00Z");
        let profiles = home.list().await.expect("readable").profiles;
        let [admin, dev, old] = &profiles[..] else { panic!("{profiles:?}") };
        assert_eq!(dev.sign_in.state, SignInState::SignedIn);
        assert_eq!(dev.sign_in.until.as_deref(), Some("2026-01-01T13:00:00.000Z"));
        assert_eq!(admin.sign_in, dev.sign_in);
        assert_eq!(admin.kind, ProfileKind::AssumeRole);
        assert_eq!(admin.account.as_deref(), Some("222222222222"));
        assert_eq!(admin.role.as_deref(), Some("Admin"));
        assert_eq!((old.kind, old.sign_in.state), (ProfileKind::SsoLegacy, SignInState::Never));
        token("2026-01-01T11:00:00Z");
        let profiles = home.list().await.expect("readable").profiles;
        assert_eq!(profiles[1].sign_in.state, SignInState::Expired);
    }

    #[tokio::test]
    async fn files_that_are_not_there_have_no_profiles() {
        let home = Home::new("[default]\nregion = a\n", "");
        std::fs::remove_file(home.0.path().join("credentials")).unwrap();
        assert_eq!(home.list().await.expect("one file will do").profiles.len(), 1);
        std::fs::remove_file(home.0.path().join("config")).unwrap();
        assert_eq!(home.list().await.expect("none will do, too").profiles, []);
    }

    #[tokio::test]
    async fn a_broken_file_is_named_with_its_line() {
        let home = Home::new("[default]\nregion = a\n[profile broken\n", "");
        let error = home.list().await.expect_err("not readable");
        let causes = error.causes.join("\n");
        assert!(causes.contains("config") && causes.contains("line 3"), "{causes}");
    }

    #[tokio::test]
    async fn files_of_other_systems_are_read() {
        let home = Home::new(
            "; a comment\r\n[default]\r\nregion = a\r\n\r\n[profile b]\r\nregion=c ; note\r\n\
             s3 =\r\n  max_concurrent_requests = 20\r\n",
            "",
        );
        let listing = home.list().await.expect("readable");
        let regions: Vec<_> = listing.profiles.iter().map(|it| it.region.as_deref()).collect();
        assert_eq!(regions, [Some("c"), Some("a")]);
        assert_eq!(listing.problems, []);
    }

    #[tokio::test]
    async fn a_file_that_is_no_text_is_named() {
        let home = Home::new("", "");
        let config = home.0.path().join("config");
        std::fs::write(&config, b"\xff\xfe[\0d\0e\0f\0").unwrap();
        match home.list().await {
            Ok(listing) => assert!(listing.problems[0].file.ends_with("config"), "{listing:?}"),
            Err(error) => assert!(error.causes.join(" ").contains("config"), "{error:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_odd_is_said_beside_the_list() {
        let home = Home::new(
            "[profile a]\nregion = x\n\n[profile a]\noutput = json\n[profile b]\nrole_arn = R\n",
            "",
        );
        let listing = home.list().await.expect("readable");
        assert_eq!(listing.problems.len(), 1);
        assert_eq!(listing.problems[0].line, Some(4));
        let b = &listing.profiles[1];
        assert_eq!(b.kind, ProfileKind::AssumeRole);
        assert!(b.problem.as_ref().is_some_and(|why| why.contains("`b`")), "{b:?}");
    }
}
