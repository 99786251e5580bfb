//! Where the user's data lie on this system.

use std::path::PathBuf;

use super::env::Environment;
use crate::background::RuntimeSettings;
use crate::model::InvalidInput;

/// Returns the folder of the store and its key.
///
/// `SSMPF_DATA_DIR`, else `ssmpf` in the system's folder for data: `XDG_DATA_HOME` or
/// `~/.local/share`, on macOS `~/Library/Application Support`, on Windows `%APPDATA%`.
pub(super) fn data_folder(environment: &Environment) -> Result<PathBuf, InvalidInput> {
    if let Some(folder) = environment.get("SSMPF_DATA_DIR") {
        return Ok(PathBuf::from(folder));
    }
    // A relative path in this variable is to be ignored [XDG Base Directory Specification].
    let xdg = environment.get("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || environment.get("HOME").map(PathBuf::from);
    let base = xdg.or_else(|| {
        if cfg!(windows) {
            environment.get("APPDATA").map(PathBuf::from)
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Application Support"))
        } else {
            home().map(|home| home.join(".local/share"))
        }
    });
    base.map(|base| base.join("ssmpf")).ok_or_else(|| {
        InvalidInput::new(
            "there is no folder for the store: HOME is not set",
            "set SSMPF_DATA_DIR to a folder of your own",
        )
    })
}

/// Returns the folder of the logs of forwards in the background.
///
/// `SSMPF_LOG_DIR`, else `ssmpf` in the system's folder for such things: `XDG_STATE_HOME` or
/// `~/.local/state`, on macOS `~/Library/Logs`, on Windows `%LOCALAPPDATA%`.
pub(super) fn log_folder(environment: &Environment) -> Result<PathBuf, InvalidInput> {
    if let Some(folder) = environment.get("SSMPF_LOG_DIR") {
        return Ok(PathBuf::from(folder));
    }
    let xdg = environment.get("XDG_STATE_HOME").map(PathBuf::from);
    let home = || environment.get("HOME").map(PathBuf::from);
    let base = xdg.filter(|path| path.is_absolute()).or_else(|| {
        if cfg!(windows) {
            environment.get("LOCALAPPDATA").map(PathBuf::from)
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Logs"))
        } else {
            home().map(|home| home.join(".local/state"))
        }
    });
    base.map(|base| base.join("ssmpf/log")).ok_or_else(|| {
        InvalidInput::new(
            "there is no folder for logs: HOME is not set",
            "set SSMPF_LOG_DIR to a folder of your own",
        )
    })
}

/// Returns what the environment says about the folder of running forwards.
pub(super) fn runtime(environment: &Environment) -> RuntimeSettings {
    RuntimeSettings {
        own: environment.get("SSMPF_RUNTIME_DIR").map(PathBuf::from),
        xdg: environment.get("XDG_RUNTIME_DIR").map(PathBuf::from),
    }
}

/// Returns the folder of what is kept for minutes, or nothing where there is no place for it.
///
/// `SSMPF_CACHE_DIR`, else `ssmpf` in the system's folder for caches: `XDG_CACHE_HOME` or
/// `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
pub(super) fn cache_folder(environment: &Environment) -> Option<PathBuf> {
    if let Some(folder) = environment.get("SSMPF_CACHE_DIR") {
        return Some(PathBuf::from(folder));
    }
    let xdg =
        environment.get("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || environment.get("HOME").map(PathBuf::from);
    let base = xdg.or_else(|| {
        if cfg!(windows) {
            environment.get("LOCALAPPDATA").map(PathBuf::from)
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Caches"))
        } else {
            home().map(|home| home.join(".cache"))
        }
    });
    base.map(|base| base.join("ssmpf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_folder_follows_the_variables_in_their_order() {
        let folder = |values| data_folder(&values).expect("there is one");
        let home = ("HOME", "/home/me");
        assert_eq!(folder(Environment::from([home])), PathBuf::from("/home/me/.local/share/ssmpf"));
        let relative = Environment::from([home, ("XDG_DATA_HOME", "data")]);
        assert_eq!(folder(relative), PathBuf::from("/home/me/.local/share/ssmpf"));
        let xdg = Environment::from([home, ("XDG_DATA_HOME", "/data")]);
        assert_eq!(folder(xdg), PathBuf::from("/data/ssmpf"));
        let own = Environment::from([("XDG_DATA_HOME", "/data"), ("SSMPF_DATA_DIR", "/own")]);
        assert_eq!(folder(own), PathBuf::from("/own"));
        assert!(data_folder(&Environment::default()).is_err());
    }
}
