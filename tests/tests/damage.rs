//! Action by place by damage: what is damaged is found, is never given out as data, keeps the sweep away, and is stored anew.

use std::collections::BTreeMap;

use holdfast_catalog::{OutcomeStatus, PointId, Report, layout};
use holdfast_lambda::Failure;
use holdfast_sources::lambda::read_function;
use holdfast_testkit::{Effect, MemoryStore};
use holdfast_tests::checks::{every_point_is_whole, lines, tells_of_trouble};
use holdfast_tests::{World, order, order_in, sample};
use holdfast_vault::{read_manifest, scrub_point};
use jiff::SignedDuration;
use serde_json::json;

/// What can happen to stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// One bit is another, somewhere as the number says.
    Flip(usize),
    /// The first half is left.
    Halved,
    /// Nothing is left but the key.
    Emptied,
    /// The key is gone, with all versions.
    Lost,
    /// Another object of the same class lies here: of another resource, or an older one.
    Swapped,
}

const DAMAGES: [Damage; 7] = [
    Damage::Flip(0),
    Damage::Flip(3),
    Damage::Flip(7),
    Damage::Halved,
    Damage::Emptied,
    Damage::Lost,
    Damage::Swapped,
];

/// Does it. False when it would change nothing: there is no other object to swap with.
fn damage(store: &MemoryStore, key: &str, damage: Damage) -> bool {
    let before = store.contents()[key].clone();
    match damage {
        Damage::Flip(number) => store.damage(key, |bytes| {
            // Spread over the object, never twice the same.
            let bit = (bytes.len() * 8 * number / 8 + 13 * number + 5) % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }),
        Damage::Halved => store.damage(key, |bytes| bytes.truncate(bytes.len() / 2)),
        Damage::Emptied => store.damage(key, Vec::clear),
        Damage::Lost => store.lose(key),
        Damage::Swapped => {
            let class = class_of(key);
            let others = store.contents().into_iter();
            let mut others = others.filter(|(other, bytes)| class_of(other) == class && *bytes != before);
            let Some((_, other)) = others.next() else { return false };
            store.damage(key, |bytes| *bytes = other.to_vec());
        }
    }
    store.contents().get(key) != Some(&before)
}

/// The first folder, with indexes apart from packs.
fn class_of(key: &str) -> (&str, bool) {
    (key.split('/').next().unwrap_or_default(), key.ends_with(".idx"))
}

/// Two points of a table, the second built on the first, and two of a function.
async fn two_points() -> World {
    let world = World::with_orders(30);
    world.tables.page_items(10);
    world.add_function("bill");
    world.tick().await;
    world.tables.put("orders", order_in(3, "shipped"));
    world.tables.put("orders", order(31));
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world
}

/// Every key that some point needs.
fn needed(store: &MemoryStore) -> Vec<String> {
    let prefixes = [layout::POINTS, layout::PARTS, layout::PACKS, layout::BLOBS];
    prefixes.iter().flat_map(|prefix| store.keys(prefix)).collect()
}

async fn scrub(world: &World) -> Report {
    let all = verify::Request::parse(json!({"scrub": "all"})).unwrap();
    world.verify().run_request(all, &world.clock).await.unwrap()
}

#[tokio::test]
async fn verify_finds_every_damage_to_what_a_point_needs() {
    let mut found = 0;
    for key in needed(&two_points().await.home) {
        for kind in DAMAGES {
            let world = two_points().await;
            // A lost manifest is a lost point: only its age can tell.
            if kind == Damage::Lost && key.starts_with(layout::POINTS) || !damage(&world.home, &key, kind) {
                continue;
            }
            let report = scrub(&world).await;
            if is_still_the_same(&world.home, &key).await {
                continue;
            }
            assert!(
                report.count(OutcomeStatus::Failed) > 0,
                "{kind:?} of {key}: {report:#?}"
            );
            assert!(
                format!("{report:?}").contains(&key),
                "{kind:?} of {key} is not named: {report:#?}"
            );
            let damaged = world
                .catalogue()
                .await
                .points
                .iter()
                .filter(|entry| entry.is_damaged())
                .count();
            assert_eq!(damaged, report.count(OutcomeStatus::Failed), "{kind:?} of {key}");
            found += 1;
        }
    }
    println!("{found} damages found");
    assert!(found > 80);
}

