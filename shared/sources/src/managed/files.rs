//! File systems: brought back from a recovery point of AWS Backup, and restored as a test. AWS gives each an id of its own, so which one
//! an order has made is noted beside its job.

use bytes::Bytes;
use holdfast_catalog::{Arn, Manifest, Region, layout};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use jiff::SignedDuration;
use serde_json::Value;

use super::buckets::issue;
use super::port::{PutValidations, ReadRestores, RestoreJob, StartRestores};
use super::restoring::{self, Followed, RestoreOrder, Restored, follow, took};
use super::shape::{FileSystemShape, Shape};
use super::testing::{self, Finding, Stage, Tested, stage, write_finding};
use crate::SettingOutcome;
use crate::attempt::{Attempts, marks_of};
use crate::dynamodb::refill::Counted;
use crate::efs::port::{ChangeFileSystem, DropScratchFileSystems, FindFileSystem};
use crate::efs::{self, PutBack, ReadFileSystem};
use crate::wiring::Document;

/// Where a file system comes back.
#[derive(Debug, Clone, Copy)]
pub struct FileSystemOrder<'a> {
    /// The restore that is wanted. The name of its target becomes the file system's `Name` tag.
    pub restore: &'a RestoreOrder<'a>,
    /// The region of the target, which is the one of the copy that is read.
    pub region: &'a Region,
}

impl FileSystemOrder<'_> {
    fn name(&self) -> &str {
        self.restore.target.resource_name()
    }

    fn manifest(&self) -> &Manifest {
        self.restore.manifest
    }

    fn is_elsewhere(&self) -> bool {
        self.manifest().point.resource.region != *self.region
    }
}

/// The file system that the newest attempt below a prefix has made, if it has and that is there.
///
/// # Errors
/// Those of EFS and of the store.
pub async fn made_file_system<P, S>(files: &P, store: &S, region: &Region, work: &str) -> Result<Option<Arn>, PortError>
where
    P: FindFileSystem,
    S: ReadObjects + ListObjects,
{
    let attempts = Attempts::read(store, work).await?;
    let key = made_mark(&marks_of(work, attempts.count));
    let Some(body) = restoring::there(store.get(&key).await)? else {
        return Ok(None);
    };
    let arn = std::str::from_utf8(&body).unwrap_or_default().parse::<Arn>();
    let arn = arn.map_err(|error| PortError::Corrupt(format!("{key}: {error}")))?;
    let found = efs::find(files, region, arn.resource_name()).await?;
    Ok(found.map(|_| arn))
}

fn made_mark(marks: &str) -> String {
    format!("{marks}made.txt")
}

/// Notes what a job has made, so that it is found again when the service has forgotten the job.
async fn note<S: WriteObjects>(store: &S, marks: &str, job: &RestoreJob) -> Result<Arn, PortError> {
    let unnamed = || PortError::Unavailable(format!("restore job {} does not say what it has made", job.job_id));
    let arn = job.created_resource_arn.clone().ok_or_else(unnamed)?;
    store.create(&made_mark(marks), Bytes::from(arn.to_string())).await?;
    Ok(arn)
}

/// What the file system is made with. A test needs no key of its own.
fn shape(document: &Document, is_test: bool) -> Shape<'_> {
    Shape::FileSystem(FileSystemShape {
        is_encrypted: document
            .config
            .get("Encrypted")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        key: document.text("KmsKeyId").filter(|_| !is_test),
        performance_mode: document.text("PerformanceMode"),
        zone: document.text("AvailabilityZoneName"),
    })
}

