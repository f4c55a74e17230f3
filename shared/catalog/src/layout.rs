//! Where things lie in a vault: the one place that knows how keys are spelt.

use crate::{Arn, CatalogError, Fact, HoldName, PointId, ResourceId, Sha256, Shard, Slot};

/// The policy document that a person edits.
pub const POLICY: &str = "config/policy.yaml";
/// The last policy document that was valid.
pub const LAST_GOOD_POLICY: &str = "config/last-good.yaml";
/// All manifests.
pub const POINTS: &str = "points/";
/// All facts.
pub const FACTS: &str = "facts/";
/// All tombstones.
pub const TOMBSTONES: &str = "tombstones/";
/// All recipes.
pub const PARTS: &str = "parts/";
/// All packs and their indexes.
pub const PACKS: &str = "packs/";
/// All blobs.
pub const BLOBS: &str = "blobs/";
/// All copies of objects of other buckets.
pub const OBJECTS: &str = "objects/";
/// All work in flight.
pub const RUNS: &str = "runs/";
/// All legal holds.
pub const HOLDS: &str = "holds/";
/// Sweeps that are not over.
pub const SWEEPS: &str = "sweeps/";

/// Restores in flight.
pub const RESTORES: &str = "runs/restore/";

/// What was told to people, day by day, so that nobody is told the same thing all day.
pub const NOTICES: &str = "notices/";

/// Restore tests in flight.
pub const TESTS: &str = "runs/test/";
/// Copies in flight that AWS Backup makes.
pub const COPIES: &str = "runs/copy/";

/// The manifest of a point.
pub fn manifest(point: &PointId) -> String {
    format!("{POINTS}{point}.json")
}

/// Where a resource's manifests lie.
pub fn points_of(resource: &ResourceId) -> String {
    format!("{POINTS}{resource}/")
}

/// The point whose manifest lies at a key.
///
/// # Errors
/// The key does not follow the layout.
pub fn point_of_manifest(key: &str) -> Result<PointId, CatalogError> {
    point_between(key, POINTS, ".json", "manifest")
}

/// The recipe of a shard.
pub fn part(point: &PointId, shard: Shard) -> String {
    format!("{PARTS}{point}/{shard}.json.zst")
}

/// Where a point's recipes lie.
pub fn parts_of(point: &PointId) -> String {
    format!("{PARTS}{point}/")
}

/// The point whose recipe lies at a key.
///
/// # Errors
/// The key does not follow the layout.
pub fn point_of_part(key: &str) -> Result<PointId, CatalogError> {
    let not_a_part = || CatalogError::NotA {
        what: "recipe",
        key: key.to_owned(),
    };
    let inner = key.strip_prefix(PARTS).ok_or_else(not_a_part)?;
    let (point, _) = inner.rsplit_once('/').ok_or_else(not_a_part)?;
    point.parse().map_err(|_| not_a_part())
}

/// A pack.
pub fn pack(name: &Sha256) -> String {
    let name = name.to_string();
    format!("{PACKS}{}/{name}.jsonl.zst", &name[..2])
}

/// A pack's index.
pub fn pack_index(name: &Sha256) -> String {
    let name = name.to_string();
    format!("{PACKS}{}/{name}.idx", &name[..2])
}

/// A blob.
pub fn blob(name: &Sha256) -> String {
    let name = name.to_string();
    format!("{BLOBS}{}/{name}", &name[..2])
}

/// A content-addressed object, as its key names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Content {
    /// A pack.
    Pack(Sha256),
    /// A pack's index.
    PackIndex(Sha256),
    /// A blob.
    Blob(Sha256),
}

