//! Random histories of an account against a small model of what prune may do. Each is a seed, and the seed stands in every
//! message.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{ItemsDigest, PointId, Sha256, Tombstone, layout};
use holdfast_testkit::MemoryStore;
use holdfast_tests::checks::lines;
use holdfast_tests::{World, order, order_in};
use holdfast_vault::port::Clock as _;
use holdfast_vault::{Catalogue, Holds, PointEntry, read_committed_part, read_manifest, read_tombstone, scrub_point};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// How many histories: about half a minute of them.
const HISTORIES: u64 = 80;

/// Steps of each.
const STEPS: u32 = 40;

const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The policy keeps so many.
const KEEP_LAST: usize = 2;

/// A point that is younger and not copied is not removed at home.
const IN_COPY_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Xorshift: enough to vary a history, and the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.below(of.len())].clone())
    }
}

/// A vault as it is at one moment.
struct Moment {
    points: BTreeMap<PointId, PointEntry>,
    tombstones: BTreeMap<PointId, Tombstone>,
    holds: Holds,
    contents: usize,
    is_sweeping: bool,
}

impl Moment {
    async fn of(store: &MemoryStore) -> Self {
        let catalogue = Catalogue::read(store).await.unwrap();
        let points: BTreeMap<PointId, PointEntry> = catalogue
            .points
            .into_iter()
            .map(|entry| (entry.id.clone(), entry))
            .collect();
        let mut tombstones = BTreeMap::new();
        for key in store.keys(layout::TOMBSTONES) {
            let point = layout::point_of_tombstone(&key).unwrap();
            let tombstone = read_tombstone(store, &point).await.unwrap();
            tombstones.insert(point, tombstone);
        }
        Moment {
            points,
            tombstones,
            holds: Holds::read(store).await.unwrap(),
            contents: contents(store).len(),
            is_sweeping: !store.keys(layout::SWEEPS).is_empty(),
        }
    }

    /// The good points that have no tombstone, newest first: there is one series in the vault.
    fn good(&self) -> Vec<&PointEntry> {
        self.points.values().rev().filter(|entry| entry.is_good()).collect()
    }

    fn undeleted_until(&self, point: &PointId) -> Option<Timestamp> {
        self.points[point].last("undeleted").map(|at| at + GRACE)
    }

    /// What a naive reading of the policy says that a pruning tombstones: nothing while the newest point is in doubt.
    fn unwanted(&self, is_home: bool, holds: &Holds, now: Timestamp) -> BTreeSet<PointId> {
        let newest = self.points.values().rev().find(|entry| !entry.is_tombstoned);
        if newest.is_none_or(|entry| !entry.is_good()) {
            return BTreeSet::new();
        }
        let in_copy = |entry: &PointEntry| {
            is_home && entry.last("replicated").is_none() && now.duration_since(entry.committed_at) < IN_COPY_FOR
        };
        let judged = self
            .good()
            .into_iter()
            .filter(|entry| holds.on(&entry.id).is_none() && !in_copy(entry));
        let unwanted = judged.skip(KEEP_LAST).map(|entry| entry.id.clone());
        unwanted
            .filter(|point| self.undeleted_until(point).is_none_or(|until| until <= now))
            .collect()
    }
}

/// Whom a step is done by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Change,
    Snapshot,
    Replicate,
    Verify,
    Prune,
    ShortPrune,
    DryRun,
    Damage,
    Heal,
    Undelete,
    Remove,
    Hold,
    LiftHold,
}

/// How often each comes.
const WEIGHTS: [(Step, usize); 13] = [
    (Step::Change, 2),
    (Step::Snapshot, 7),
    (Step::Replicate, 3),
    (Step::Verify, 1),
    (Step::Prune, 4),
    (Step::ShortPrune, 4),
    (Step::DryRun, 1),
    (Step::Damage, 1),
    (Step::Heal, 2),
    (Step::Undelete, 1),
    (Step::Remove, 1),
    (Step::Hold, 1),
    (Step::LiftHold, 1),
];

