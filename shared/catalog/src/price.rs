//! What storage costs: one dated constant, so that a report can say what a pruning frees.

/// US dollars for a gigabyte (2^30 bytes) kept a month in S3 Standard, us-east-1, first 50 TB:
/// <https://aws.amazon.com/s3/pricing/>, November 2026. Other regions and discounts differ.
pub const S3_STANDARD_USD_PER_GB_MONTH: f64 = 0.023;

const GB: f64 = (1_u64 << 30) as f64;

/// What so many bytes cost a month, in US dollars, to a hundredth of a cent.
#[expect(clippy::cast_precision_loss, reason = "a price, not a count: 2^53 bytes are 9 PB")]
pub fn usd_a_month(bytes: u64) -> f64 {
    (bytes as f64 / GB * S3_STANDARD_USD_PER_GB_MONTH * 1e4).round() / 1e4
}

/// Bytes and what they cost, for people: `12.4 MB, $0.00 a month`.
#[expect(clippy::cast_precision_loss, reason = "rounded to a digit anyway")]
pub fn in_words(bytes: u64) -> String {
    let mut amount = bytes as f64;
    let mut units = ["bytes", "KB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    let digits = usize::from(unit != "bytes");
    format!("{amount:.digits$} {unit}, ${:.2} a month", usd_a_month(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_words_and_in_money() {
        assert_eq!(in_words(0), "0 bytes, $0.00 a month");
        assert_eq!(in_words(1023), "1023 bytes, $0.00 a month");
        assert_eq!(in_words(1536), "1.5 KB, $0.00 a month");
        assert_eq!(in_words(1 << 40), "1.0 TB, $23.55 a month");
        assert_eq!(in_words(2048 << 40), "2048.0 TB, $48234.50 a month");
    }
}
