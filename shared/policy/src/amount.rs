use std::fmt;
use std::str::FromStr;

use crate::fault::Problem;

/// The units of a size, with their bytes.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

const SIZE: &str = "write a whole number with a unit, for example 10MiB, 10MB or 500KiB";

/// A number of bytes; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = Problem;

    /// Reads a whole number with a unit: `B`, `KB`, `MB`, `GB`, `TB` in thousands, `KiB`, `MiB`, `GiB`, `TiB` in 1,024s.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let misshapen = || Problem::new("not a size", SIZE);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(misshapen());
        }
        let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(match unit {
                "" => Problem::new(
                    "a size without a unit",
                    format!("write {number}B, {number}KiB or {number}MiB"),
                ),
                "K" | "M" | "G" | "T" | "k" | "m" | "g" | "t" => {
                    let letter = unit.to_ascii_uppercase();
                    let change = format!("write {number}{letter}iB (1,024s) or {number}{letter}B (thousands)");
                    Problem::new("a size in an unclear unit", change)
                }
                _ => match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
                    Some((name, _)) => Problem::new("not a size", format!("did you mean {number}{name}?")),
                    None => misshapen(),
                },
            });
        };
        let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes));
        match size {
            Some(0) => Err(Problem::new("zero", "write a larger size, or leave the line out")),
            Some(size) => Ok(Size(size)),
            None => Err(Problem::new("too large", "write at most 16000000TB")),
        }
    }
}

impl fmt::Display for Size {
    /// In the largest unit that shows it whole, for example `10MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS;
        units.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let whole = units.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// A part of a whole, from 1 % to 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    /// Half of it.
    pub const HALF: Share = Share(50);

    /// How many per cent.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// This share of a number, rounded down.
    pub fn of(self, number: u64) -> u64 {
        let share = u128::from(number) * u128::from(self.0) / 100;
        // At most the number itself, so it always fits.
        u64::try_from(share).unwrap_or(number)
    }
}

impl FromStr for Share {
    type Err = Problem;

    /// Reads a whole number of per cent, for example `25%`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        const CHANGE: &str = "write whole per cent from 1% to 100%, for example 25%";
        let (number, sign) = text.split_at(text.find('%').unwrap_or(text.len()));
        if number.is_empty() || number.len() > 10 || !number.bytes().all(|b| b.is_ascii_digit()) || sign.len() > 1 {
            return Err(Problem::new("not a percentage", CHANGE));
        }
        match number.parse::<u8>() {
            Ok(percent @ 1..=100) if sign == "%" => Ok(Share(percent)),
            Ok(1..=100) => Err(Problem::new(
                "a percentage without its sign",
                format!("write {number}%"),
            )),
            Ok(0) => Err(Problem::new("nothing", CHANGE)),
            _ => Err(Problem::new("more than the whole", CHANGE)),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn what(text: &str) -> String {
        text.parse::<Size>().unwrap_err().to_string()
    }

    #[test]
    fn a_size_is_a_whole_number_with_a_unit() {
        for (text, bytes) in [
            ("1B", 1),
            ("500KiB", 512_000),
            ("10MB", 10_000_000),
            ("10MiB", 10_485_760),
            ("2GiB", 2_147_483_648),
            ("1TB", 1_000_000_000_000),
            ("1TiB", 1_099_511_627_776),
        ] {
            assert_eq!(text.parse::<Size>().map(Size::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_what_was_meant() {
        for text in ["", "MiB", "-1MB", "1.5MB", "10 MiB", "10MB/s", "10XB", "٣MB"] {
            assert_eq!(what(text), format!("not a size; {SIZE}"), "{text:?}");
        }
        assert_eq!(what("10mib"), "not a size; did you mean 10MiB?");
        assert_eq!(what("10"), "a size without a unit; write 10B, 10KiB or 10MiB");
        assert_eq!(
            what("10m"),
            "a size in an unclear unit; write 10MiB (1,024s) or 10MB (thousands)"
        );
        assert_eq!(what("0MB"), "zero; write a larger size, or leave the line out");
        assert_eq!(what("18446744073709551615TB"), "too large; write at most 16000000TB");
        assert!("16000000TB".parse::<Size>().is_ok());
    }

    #[test]
    fn a_share_is_whole_per_cent_with_the_sign() {
        assert_eq!("25%".parse::<Share>().map(Share::percent), Ok(25));
        assert_eq!("100%".parse::<Share>().map(Share::percent), Ok(100));
        for (text, fault) in [
            ("25", "a percentage without its sign; write 25%"),
            ("0%", "nothing; "),
            ("101%", "more than the whole; "),
            ("300%", "more than the whole; "),
            ("", "not a percentage; "),
            ("%", "not a percentage; "),
            ("2.5%", "not a percentage; "),
            ("25%%", "not a percentage; "),
            ("25% ", "not a percentage; "),
            ("-5%", "not a percentage; "),
            ("00000000025%", "not a percentage; "),
            ("0000000101%", "more than the whole; "),
        ] {
            let problem = text.parse::<Share>().unwrap_err().to_string();
            assert!(problem.starts_with(fault), "{text:?}: {problem}");
        }
    }

    #[test]
    fn a_share_of_a_number_is_rounded_down() {
        assert_eq!(Share::HALF.of(7), 3);
        assert_eq!(Share(100).of(u64::MAX), u64::MAX);
        assert_eq!(Share(1).of(99), 0);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in 1_u64.., percent in 1_u8..=100) {
            prop_assert_eq!(Size(bytes).to_string().parse::<Size>(), Ok(Size(bytes)));
            prop_assert_eq!(Share(percent).to_string().parse::<Share>(), Ok(Share(percent)));
        }
    }
}