/// Restores a file system as a new one, as far as time allows. AWS Backup brings its files back, below a directory of its own; the
/// settings, access points and mount targets are made again from our configuration document.
///
/// # Errors
/// Those of AWS Backup, of EFS and of the store. Asked again, it goes on: no second job is started.
pub async fn restore_file_system<B, P, S, C>(
    backups: &B,
    files: &P,
    store: &S,
    clock: &C,
    order: &FileSystemOrder<'_>,
) -> Result<Restored, PortError>
where
    B: StartRestores + ReadRestores,
    P: FindFileSystem + ReadFileSystem + ChangeFileSystem,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (restore, region) = (order.restore, order.region);
    let exists = made_file_system(files, store, region, restore.work).await?.is_some();
    let marks = match restoring::attempt(store, restore, exists).await? {
        Ok(marks) => marks,
        Err(ended) => return Ok(ended),
    };
    let (document, mut outcomes) = match restore.config(efs::read_config(store, restore.manifest)).await {
        Ok(document) => {
            let (document, told) = efs::for_target(&document, order.is_elsewhere());
            (Some(document), told)
        }
        Err(PortError::Corrupt(why)) => (None, vec![restoring::without_document(&why)]),
        Err(error) => return Err(error),
    };
    let made_as = document
        .as_ref()
        .map_or(Shape::Full { key: None }, |document| shape(document, false));
    let job = match follow(backups, store, &marks, clock.now(), restore, made_as).await? {
        Followed::Running => return Ok(restoring::continuing("AWS Backup is restoring it")),
        Followed::Failed(why) => {
            let left = left_behind(files, store, &marks, order, None).await?;
            let why = left.iter().fold(why, |why, left| format!("{why}; {}", left.message));
            return restoring::failed(store, &marks, exists, why).await;
        }
        Followed::Complete(job) => job,
    };
    let arn = note(store, &marks, &job).await?;
    let id = arn.resource_name();
    // Looked at again: that the job has made it does not say that it is there.
    let Some(found) = efs::find(files, region, id).await? else {
        let why = format!("{arn} was restored and is gone again: restore again");
        return restoring::failed(store, &marks, false, why).await;
    };
    if !is_available(&found) {
        return Ok(restoring::continuing("the file system is not available yet"));
    }
    let old_id = &order.manifest().point.resource.name;
    let document = efs::renamed(&document.unwrap_or_default(), order.name(), old_id);
    let put_back = match efs::put_back(files, region, id, &document, &order.manifest().arn).await {
        Ok(put_back) => put_back,
        Err(PortError::Conflict(_)) => return Ok(restoring::continuing("settings are being put back")),
        Err(error) => return Err(error),
    };
    let is_settled = !put_back.is_refused;
    outcomes.push(moved_files(id, issue(&job)));
    // As a part of an application it is mounted by what comes back with it.
    let moved = moved_access_points(&put_back, region).filter(|_| restore.document.is_none());
    outcomes.extend(moved);
    outcomes.extend(left_behind(files, store, &marks, order, Some(id)).await?);
    outcomes.extend(put_back.outcomes);
    let done = restoring::conclude(store, &marks, outcomes, took(&job), is_settled).await?;
    Ok(match done {
        Restored::Done { settings, took, .. } => Restored::Done {
            settings,
            took,
            made: Some(arn),
        },
        other => other,
    })
}

fn is_available(file_system: &Value) -> bool {
    file_system["LifeCycleState"] == "available"
}

/// What a person has to do about the files of a restored file system. AWS Backup's developer guide, "Restore an Amazon EFS file
/// system": a full restore goes into a recovery directory too.
pub fn moved_files(id: &str, issue: Option<String>) -> SettingOutcome {
    let issue = issue.map(|why| format!("{why}; ")).unwrap_or_default();
    let why = format!(
        "AWS Backup has put them below /aws-backup-restore_DATETIME in {id}: unless that is done, mount it (mount -t efs {id}:/ /mnt) and \
         move them up, before anything mounts it through an access point; a function that does, before its events flow"
    );
    SettingOutcome::needs_person("Files", format!("{issue}{why}"))
}

/// File systems that failed jobs of a restore have made and left: nothing uses them, and they are paid for.
async fn left_behind<P, S>(
    files: &P,
    store: &S,
    marks: &str,
    order: &FileSystemOrder<'_>,
    made: Option<&str>,
) -> Result<Option<SettingOutcome>, PortError>
where
    P: FindFileSystem,
    S: ReadObjects + ListObjects,
{
    let tokens = restoring::creation_tokens(store, marks, order.restore).await?;
    // The first job has made it: none has failed.
    if made.is_some() && tokens.len() < 2 {
        return Ok(None);
    }
    let mut left = efs::of_tokens(files, order.region, &tokens).await?;
    left.retain(|id| Some(id.as_str()) != made);
    let remove = |id: &String| {
        format!(
            "aws efs delete-file-system --region {} --file-system-id {id}",
            order.region
        )
    };
    let commands: Vec<String> = left.iter().map(remove).collect();
    Ok((!left.is_empty()).then(|| {
        let why = format!(
            "a job that failed has left {}: {}",
            left.join(" and "),
            commands.join("; ")
        );
        SettingOutcome::needs_person("LeftBehind", why)
    }))
}

/// Whoever mounts by access point goes on to name the old ones.
fn moved_access_points(put_back: &PutBack, region: &Region) -> Option<SettingOutcome> {
    let pairs: Vec<String> = put_back
        .access_points
        .iter()
        .map(|(old, new)| format!("{old} is {new} now"))
        .collect();
    (!pairs.is_empty()).then(|| {
        let why = format!(
            "{}; let functions mount these with aws lambda update-function-configuration --region {region} --function-name NAME \
             --file-system-configs Arn=NEW,LocalMountPath=PATH",
            pairs.join(", ")
        );
        SettingOutcome::needs_person("Mounts", why)
    })
}

/// How much smaller than its point a restored file system may be measured: EFS's figures are no snapshot at one time, and AWS
/// Backup leaves sockets and pipes out.
const MEASURED_SHARE: (u64, u64) = (9, 10);

/// How long EFS is given to measure what was restored: it does so hourly, and says that its figures are whole a couple of hours after
/// the last write.
const MEASURING: SignedDuration = SignedDuration::from_hours(6);

