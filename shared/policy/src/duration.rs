use jiff::SignedDuration;

use crate::fault::Problem;

/// The longest duration that a policy may name: 36,500 days, which is AWS Backup's longest retention too.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(36_500 * 24);

/// The units, largest first, with their seconds. A month and a year have no fixed length and are left out on purpose.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration: whole numbers, each with a unit, largest unit first, as in `15m`, `36h`, `1d12h` or `2w`.
///
/// `s`, `m`, `h`, `d` and `w` are seconds, minutes, hours, days of 24 hours and weeks of 7 days.
///
/// # Errors
/// The text has another form, is zero, or is longer than 36,500 days.
pub fn parse_duration(text: &str) -> Result<SignedDuration, Problem> {
    let misshapen = || {
        Problem::new(
            "not a duration",
            "write whole numbers with units, for example 15m, 36h, 7d or 1d12h (s, m, h, d, w)",
        )
    };
    let too_long = || Problem::new("too long", "write at most 36500d");
    if text.ends_with(['y', 'Y', 'M']) || text.ends_with("mo") {
        return Err(Problem::new(
            "months and years differ in length",
            "write days, for example 30d or 365d",
        ));
    }
    let (mut seconds, mut number) = (0_i64, None::<i64>);
    let mut units = UNITS.iter();
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            let longer = number.unwrap_or(0).checked_mul(10);
            number = Some(
                longer
                    .and_then(|n| n.checked_add(i64::from(digit)))
                    .ok_or_else(too_long)?,
            );
        } else {
            let (_, size) = units.find(|(unit, _)| *unit == letter).ok_or_else(misshapen)?;
            let part = number.take().ok_or_else(misshapen)?.checked_mul(*size);
            seconds = part.and_then(|part| part.checked_add(seconds)).ok_or_else(too_long)?;
        }
    }
    if number.is_some() || text.is_empty() {
        return Err(misshapen());
    }
    match SignedDuration::from_secs(seconds) {
        SignedDuration::ZERO => Err(Problem::new("zero", "write a longer duration, or leave the line out")),
        duration if duration > MAX_DURATION => Err(too_long()),
        duration => Ok(duration),
    }
}

/// A duration in the form that a policy is written in, for example `1d12h`; parts of a second are dropped.
pub fn in_words(duration: SignedDuration) -> String {
    let mut rest = duration.as_secs().unsigned_abs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if duration.is_negative() {
        text.push('-');
    }
    // Weeks are left to those who write policies: "8d" reads better than "1w1d".
    for (unit, size) in &UNITS[1..] {
        let count = rest / size.unsigned_abs();
        rest %= size.unsigned_abs();
        if count > 0 {
            text.push_str(&count.to_string());
            text.push(*unit);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_numbers_with_units_from_large_to_small() {
        for (text, hours) in [
            ("36h", 36),
            ("7d", 168),
            ("1d12h", 36),
            ("2w", 336),
            ("1w1d", 192),
            ("60m", 1),
            ("3600s", 1),
        ] {
            assert_eq!(parse_duration(text), Ok(SignedDuration::from_hours(hours)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "7",
            "d",
            "1h1d",
            "1h1h",
            "-1h",
            "1.5h",
            "1 h",
            "0h",
            "1y",
            "6mo",
            "3M",
            "99999999999999999999d",
            "36501d",
            "٣h",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_longest_duration_is_a_hundred_years_of_days() {
        assert_eq!(parse_duration("36500d"), Ok(MAX_DURATION));
    }

    #[test]
    fn a_negative_duration_shows_its_sign_and_none_shows_seconds() {
        assert_eq!(in_words(SignedDuration::from_mins(-90)), "-1h30m");
        assert_eq!(in_words(SignedDuration::from_nanos(-1)), "0s");
    }

    proptest! {
        #[test]
        fn what_is_said_in_words_reads_back(seconds in 1_i64..3_153_600_000) {
            let duration = SignedDuration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&in_words(duration)), Ok(duration));
        }
    }
}
