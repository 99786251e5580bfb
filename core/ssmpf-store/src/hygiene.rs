//! Keeping secrets out of core files.

/// Tells the system to write no core file of this process, in which keys could be read.
///
/// To be called first thing in `main`. Programs started from here are not affected. Where the system
/// knows no such wish, nothing happens.
pub fn forbid_core_files() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // It also keeps other processes of the same user from attaching a debugger. If it fails, the
        // system's own setting stays in force.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // The soft limit only, which whoever is started from here may raise again.
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn no_core_file_is_written_of_this_process() {
        super::forbid_core_files();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
