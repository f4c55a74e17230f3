//! What every object store behind the vault's ports must do, as one suite for all of them.

mod plain;

use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::Bytes;
use holdfast_catalog::{Lock, LockMode, layout};
use holdfast_vault::PortError;
use holdfast_vault::port::{
    CopyObjects, Created, DeleteObjects, ListObjects, LockObjects, ObjectVersion, ReadObjects, WriteObjects,
};
use holdfast_vault::replica::VaultLock;
use jiff::{SignedDuration, Timestamp};

use plain::all_keys;
pub use plain::{Plain, plain_breaches};

/// All store ports at once.
pub trait Store: ReadObjects + ListObjects + WriteObjects + CopyObjects + LockObjects + DeleteObjects {}

impl<S: ReadObjects + ListObjects + WriteObjects + CopyObjects + LockObjects + DeleteObjects> Store for S {}

/// Two versioned buckets to try the suite on, both of which can lock objects or neither. `home` and `replica` may be in
/// different regions; only keys under `prefix`, and under the same in the folder of the packs, are touched, and nothing may be
/// there yet.
#[derive(Debug, Clone)]
pub struct Subject<'a, S> {
    /// The store under test.
    pub home: &'a S,
    /// The name of its bucket.
    pub home_bucket: &'a str,
    /// A second one, which can copy from the first.
    pub replica: &'a S,
    /// Where the suite may write; ends in `/`.
    pub prefix: &'a str,
    /// How the suite locks: in governance mode, until some time from now. What it has locked stays until then.
    pub lock: Lock,
}

/// What a store did that it must not: the rule and the observation.
pub type Breach = String;

/// Tries every rule and gives back those that were broken. Rules do not depend on each other.
pub async fn breaches<S: Store>(subject: &Subject<'_, S>) -> Vec<Breach> {
    let mut breaches = plain_breaches(subject.home, subject.prefix).await;
    breaches.extend(broken([
        (
            "versions are listed, newest of a key first, once each",
            versions(subject).await,
        ),
        (
            "a removed version is gone and removing it again succeeds",
            removal(subject).await,
        ),
        (
            "an object that was removed is listed no more, whatever its spelling",
            removals(subject).await,
        ),
        ("a copy has the source's bytes", copies(subject).await),
        (
            "what is written with a lock is locked, and a bucket that cannot lock does not write it",
            locks(subject).await,
        ),
        (
            "a lock is extended, and never shortened or changed in its mode",
            extension(subject).await,
        ),
    ]));
    breaches
}

fn broken<const RULES: usize>(results: [(&str, Outcome); RULES]) -> Vec<Breach> {
    let broken = results.into_iter().filter_map(|(rule, result)| {
        let observation = result.err()?;
        Some(format!("{rule}: {observation}"))
    });
    broken.collect()
}

type Outcome = Result<(), Breach>;

impl<S> Subject<'_, S> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

async fn versions<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let prefix = subject.key("versions/");
    for round in 0..3 {
        for name in ["a", "b", "c"] {
            let body = Bytes::from(format!("{name}{round}"));
            ok(
                "overwrite",
                subject.home.overwrite(&format!("{prefix}{name}"), body).await,
            )?;
        }
    }
    let found = all_versions(subject.home, &prefix).await?;
    same("number of versions", found.len(), 9)?;
    let ids: BTreeSet<_> = found.iter().map(|v| (v.info.key.clone(), v.version.clone())).collect();
    same("number of different versions", ids.len(), 9)?;
    let keys: Vec<_> = found.iter().map(|v| v.info.key.as_str()).collect();
    same("order of keys", keys.is_sorted(), true)?;
    for key in ["a", "b", "c"].map(|name| format!("{prefix}{name}")) {
        let latest: Vec<bool> = found
            .iter()
            .filter(|v| v.info.key == key)
            .map(|v| v.is_latest)
            .collect();
        same("latest", latest, vec![true, false, false])?;
    }
    same("delete markers", found.iter().filter(|v| v.is_delete_marker).count(), 0)?;
    let missing = all_versions(subject.home, &subject.key("versions/missing")).await?;
    same("versions of nothing", missing, vec![])?;
    let created = subject.key("versions-created");
    for body in ["first", "second"] {
        let result = subject.home.create(&created, Bytes::from_static(body.as_bytes())).await;
        ok("create", result)?;
    }
    let count = all_versions(subject.home, &created).await?.len();
    same("number of versions after two creates", count, 1)?;
    let a = format!("{prefix}a");
    let behind = ok(
        "list_versions",
        subject.home.list_versions(&prefix, Some((&a, ""))).await,
    )?;
    let first = behind.first().map(|v| (v.info.key.clone(), v.is_latest));
    same("first behind a whole key", first, Some((format!("{prefix}b"), true)))
}

