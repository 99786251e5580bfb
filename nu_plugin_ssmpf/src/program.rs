//! Where the program `ssmpf` is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nu_protocol::{LabeledError, Span, Value};

use crate::error;

/// The file name of the program.
const NAME: &str = if cfg!(windows) { "ssmpf.exe" } else { "ssmpf" };

/// Finds the program: what the plugin's configuration names, then beside the plugin, then in PATH.
///
/// Whoever configures a path means it, so it comes first, and a wrong one is an error rather than a
/// reason to take another.
pub fn find(
    configured: Option<&Value>,
    plugin: Option<&Path>,
    path: Option<&OsStr>,
    folder: &Path,
    head: Span,
) -> Result<PathBuf, LabeledError> {
    if let Some(value) = configured {
        return configured_path(value, folder);
    }
    let beside = plugin.and_then(Path::parent).map(|folder| folder.join(NAME));
    if let Some(program) = beside.as_ref().filter(|it| is_program(it)) {
        return Ok(program.clone());
    }
    let folders = path.map(std::env::split_paths).into_iter().flatten();
    // An empty entry of PATH would be the current folder, where anybody's program may lie.
    let mut in_path = folders.filter(|it| it.is_absolute()).map(|folder| folder.join(NAME));
    in_path.find(|it| is_program(it)).ok_or_else(|| {
        let beside = beside.map(|it| it.display().to_string());
        let looked: Vec<String> = beside.into_iter().chain([format!("{NAME} in PATH")]).collect();
        error::program_missing(&looked, head)
    })
}

fn configured_path(value: &Value, folder: &Path) -> Result<PathBuf, LabeledError> {
    let text = value.as_str().map_err(|_| {
        let help = "write $env.config.plugins.ssmpf = {path: \"/path/of/ssmpf\"}";
        error::input("the configured path is not text", "not text", value.span(), help)
    })?;
    let home = text.strip_prefix("~/").and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    // An absolute path stays as it is.
    let program = folder.join(home.unwrap_or_else(|| PathBuf::from(text)));
    if is_program(&program) {
        return Ok(program);
    }
    Err(error::program_missing(
        &[format!("{}, which $env.config.plugins.ssmpf.path names", program.display())],
        value.span(),
    ))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, mode: u32) -> PathBuf {
        fs::create_dir_all(folder).expect("made");
        let file = folder.join(NAME);
        fs::write(&file, "").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        file
    }

    #[test]
    fn the_configuration_comes_before_beside_and_beside_before_path() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let [configured, beside, in_path] =
            ["configured", "beside", "path"].map(|name| program(&root.join(name), 0o755));
        let plugin = root.join("beside/nu_plugin_ssmpf");
        let path = std::env::join_paths([root.join("nothing"), root.join("path")]).expect("joined");
        let value = Value::test_string(configured.display().to_string());
        let find = |value: Option<&Value>, plugin: Option<&Path>, path: Option<&OsStr>| {
            super::find(value, plugin, path, root, Span::test_data())
        };
        let found = |it: Result<PathBuf, LabeledError>| it.expect("found");
        assert_eq!(found(find(Some(&value), Some(&plugin), Some(&path))), configured);
        let relative = Value::test_string("configured/ssmpf");
        assert_eq!(found(find(Some(&relative), None, None)), configured);
        assert_eq!(found(find(None, Some(&plugin), Some(&path))), beside);
        assert_eq!(found(find(None, Some(&root.join("x/p")), Some(&path))), in_path);
        let missing = find(None, Some(&plugin.join("x")), None).expect_err("nowhere");
        assert_eq!(missing.code.as_deref(), Some("ssmpf::program-missing"));
        let wrong = Value::test_string("/nowhere/ssmpf");
        let wrong = find(Some(&wrong), Some(&plugin), Some(&path)).expect_err("it was named");
        assert!(wrong.help.is_some_and(|it| it.contains("/nowhere/ssmpf")));
    }

    #[test]
    fn what_cannot_be_executed_is_passed_over() {
        let root = tempfile::tempdir().expect("a folder");
        program(&root.path().join("a"), 0o644);
        let good = program(&root.path().join("b"), 0o755);
        let path =
            std::env::join_paths([root.path().join("a"), root.path().join("b")]).expect("joined");
        let found = find(None, None, Some(&path), root.path(), Span::test_data());
        assert_eq!(found.expect("found"), good);
    }
}
