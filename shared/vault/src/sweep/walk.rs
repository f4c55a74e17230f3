use crate::PortError;
use crate::port::{DeleteObjects, ObjectVersion};

/// The versions of the next keys, each key's together and newest first, and where the next step begins; `None` at the end.
pub(super) struct Keys {
    pub(super) keys: Vec<Vec<ObjectVersion>>,
    pub(super) next: Option<String>,
}

/// The next keys below `prefix` behind `at`, up to `end`. Keys come whole: what a page shows only the beginning of comes with
/// the next step.
///
/// # Errors
/// Those of the store: a listing that broke off is never returned.
pub(super) async fn next_keys<S: DeleteObjects>(
    store: &S,
    prefix: &str,
    at: &str,
    end: Option<&str>,
) -> Result<Keys, PortError> {
    let mut found: Vec<ObjectVersion> = Vec::new();
    loop {
        let after = match found.last() {
            Some(last) => Some((last.info.key.as_str(), last.version.as_str())),
            None if at == prefix => None,
            None => Some((at, "")),
        };
        let page = store.list_versions(prefix, after).await?;
        let is_end =
            page.is_empty() || end.is_some_and(|end| page.iter().any(|version| version.info.key.as_str() >= end));
        found.extend(page.into_iter().filter(|version| {
            let key = version.info.key.as_str();
            key > at && end.is_none_or(|end| key < end)
        }));
        let mut keys: Vec<Vec<ObjectVersion>> = found
            .chunk_by(|a, b| a.info.key == b.info.key)
            .map(<[_]>::to_vec)
            .collect();
        if is_end {
            return Ok(Keys {
                keys: once_each(keys),
                next: None,
            });
        }
        if keys.len() > 1 {
            keys.pop();
            let next = keys
                .last()
                .and_then(|key| key.first())
                .map(|version| version.info.key.clone());
            return Ok(Keys {
                keys: once_each(keys),
                next,
            });
        }
    }
}

/// All versions below a prefix.
///
/// # Errors
/// Those of the store: a listing that broke off is never returned.
pub(super) async fn all_versions<S: DeleteObjects>(store: &S, prefix: &str) -> Result<Vec<ObjectVersion>, PortError> {
    let mut found: Vec<ObjectVersion> = Vec::new();
    loop {
        let after = found.last().map(|last| (last.info.key.as_str(), last.version.as_str()));
        let page = store.list_versions(prefix, after).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// Where times tie a store may list a version twice.
fn once_each(mut keys: Vec<Vec<ObjectVersion>>) -> Vec<Vec<ObjectVersion>> {
    for key in &mut keys {
        let mut seen = std::collections::BTreeSet::new();
        key.retain(|version| seen.insert(version.version.clone()));
    }
    keys
}