async fn removal<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let key = subject.key("removal");
    for body in ["old", "new"] {
        ok(
            "overwrite",
            subject.home.overwrite(&key, Bytes::from_static(body.as_bytes())).await,
        )?;
    }
    let found = all_versions(subject.home, &key).await?;
    let newest = found.first().ok_or("no version listed")?;
    ok(
        "delete_version",
        subject.home.delete_version(&key, &newest.version).await,
    )?;
    same(
        "bytes",
        ok("get", subject.home.get(&key).await)?,
        Bytes::from_static(b"old"),
    )?;
    ok(
        "delete_version again",
        subject.home.delete_version(&key, &newest.version).await,
    )?;
    remove_all(subject.home, &key).await?;
    not_found("get", subject.home.get(&key).await)?;
    let again = subject.home.create(&key, Bytes::from_static(b"again")).await;
    same("create after removal", ok("create", again)?, Created::New)
}

async fn removals<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let prefix = subject.key("removals/");
    // In a bucket, a key may also be the folder of others.
    let spelt = ["a", "a b", "a+b", "a%2Fb", "a/b", "ä/ü", "<a>"].map(|name| format!("{prefix}{name}"));
    let mut names = BTreeSet::from(spelt);
    for key in &names {
        ok(key, subject.home.create(key, Bytes::from_static(b"x")).await)?;
    }
    while let Some(key) = names.pop_first() {
        let listed = all_keys(subject.home, &prefix, Some(key.clone())).await?;
        same("keys behind one", listed, names.iter().cloned().collect())?;
        remove_all(subject.home, &key).await?;
        let left = all_keys(subject.home, &prefix, None).await?;
        same("keys after a removal", left, names.iter().cloned().collect())?;
    }
    Ok(())
}

async fn copies<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let missing = subject.key("copies/missing");
    not_found(
        "copy_from",
        subject.replica.copy_from(subject.home_bucket, &missing).await,
    )?;
    not_found("get", subject.replica.get(&missing).await)?;
    // The last one is longer than what a store or a client may treat in one piece, and not a multiple of it.
    let large: Vec<u8> = (0u32..2_200_000).flat_map(u32::to_le_bytes).collect();
    for body in [b"first".to_vec(), Vec::new(), b"third, longer".to_vec(), large] {
        let key = subject.key("copies/ä b+c%2F");
        let body = Bytes::from(body);
        ok("overwrite", subject.home.overwrite(&key, body.clone()).await)?;
        let info = ok("copy_from", subject.replica.copy_from(subject.home_bucket, &key).await)?;
        same("copy", (info.key, info.bytes), (key.clone(), body.len() as u64))?;
        let copied = ok("get", subject.replica.get(&key).await)?;
        same("bytes", (copied.len(), copied == body), (body.len(), true))?;
    }
    Ok(())
}

/// A key where the suite may lock, and until when the lock that belongs there lasts.
fn lockable<S>(subject: &Subject<'_, S>, name: &str) -> Result<(String, Timestamp), Breach> {
    let key = format!("{}{}{name}", layout::PACKS, subject.prefix);
    let lock = subject.lock.on(&key).ok_or("packs are not locked")?;
    Ok((key, lock.until))
}