/// Tests a point of a file system, as far as time allows: whether it becomes available, made as it was, and as large as its point. The
/// target of the order is [`scratch_target`](super::scratch_target). Files cannot be read without mounting them, so none is
/// compared. It is asked again while the test is due.
///
/// # Errors
/// Those of AWS Backup, of EFS and of the store. Asked again, it goes on: no second job is started.
pub async fn test_file_system<B, P, S, C>(
    backups: &B,
    files: &P,
    store: &S,
    clock: &C,
    order: &FileSystemOrder<'_>,
) -> Result<Tested, PortError>
where
    B: StartRestores + ReadRestores + PutValidations,
    P: FindFileSystem + DropScratchFileSystems,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (restore, region, point) = (order.restore, order.region, &order.manifest().point);
    let work = layout::test_work(point);
    let standing = made_file_system(files, store, region, &work).await?;
    let marks = match (stage(store, point, order.name(), standing.is_some()).await?, &standing) {
        (Stage::Compare(marks), _) => marks,
        (Stage::Conclude(marks), standing) => {
            let tested = testing::conclude(backups, store, clock, restore.manifest, &marks).await?;
            drop_made(files, region, standing.as_ref()).await?;
            return Ok(tested);
        }
        (Stage::Remove, standing) => {
            drop_made(files, region, standing.as_ref()).await?;
            return Ok(testing::continuing(testing::REMOVING));
        }
    };
    let wanted = efs::read_config(store, restore.manifest).await?;
    let job = match follow(backups, store, &marks, clock.now(), restore, shape(&wanted, true)).await? {
        Followed::Running => return Ok(testing::continuing(testing::RESTORING)),
        // What a failed job has left is found by its creation token and removed later.
        Followed::Failed(why) => return Ok(Tested::Failed { why }),
        Followed::Complete(job) => job,
    };
    let arn = note(store, &marks, &job).await?;
    let found = efs::find(files, region, arn.resource_name()).await?;
    let Some(found) = found.filter(is_available) else {
        return Ok(testing::continuing("the scratch file system is not available yet"));
    };
    let mut differences = differences(&wanted, &found);
    // The point may be whole, but nobody has seen all of it come back.
    differences.extend(issue(&job));
    if let Some(short) = too_small(&found, restore.from.bytes)? {
        let ended = job.completed_at.unwrap_or(job.created_at);
        if clock.now().duration_since(ended) < MEASURING {
            // A sign of life, so that nobody takes the test for one that was killed.
            store.overwrite(&format!("{marks}measuring.txt"), Bytes::new()).await?;
            return Ok(testing::continuing(
                "EFS has not measured all of the scratch file system yet",
            ));
        }
        differences.push(short);
    }
    let finding = Finding {
        job_id: job.job_id.clone(),
        counted: Counted::default(),
        differences,
        restore_ms: u64::try_from(took(&job).as_millis()).unwrap_or(0),
    };
    write_finding(store, &marks, &finding).await?;
    let tested = testing::conclude(backups, store, clock, restore.manifest, &marks).await?;
    // Last: as long as the scratch resource stands, the test is known to be unfinished.
    drop_made(files, region, Some(&arn)).await?;
    Ok(tested)
}

async fn drop_made<P: DropScratchFileSystems>(files: &P, region: &Region, made: Option<&Arn>) -> Result<(), PortError> {
    match made {
        Some(arn) => files.drop_scratch_file_system(region, arn.resource_name()).await,
        None => Ok(()),
    }
}

/// What AWS Backup makes a file system with, where that is not as it was.
fn differences(wanted: &Document, found: &Value) -> Vec<String> {
    let members = ["AvailabilityZoneName", "Encrypted", "PerformanceMode"];
    let differing = members.into_iter().filter_map(|member| {
        let (wanted, found) = (
            wanted.config.get(member),
            found.get(member).filter(|found| !found.is_null()),
        );
        let words = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
        (wanted != found).then(|| format!("{member} is {} instead of {}", words(found), words(wanted)))
    });
    differing.collect()
}

/// How the restored file system is smaller than its point.
fn too_small(found: &Value, expected_bytes: u64) -> Result<Option<String>, PortError> {
    let measured = found["SizeInBytes"]["Value"].as_u64();
    let measured =
        measured.ok_or_else(|| PortError::Unavailable("EFS tells no size of the scratch file system".to_owned()))?;
    let (share, of) = MEASURED_SHARE;
    let is_too_small = u128::from(measured) * u128::from(of) < u128::from(expected_bytes) * u128::from(share);
    Ok(is_too_small.then(|| format!("size: {measured} bytes of the point's {expected_bytes}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenth_may_be_missing_of_what_efs_measures() {
        let found = |bytes: u64| json!({ "SizeInBytes": { "Value": bytes } });
        assert_eq!(too_small(&found(900), 1000).unwrap(), None);
        assert!(too_small(&found(899), 1000).unwrap().unwrap().contains("899 bytes"));
        assert_eq!(too_small(&found(u64::MAX), u64::MAX).unwrap(), None);
        assert!(too_small(&json!({}), 0).is_err());
    }
}
