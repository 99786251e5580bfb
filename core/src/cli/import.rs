//! Reads the files that `import` and `passwd` are pointed to.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ssmpf_schema::ErrorKind;
use ssmpf_store::Passphrase;
use ssmpf_store::import::fernet;

use super::args_catalogue::{ImportArgs, ImportSource};
use super::error::Failure;
use crate::commands::CommandError;
use crate::commands::context::{Context, declined, terminal};
use crate::commands::transfer::Source;
use crate::model::{InvalidInput, TargetSpec};

/// The variable with the password of the Python manager.
const PASSWORD: &str = "SSMPF_IMPORT_PASSPHRASE";

/// Reads what is to be imported.
pub(super) fn source(args: &ImportArgs, context: &mut Context) -> Result<Source, Failure> {
    Ok(match args.from {
        ImportSource::Json => {
            let file = args.file.as_deref().unwrap_or(Path::new("-"));
            Source::Json(bytes(file)?)
        }
        ImportSource::SshConfig => Source::SshConfig(text(&or_home(&args.file, ".ssh/config")?)?),
        ImportSource::Basti => Source::Basti {
            text: text(args.file.as_deref().unwrap_or(Path::new(".basti.yaml")))?,
            bastion: match &args.target[..] {
                [] => None,
                targets => Some(TargetSpec::all_of(targets)?),
            },
        },
        ImportSource::Fernet => {
            let folder = Path::new(".ssm-port-forwarder").join(fernet::TOKEN_FILE);
            let token = or_home(&args.file, folder)?;
            Source::Fernet {
                salt: bytes(&token.with_file_name(fernet::SALT_FILE))?,
                token: bytes(&token)?,
                password: password(args.password_file.as_deref(), context)?,
            }
        }
    })
}

/// Returns the password of the Python manager: from a file, the variable, or a person.
fn password(file: Option<&Path>, context: &mut Context) -> Result<Passphrase, Failure> {
    if let Some(file) = file {
        return first_line(file);
    }
    if let Ok(value) = std::env::var(PASSWORD) {
        return Ok(Passphrase::new(value));
    }
    let Some(person) = &mut context.person else {
        return Err(Failure::new(
            ErrorKind::StoreLocked,
            "the password of the Python manager is needed, and there is nobody to ask",
            Some(format!("set {PASSWORD}, or name a file with `--password-file`")),
        ));
    };
    let typed = person.ask_secret("Password of the Python manager").map_err(terminal)?;
    Ok(typed.ok_or_else(|| -> CommandError { declined() })?)
}

/// Reads the first line of a file, as a secret.
pub(super) fn first_line(file: &Path) -> Result<Passphrase, Failure> {
    let mut text = Passphrase::new(text(file)?);
    let end = text.expose().find(['\r', '\n']).unwrap_or(text.expose().len());
    text.expose_mut().truncate(end);
    Ok(text)
}

fn or_home(file: &Option<PathBuf>, inside: impl AsRef<Path>) -> Result<PathBuf, InvalidInput> {
    let home = || std::env::home_dir().map(|home| home.join(inside));
    file.clone().or_else(home).ok_or_else(|| {
        InvalidInput::new("there is no home folder to look in", "name the file on the command line")
    })
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| {
        let hint = "check that it is the file meant: this format is plain text";
        Failure::new(
            ErrorKind::Usage,
            format!("{} is not UTF-8 text", path.display()),
            Some(hint.into()),
        )
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| {
        let message = format!("{} cannot be read: {error}", path.display());
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path, or name - to read standard input",
            io::ErrorKind::IsADirectory => "name the file in it",
            _ => "check who may read it",
        };
        Failure::new(ErrorKind::Usage, message, Some(hint.into()))
    };
    if path != Path::new("-") {
        return fs::read(path).map_err(failed);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