async fn locks<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let (home, replica) = (
        subject.home.locking(Some(subject.lock)),
        subject.replica.locking(Some(subject.lock)),
    );
    let (key, until) = lockable(subject, "written")?;
    let body = Bytes::from_static(b"kept");
    if ok("vault_lock", home.vault_lock().await)? == VaultLock::Off {
        for (what, result) in [
            ("create", home.create(&key, body.clone()).await.map(|_| ())),
            ("overwrite", home.overwrite(&key, body.clone()).await),
        ] {
            invalid(what, result)?;
            not_found("get", home.get(&key).await)?;
        }
        ok("create without a lock", subject.home.create(&key, body).await)?;
        invalid("copy_from", replica.copy_from(subject.home_bucket, &key).await)?;
        return invalid("extend_lock", home.extend_lock(&key).await);
    }
    ok("create", home.create(&key, body.clone()).await)?;
    same("lock after a create", locked_until(&home, &key).await?, Some(until))?;
    ok("overwrite", home.overwrite(&key, body.clone()).await)?;
    same("lock after an overwrite", locked_until(&home, &key).await?, Some(until))?;
    for version in all_versions(&home, &key).await? {
        locked("delete_version", home.delete_version(&key, &version.version).await)?;
    }
    let copy = ok("copy_from", replica.copy_from(subject.home_bucket, &key).await)?;
    same("lock that a copy tells of", copy.locked_until, Some(until))?;
    same("lock of a copy", locked_until(&replica, &key).await?, Some(until))?;

    // The same store, but not to lock; and to lock, but something that has to be removable.
    let (unlocked, _) = lockable(subject, "unlocked")?;
    ok(
        "create without a lock",
        subject.home.create(&unlocked, body.clone()).await,
    )?;
    let removable = subject.key("removable");
    ok("create of what is never locked", home.create(&removable, body).await)?;
    for key in [unlocked, removable] {
        same("lock", locked_until(&home, &key).await?, None)?;
        remove_all(&home, &key).await?;
    }
    Ok(())
}

async fn extension<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let lock = subject.lock;
    let home = subject.home.locking(Some(lock));
    let (missing, _) = lockable(subject, "missing")?;
    not_found("extend_lock", home.extend_lock(&missing).await)?;
    if ok("vault_lock", home.vault_lock().await)? == VaultLock::Off {
        return Ok(());
    }
    let (key, until) = lockable(subject, "extended")?;
    ok("create", subject.home.create(&key, Bytes::from_static(b"kept")).await)?;
    same(
        "extend_lock of a store that does not lock",
        ok("", subject.home.extend_lock(&key).await)?,
        None,
    )?;
    same("lock", locked_until(&home, &key).await?, None)?;

    let later = Lock {
        contents_until: lock.contents_until + SignedDuration::from_mins(1),
        ..lock
    };
    let after = until + SignedDuration::from_mins(1);
    for (wanted, expected) in [(lock, until), (lock, until), (later, after), (lock, after)] {
        let extended = ok(
            "extend_lock",
            subject.home.locking(Some(wanted)).extend_lock(&key).await,
        )?;
        same("lock as told", extended.map(|lock| lock.until), Some(expected))?;
        same("lock", locked_until(&home, &key).await?, Some(expected))?;
    }
    let firmer = subject.home.locking(Some(Lock {
        mode: LockMode::Compliance,
        ..later
    }));
    locked("extend_lock to another mode", firmer.extend_lock(&key).await)?;
    same("lock", locked_until(&home, &key).await?, Some(after))?;
    same("number of versions", all_versions(&home, &key).await?.len(), 1)
}

async fn locked_until<S: ReadObjects>(store: &S, key: &str) -> Result<Option<Timestamp>, Breach> {
    Ok(ok("head", store.head(key).await)?.locked_until)
}

async fn all_versions<S: DeleteObjects>(store: &S, prefix: &str) -> Result<Vec<ObjectVersion>, Breach> {
    let mut found: Vec<ObjectVersion> = Vec::new();
    loop {
        let after = found.last().map(|v| (v.info.key.as_str(), v.version.as_str()));
        let page = ok("list_versions", store.list_versions(prefix, after).await)?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
        if found.len() > 10_000 {
            return Err("the listing of versions does not end".to_owned());
        }
    }
}

async fn remove_all<S: DeleteObjects>(store: &S, key: &str) -> Outcome {
    for version in all_versions(store, key).await? {
        // The key may be the beginning of another.
        if version.info.key == key {
            ok("delete_version", store.delete_version(key, &version.version).await)?;
        }
    }
    Ok(())
}

fn ok<T>(what: &str, result: Result<T, PortError>) -> Result<T, Breach> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn not_found<T: Debug>(what: &str, result: Result<T, PortError>) -> Outcome {
    match result {
        Err(PortError::NotFound(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?}, not NotFound")),
    }
}

fn invalid<T: Debug>(what: &str, result: Result<T, PortError>) -> Outcome {
    match result {
        Err(PortError::Invalid(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?}, not Invalid")),
    }
}

fn locked<T: Debug>(what: &str, result: Result<T, PortError>) -> Outcome {
    match result {
        Err(PortError::Locked(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?}, not Locked")),
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what} is {found:?}, not {expected:?}"))
    }
}
