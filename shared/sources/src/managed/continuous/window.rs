//! Which continuous point reaches a moment.

use jiff::{SignedDuration, Timestamp};

use crate::managed::{PointStatus, RecoveryPoint};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The continuous point from which a resource can be brought back as it was at a moment: whole or no longer written to, begun before
/// it, and with its days reaching back to it. Of several, the one that began last. That a moment is too recent, AWS Backup says.
pub fn covering(points: &[RecoveryPoint], moment: Timestamp, now: Timestamp) -> Option<&RecoveryPoint> {
    let reaches = |point: &&RecoveryPoint| {
        let is_there = matches!(point.status, PointStatus::Completed | PointStatus::Stopped);
        let days = point
            .lifecycle
            .delete_after_days
            .and_then(|days| i32::try_from(days).ok());
        let oldest = days.and_then(|days| now.checked_sub(DAY * days).ok());
        point.is_continuous()
            && is_there
            && point.created_at <= moment
            && moment <= now
            && oldest.is_none_or(|oldest| oldest <= moment)
    };
    points
        .iter()
        .filter(reaches)
        .max_by_key(|point| (point.created_at, &point.arn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managed::Lifecycle;

    fn point(arn: &str, created_at: &str, status: PointStatus) -> RecoveryPoint {
        RecoveryPoint {
            arn: format!("arn:aws:backup:eu-west-1:111122223333:recovery-point:{arn}")
                .parse()
                .unwrap(),
            backup_vault: "holdfast".to_owned(),
            resource_arn: "arn:aws:s3:::photos".parse().unwrap(),
            resource_type: "S3".to_owned(),
            status,
            message: None,
            created_at: created_at.parse().unwrap(),
            bytes: 0,
            lifecycle: Lifecycle {
                cold_after_days: None,
                delete_after_days: Some(7),
            },
            expires_at: None,
            cold_at: None,
            is_cold: false,
            key_arn: None,
            plan: None,
        }
    }

    fn reached(points: &[RecoveryPoint], moment: &str) -> Option<String> {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let found = covering(points, moment.parse().unwrap(), now)?;
        found.arn.resource_name().strip_prefix("continuous:").map(str::to_owned)
    }

    #[test]
    fn a_moment_is_reached_from_the_beginning_of_the_point_and_of_its_days_until_now() {
        let points = [point("continuous:a", "2026-11-01T00:00:00Z", PointStatus::Completed)];
        assert_eq!(reached(&points, "2026-11-14T12:00:00Z").as_deref(), Some("a"));
        assert_eq!(reached(&points, "2026-11-14T11:59:59Z"), None);
        assert_eq!(reached(&points, "2026-11-21T12:00:00Z").as_deref(), Some("a"));
        assert_eq!(reached(&points, "2026-11-21T12:00:01Z"), None);
        let young = [point("continuous:b", "2026-11-20T00:00:00Z", PointStatus::Completed)];
        assert_eq!(reached(&young, "2026-11-19T23:59:59Z"), None);
    }

    #[test]
    fn one_that_is_stopped_still_reaches_and_the_one_that_began_last_is_taken() {
        let points = [
            point("continuous:a", "2026-11-15T00:00:00Z", PointStatus::Stopped),
            point("continuous:b", "2026-11-18T00:00:00Z", PointStatus::Completed),
        ];
        assert_eq!(reached(&points, "2026-11-16T00:00:00Z").as_deref(), Some("a"));
        assert_eq!(reached(&points, "2026-11-19T00:00:00Z").as_deref(), Some("b"));
    }

    #[test]
    fn a_point_of_one_instant_and_one_that_is_not_whole_reach_nothing() {
        for (arn, status) in [
            ("b1", PointStatus::Completed),
            ("continuous:a", PointStatus::Creating),
            ("continuous:a", PointStatus::Expired),
        ] {
            let points = [point(arn, "2026-11-15T00:00:00Z", status)];
            assert_eq!(reached(&points, "2026-11-16T00:00:00Z"), None);
        }
    }
}
