//! What every object store behind the vault's ports must do, as one suite for all of them.

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
    let results = [
        ("a missing object is not found", missing(subject).await),
        (
            "what was created is read back and never replaced by a create",
            create(subject).await,
        ),
        ("of creates at once exactly one writes", race(subject).await),
        (
            "an overwrite replaces and keeps the old version",
            overwrite(subject).await,
        ),
        ("a range ends where the object ends", ranges(subject).await),
        (
            "a listing is complete, in order and bounded by its prefix",
            listing(subject).await,
        ),
        ("keys keep their spelling", spelling(subject).await),
        (
            "versions are listed, newest of a key first, once each",
            versions(subject).await,
        ),
        (
            "a removed version is gone and removing it again succeeds",
            removal(subject).await,
        ),
        ("a copy has the source's bytes", copies(subject).await),
        ("a large object keeps its bytes", large(subject).await),
        (
            "what is written with a lock is locked, and a bucket that cannot lock does not write it",
            locks(subject).await,
        ),
        (
            "a lock is extended, and never shortened or changed in its mode",
            extension(subject).await,
        ),
    ];
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

async fn missing<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let key = subject.key("missing/object");
    not_found("get", subject.home.get(&key).await)?;
    not_found("get_range", subject.home.get_range(&key, 0, 1).await)?;
    not_found("get_range of nothing", subject.home.get_range(&key, 0, 0).await)?;
    not_found("head", subject.home.head(&key).await)?;
    same("list", ok("list", subject.home.list(&key, None).await)?, vec![])?;
    same(
        "versions",
        ok("list_versions", subject.home.list_versions(&key, None).await)?,
        vec![],
    )
}

async fn create<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    for (name, body) in [("create/empty", ""), ("create/short", "first")] {
        let key = subject.key(name);
        let body = Bytes::from_static(body.as_bytes());
        let first = subject.home.create(&key, body.clone()).await;
        same("first create", ok("create", first)?, Created::New)?;
        let second = subject.home.create(&key, Bytes::from_static(b"second")).await;
        same("second create", ok("create", second)?, Created::Existed)?;
        same("bytes", ok("get", subject.home.get(&key).await)?, body.clone())?;
        let info = ok("head", subject.home.head(&key).await)?;
        same("head", (info.key, info.bytes), (key.clone(), body.len() as u64))?;
        same("number of versions", all_versions(subject.home, &key).await?.len(), 1)?;
    }
    Ok(())
}

async fn race<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let key = subject.key("race");
    let tries = (0..8).map(|n| subject.home.create(&key, Bytes::from(format!("writer {n}"))));
    let results = futures::future::join_all(tries).await;
    let mut winner = None;
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(Created::New) => match winner {
                None => winner = Some(n),
                Some(first) => return Err(format!("writers {first} and {n} both wrote")),
            },
            // Told to come back: it does not know.
            Ok(Created::Existed) | Err(PortError::Conflict(_)) => {}
            Err(error) => return Err(format!("create: {error}")),
        }
    }
    let winner = winner.ok_or("nobody wrote")?;
    let bytes = ok("get", subject.home.get(&key).await)?;
    same("bytes", bytes, Bytes::from(format!("writer {winner}")))
}

async fn overwrite<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let key = subject.key("overwrite");
    for body in ["one", "two", "three"] {
        ok(
            "overwrite",
            subject.home.overwrite(&key, Bytes::from_static(body.as_bytes())).await,
        )?;
        same(
            "bytes",
            ok("get", subject.home.get(&key).await)?,
            Bytes::from_static(body.as_bytes()),
        )?;
    }
    same(
        "number of objects",
        ok("list", subject.home.list(&key, None).await)?.len(),
        1,
    )?;
    same("number of versions", all_versions(subject.home, &key).await?.len(), 3)
}

async fn ranges<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let key = subject.key("ranges");
    ok(
        "create",
        subject.home.create(&key, Bytes::from_static(b"0123456789")).await,
    )?;
    for (from, bytes, expected) in [
        (0, 10, "0123456789"),
        (0, 1, "0"),
        (3, 4, "3456"),
        (8, 100, "89"),
        (9, 1, "9"),
        (0, u64::MAX, "0123456789"),
        (5, u64::MAX, "56789"),
        (10, 1, ""),
        (11, 1, ""),
        (u64::MAX, u64::MAX, ""),
        (4, 0, ""),
    ] {
        let found = ok("get_range", subject.home.get_range(&key, from, bytes).await)?;
        let what = format!("{bytes} bytes from {from}");
        same(&what, found, Bytes::from_static(expected.as_bytes()))?;
    }
    let empty = subject.key("ranges-of-nothing");
    ok("create", subject.home.create(&empty, Bytes::new()).await)?;
    same(
        "range of an empty object",
        ok("get_range", subject.home.get_range(&empty, 0, 5).await)?,
        Bytes::new(),
    )
}

