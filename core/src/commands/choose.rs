//! Choosing from a list on a plain terminal: by number, or by typing a part of the line.

use super::CommandError;
use super::context::{Person, declined, terminal};

/// Entries that are shown at a time.
const SHOWN: usize = 15;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The entry at this place in the list.
    Listed(usize),
    /// Something else, as it was typed.
    Typed(String),
    /// The same after a `=`: whatever the list says.
    Meant(String),
    /// Nothing.
    Nothing,
}

/// Shows `entries` and asks which one.
///
/// A number is the entry with that number; one that no entry has is asked for again. Other text is an entry that is, or alone contains, that
/// text; text in several entries shows only those and asks again; text in none is the answer itself,
/// and so is all that follows a `=`.
pub fn choose(
    person: &mut dyn Person,
    question: &str,
    entries: &[String],
) -> Result<Answer, CommandError> {
    let mut shown: Vec<usize> = (0..entries.len()).collect();
    loop {
        for (number, &entry) in shown.iter().take(SHOWN).enumerate() {
            person.tell(&format!("{:>4}  {}", number + 1, entries[entry]));
        }
        if let Some(more) = shown.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            person.tell(&format!("      and {more} more; type a part of one to search"));
        }
        let answer = person.ask(question, None).map_err(terminal)?.ok_or_else(declined)?;
        if answer.is_empty() {
            return Ok(Answer::Nothing);
        }
        if let Some(typed) = answer.strip_prefix('=') {
            return Ok(Answer::Meant(typed.to_owned()));
        }
        if let Ok(number) = answer.parse::<usize>()
            && let Some(&entry) = number.checked_sub(1).and_then(|at| shown.get(at))
        {
            return Ok(Answer::Listed(entry));
        }
        let wanted = answer.to_lowercase();
        let first_word = |entry: &str| entry.split_whitespace().next().map(str::to_lowercase);
        let same: Vec<usize> = (0..entries.len())
            .filter(|&it| first_word(&entries[it]).as_deref() == Some(&wanted))
            .collect();
        let alike: Vec<usize> =
            (0..entries.len()).filter(|&it| entries[it].to_lowercase().contains(&wanted)).collect();
        match (&same[..], &alike[..]) {
            ([one], _) | (_, [one]) => return Ok(Answer::Listed(*one)),
            (_, []) if answer.bytes().all(|byte| byte.is_ascii_digit()) => {
                person.tell(&format!("there is no line {answer}; `={answer}` means it as it is"));
            }
            (_, []) => return Ok(Answer::Typed(answer)),
            // The same once more: nothing narrows it down, so that is what is meant.
            (_, several) if *several == shown => return Ok(Answer::Typed(answer)),
            (_, several) => shown = several.to_vec(),
        }
    }
}

/// Writes rows of cells as lines whose columns stand below each other. Empty cells are kept in place.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["a", "", "online"], ["bastion", "", "lost"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), ["a        online", "bastion  lost"]);
    }

    struct Scripted {
        answers: Vec<&'static str>,
        told: Vec<String>,
    }

    impl Person for Scripted {
        fn ask(&mut self, _: &str, _: Option<&str>) -> std::io::Result<Option<String>> {
            match self.answers.is_empty() {
                true => Ok(None),
                false => Ok(Some(self.answers.remove(0).to_owned())),
            }
        }

        fn ask_secret(&mut self, _: &str) -> std::io::Result<Option<ssmpf_store::Passphrase>> {
            Ok(None)
        }

        fn tell(&mut self, sentence: &str) {
            self.told.push(sentence.to_owned());
        }
    }

    fn answer(answers: &[&'static str]) -> Answer {
        let entries = ["bastion  i-1", "bastion-2  i-2", "web-1  i-3", "web-2  i-4"];
        let entries: Vec<String> = entries.map(str::to_owned).to_vec();
        let mut person = Scripted { answers: answers.to_vec(), told: Vec::new() };
        choose(&mut person, "Target", &entries).expect("it is answered")
    }

    #[test]
    fn numbers_words_and_parts_choose_an_entry() {
        assert_eq!(answer(&["3"]), Answer::Listed(2));
        assert_eq!(answer(&["bastion"]), Answer::Listed(0));
        assert_eq!(answer(&["i-4"]), Answer::Listed(3));
        assert_eq!(answer(&[""]), Answer::Nothing);
    }

    #[test]
    fn a_part_of_several_narrows_the_list_and_its_numbers() {
        assert_eq!(answer(&["web", "2"]), Answer::Listed(3));
        assert_eq!(answer(&["web", "web"]), Answer::Typed("web".to_owned()));
    }

    #[test]
    fn what_is_in_no_entry_is_taken_as_typed() {
        assert_eq!(answer(&["tag:Role=x"]), Answer::Typed("tag:Role=x".to_owned()));
        assert_eq!(answer(&["=3"]), Answer::Meant("3".to_owned()));
    }

    #[test]
    fn a_number_that_no_line_has_is_a_slip() {
        assert_eq!(answer(&["99", "0", "3"]), Answer::Listed(2));
        assert_eq!(answer(&["99", "=99"]), Answer::Meant("99".to_owned()));
    }

    #[test]
    fn long_lists_are_cut() {
        let entries: Vec<String> = (0..100).map(|number| format!("node-{number}")).collect();
        let mut person = Scripted { answers: vec![""], told: Vec::new() };
        choose(&mut person, "Target", &entries).expect("it is answered");
        assert_eq!(person.told.len(), SHOWN + 1);
        assert!(person.told[SHOWN].contains("85 more"));
    }
}