/// A bit of a pack's wrapping may be another while its lines are the same: then nothing is damaged.
async fn is_still_the_same(store: &MemoryStore, key: &str) -> bool {
    let Ok(layout::Content::Pack(name)) = layout::content(key) else {
        return false;
    };
    let body = store.contents().get(key).cloned().unwrap_or_default();
    let lines = zstd::stream::decode_all(body.as_ref()).unwrap_or_default();
    holdfast_catalog::Sha256::of(&lines) == name
}

#[tokio::test]
async fn every_single_flipped_bit_of_a_manifest_and_of_a_recipe_is_found() {
    let world = two_points().await;
    let [_, newest] = <[PointId; 2]>::try_from(world.points_of("orders").await).unwrap();
    let manifest = read_manifest(&world.home, &newest).await.unwrap();
    let mut keys = world.home.keys(&layout::parts_of(&newest));
    keys.push(layout::manifest(&newest));
    let mut flips = 0;
    for key in keys {
        for at in 0..world.home.contents()[&key].len() {
            for bit in 0..8 {
                world.home.damage(&key, |bytes| bytes[at] ^= 1 << bit);
                let is_whole = match read_manifest(&world.home, &newest).await {
                    Ok(_) => {
                        let part = &manifest.data.as_ref().unwrap().parts[0];
                        holdfast_vault::read_committed_part(&world.home, &newest, part)
                            .await
                            .is_ok()
                    }
                    Err(_) => false,
                };
                assert!(!is_whole, "bit {bit} of byte {at} of {key}");
                world.home.damage(&key, |bytes| bytes[at] ^= 1 << bit);
                flips += 1;
            }
        }
    }
    println!("{flips} flipped bits found");
    assert!(scrub_point(&world.home, &manifest).await.unwrap().is_whole());
}

#[tokio::test]
async fn verify_finds_damage_in_the_replica() {
    let replicated = async || {
        let world = two_points().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world
    };
    let world = replicated().await;
    let newest = world.points_of("orders").await.pop().unwrap();
    let mut keys = world.replica.keys(&layout::parts_of(&newest));
    keys.extend(world.replica.keys(layout::PACKS));
    for key in keys {
        for kind in [Damage::Flip(3), Damage::Halved, Damage::Lost] {
            let world = replicated().await;
            damage(&world.replica, &key, kind);
            let report = world.verify().run_all(&world.clock).await.unwrap();
            if is_still_the_same(&world.replica, &key).await {
                continue;
            }
            assert!(report.metrics["DamagedObjects"] > 0.0, "{kind:?} of {key}: {report:#?}");
            assert!(format!("{report:?}").contains(&key), "{kind:?} of {key}");
        }
    }
}

#[tokio::test]
async fn verify_finds_a_manifest_that_is_gone_though_nobody_pruned_it() {
    let world = two_points().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let whole = world.verify().run_all(&world.clock).await.unwrap();
    assert_eq!(whole.metrics["DamagedObjects"], 0.0, "{whole:#?}");
    let [old, _] = <[PointId; 2]>::try_from(world.points_of("orders").await).unwrap();
    world.home.lose(&layout::manifest(&old));
    let report = world.verify().run_all(&world.clock).await.unwrap();
    assert_eq!(report.metrics["DamagedObjects"], 1.0, "{report:#?}");
    assert!(format!("{report:?}").contains(&layout::manifest(&old)), "{report:#?}");
}

async fn restore(world: &World, resource: &str, target: &str) -> Result<Report, Failure> {
    let event = json!({"resource": resource, "target": {"name": target}, "from": "home", "triggers": "as-before"});
    world
        .restore()
        .run(restore::Request::parse(event).unwrap(), &world.clock)
        .await
}

#[tokio::test]
async fn the_restore_of_a_table_refuses_or_gives_the_right_items() {
    let mut refused = 0;
    let right = {
        let world = two_points().await;
        lines(&world, "orders")
    };
    for key in needed(&two_points().await.home) {
        for kind in DAMAGES {
            let world = two_points().await;
            if !damage(&world.home, &key, kind) {
                continue;
            }
            let result = restore(&world, "dynamodb-table/eu-central-1/orders", "again").await;
            let when = format!("{kind:?} of {key}: {result:#?}");
            let there = world
                .tables
                .names()
                .contains(&"again".to_owned())
                .then(|| lines(&world, "again"));
            if tells_of_trouble(&result) {
                refused += 1;
                // What was written before the damage was met is right too.
                assert!(
                    there.unwrap_or_default().iter().all(|line| right.contains(line)),
                    "{when}"
                );
            } else if kind == Damage::Lost && key.starts_with(layout::POINTS) {
                // The newest point that there is.
                assert!(there.is_some_and(|items| items.len() >= 30), "{when}");
            } else {
                assert_eq!(there.as_ref(), Some(&right), "{when}");
            }
        }
    }
    println!("{refused} refused");
    assert!(refused > 20);
}

