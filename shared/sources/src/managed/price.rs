//! What a recovery point of AWS Backup costs, so that a report can say what is left and what it costs.

/// US dollars for a gigabyte a month in us-east-1, warm and cold: <https://aws.amazon.com/backup/pricing/>, November 2026. Other
/// regions, discounts and the increments that some kinds store make it differ: it is an upper estimate.
const USD_PER_GB_MONTH: [(&str, f64, f64); 6] = [
    ("DynamoDB", 0.10, 0.03),
    ("RDS", 0.095, 0.095),
    ("Aurora", 0.021, 0.021),
    ("S3", 0.05, 0.05),
    ("EFS", 0.05, 0.01),
    ("EBS", 0.05, 0.0125),
];

const GB: f64 = (1_u64 << 30) as f64;

/// What so many bytes of a kind cost a month, in US dollars; nothing for a kind whose price this release does not know.
#[expect(clippy::cast_precision_loss, reason = "a price, not a count: 2^53 bytes are 9 PB")]
pub fn usd_a_month(resource_type: &str, is_cold: bool, bytes: u64) -> Option<f64> {
    let (_, warm, cold) = USD_PER_GB_MONTH.iter().find(|(kind, _, _)| *kind == resource_type)?;
    Some(bytes as f64 / GB * if is_cold { cold } else { warm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_points_cost_less_and_unknown_kinds_have_no_price() {
        let cents = |kind, is_cold| usd_a_month(kind, is_cold, 100 << 30).map(|usd| (usd * 100.0).round());
        assert_eq!(cents("DynamoDB", false), Some(1_000.0));
        assert_eq!(cents("DynamoDB", true), Some(300.0));
        assert_eq!(cents("Teapot", false), None);
    }
}
