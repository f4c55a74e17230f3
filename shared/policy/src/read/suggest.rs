/// Words longer than this are not compared: nobody mistypes a word into a paragraph.
const MAX_CHARS: usize = 40;

/// The candidate that somebody most likely meant by a word, if any is near enough.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_CHARS {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let near = |candidate: &'a str| {
        let plain = candidate.to_ascii_lowercase().replace('-', "_");
        let distance = distance(&word, &plain);
        let is_part = plain.len() >= 4 && (word.contains(&plain) || (word.len() >= 4 && plain.contains(&word)));
        // A third of a word may be wrong; a word inside a word, as in keep_daily, counts as two letters.
        let distance = if is_part { distance.min(2) } else { distance };
        (distance <= (word.chars().count() / 3).max(1)).then_some((distance, candidate))
    };
    candidates
        .into_iter()
        .filter_map(near)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_finds_its_word() {
        let words = ["retention", "schedule", "select", "daily", "timezone"];
        for (slip, word) in [
            ("retnetion", "retention"),
            ("Schedule", "schedule"),
            ("selct", "select"),
            ("keep_daily", "daily"),
            ("time-zone", "timezone"),
            ("selection", "select"),
        ] {
            assert_eq!(closest(slip, words), Some(word), "{slip}");
        }
    }

    #[test]
    fn an_unrelated_word_finds_nothing() {
        assert_eq!(closest("colour", ["retention", "schedule", "daily"]), None);
        assert_eq!(closest("", ["a"]), None);
    }

    #[test]
    fn letters_that_changed_places_count_as_one() {
        assert_eq!(distance("dialy", "daily"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
