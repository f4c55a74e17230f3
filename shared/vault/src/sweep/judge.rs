use holdfast_catalog::layout::{self, Content};
use jiff::Timestamp;

use super::{Margins, Marks};
use crate::port::ObjectVersion;

/// Why a version may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// No point, recipe or run refers to its content, and it is past its grace.
    Unreferenced,
    /// A newer version of the same content replaces it, and it is past its grace.
    Superseded,
}

/// Judges all versions of one key under `packs/` or `blobs/`, newest first, as of the instant at which the sweep began. Keeps
/// every version of a key that is needed but whose newest version is a delete marker: somebody removed it by hand, and an older
/// version may have to bring it back.
pub fn judge_content(
    versions: &[ObjectVersion],
    marks: &Marks,
    margins: &Margins,
    began_at: Timestamp,
) -> Vec<(ObjectVersion, Garbage)> {
    let Some(first) = versions.first() else {
        return Vec::new();
    };
    let Ok(content) = layout::content(&first.info.key) else {
        return Vec::new();
    };
    let is_needed = match &content {
        Content::Pack(name) | Content::PackIndex(name) | Content::Blob(name) => marks.may_need(name),
    };
    let newest_is_data = versions
        .iter()
        .any(|version| version.is_latest && !version.is_delete_marker);
    versions
        .iter()
        .filter(|version| margins.is_over(version.info.modified_at, began_at))
        .filter_map(|version| match (is_needed, newest_is_data, version.is_latest) {
            (false, _, _) => Some((version.clone(), Garbage::Unreferenced)),
            (true, true, false) => Some((version.clone(), Garbage::Superseded)),
            (true, _, _) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use holdfast_catalog::Sha256;
    use jiff::SignedDuration;

    use super::*;
    use crate::port::ObjectInfo;
    use crate::sweep::marks::tests::marks_of;

    const NOW: &str = "2026-11-21T00:00:00Z";

    fn version(key: &str, hours_old: i64, is_latest: bool, is_delete_marker: bool) -> ObjectVersion {
        let modified_at = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(hours_old);
        let info = ObjectInfo {
            key: key.to_owned(),
            bytes: 1,
            modified_at,
            locked_until: None,
        };
        ObjectVersion {
            info,
            version: hours_old.to_string(),
            is_latest,
            is_delete_marker,
        }
    }

    fn judged(versions: &[ObjectVersion], needed: bool) -> Vec<(String, Garbage)> {
        let names = [Sha256::of(b"x")];
        let marks = marks_of(if needed { &names } else { &[] });
        let margins = Margins::with_grace(SignedDuration::from_hours(1));
        judge_content(versions, &marks, &margins, NOW.parse().unwrap())
            .into_iter()
            .map(|(version, garbage)| (version.version, garbage))
            .collect()
    }

    #[test]
    fn only_unreferenced_content_past_its_grace_is_garbage() {
        let key = layout::blob(&Sha256::of(b"x"));
        let old = [version(&key, 25, true, false)];
        assert_eq!(judged(&old, false), [("25".to_owned(), Garbage::Unreferenced)]);
        assert!(judged(&old, true).is_empty());
        assert!(judged(&[version(&key, 24, true, false)], false).is_empty());
        assert!(
            judged(&[version(&key, -5, true, false)], false).is_empty(),
            "future-dated"
        );
    }

    #[test]
    fn a_needed_keys_older_versions_go_only_while_the_newest_is_data() {
        let key = layout::blob(&Sha256::of(b"x"));
        let refreshed = [version(&key, 30, true, false), version(&key, 60, false, false)];
        assert_eq!(judged(&refreshed, true), [("60".to_owned(), Garbage::Superseded)]);
        let hidden = [version(&key, 30, true, true), version(&key, 60, false, false)];
        assert!(judged(&hidden, true).is_empty());
    }

    #[test]
    fn a_key_that_is_not_understood_stays() {
        assert!(judged(&[version("packs/readme.txt", 9999, true, false)], false).is_empty());
    }
}
