//! What makes a job the same job however often it is asked for, and a point known as ours.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, PointId, Sha256};

/// The tag that tells which of our points a recovery point is.
pub const POINT_TAG: &str = "holdfast:point";

/// The most tags that a recovery point takes when it is made (AWS Backup's quota).
pub const MAX_TAGS: usize = 10;

/// The longest value of a tag.
const MAX_TAG_VALUE: usize = 256;

/// The token of a backup job: the same for the same attempt of the same run, so that asking twice starts one job.
pub fn idempotency_token(point: &PointId, attempt: u32) -> String {
    token(&["backup", &point.to_string(), &attempt.to_string()])
}

/// The token of a copy job.
pub fn copy_token(point: &PointId, destination_vault: &Arn, attempt: u32) -> String {
    token(&[
        "copy",
        &point.to_string(),
        destination_vault.as_str(),
        &attempt.to_string(),
    ])
}

/// The token of a restore job into a target.
pub fn restore_token(point: &PointId, target: &str, attempt: u32) -> String {
    token(&["restore", &point.to_string(), target, &attempt.to_string()])
}

fn token(parts: &[&str]) -> String {
    // No part holds a line end, so different parts never join to the same text.
    let hash = Sha256::of(parts.join("\n").as_bytes()).to_string();
    hash[..32].to_owned()
}

/// The value of [`POINT_TAG`]: the point's id, or its hash where that would be too long for a tag.
pub fn point_tag(point: &PointId) -> String {
    let id = point.to_string();
    if id.len() <= MAX_TAG_VALUE {
        id
    } else {
        Sha256::of(id.as_bytes()).to_string()
    }
}

/// The tags of a new recovery point: ours first, then as many of the wanted ones as there is room for. What is left out is
/// named.
pub fn point_tags(point: &PointId, wanted: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Vec<String>) {
    let mut tags = BTreeMap::from([(POINT_TAG.to_owned(), point_tag(point))]);
    let mut left_out = Vec::new();
    for (key, value) in wanted {
        if tags.len() < MAX_TAGS && !key.starts_with("aws:") && key != POINT_TAG {
            tags.insert(key.clone(), value.clone());
        } else {
            left_out.push(key.clone());
        }
    }
    (tags, left_out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn point(name: &str) -> PointId {
        format!("dynamodb-table/eu-west-1/{name}/20261121T024500Z-standard")
            .parse()
            .unwrap()
    }

    proptest! {
        #[test]
        fn a_token_is_the_same_for_the_same_attempt_and_for_no_other(a in "[a-c]{1,2}", b in "[a-c]{1,2}", m in 0_u32..3, n in 0_u32..3) {
            let (first, second) = (point(&a), point(&b));
            prop_assert_eq!(idempotency_token(&first, m) == idempotency_token(&second, n), (&a, m) == (&b, n));
        }
    }

    #[test]
    fn jobs_of_different_sorts_never_share_a_token() {
        let vault: Arn = "arn:aws:backup:eu-west-1:111122223333:backup-vault:x".parse().unwrap();
        let tokens = BTreeSet::from([
            idempotency_token(&point("a"), 1),
            copy_token(&point("a"), &vault, 1),
            restore_token(&point("a"), vault.as_str(), 1),
        ]);
        assert_eq!(tokens.len(), 3);
        assert!(tokens.iter().all(|token| token.len() == 32), "{tokens:?}");
    }

    #[test]
    fn a_tag_holds_the_point_or_its_hash() {
        assert_eq!(point_tag(&point("orders")), point("orders").to_string());
        let long = point(&"x".repeat(255));
        assert_eq!(point_tag(&long).len(), 64);
    }

    #[test]
    fn our_tag_always_has_room_and_what_has_none_is_named() {
        let wanted: BTreeMap<String, String> = (0..11).map(|n| (format!("k{n:02}"), "v".to_owned())).collect();
        let (tags, left_out) = point_tags(&point("a"), &wanted);
        assert_eq!((tags.len(), left_out), (10, vec!["k09".to_owned(), "k10".to_owned()]));
        assert!(tags.contains_key(POINT_TAG));
        let reserved = BTreeMap::from([("aws:x".to_owned(), "v".to_owned())]);
        assert_eq!(point_tags(&point("a"), &reserved).1, ["aws:x"]);
    }
}
