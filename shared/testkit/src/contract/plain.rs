//! What every object store must do that can be read, listed and written.

use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_vault::PortError;
use holdfast_vault::port::{Created, ListObjects, ReadObjects, WriteObjects};

use super::{Breach, Outcome, broken, not_found, ok, same};

/// The ports of a store that nothing is removed from.
pub trait Plain: ReadObjects + ListObjects + WriteObjects {}

impl<S: ReadObjects + ListObjects + WriteObjects> Plain for S {}

/// A store, and where in it the suite may write.
pub(super) struct Place<'a, S> {
    pub(super) store: &'a S,
    pub(super) prefix: &'a str,
}

impl<S> Place<'_, S> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Tries every rule for reading, listing and writing below a prefix (it ends in `/`, and nothing may be there yet), and gives
/// back those that were broken. Rules do not depend on each other.
pub async fn plain_breaches<S: Plain>(store: &S, prefix: &str) -> Vec<Breach> {
    let place = &Place { store, prefix };
    broken([
        ("a missing object is not found", missing(place).await),
        (
            "what was created is read back and never replaced by a create",
            create(place).await,
        ),
        ("of creates at once exactly one writes", race(place).await),
        ("an overwrite replaces", overwrite(place).await),
        ("a range ends where the object ends", ranges(place).await),
        (
            "a listing is complete, in order and bounded by its prefix",
            listing(place).await,
        ),
        ("keys keep their spelling", spelling(place).await),
        ("a large object keeps its bytes", large(place).await),
    ])
}

async fn missing<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let key = place.key("missing/object");
    not_found("get", place.store.get(&key).await)?;
    not_found("get_range", place.store.get_range(&key, 0, 1).await)?;
    not_found("get_range of nothing", place.store.get_range(&key, 0, 0).await)?;
    not_found("head", place.store.head(&key).await)?;
    same("list", ok("list", place.store.list(&key, None).await)?, vec![])
}

async fn create<S: Plain>(place: &Place<'_, S>) -> Outcome {
    for (name, body) in [("create/empty", ""), ("create/short", "first")] {
        let key = place.key(name);
        let body = Bytes::from_static(body.as_bytes());
        let first = place.store.create(&key, body.clone()).await;
        same("first create", ok("create", first)?, Created::New)?;
        let second = place.store.create(&key, Bytes::from_static(b"second")).await;
        same("second create", ok("create", second)?, Created::Existed)?;
        same("bytes", ok("get", place.store.get(&key).await)?, body.clone())?;
        let info = ok("head", place.store.head(&key).await)?;
        same("head", (info.key, info.bytes), (key.clone(), body.len() as u64))?;
    }
    Ok(())
}

async fn race<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let key = place.key("race");
    let tries = (0..8).map(|n| place.store.create(&key, Bytes::from(format!("writer {n}"))));
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
    let bytes = ok("get", place.store.get(&key).await)?;
    same("bytes", bytes, Bytes::from(format!("writer {winner}")))
}

async fn overwrite<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let key = place.key("overwrite");
    for body in ["one", "two", "three"] {
        ok(
            "overwrite",
            place.store.overwrite(&key, Bytes::from_static(body.as_bytes())).await,
        )?;
        same(
            "bytes",
            ok("get", place.store.get(&key).await)?,
            Bytes::from_static(body.as_bytes()),
        )?;
    }
    same(
        "number of objects",
        ok("list", place.store.list(&key, None).await)?.len(),
        1,
    )
}

async fn ranges<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let key = place.key("ranges");
    ok(
        "create",
        place.store.create(&key, Bytes::from_static(b"0123456789")).await,
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
        let found = ok("get_range", place.store.get_range(&key, from, bytes).await)?;
        let what = format!("{bytes} bytes from {from}");
        same(&what, found, Bytes::from_static(expected.as_bytes()))?;
    }
    let empty = place.key("ranges-of-nothing");
    ok("create", place.store.create(&empty, Bytes::new()).await)?;
    same(
        "range of an empty object",
        ok("get_range", place.store.get_range(&empty, 0, 5).await)?,
        Bytes::new(),
    )
}

async fn listing<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let names: Vec<String> = (0..25).map(|n| place.key(&format!("list/{n:02}"))).collect();
    for key in names.iter().rev() {
        ok("create", place.store.create(key, Bytes::from_static(b"x")).await)?;
    }
    for beside in ["list.", "list0", "listing/00"] {
        ok(
            "create",
            place
                .store
                .create(&place.key(beside), Bytes::from_static(b"beside"))
                .await,
        )?;
    }
    let prefix = place.key("list/");
    same("keys", all_keys(place.store, &prefix, None).await?, names.clone())?;

    let after = |n: usize| names.get(n).cloned().unwrap_or_default();
    same(
        "keys after the 10th",
        all_keys(place.store, &prefix, Some(after(9))).await?,
        names[10..].to_vec(),
    )?;
    let between = format!("{}-and-a-half", after(4));
    same(
        "keys after no key",
        all_keys(place.store, &prefix, Some(between)).await?,
        names[5..].to_vec(),
    )?;
    same(
        "keys after the last",
        all_keys(place.store, &prefix, Some(after(24))).await?,
        vec![],
    )?;

    // An object that was replaced is listed once.
    ok(
        "overwrite",
        place.store.overwrite(&names[3], Bytes::from_static(b"xyz")).await,
    )?;
    same(
        "keys after an overwrite",
        all_keys(place.store, &prefix, None).await?,
        names.clone(),
    )?;

    let listed = ok("list", place.store.list(&names[3], None).await)?;
    let head = ok("head", place.store.head(&names[3]).await)?;
    let listed = listed.first().ok_or("nothing listed")?;
    same("length in listing and head", listed.bytes, head.bytes)?;
    // A head tells the time in whole seconds.
    same(
        "time in listing and head",
        listed.modified_at.as_second(),
        head.modified_at.as_second(),
    )
}

async fn spelling<S: Plain>(place: &Place<'_, S>) -> Outcome {
    let prefix = place.key("spelling/");
    let names = ["a b", "a+b", "a%2Fb", "a=b&c", "a:b@c", "ä/ü", "<a>", "'a'", "a.b_c-d~"];
    let keys: BTreeSet<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
    for key in &keys {
        let body = Bytes::copy_from_slice(key.as_bytes());
        same(
            "create",
            ok(key, place.store.create(key, body.clone()).await)?,
            Created::New,
        )?;
        same(key, ok(key, place.store.get(key).await)?, body)?;
    }
    let listed = all_keys(place.store, &prefix, None).await?;
    same("keys", listed, keys.into_iter().collect::<Vec<_>>())
}

async fn large<S: Plain>(place: &Place<'_, S>) -> Outcome {
    // Longer than what a store or a client may treat in one piece, and not a multiple of it.
    let body: Vec<u8> = (0u32..2_200_000).flat_map(u32::to_le_bytes).collect();
    let body = Bytes::from(body);
    let key = place.key("large");
    ok("create", place.store.create(&key, body.clone()).await)?;
    let back = ok("get", place.store.get(&key).await)?;
    same("length and bytes", (back.len(), back == body), (body.len(), true))?;
    let from = body.len() as u64 - 5;
    let tail = ok("get_range", place.store.get_range(&key, from, 10).await)?;
    same("tail", tail, body.slice(body.len() - 5..))
}

pub(super) async fn all_keys<S: ListObjects>(
    store: &S,
    prefix: &str,
    after: Option<String>,
) -> Result<Vec<String>, Breach> {
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