async fn listing<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let mut names: Vec<String> = (0..25).map(|n| subject.key(&format!("list/{n:02}"))).collect();
    for key in names.iter().rev() {
        ok("create", subject.home.create(key, Bytes::from_static(b"x")).await)?;
    }
    for beside in ["list", "list.", "list0", "listing/00"] {
        ok(
            "create",
            subject
                .home
                .create(&subject.key(beside), Bytes::from_static(b"beside"))
                .await,
        )?;
    }
    let prefix = subject.key("list/");
    same("keys", all_keys(subject.home, &prefix, None).await?, names.clone())?;

    let after = |n: usize| names.get(n).cloned().unwrap_or_default();
    same(
        "keys after the 10th",
        all_keys(subject.home, &prefix, Some(after(9))).await?,
        names[10..].to_vec(),
    )?;
    let between = format!("{}-and-a-half", after(4));
    same(
        "keys after no key",
        all_keys(subject.home, &prefix, Some(between)).await?,
        names[5..].to_vec(),
    )?;
    same(
        "keys after the last",
        all_keys(subject.home, &prefix, Some(after(24))).await?,
        vec![],
    )?;

    // An object that was replaced or whose newest version is gone is listed once.
    ok(
        "overwrite",
        subject.home.overwrite(&names[3], Bytes::from_static(b"xyz")).await,
    )?;
    same(
        "keys after an overwrite",
        all_keys(subject.home, &prefix, None).await?,
        names.clone(),
    )?;
    remove_all(subject.home, &names[7]).await?;
    names.remove(7);
    same(
        "keys after a removal",
        all_keys(subject.home, &prefix, None).await?,
        names.clone(),
    )?;

    let listed = ok("list", subject.home.list(&names[3], None).await)?;
    let head = ok("head", subject.home.head(&names[3]).await)?;
    let listed = listed.first().ok_or("nothing listed")?;
    same("length in listing and head", listed.bytes, head.bytes)?;
    // A head tells the time in whole seconds.
    same(
        "time in listing and head",
        listed.modified_at.as_second(),
        head.modified_at.as_second(),
    )
}

async fn spelling<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let prefix = subject.key("spelling/");
    let names = ["a b", "a+b", "a%2Fb", "a=b&c", "a:b@c", "ä/ü", "<a>", "'a'", "a.b_c-d~"];
    let keys: BTreeSet<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
    for key in &keys {
        let body = Bytes::copy_from_slice(key.as_bytes());
        same(
            "create",
            ok(key, subject.home.create(key, body.clone()).await)?,
            Created::New,
        )?;
        same(key, ok(key, subject.home.get(key).await)?, body.clone())?;
        let copied = subject.replica.copy_from(subject.home_bucket, key).await;
        same(key, ok(key, copied)?.bytes, body.len() as u64)?;
        same(key, ok(key, subject.replica.get(key).await)?, body)?;
    }
    let listed = all_keys(subject.home, &prefix, None).await?;
    same("keys", listed, keys.iter().cloned().collect::<Vec<_>>())?;
    for key in &keys {
        remove_all(subject.home, key).await?;
    }
    same(
        "keys after removal",
        all_keys(subject.home, &prefix, None).await?,
        vec![],
    )
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

async fn copies<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    let missing = subject.key("copies/missing");
    not_found(
        "copy_from",
        subject.replica.copy_from(subject.home_bucket, &missing).await,
    )?;
    not_found("get", subject.replica.get(&missing).await)?;
    for body in ["first", "", "third, longer"] {
        let key = subject.key("copies/object");
        let body = Bytes::from_static(body.as_bytes());
        ok("overwrite", subject.home.overwrite(&key, body.clone()).await)?;
        let info = ok("copy_from", subject.replica.copy_from(subject.home_bucket, &key).await)?;
        same("copy", (info.key, info.bytes), (key.clone(), body.len() as u64))?;
        same("bytes", ok("get", subject.replica.get(&key).await)?, body)?;
    }
    Ok(())
}

async fn large<S: Store>(subject: &Subject<'_, S>) -> Outcome {
    // Longer than what a store or a client may treat in one piece, and not a multiple of it.
    let body: Vec<u8> = (0u32..2_200_000).flat_map(u32::to_le_bytes).collect();
    let body = Bytes::from(body);
    let key = subject.key("large");
    ok("create", subject.home.create(&key, body.clone()).await)?;
    let back = ok("get", subject.home.get(&key).await)?;
    same("length and bytes", (back.len(), back == body), (body.len(), true))?;
    let info = ok("copy_from", subject.replica.copy_from(subject.home_bucket, &key).await)?;
    same("length of the copy", info.bytes, body.len() as u64)?;
    let from = body.len() as u64 - 5;
    let tail = ok("get_range", subject.replica.get_range(&key, from, 10).await)?;
    same("tail of the copy", tail, body.slice(body.len() - 5..))
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

async fn all_keys<S: ListObjects>(store: &S, prefix: &str, after: Option<String>) -> Result<Vec<String>, Breach> {
    let mut keys = Vec::new();
    let mut after = after;
    loop {
        let page = ok("list", store.list(prefix, after.as_deref()).await)?;
        let Some(last) = page.last() else { return Ok(keys) };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|info| info.key));
        if keys.len() > 10_000 {
            return Err("the listing does not end".to_owned());
        }
    }
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