#[tokio::test]
async fn the_restore_of_a_function_refuses_or_gives_the_right_function() {
    let [latest, _] = sample::archives();
    let mut refused = 0;
    for key in needed(&two_points().await.home) {
        for kind in DAMAGES {
            let world = two_points().await;
            if !damage(&world.home, &key, kind) {
                continue;
            }
            let result = restore(&world, "lambda-function/eu-central-1/bill", "again").await;
            if tells_of_trouble(&result) {
                refused += 1;
                continue;
            }
            let when = format!("{kind:?} of {key}: {result:#?}");
            let config = read_function(&world.functions, "again").await.unwrap().config;
            assert_eq!(world.functions.code("again"), latest, "{when}");
            assert_eq!(config.latest, sample::function().latest, "{when}");
            assert_eq!(config.versions.len(), 1, "{when}");
        }
    }
    println!("{refused} refused");
    assert!(refused > 20);
}

#[tokio::test]
async fn a_table_whose_home_manifest_is_damaged_comes_from_the_replica() {
    let world = two_points().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    for key in world.home.keys(layout::POINTS) {
        damage(&world.home, &key, Damage::Flip(3));
    }
    let right = lines(&world, "orders");
    world.tables.lose("orders");
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    let request = restore::Request::parse(event).unwrap();
    let report = world.restore().run(request, &world.clock).await.unwrap();
    assert_eq!(lines(&world, "orders"), right);
    assert!(
        report.notes.iter().any(|note| note.contains("vault replica")),
        "{:?}",
        report.notes
    );
}

