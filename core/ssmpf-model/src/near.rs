//! "Did you mean": the known word nearest to a mistyped one.

/// Returns the candidate nearest to `word`, if one is near enough to be what was meant.
pub fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // One slip for every three letters: `prdo` finds `prod`, `x` finds nothing.
    let limit = word.chars().count().div_ceil(3).min(4);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to insert, drop, replace or swap with their neighbour to get from `a` to `b`,
/// ignoring case.
fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_letter_edits() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("A", "a", 0), ("bd", "db", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_offered() {
        let known = || ["prod-db", "staging", "cache"].into_iter();
        assert_eq!(closest("prod-bd", known()), Some("prod-db"));
        assert_eq!(closest("bd", ["db"].into_iter()), Some("db"));
        assert_eq!(closest("Stagin", known()), Some("staging"));
        assert_eq!(closest("zebra", known()), None);
    }
}