struct History {
    world: World,
    random: Random,
    seed: u64,
    /// What each point ever made holds.
    made: BTreeMap<PointId, ItemsDigest>,
    /// Objects that are damaged in one vault, with their right bytes. A copy carries the damage to the other.
    damaged: BTreeMap<String, Vec<u8>>,
    told: Vec<String>,
    holds: usize,
    counts: BTreeMap<&'static str, usize>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut world = World::with_orders(12);
        world.tables.page_items(5);
        // Sweeps stop and go on at every few keys.
        world.home = world.home.paged(1 + usize::try_from(seed % 7).unwrap());
        History {
            world,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            seed,
            made: BTreeMap::new(),
            damaged: BTreeMap::new(),
            told: Vec::new(),
            holds: 0,
            counts: BTreeMap::new(),
        }
    }

    fn stores(&self) -> [MemoryStore; 2] {
        [self.world.home.clone(), self.world.replica.clone()]
    }

    fn when(&self) -> String {
        format!("seed {}, after {:#?}", self.seed, self.told)
    }

    fn count(&mut self, what: &'static str, times: usize) {
        *self.counts.entry(what).or_default() += times;
    }

    async fn step(&mut self) {
        let all: Vec<Step> = WEIGHTS.iter().flat_map(|(step, times)| vec![*step; *times]).collect();
        let step = self.random.one_of(&all).unwrap();
        self.take(step).await;
    }

    async fn take(&mut self, step: Step) {
        let before = [
            Moment::of(&self.world.home).await,
            Moment::of(&self.world.replica).await,
        ];
        let contents_before = self.stores().map(|store| store.contents());
        self.told.push(format!("{} {step:?}", self.world.clock.now()));
        let pruned = self.act(step, &before).await;
        self.world.outbox.take_events();
        self.world.outbox.take_tasks();
        let after = [
            Moment::of(&self.world.home).await,
            Moment::of(&self.world.replica).await,
        ];
        for side in [0, 1] {
            let holds = before[side].holds.clone().joined(&before[1 - side].holds);
            self.check_removals(step, side, &before[side], &after[side], &holds);
            if let Some(report) = &pruned {
                self.check_tombstones(side, &before[side], &after[side], &holds, report);
            }
        }
        if step == Step::DryRun {
            assert_eq!(
                self.stores().map(|store| store.contents()),
                contents_before,
                "{}",
                self.when()
            );
        }
        self.check_points().await;
    }

    /// Does a step; a whole pruning gives its report.
    async fn act(&mut self, step: Step, before: &[Moment; 2]) -> Option<String> {
        let World { clock, tables, .. } = &self.world;
        let everywhere: Vec<PointId> = before.iter().flat_map(|moment| moment.points.keys().cloned()).collect();
        match step {
            Step::Change => tables.delete("orders", &order(number(self.random.below(16)))),
            Step::Snapshot => {
                let state = format!("changed at step {}", self.told.len());
                tables.put("orders", order_in(number(self.random.below(16)), &state));
                self.world.tick().await;
            }
            Step::Replicate => drop(self.world.replicate().run_all(clock).await),
            Step::Verify => drop(self.world.verify().run_all(clock).await),
            Step::Prune | Step::ShortPrune => {
                let minutes = if step == Step::Prune { 15 } else { 1 };
                clock.set_remaining(SignedDuration::from_mins(minutes));
                let report = self.world.prune().run(prune::Mode::Execute, clock).await.unwrap();
                return Some(format!("{report:#?}"));
            }
            Step::DryRun => {
                self.world.prune().run(prune::Mode::DryRun, clock).await.unwrap();
            }
            Step::Damage => self.damage(),
            Step::Heal => self.heal(),
            Step::Undelete => {
                let dead: Vec<PointId> = before
                    .iter()
                    .flat_map(|moment| moment.tombstones.keys().cloned())
                    .collect();
                if let Some(point) = self.random.one_of(&dead) {
                    self.world.ask_prune(json!({"undelete": point.to_string()})).await;
                }
            }
            Step::Remove => {
                if let Some(point) = self.random.one_of(&everywhere) {
                    self.world
                        .ask_prune(json!({"remove": point.to_string(), "dry_run": false}))
                        .await;
                }
            }
            Step::Hold => {
                if let Some(point) = self.random.one_of(&everywhere) {
                    self.holds += 1;
                    let name = format!("case-{}", self.holds);
                    self.world
                        .ask_prune(json!({"hold": {"name": name, "point": point.to_string()}}))
                        .await;
                }
            }
            Step::LiftHold => {
                let name = format!("case-{}", 1 + self.random.below(self.holds + 1));
                self.world.ask_prune(json!({"lift_hold": name, "dry_run": false})).await;
            }
        }
        None
    }

    fn damage(&mut self) {
        let store = self.stores()[self.random.below(2)].clone();
        let prefixes = [layout::PACKS, layout::BLOBS, layout::PARTS, layout::POINTS];
        let keys: Vec<String> = prefixes.iter().flat_map(|prefix| store.keys(prefix)).collect();
        let Some(key) = self.random.one_of(&keys) else { return };
        if self.damaged.contains_key(&key) {
            return;
        }
        let right = store.contents()[&key].to_vec();
        let at = self.random.below(right.len());
        store.damage(&key, |bytes| bytes[at] ^= 1);
        self.damaged.insert(key, right);
    }

    fn heal(&mut self) {
        for (key, right) in std::mem::take(&mut self.damaged) {
            for store in self.stores().iter().filter(|store| store.contents().contains_key(&key)) {
                store.damage(&key, |bytes| bytes.clone_from(&right));
            }
        }
    }

    /// What is gone might go: its tombstone was past its grace, and nothing called it back.
    fn check_removals(&mut self, step: Step, side: usize, before: &Moment, after: &Moment, holds: &Holds) {
        let now = self.world.clock.now();
        let gone: Vec<&PointId> = before
            .points
            .keys()
            .filter(|point| !after.points.contains_key(point))
            .collect();
        self.count("removed", gone.len());
        self.count("swept", before.contents.saturating_sub(after.contents));
        let is_pruning = matches!(step, Step::Prune | Step::ShortPrune);
        assert!(
            is_pruning || (gone.is_empty() && after.contents >= before.contents),
            "{}",
            self.when()
        );
        for point in &gone {
            let tombstone = before.tombstones.get(point);
            let tombstone = tombstone.unwrap_or_else(|| panic!("{point} had no tombstone: {}", self.when()));
            assert!(
                now.duration_since(tombstone.pruned_at) > GRACE,
                "{point}: {}",
                self.when()
            );
            assert_eq!(holds.on(point), None, "{point}: {}", self.when());
            let undeleted = before.points[*point].last("undeleted");
            assert!(
                undeleted.is_none_or(|at| at < tombstone.pruned_at),
                "{point}: {}",
                self.when()
            );
        }
        // A sweep that has marked may go on; none begins while something that says what is needed cannot be read.
        let store = self.stores()[side].clone();
        let is_wrong = |key: &String| {
            store
                .contents()
                .get(key)
                .is_some_and(|bytes| *bytes != self.damaged[key])
        };
        let is_kept = |key: &String| {
            let kept = before.points.keys().filter(|point| key.contains(&point.to_string()));
            let mut stones = kept.map(|point| before.tombstones.get(point));
            stones.any(|stone| stone.is_none_or(|stone| now.duration_since(stone.pruned_at) <= GRACE))
        };
        let mut doubts = self.damaged.keys().filter(|key| is_wrong(key) && is_kept(key));
        if let (Some(key), false) = (doubts.find(|key| layout::content(key).is_err()), before.is_sweeping) {
            let is_same = gone.is_empty() && after.contents >= before.contents;
            assert!(is_same, "{key}: {}", self.when());
        }
    }

    /// What is tombstoned is what the policy says, and no more.
    fn check_tombstones(&mut self, side: usize, before: &Moment, after: &Moment, holds: &Holds, report: &str) {
        let now = self.world.clock.now();
        let new = after
            .tombstones
            .keys()
            .filter(|point| !before.tombstones.contains_key(point));
        let new: BTreeSet<PointId> = new.cloned().collect();
        self.count("tombstoned", new.len());
        assert_eq!(
            new,
            before.unwanted(side == 0, holds, now),
            "side {side}: {report} {}",
            self.when()
        );
    }

    /// Every manifest stands for a whole point that holds what the table held, but for what was damaged.
    async fn check_points(&mut self) {
        for (side, store) in self.stores().into_iter().enumerate() {
            for point in Catalogue::read(&store)
                .await
                .unwrap()
                .points
                .into_iter()
                .map(|entry| entry.id)
            {
                if self.damaged.contains_key(&layout::manifest(&point)) {
                    continue;
                }
                let manifest = read_manifest(&store, &point).await;
                let manifest = manifest.unwrap_or_else(|error| panic!("{error}: {}", self.when()));
                let digest = manifest.data.as_ref().unwrap().digest;
                if let Some(expected) = self.made.get(&point) {
                    assert_eq!(digest, *expected, "{point}: {}", self.when());
                } else {
                    assert_eq!(digest, self.table_digest(), "{point}: {}", self.when());
                    self.made.insert(point.clone(), digest);
                }
                let scrub = scrub_point(&store, &manifest).await.unwrap();
                let new = scrub
                    .damages
                    .iter()
                    .filter(|found| !self.damaged.contains_key(&found.key));
                let new: Vec<_> = new.collect();
                assert!(new.is_empty(), "side {side}, {point}: {new:#?} {}", self.when());
            }
        }
    }

    fn table_digest(&self) -> ItemsDigest {
        let mut digest = ItemsDigest::default();
        for line in lines(&self.world, "orders") {
            digest.add(&Sha256::of(line.as_bytes()));
        }
        digest
    }

    /// Once all is healed and time has passed nothing is left but what points need.
    async fn check_the_end(&mut self) {
        self.heal();
        self.told.push("the end".to_owned());
        self.world.clock.set_remaining(SignedDuration::from_mins(15));
        self.world.tick().await;
        for _ in 0..4 {
            self.world.later(SignedDuration::from_hours(25));
            self.world
                .prune()
                .run(prune::Mode::Execute, &self.world.clock)
                .await
                .unwrap();
        }
        self.check_points().await;
        for store in self.stores() {
            assert_eq!(
                contents(&store),
                needed(&store).await,
                "{} {}",
                store.bucket(),
                self.when()
            );
            assert_eq!(store.keys(layout::SWEEPS), [""; 0], "{}", self.when());
        }
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

fn contents(store: &MemoryStore) -> BTreeSet<String> {
    let keys = store.contents().into_keys();
    keys.filter(|key| layout::content(key).is_ok()).collect()
}

async fn needed(store: &MemoryStore) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    for entry in Catalogue::read(store).await.unwrap().points {
        let manifest = read_manifest(store, &entry.id).await.unwrap();
        needed.extend(manifest.blobs.iter().map(|blob| layout::blob(&blob.sha256)));
        for part in &manifest.data.unwrap().parts {
            let recipe = read_committed_part(store, &entry.id, part).await.unwrap();
            for pack in recipe.packs {
                needed.insert(layout::pack(&pack.sha256));
                needed.insert(layout::pack_index(&pack.sha256));
            }
        }
    }
    needed
}

#[tokio::test]
async fn whatever_happens_prune_removes_what_it_should_and_nothing_that_a_kept_point_needs() {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 1..=HISTORIES {
        let mut history = History::new(seed);
        for _ in 0..STEPS {
            history.step().await;
            let minutes = [0, 5, 61, 61, 61, 6 * 60, 13 * 60, 25 * 60][history.random.below(8)];
            history.world.later(SignedDuration::from_mins(minutes));
        }
        history.check_the_end().await;
        for (what, times) in history.counts {
            *counts.entry(what).or_default() += times;
        }
    }
    println!("seeds 1 to {HISTORIES}, {STEPS} steps each: {counts:?}");
    for what in ["tombstoned", "removed", "swept"] {
        assert!(counts.get(what).is_some_and(|times| *times > 50), "{what}: {counts:?}");
    }
}