/// Points of which some are past their grace, and a run in flight with a checkpoint.
async fn something_to_sweep() -> World {
    let world = World::with_orders(20);
    world.tables.page_items(5);
    for hour in 0..4 {
        world.tables.put("orders", order_in(1, &format!("changed at {hour}")));
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    world.later(SignedDuration::from_hours(25));
    world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    world.tables.page_items(1);
    world.tables.set_approximate("orders", 2_000_000, 0);
    world.snapshot().run_due(&world.clock).await.unwrap();
    for task in world.outbox.take_tasks().into_iter().take(3) {
        world.clock.set_remaining(SignedDuration::from_secs(40));
        let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
        world.snapshot().run_request(request, &world.clock).await.unwrap();
    }
    world.outbox.take_tasks();
    world.later(SignedDuration::from_mins(1));
    world
}

#[tokio::test]
async fn prune_removes_nothing_while_something_that_says_what_is_needed_cannot_be_read() {
    let world = something_to_sweep().await;
    let gone: Vec<PointId> = world
        .catalogue()
        .await
        .points
        .into_iter()
        .filter(|e| e.is_tombstoned)
        .map(|e| e.id)
        .collect();
    let mut keys = Vec::new();
    for prefix in [layout::POINTS, layout::PARTS, layout::TOMBSTONES, layout::RUNS] {
        let of_kept =
            |key: &String| prefix == layout::TOMBSTONES || !gone.iter().any(|point| key.contains(&point.to_string()));
        let found: Vec<String> = world.home.keys(prefix).into_iter().filter(of_kept).collect();
        assert!(!found.is_empty(), "nothing below {prefix}");
        keys.extend(found);
    }
    assert!(
        keys.iter()
            .any(|key| key.contains("-of-") && key.starts_with(layout::RUNS)),
        "no checkpoint: {keys:#?}"
    );
    for key in keys {
        for kind in DAMAGES
            .into_iter()
            .filter(|kind| *kind != Damage::Lost && *kind != Damage::Swapped)
        {
            let world = something_to_sweep().await;
            damage(&world.home, &key, kind);
            world.script.restart();
            let report = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
            let deletes = world
                .script
                .changes()
                .into_iter()
                .filter(|call| call.effect == Effect::Deletes);
            let deletes: Vec<String> = deletes.map(|call| call.subject).collect();
            assert_eq!(deletes, [""; 0], "{kind:?} of {key}: {report:#?}");
            assert!(
                report.count(OutcomeStatus::Failed) > 0,
                "{kind:?} of {key}: {report:#?}"
            );
            assert!(
                format!("{report:?}").contains(&key),
                "{kind:?} of {key} is not named: {report:#?}"
            );
        }
    }
}

#[tokio::test]
async fn prune_removes_nothing_that_a_kept_point_needs_whatever_contents_are_damaged() {
    let world = something_to_sweep().await;
    for key in needed(&world.home)
        .into_iter()
        .filter(|key| layout::content(key).is_ok())
    {
        for kind in [Damage::Flip(3), Damage::Emptied, Damage::Lost] {
            let world = something_to_sweep().await;
            damage(&world.home, &key, kind);
            let before = world.home.contents();
            world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
            let after = world.home.contents();
            for entry in world.catalogue().await.points {
                let manifest = read_manifest(&world.home, &entry.id).await.unwrap();
                let scrub = scrub_point(&world.home, &manifest).await.unwrap();
                let others: Vec<_> = scrub.damages.iter().filter(|damaged| damaged.key != key).collect();
                assert!(others.is_empty(), "{kind:?} of {key}: {others:#?}");
                // What is damaged may be needed to put things right: it stays where it is.
                if !scrub.is_whole() {
                    assert_eq!(after.get(&key), before.get(&key), "{kind:?} of {key}");
                }
            }
        }
    }
}

/// Damages one object after another, lets verify find it, and looks at what the next snapshot makes of it.
async fn heals(hours_later: i64, is_exempt: impl Fn(&str, Damage) -> bool) {
    let mut healed = 0;
    for key in needed(&two_points().await.home) {
        for kind in DAMAGES {
            let world = two_points().await;
            if is_exempt(&key, kind) || !damage(&world.home, &key, kind) {
                continue;
            }
            // As its tick does: of older points it does not know yet.
            world.verify().run_all(&world.clock).await.unwrap();
            world.later(SignedDuration::from_hours(hours_later));
            if kind == Damage::Lost && key.starts_with(layout::POINTS) {
                // What is left of a young run is committed again first; what is due comes at the next tick.
                world.tick().await;
                world.later(SignedDuration::from_mins(21));
            }
            let report = world.tick().await;
            let when = format!("{kind:?} of {key}: {report:#?}");
            assert!(!tells_of_trouble(&Ok(report)), "{when}");
            let now = holdfast_vault::port::Clock::now(&world.clock);
            let catalogue = world.catalogue().await;
            let newest: BTreeMap<_, _> = verify::newest_good(&catalogue, now);
            assert_eq!(newest.len(), 2, "{when}");
            for entry in newest.values() {
                assert!(entry.id.slot.instant() > now - SignedDuration::from_hours(1), "{when}");
                let manifest = read_manifest(&world.home, &entry.id).await.unwrap();
                let scrub = scrub_point(&world.home, &manifest).await.unwrap();
                assert!(scrub.is_whole(), "{when} {:#?}", scrub.damages);
            }
            healed += 1;
        }
    }
    println!("{healed} healed");
}

#[tokio::test]
async fn the_next_snapshot_stores_anew_what_verify_found_to_be_damaged() {
    // Code that was stored in the last 12 hours is not downloaded again.
    let is_code = |key: &str| {
        let archives = sample::archives().map(|archive| layout::blob(&holdfast_catalog::Sha256::of(&archive)));
        archives.iter().any(|archive| archive == key)
    };
    heals(1, |key, kind| is_code(key) && kind != Damage::Lost).await;
}

#[tokio::test]
async fn a_day_later_everything_that_was_damaged_is_stored_anew_and_older_points_are_whole_again() {
    heals(25, |_, _| false).await;
}

#[tokio::test]
async fn a_replica_that_verify_found_to_be_damaged_gets_what_the_next_point_needs_anew() {
    let world = two_points().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    for pack in world.replica.keys(layout::PACKS) {
        damage(&world.replica, &pack, Damage::Halved);
    }
    world.later(SignedDuration::from_hours(13));
    world.verify().run_all(&world.clock).await.unwrap();
    world.tick().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let whole = every_point_is_whole(&world.replica, "after the damage was made good").await;
    assert_eq!(whole, 6);
}
