use proptest::prelude::*;

use super::*;

/// Long enough for several chunks of age's payload, with a last one that is not full.
const LONG: usize = 150_000;

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).expect("below 251")).collect()
}

fn sealed(length: usize) -> (Vec<u8>, Identity) {
    let identity = Identity::generate();
    let sealed = seal(&plain(length), &identity.recipients(), Form::Binary).expect("sealed");
    (sealed, identity)
}

fn damage(bytes: &[u8], identity: &Identity) -> Damage {
    open(bytes, identity).expect_err("damaged")
}

#[test]
fn what_is_sealed_opens_again_in_both_forms() {
    let identity = Identity::generate();
    for form in [Form::Binary, Form::Armored] {
        for length in [0, 1, 65_535, 65_536, 65_537, 131_072, LONG] {
            let bytes = seal(&plain(length), &identity.recipients(), form).expect("sealed");
            assert_eq!(form_of(&bytes), form);
            let opened = open(&bytes, &identity).expect("it opens");
            assert_eq!(opened.expose(), &plain(length), "{length}");
        }
    }
}

#[test]
fn the_length_in_the_header_is_the_length_of_the_file() {
    for length in [0, 1, 65_535, 65_536, 65_537, LONG] {
        let (bytes, _) = sealed(length);
        let header = Header::read(&bytes).expect("a header");
        assert_eq!(header.expected, Some(bytes.len() as u64), "{length}");
    }
}

#[test]
fn an_empty_file_is_called_empty() {
    assert_eq!(damage(b"", &Identity::generate()), Damage::Empty);
}

#[test]
fn a_file_cut_anywhere_is_called_truncated() {
    let (bytes, identity) = sealed(300);
    for length in 1..bytes.len() {
        let damage = damage(&bytes[..length], &identity);
        assert!(matches!(damage, Damage::Truncated { .. }), "{length}: {damage}");
    }
    let (bytes, identity) = sealed(LONG);
    let damage = damage(&bytes[..100_000], &identity);
    let expected = format!("it is truncated: 100000 of {} bytes are there", bytes.len());
    assert_eq!(damage.to_string(), expected);
}

#[test]
fn a_file_with_any_bit_flipped_is_called_altered() {
    let (bytes, identity) = sealed(300);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let damage = damage(&flipped, &identity);
            assert!(matches!(damage, Damage::Altered(_)), "byte {at}, bit {bit}: {damage:?}");
        }
    }
}

#[test]
fn a_file_that_grew_is_called_altered() {
    let (mut bytes, identity) = sealed(300);
    bytes.extend_from_slice(b"more");
    assert_eq!(damage(&bytes, &identity), Damage::Altered("4 bytes were added to it".to_owned()));
}

#[test]
fn a_foreign_file_is_called_what_it_is() {
    let identity = Identity::generate();
    for (bytes, words) in [
        (&b"{\"version\":1}"[..], "looks like JSON"),
        (b"gAAAAABn8EANEBES", "Python manager"),
        (&[0; 400], "only zeros"),
        (b"\x89PNG\r\n", "does not begin like an age file"),
    ] {
        let damage = damage(bytes, &identity);
        assert!(matches!(&damage, Damage::Foreign(why) if why.contains(words)), "{damage:?}");
    }
}

#[test]
fn a_newer_age_format_is_called_newer() {
    let damage = damage(b"age-encryption.org/v2\n-> X25519 abc\n", &Identity::generate());
    assert_eq!(damage, Damage::Newer("age-encryption.org/v2".to_owned()));
}

#[test]
fn a_file_for_somebody_else_names_the_key_that_does_not_fit() {
    let (bytes, _) = sealed(10);
    let other = Identity::generate();
    assert_eq!(damage(&bytes, &other), Damage::NotForIdentity(other.to_string()));
}

#[test]
fn every_recipient_can_open_it() {
    let (a, b) = (Identity::generate(), Identity::generate());
    let mut recipients = a.recipients();
    recipients.extend(b.recipients());
    let bytes = seal(b"shared", &recipients, Form::Binary).expect("sealed");
    for identity in [a, b] {
        assert_eq!(open(&bytes, &identity).expect("it opens").expose(), b"shared");
    }
}

#[test]
fn files_of_other_age_programs_open_too() {
    let identity = Identity::generate();
    let mut bytes = Vec::new();
    let recipient: age::x25519::Recipient = identity.to_string().parse().expect("a recipient");
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as _)).expect("a recipient");
    let mut writer = encryptor.wrap_output(&mut bytes).expect("written");
    writer.write_all(b"by hand").expect("written");
    writer.finish().expect("written");
    assert_eq!(open(&bytes, &identity).expect("it opens").expose(), b"by hand");
    assert!(matches!(damage(&bytes[..bytes.len() - 3], &identity), Damage::Altered(_)));
}

#[test]
fn recipients_are_age_keys_and_ssh_keys() {
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN \
               alice@laptop";
    let recipient: Recipient = ssh.parse().expect("an SSH key");
    assert_eq!(recipient.as_str(), ssh);
    let without_comment = ssh.rsplit_once(' ').expect("a comment").0;
    assert_eq!(recipient, without_comment.parse().expect("an SSH key"));
    assert!(seal(b"x", &[recipient], Form::Binary).is_ok());
    for text in ["", "age1", "bob", "ssh-dss AAAA", "AGE-SECRET-KEY-1"] {
        assert!(text.parse::<Recipient>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_contents_or_a_damage(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = open(&bytes, &Identity::generate());
    }

    #[test]
    fn any_bytes_behind_a_header_give_a_damage(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        for start in [MAGIC_V1, MAGIC, ARMOR, "age-encryption.org/v1\n-> ssmpf "] {
            let bytes = [start.as_bytes(), &tail].concat();
            prop_assert!(open(&bytes, &Identity::generate()).is_err());
        }
    }
}
