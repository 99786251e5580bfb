//! Dotted version numbers, compared the way agent and client compare them.

use std::cmp::Ordering;

/// Compares two dotted versions component by component.
///
/// Numbers compare as numbers; if all common components are equal, the one with more is greater,
/// so `1.1.70.0` > `1.1.70`.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let mut left = left.split('.');
    let mut right = right.split('.');
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Returns whether `version` is strictly greater than `floor`.
pub(crate) fn above(version: &str, floor: &str) -> bool {
    compare(version, floor) == Ordering::Greater
}

/// Returns whether `version` is `floor` or greater.
pub(crate) fn at_least(version: &str, floor: &str) -> bool {
    compare(version, floor) != Ordering::Less
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_numbers() {
        assert!(above("3.1.1511.0", "3.1.192.0"));
        assert!(above("1.1.70.0", "1.1.70"));
        assert!(!above("3.0.196.0", "3.0.196.0"));
        assert!(at_least("3.0.196.0", "3.0.196.0"));
        assert!(!at_least("0.0.1", "1.1.70"));
        assert!(!above("", "2.3.722.0"));
    }
}
