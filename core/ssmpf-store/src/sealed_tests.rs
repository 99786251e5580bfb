use std::path::PathBuf;

use super::*;
use crate::keys::Identity;
use crate::seal::{self, Damage, Form, Payload};

/// A large sealed file on the disk.
struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    identity: Identity,
    plain: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.age");
        let plain: Vec<u8> = (0..700_000_u32).flat_map(|it| it.to_le_bytes()).collect();
        let identity = Identity::generate();
        let sealed = seal::seal(&plain, &identity.recipients(), Form::Binary).expect("sealed");
        std::fs::write(&path, sealed).expect("written");
        Self { _folder: folder, path, identity, plain }
    }

    fn read(&self) -> Result<Sealed<'static>, Damage> {
        seal::read(File::open(&self.path).expect("there")).expect("readable")
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(&self.path).expect("readable");
        change(&mut bytes);
        std::fs::write(&self.path, bytes).expect("written");
    }
}

#[test]
fn a_large_file_stays_on_the_disk_and_opens_as_often_as_asked() {
    let bench = Bench::new();
    let sealed = bench.read().expect("whole");
    assert!(!sealed.is_in_memory());
    assert_eq!(sealed.length() as u64, std::fs::metadata(&bench.path).expect("there").len());
    let stranger = Payload::begin(&sealed, &Identity::generate());
    assert!(matches!(stranger, Err(Damage::NotForIdentity(_))));
    let mut payload = Payload::begin(&sealed, &bench.identity).expect("the key fits");
    for _ in 0..2 {
        assert_eq!(*payload.all().expect("it opens").expose(), bench.plain);
    }
}

#[test]
fn a_small_file_is_read_at_once() {
    let bench = Bench::new();
    let sealed = seal::seal(b"x", &bench.identity.recipients(), Form::Binary).expect("sealed");
    std::fs::write(&bench.path, sealed).expect("written");
    assert!(bench.read().expect("whole").is_in_memory());
}

#[test]
fn damage_to_a_large_file_is_named_before_a_key_is_needed() {
    let bench = Bench::new();
    bench.change(|bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(bench.read(), Err(Damage::Truncated { expected: Some(_), .. })));
    let bench = Bench::new();
    bench.change(|bytes| bytes.push(0));
    assert!(matches!(bench.read(), Err(Damage::Altered(_))));
    let bench = Bench::new();
    bench.change(|bytes| bytes[0] = b'x');
    assert!(bench.read().is_err());
}

#[test]
fn a_large_file_altered_anywhere_behind_its_header_does_not_open() {
    for place in [0.1, 0.5, 0.999_999] {
        let bench = Bench::new();
        bench.change(|bytes| {
            let at = (bytes.len() as f64 * place) as usize;
            bytes[at] ^= 1;
        });
        let sealed = bench.read().expect("its length is right");
        let mut payload = Payload::begin(&sealed, &bench.identity).expect("the key fits");
        assert!(matches!(payload.all(), Err(Damage::Altered(_))), "{place}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_does_not_open() {
    let bench = Bench::new();
    let sealed = bench.read().expect("whole");
    let mut payload = Payload::begin(&sealed, &bench.identity).expect("the key fits");
    let file = File::options().write(true).open(&bench.path).expect("writable");
    file.set_len(100_000).expect("cut");
    assert!(matches!(payload.all(), Err(Damage::Altered(_))));
}
