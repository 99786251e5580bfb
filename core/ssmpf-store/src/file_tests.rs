use super::*;

fn file() -> (tempfile::TempDir, SafeFile) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = SafeFile::in_own_folder(folder.path().join("data").join("store.age"));
    (folder, file)
}

fn write(file: &SafeFile, bytes: &[u8]) {
    let lock = file.lock().expect("the lock");
    file.replace(&lock, bytes).expect("written");
}

#[test]
fn a_file_that_is_not_there_reads_as_nothing() {
    let (_folder, file) = file();
    assert_eq!(file.read().expect("no failure"), None);
}

#[test]
fn the_version_before_is_kept() {
    let (_folder, file) = file();
    for version in [&b"one"[..], b"two", b"three"] {
        write(&file, version);
    }
    assert_eq!(file.read().expect("read").as_deref(), Some(&b"three"[..]));
    assert_eq!(fs::read(file.previous()).expect("read"), b"two");
}

#[test]
fn what_a_killed_writer_left_is_in_nobodys_way() {
    let (_folder, file) = file();
    write(&file, b"one");
    fs::write(file.beside(".", ".new"), b"half").expect("written");
    fs::hard_link(file.path(), file.beside(".", ".old")).expect("linked");
    fs::hard_link(file.path(), file.previous()).expect("linked");
    write(&file, b"two");
    assert_eq!(file.read().expect("read").as_deref(), Some(&b"two"[..]));
    assert_eq!(fs::read(file.previous()).expect("read"), b"one");
    assert!(!file.beside(".", ".new").exists());
    assert!(!file.beside(".", ".old").exists());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_and_open_permissions_are_repaired() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = file();
    write(&file, b"one");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let folder = file.path().parent().expect("a folder");
    assert_eq!((mode(folder), mode(file.path())), (0o700, 0o600));
    assert_eq!(file.repair_permissions(), []);

    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).expect("set");
    let warnings = file.repair_permissions();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[1].message.ends_with("was open to other users (0644); it is 0600 now"));
    assert_eq!((mode(folder), mode(file.path())), (0o700, 0o600));
}

#[cfg(unix)]
#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let file = SafeFile::anywhere(folder.path().join("team.age"));
    write(&file, b"one");
    assert_eq!(file.repair_permissions(), []);
    let mode = fs::metadata(folder.path()).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o755);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let (folder, file) = file();
    write(&file, b"one");
    let link = folder.path().join("link.age");
    std::os::unix::fs::symlink(file.path(), &link).expect("linked");
    write(&SafeFile::anywhere(link.clone()), b"two");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(file.read().expect("read").as_deref(), Some(&b"two"[..]));
}

#[test]
fn a_second_writer_waits_for_the_first() {
    let (_folder, file) = file();
    let lock = file.lock().expect("the lock");
    let second = {
        let file = file.clone();
        std::thread::spawn(move || write(&file, b"second"))
    };
    std::thread::sleep(Duration::from_millis(50));
    assert!(!second.is_finished());
    file.replace(&lock, b"first").expect("written");
    drop(lock);
    second.join().expect("no panic");
    assert_eq!(fs::read(file.previous()).expect("read"), b"first");
}
