use super::*;

/// Gives so many bytes at a time, and fails at the end if told to.
struct Slow<'a> {
    text: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(into.len()).min(self.text.len());
        into[..count].copy_from_slice(&self.text[..count]);
        self.text = &self.text[count..];
        match count {
            0 if self.fails => Err(io::Error::other("the seal is broken")),
            _ => Ok(count),
        }
    }
}

fn lines(count: usize) -> String {
    (0..count).map(|it| format!("line {it} ä\n")).collect()
}

fn parts(text: &str, threads: usize) -> Vec<String> {
    let slow = Slow { text: text.as_bytes(), step: 65_536, fails: false };
    let parts = each(slow, threads, |_, part| Some(part.to_owned()));
    parts.expect("it reads").expect("parts")
}

#[test]
fn parts_come_in_order_end_with_a_line_and_make_up_the_text() {
    for threads in [1, 2, 4] {
        for text in [String::new(), "a".to_owned(), "a\n".to_owned(), lines(100_000)] {
            let parts = parts(&text, threads);
            assert_eq!(parts.concat(), text);
            let (last, others) = parts.split_last().map_or((None, &[][..]), |(l, o)| (Some(l), o));
            assert!(others.iter().all(|part| part.ends_with('\n')));
            assert!(last.is_none_or(|part| !part.is_empty()));
            assert!(text.len() < 10 * PART || parts.len() > 9, "{}", parts.len());
        }
    }
}

#[test]
fn a_line_longer_than_several_parts_stays_whole() {
    let long = "ö".repeat(3 * PART);
    for text in [long.clone(), format!("a\n{long}\nb\n"), format!("{}{long}\nb", lines(30_000))] {
        let parts = parts(&text, 2);
        assert_eq!(parts.concat(), text);
        assert!(parts.iter().any(|part| part.contains(&long)));
    }
}

#[test]
fn text_that_comes_in_drops_is_read_as_well() {
    let text = lines(20_000);
    let slow = Slow { text: text.as_bytes(), step: 7, fails: false };
    let parts = each(slow, 2, |_, part| Some(part.to_owned())).expect("it reads").expect("parts");
    assert_eq!(parts.concat(), text);
}

#[test]
fn what_is_wrong_at_the_very_end_leaves_nothing_of_what_came_before() {
    let text = lines(100_000);
    for threads in [1, 3] {
        let slow = Slow { text: text.as_bytes(), step: 65_536, fails: true };
        let error = each(slow, threads, |_, part| Some(part.len())).expect_err("it fails");
        assert_eq!(error.to_string(), "the seal is broken");
    }
}

#[test]
fn work_that_gives_none_ends_it() {
    let text = lines(100_000);
    let refused = |number| {
        let slow = Slow { text: text.as_bytes(), step: 65_536, fails: false };
        each(slow, 2, |it, _| (it != number).then_some(())).expect("it reads").is_none()
    };
    assert!(refused(0) && refused(3) && !refused(1_000));
    let latin: &[u8] = b"a\nb\xe4\n";
    assert_eq!(each(latin, 1, |_, part| Some(part.len())).expect("it reads"), None);
}
