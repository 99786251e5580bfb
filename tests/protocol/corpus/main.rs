//! The fuzz corpus, replayed: what a fuzzer once found stays found.
//!
//! `SSMPF_REWRITE_CORPUS=1` writes the seeds made of the recorded messages again.

use std::path::PathBuf;

use ssmpf_proto::message::{Message, PayloadType};
use ssmpf_protocol_tests::fuzz::{self, Op};
use ssmpf_protocol_tests::vectors::{SESSIONS, Session, load};

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

fn replay(target: &str, entry: fn(&[u8])) {
    let files = std::fs::read_dir(folder(target)).expect("the corpus is committed");
    let mut count = 0;
    for file in files {
        let path = file.expect("a readable folder").path();
        println!("{}", path.display());
        entry(&std::fs::read(&path).expect("a readable file"));
        count += 1;
    }
    assert!(count > 0, "the corpus of {target} is empty");
}

#[test]
fn the_corpus_of_the_decoder_does_no_harm() {
    replay("decoder", fuzz::decoder);
}

#[test]
fn the_corpus_of_the_mux_does_no_harm() {
    replay("mux", fuzz::mux);
}

#[test]
fn the_corpus_of_the_session_does_no_harm() {
    replay("port_session", fuzz::port_session);
}

/// Seeds made of recorded messages: one file for each kind of message, one for each session.
#[test]
fn the_seeds_are_those_of_the_recorded_messages() {
    let rewrite = std::env::var_os("SSMPF_REWRITE_CORPUS").is_some();
    let mut seen = Vec::new();
    for name in SESSIONS {
        let session: Session = load(name);
        let mut operations = vec![Op::Connect as u8];
        let mut frames = vec![0, 3, 3, 3, 3];
        for recorded in session.messages.iter().filter(|m| m.op == "binary") {
            let bytes = recorded.bytes();
            let message = Message::decode(bytes.clone()).unwrap();
            let kind =
                (message.header.message_type.as_str().to_owned(), message.header.payload_type);
            if !seen.contains(&kind) {
                check_or_write(rewrite, "decoder", &format!("{}-{}", kind.0, kind.1.0), &bytes);
                seen.push(kind.clone());
            }
            if recorded.is_for_client() {
                operations.push(Op::Raw as u8);
                operations.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
                operations.extend(&bytes[..]);
                operations.extend([Op::Open as u8, Op::Write as u8, 0, 0, 200]);
            }
            if recorded.from == "agent" && kind.1 == PayloadType::OUTPUT && name.contains("mux") {
                for part in message.payload.chunks(255) {
                    frames.extend([0, u8::try_from(part.len()).unwrap()]);
                    frames.extend(part);
                }
            }
        }
        check_or_write(rewrite, "port_session", name, &operations);
        if frames.len() > 5 {
            check_or_write(rewrite, "mux", name, &frames);
        }
    }
}

fn check_or_write(rewrite: bool, target: &str, name: &str, bytes: &[u8]) {
    let path = folder(target).join(name);
    if rewrite {
        std::fs::create_dir_all(folder(target)).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "{}", path.display());
}
