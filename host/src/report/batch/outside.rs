//! Text that came from outside: names, reasons, paths, readers.

use crate::report::shown;

/// The digits that a card number (PAN) has.
const PAN: std::ops::RangeInclusive<usize> = 13..=19;

/// As it is shown: on one line, and of what looks like a card number the first 6 digits and the last 4.
pub(super) fn outside(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let groups = groups(&chars);
    let mut hidden = vec![false; chars.len()];
    for first in 0..groups.len() {
        // The longest that begins here, so that a part of it does not hide another end.
        let numbers = (first..groups.len()).rev().filter_map(|last| number(&chars, groups.get(first..=last)?));
        for digits in numbers.take(1) {
            let middle = digits.get(6..digits.len() - 4).unwrap_or_default();
            middle.iter().for_each(|at| hidden[*at] = true);
        }
    }
    let mut out = String::with_capacity(text.len());
    for (c, hidden) in chars.into_iter().zip(hidden) {
        // Writing into a String does not fail.
        let _ = shown(if hidden { '*' } else { c }, &mut out);
    }
    out
}

/// Runs of digits: where each begins, and how many there are.
fn groups(chars: &[char]) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| c.is_ascii_digit()) {
        match groups.last_mut() {
            Some((begin, len)) if *begin + *len == at => *len += 1,
            _ => groups.push((at, 1)),
        }
    }
    groups
}

/// Places of the digits, if these groups are a card number as people write one: in one piece, or in groups with a space or
/// a dash between them.
fn number(chars: &[char], groups: &[(usize, usize)]) -> Option<Vec<usize>> {
    let count: usize = groups.iter().map(|(_, len)| len).sum();
    let apart = groups.windows(2).all(|pair| match pair {
        [(begin, len), (next, _)] => begin + len + 1 == *next && matches!(chars.get(begin + len), Some(' ' | '-')),
        _ => false,
    });
    // Dates have groups that are shorter.
    let long = groups.len() == 1 || groups.iter().enumerate().all(|(at, (_, len))| *len >= if at == 0 { 4 } else { 3 });
    if !PAN.contains(&count) || !apart || !long {
        return None;
    }
    let digits: Vec<usize> = groups.iter().flat_map(|(begin, len)| *begin..begin + len).collect();
    luhn(digits.iter().rev().filter_map(|at| chars.get(*at)?.to_digit(10))).then_some(digits)
}

/// ISO/IEC 7812-1 annex B, over digits from the last one on.
fn luhn(digits: impl Iterator<Item = u32>) -> bool {
    let sum: u32 =
        digits.zip([1, 2].into_iter().cycle()).map(|(digit, weight)| digit * weight).map(|n| n / 10 + n % 10).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::outside;

    #[test]
    fn card_numbers_are_cut() {
        for (text, shown) in [
            ("4111111111111111", "411111******1111"),
            ("box 4111 1111 1111 1111, torn", "box 4111 11** **** 1111, torn"),
            ("2026-11-22 4111-1111-1111-1111 x", "2026-11-22 4111-11**-****-1111 x"),
            ("id4222222222222.csv", "id422222***2222.csv"),
            ("6304000000000000000", "630400*********0000"),
            ("4111111111111111 4111111111111111", "411111******1111 411111******1111"),
            ("=4111111111111111;378282246310005", "=411111******1111;378282*****0005"),
        ] {
            assert_eq!(outside(text), shown);
        }
    }

    #[test]
    fn other_numbers_stand_as_they_are() {
        for text in [
            "4111111111111112",
            "411111111111",
            "41111111111111110000",
            "00112233445566778899-00112233445566778899AABB",
            "2026-11-22T12:00:00Z",
            "record 17 of 4000",
            "",
        ] {
            assert_eq!(outside(text), text);
        }
    }

    #[test]
    fn what_a_screen_acts_on_is_escaped() {
        assert_eq!(outside("a\u{202E}b\u{1b}[2J\n"), "a\\u{202e}b\\u{1b}[2J\\u{a}");
    }
}