/// The content that a key names.
///
/// # Errors
/// The key is none of a pack, an index or a blob, or lies in another folder than its name asks for.
pub fn content(key: &str) -> Result<Content, CatalogError> {
    let not_content = || CatalogError::NotA {
        what: "pack, index or blob",
        key: key.to_owned(),
    };
    let name = key.rsplit('/').next().ok_or_else(not_content)?;
    let parsed = if let Some(hash) = name.strip_suffix(".jsonl.zst") {
        hash.parse().map(Content::Pack)
    } else if let Some(hash) = name.strip_suffix(".idx") {
        hash.parse().map(Content::PackIndex)
    } else {
        name.parse().map(Content::Blob)
    };
    let content = parsed.map_err(|_| not_content())?;
    let expected = match &content {
        Content::Pack(hash) => pack(hash),
        Content::PackIndex(hash) => pack_index(hash),
        Content::Blob(hash) => blob(hash),
    };
    if expected == key {
        Ok(content)
    } else {
        Err(not_content())
    }
}

/// What an object that may be locked is to the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockable {
    /// It belongs to one point.
    Point,
    /// Points share it.
    Content,
}

/// Whether an object may be locked, and as what. What is not named here must be removable at any time.
pub fn lockable(key: &str) -> Option<Lockable> {
    let is_below = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if is_below(&[POINTS, PARTS]) {
        Some(Lockable::Point)
    } else if is_below(&[PACKS, BLOBS, OBJECTS]) {
        Some(Lockable::Content)
    } else {
        None
    }
}

/// A fact that was learnt at an instant.
pub fn fact(point: &PointId, fact: &Fact, at: jiff::Timestamp) -> String {
    fact_of(point, fact.what(), Slot::at(at))
}

/// A fact that was learnt at a time, by its word.
pub fn fact_of(point: &PointId, what: &str, at: Slot) -> String {
    format!("{FACTS}{point}/{what}-{at}.json")
}

/// The word of the fact that a copy in a further replica region is complete; that of the stack's own replica has the plain
/// word `replicated`.
pub fn replicated_to(region: &crate::Region) -> String {
    format!("replicated-to-{region}")
}

/// That the pre-flight of a day was made in a deployment. It goes as what restore tests leave does.
pub fn preflight_mark(on: jiff::civil::Date, deployment: &str) -> String {
    format!("{TESTS}preflight/{on}-{deployment}")
}

/// Where a point's facts lie.
pub fn facts_of(point: &PointId) -> String {
    format!("{FACTS}{point}/")
}

/// What says that a notice was sent, by its day and its hash.
pub fn notice(on: jiff::civil::Date, hash: &Sha256) -> String {
    format!("{NOTICES}{on}/{hash}")
}

/// The point, the word and the time of a fact's key.
///
/// # Errors
/// The key does not follow the layout.
pub fn parse_fact(key: &str) -> Result<(PointId, String, Slot), CatalogError> {
    let not_a_fact = || CatalogError::NotA {
        what: "fact",
        key: key.to_owned(),
    };
    let inner = key
        .strip_prefix(FACTS)
        .and_then(|rest| rest.strip_suffix(".json"))
        .ok_or_else(not_a_fact)?;
    let (point, name) = inner.rsplit_once('/').ok_or_else(not_a_fact)?;
    let (what, time) = name.rsplit_once('-').ok_or_else(not_a_fact)?;
    Ok((
        point.parse().map_err(|_| not_a_fact())?,
        what.to_owned(),
        time.parse().map_err(|_| not_a_fact())?,
    ))
}

/// The tombstone of a point.
pub fn tombstone(point: &PointId) -> String {
    format!("{TOMBSTONES}{point}.json")
}

/// The point whose tombstone lies at a key.
///
/// # Errors
/// The key does not follow the layout.
pub fn point_of_tombstone(key: &str) -> Result<PointId, CatalogError> {
    point_between(key, TOMBSTONES, ".json", "tombstone")
}

/// Which of its two records a hold's key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldRecord {
    /// That it was laid, and on what.
    Laid,
    /// That it was lifted.
    Lifted,
}

/// A record of a legal hold.
pub fn hold(name: &HoldName, record: HoldRecord) -> String {
    let record = match record {
        HoldRecord::Laid => "laid",
        HoldRecord::Lifted => "lifted",
    };
    format!("{HOLDS}{name}/{record}.json")
}

