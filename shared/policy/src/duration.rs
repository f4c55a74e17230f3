use jiff::SignedDuration;

const MINUTE: i64 = 60;
const UNITS: [(&str, i64); 4] = [
    ("w", 7 * 24 * 60 * MINUTE),
    ("d", 24 * 60 * MINUTE),
    ("h", 60 * MINUTE),
    ("m", MINUTE),
];

/// The longest duration that a policy may name: a hundred years.
const MAX_SECONDS: i64 = 36_525 * 24 * 60 * MINUTE;

/// Reads `90m`, `1h30m`, `2d` or `1w`: whole numbers of weeks, days (of 24 hours), hours and minutes, the larger units first.
///
/// # Errors
/// What is wrong, and what to write instead.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is no duration: write for example 15m, 1h30m, 2d or 1w");
    let mut rest = text;
    let mut seconds = 0_i64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let (unit, length) = units.find(|(unit, _)| tail.starts_with(unit)).ok_or_else(wrong)?;
        seconds = number
            .checked_mul(*length)
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(wrong)?;
        rest = tail.get(unit.len()..).unwrap_or_default();
    }
    match seconds {
        1..=MAX_SECONDS => Ok(SignedDuration::from_secs(seconds)),
        0 => Err(wrong()),
        _ => Err(format!("{text:?} is longer than a hundred years")),
    }
}

/// A duration as a person says it, in its two largest units: `1d2h`, `15m`, `40s`.
pub fn in_words(duration: SignedDuration) -> String {
    let mut left = duration.as_secs().max(0);
    if left < MINUTE {
        return format!("{left}s");
    }
    let mut words = String::new();
    let mut said = 0;
    for (unit, length) in UNITS.iter().filter(|(unit, _)| *unit != "w") {
        let count = left / length;
        if count > 0 && said < 2 {
            words.push_str(&format!("{count}{unit}"));
            said += 1;
        } else if said > 0 {
            break;
        }
        left %= length;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_said() {
        for (text, seconds, words) in [
            ("15m", 900, "15m"),
            ("1h30m", 5400, "1h30m"),
            ("2d", 172_800, "2d"),
            ("1w", 604_800, "7d"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!((duration.as_secs(), in_words(duration).as_str()), (seconds, words));
        }
        assert_eq!(in_words(SignedDuration::from_secs(90_061)), "1d1h");
        assert_eq!(in_words(SignedDuration::from_secs(40)), "40s");
        assert_eq!(in_words(SignedDuration::from_secs(86_460)), "1d");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for wrong in [
            "",
            "0m",
            "15",
            "m",
            "1s",
            "1m1h",
            "-1h",
            "1.5h",
            "1h ",
            "99999999999999999999d",
            "9999999d",
            "1h1h",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
