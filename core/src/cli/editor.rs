//! The editor of the person at the terminal: `VISUAL`, else `EDITOR`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ssmpf_schema::{ConnectionRecord, ErrorKind};

use super::env::Environment;
use super::error::Failure;
use crate::commands::context::Context;
use crate::commands::edit_text;
use crate::model::InvalidInput;

/// Has a person edit a connection. `None` means that the text was left as it was.
///
/// A text that is no connection is kept beside the store, and the failure says where; so is what was
/// written before the editor failed.
pub(super) fn edit(name: &str, context: &mut Context) -> Result<Option<ConnectionRecord>, Failure> {
    let environment = Environment::of_process();
    let editor = environment.first(&["VISUAL", "EDITOR"]).ok_or_else(|| {
        InvalidInput::new(
            format!("nothing was said about what to change in `{name}`"),
            "give the flags of `ssmpf add`, such as `--port 5433`, or set EDITOR to edit it as text",
        )
    })?;
    let before = edit_text::text(name, context)?;
    let file = draft(name, context);
    write_private(&file, &before)?;
    let status = shell(editor, &file).status()?;
    let after = fs::read_to_string(&file)?;
    let kept = format!("nothing was changed; your text is in {}", file.display());
    if after == before {
        fs::remove_file(&file)?;
    }
    if !status.success() {
        let hint = if after == before { "nothing was changed".to_owned() } else { kept };
        let message = format!("the editor failed: `{editor}` ended with {status}");
        return Err(Failure::new(ErrorKind::Failure, message, Some(hint)));
    }
    if after == before {
        return Ok(None);
    }
    match edit_text::apply(name, &after, context) {
        Ok(connection) => {
            fs::remove_file(&file)?;
            Ok(Some(connection))
        }
        Err(error) => {
            let body = error.body();
            Err(Failure::new(body.kind, body.message, Some(kept)))
        }
    }
}

/// Beside the store, in a folder that only its owner can enter.
fn draft(name: &str, context: &Context) -> PathBuf {
    let folder = context.places.identity.path().parent().map(PathBuf::from).unwrap_or_default();
    folder.join(format!("edit-{name}-{}.toml", std::process::id()))
}

fn write_private(file: &PathBuf, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// An editor may come with flags of its own: `code --wait`.
fn shell(editor: &str, file: &PathBuf) -> Command {
    if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.arg("/C").arg(editor).arg(file);
        return command;
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file);
    command
}