/// The hold and the record that a key names.
///
/// # Errors
/// The key does not follow the layout.
pub fn parse_hold(key: &str) -> Result<(HoldName, HoldRecord), CatalogError> {
    let not_a_hold = || CatalogError::NotA {
        what: "hold",
        key: key.to_owned(),
    };
    let inner = key.strip_prefix(HOLDS).ok_or_else(not_a_hold)?;
    let (name, record) = inner.split_once('/').ok_or_else(not_a_hold)?;
    let record = match record {
        "laid.json" => HoldRecord::Laid,
        "lifted.json" => HoldRecord::Lifted,
        _ => return Err(not_a_hold()),
    };
    Ok((name.parse().map_err(|_| not_a_hold())?, record))
}

/// Where the state of a sweep lies that began at an instant.
pub fn sweep_of(began_at: Slot) -> String {
    format!("{SWEEPS}{began_at}/")
}

/// How far a sweep has come.
pub fn sweep_state(began_at: Slot) -> String {
    format!("{SWEEPS}{began_at}/state.json")
}

/// What a sweep has marked, named by the SHA-256 of the object.
pub fn sweep_marks(began_at: Slot, name: &Sha256) -> String {
    format!("{SWEEPS}{began_at}/{name}.marks.zst")
}

/// The sweep whose state lies at a key.
///
/// # Errors
/// The key does not follow the layout.
pub fn sweep_of_state(key: &str) -> Result<Slot, CatalogError> {
    let not_a_state = || CatalogError::NotA {
        what: "sweep's state",
        key: key.to_owned(),
    };
    let inner = key
        .strip_prefix(SWEEPS)
        .and_then(|rest| rest.strip_suffix("/state.json"))
        .ok_or_else(not_a_state)?;
    inner.parse().map_err(|_| not_a_state())
}

/// Where a run's work in flight lies.
pub fn run_of(point: &PointId) -> String {
    format!("{RUNS}{point}/")
}

/// The record that a run begins with.
pub fn run_record(point: &PointId) -> String {
    format!("{RUNS}{point}/run.json")
}

/// A shard task's checkpoint.
pub fn checkpoint(point: &PointId, shard: Shard, number: u32) -> String {
    format!("{RUNS}{point}/{shard}-{number:05}.json.zst")
}

/// Where a shard task's checkpoints begin.
pub fn checkpoints_of(point: &PointId, shard: Shard) -> String {
    format!("{RUNS}{point}/{shard}-")
}

/// The record of a job that AWS Backup was asked for.
pub fn managed_job(point: &PointId, attempt: u32) -> String {
    format!("{}{attempt:05}.json", managed_jobs_of(point))
}

/// Where the records of a run's jobs begin.
pub fn managed_jobs_of(point: &PointId) -> String {
    format!("{RUNS}{point}/job-")
}

/// A sign of life of a run whose work is done elsewhere: written anew each time that somebody looks after it.
pub fn sign_of_life(point: &PointId) -> String {
    format!("{RUNS}{point}/followed.json")
}

/// The end of a run that AWS Backup made no point of: it is not taken up again.
pub fn ended(point: &PointId) -> String {
    format!("{RUNS}{point}/ended.json")
}

/// Whether a key of a run says how far AWS Backup is: the record of a job, a sign of life, or the end.
pub fn is_managed_work(key: &str, point: &PointId) -> bool {
    key == sign_of_life(point) || key == ended(point) || key.starts_with(&managed_jobs_of(point))
}

/// Where the work in flight of a copy to another AWS Backup vault lies.
pub fn copy_work(point: &PointId, vault_arn: &Arn) -> String {
    let identity = format!("{point} {vault_arn}");
    format!("{COPIES}{}/", &Sha256::of(identity.as_bytes()).to_string()[..16])
}

/// Where a restore's work in flight lies. The id is derived from the point and the target.
pub fn restore_work(id: &Sha256) -> String {
    format!("{RESTORES}{}/", &id.to_string()[..16])
}

/// Where a restore test's work in flight lies.
pub fn test_work(point: &PointId) -> String {
    format!(
        "{TESTS}{}/",
        &Sha256::of(point.to_string().as_bytes()).to_string()[..16]
    )
}

