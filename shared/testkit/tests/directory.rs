//! A directory is a vault's object store like every other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use futures::FutureExt as _;
use holdfast_testkit::contract::plain_breaches;
use holdfast_vault::port::{Created, ListObjects as _, ReadObjects as _, WriteObjects as _};
use holdfast_vault::{Directory, PortError, keys};

/// An empty folder for a test.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

async fn names(store: &Directory, prefix: &str) -> Vec<String> {
    let found = keys(store, prefix).await.unwrap();
    found.into_iter().map(|info| info.key).collect()
}

#[tokio::test]
async fn a_directory_keeps_the_contract() {
    let store = Directory::open(folder("contract")).unwrap();
    assert_eq!(plain_breaches(&store, "contract/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_no_empty_vault() {
    let root = folder("unmounted");
    let store = Directory::open(&root).unwrap();
    store.create("points/a", Bytes::from_static(b"x")).await.unwrap();
    fs::remove_dir_all(&root).unwrap();
    let gone = |error: PortError| matches!(&error, PortError::NotFound(why) if why.contains("mounted"));
    assert!(gone(store.list("points/", None).await.unwrap_err()));
    assert!(gone(store.get("points/a").await.unwrap_err()));
    assert!(gone(store.overwrite("points/a", Bytes::new()).await.unwrap_err()));
    assert!(gone(Directory::open(&root).unwrap_err()));
    assert!(!root.exists());
}

#[tokio::test]
async fn no_key_leads_out_of_the_directory() {
    let root = folder("escape");
    fs::write(root.join("outside"), "secret").unwrap();
    let inside = root.join("vault");
    fs::create_dir(&inside).unwrap();
    let store = Directory::open(&inside).unwrap();
    let absolute = root.join("outside").display().to_string();
    for key in [
        "../outside",
        "points/../../outside",
        "./outside",
        "points//a",
        "points/",
        "/etc/passwd",
        "..",
        "",
        "a\0b",
        "a\\..\\b",
        &absolute,
    ] {
        let refused = |what: &str, error: Option<PortError>| {
            assert!(
                matches!(error, Some(PortError::Invalid(_))),
                "{what} {key:?}: {error:?}"
            );
        };
        refused("get", store.get(key).await.err());
        refused("head", store.head(key).await.err());
        refused("create", store.create(key, Bytes::from_static(b"x")).await.err());
        refused("overwrite", store.overwrite(key, Bytes::from_static(b"x")).await.err());
        assert_eq!(names(&store, "../").await, Vec::<String>::new());
    }
    assert_eq!(fs::read(root.join("outside")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 2);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_still_being_written_is_no_object_and_stops_nobody() {
    let root = folder("pending");
    let store = Directory::open(&root).unwrap();
    fs::create_dir(root.join("packs")).unwrap();
    // As a process that was killed leaves them, under the names that this one would choose first.
    for number in 0..100 {
        let name = format!("packs/.holdfast-pending-{}-{number}", std::process::id());
        fs::write(root.join(name), "half").unwrap();
    }
    assert_eq!(names(&store, "").await, Vec::<String>::new());
    let body = Bytes::from_static(b"whole");
    assert_eq!(store.create("packs/a", body.clone()).await, Ok(Created::New));
    store.overwrite("packs/b", body.clone()).await.unwrap();
    assert_eq!(names(&store, "").await, ["packs/a", "packs/b"]);
    assert_eq!(store.get("packs/a").await, Ok(body));
    assert_eq!(fs::read_dir(root.join("packs")).unwrap().count(), 102);
    let hidden = format!("packs/.holdfast-pending-{}-0", std::process::id());
    assert!(matches!(store.get(&hidden).await, Err(PortError::Invalid(_))));
}

#[tokio::test]
async fn a_listing_goes_on_over_pages_and_folders_in_the_order_of_keys() {
    let root = folder("pages");
    let store = Directory::open(&root).unwrap();
    let mut expected: Vec<String> = (0..1100).map(|n| format!("points/a/{n:04}")).collect();
    expected.extend(["points/a.b/c", "points/a/b/c", "points/a0", "facts/z"].map(str::to_owned));
    for key in &expected {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    fs::create_dir_all(root.join("points/empty")).unwrap();
    expected.sort();
    assert_eq!(names(&store, "").await, expected);
    let below: Vec<&String> = expected.iter().filter(|key| key.starts_with("points/a/")).collect();
    assert_eq!(names(&store, "points/a/").await.iter().collect::<Vec<_>>(), below);
    assert_eq!(names(&store, "points/a/00").await.len(), 100);
}

#[tokio::test]
async fn a_key_below_another_object_is_refused() {
    let store = Directory::open(folder("below")).unwrap();
    store.create("a", Bytes::new()).await.unwrap();
    assert!(matches!(store.get("a/b").await, Err(PortError::NotFound(_))));
    assert!(matches!(
        store.create("a/b", Bytes::new()).await,
        Err(PortError::Invalid(_))
    ));
    store.create("c/d", Bytes::new()).await.unwrap();
    assert!(matches!(store.get("c").await, Err(PortError::NotFound(_))));
    for result in [
        store.create("c", Bytes::new()).await.err(),
        store.overwrite("c", Bytes::new()).await.err(),
    ] {
        assert!(matches!(result, Some(PortError::Invalid(_))), "{result:?}");
    }
    assert_eq!(names(&store, "").await, ["a", "c/d"]);
}

#[test]
fn of_many_writers_at_once_one_wins_and_nobody_reads_half() {
    let store = Directory::open(folder("writers")).unwrap();
    let body = |n: u8| Bytes::from(vec![n; 300_000]);
    let wins = std::thread::scope(|scope| {
        let write = |n: u8| {
            let store = &store;
            scope.spawn(move || {
                let created = store.create("packs/a", body(n)).now_or_never().unwrap().unwrap();
                let found = store.get("packs/a").now_or_never().unwrap().unwrap();
                assert_eq!(found, body(found[0]), "writer {n} found a mixture");
                (created == Created::New).then_some((n, found))
            })
        };
        let writers: Vec<_> = (0..8).map(write).collect();
        writers
            .into_iter()
            .filter_map(|writer| writer.join().unwrap())
            .collect::<Vec<_>>()
    });
    let [(winner, found)] = wins.as_slice() else {
        panic!("{} writers won", wins.len())
    };
    assert_eq!(found, &body(*winner));
}