/// The point whose run a key belongs to.
///
/// # Errors
/// The key does not follow the layout.
pub fn point_of_run(key: &str) -> Result<PointId, CatalogError> {
    let not_a_run = || CatalogError::NotA {
        what: "run",
        key: key.to_owned(),
    };
    let inner = key.strip_prefix(RUNS).ok_or_else(not_a_run)?;
    let (point, _) = inner.rsplit_once('/').ok_or_else(not_a_run)?;
    point.parse().map_err(|_| not_a_run())
}

fn point_between(key: &str, prefix: &str, suffix: &str, what: &'static str) -> Result<PointId, CatalogError> {
    key.strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(suffix))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| CatalogError::NotA {
            what,
            key: key.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DamagedFact, Sha256};

    fn point() -> PointId {
        "dynamodb-table/eu-central-1/orders/20261121T024500Z-standard"
            .parse()
            .unwrap()
    }

    #[test]
    fn keys_are_those_that_the_format_names() {
        let (point, hash) = (point(), Sha256::of(b"abc"));
        assert_eq!(
            manifest(&point),
            "points/dynamodb-table/eu-central-1/orders/20261121T024500Z-standard.json"
        );
        assert_eq!(
            part(&point, Shard { index: 3, of: 8 }),
            "parts/dynamodb-table/eu-central-1/orders/20261121T024500Z-standard/00003-of-00008.json.zst"
        );
        assert_eq!(pack(&hash), format!("packs/ba/{hash}.jsonl.zst"));
        assert_eq!(blob(&hash), format!("blobs/ba/{hash}"));
    }

    #[test]
    fn keys_read_back_to_what_they_name() {
        let (point, hash) = (point(), Sha256::of(b"abc"));
        assert_eq!(point_of_manifest(&manifest(&point)), Ok(point.clone()));
        assert_eq!(point_of_tombstone(&tombstone(&point)), Ok(point.clone()));
        for key in [
            run_record(&point),
            managed_job(&point, 2),
            sign_of_life(&point),
            ended(&point),
        ] {
            assert_eq!(point_of_run(&key), Ok(point.clone()));
            assert_eq!(is_managed_work(&key, &point), key != run_record(&point), "{key}");
        }
        assert!(!is_managed_work(
            &checkpoint(&point, Shard { index: 0, of: 1 }, 0),
            &point
        ));
        assert_eq!(content(&pack(&hash)), Ok(Content::Pack(hash)));
        assert_eq!(content(&pack_index(&hash)), Ok(Content::PackIndex(hash)));
        assert_eq!(content(&blob(&hash)), Ok(Content::Blob(hash)));
        let damaged = Fact::Damaged(DamagedFact {
            key: String::new(),
            why: String::new(),
        });
        let at: jiff::Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let (read, what, time) = parse_fact(&fact(&point, &damaged, at)).unwrap();
        assert_eq!((read, what.as_str(), time.instant()), (point, "damaged", at));
        let name: HoldName = "case-17".parse().unwrap();
        for record in [HoldRecord::Laid, HoldRecord::Lifted] {
            assert_eq!(parse_hold(&hold(&name, record)), Ok((name.clone(), record)));
        }
        assert_eq!(sweep_of_state(&sweep_state(Slot::at(at))), Ok(Slot::at(at)));
        assert!(sweep_of_state(&sweep_marks(Slot::at(at), &hash)).is_err());
    }

    #[test]
    fn a_key_below_holds_that_is_no_record_is_refused() {
        for key in [
            "holds/",
            "holds/a",
            "holds/a/laid",
            "holds/A/laid.json",
            "holds/a/b/laid.json",
        ] {
            assert!(parse_hold(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_content_key_in_the_wrong_folder_is_refused() {
        let hash = Sha256::of(b"abc");
        assert!(content(&format!("packs/bb/{hash}.jsonl.zst")).is_err());
        assert!(content(&format!("packs/ba/{hash}")).is_err());
        assert!(content("").is_err());
    }
}
