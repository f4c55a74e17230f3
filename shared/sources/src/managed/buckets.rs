//! Buckets: brought back from a recovery point of AWS Backup, and restored as a test.

use holdfast_catalog::Region;
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use jiff::{SignedDuration, Timestamp};

use super::port::{PutValidations, ReadRestores, RestoreJob, StartRestores};
use super::restoring::{self, Followed, RestoreOrder, Restored, follow, took};
use super::shape::{BucketShape, Shape};
use super::testing::{self, Finding, Stage, Tested, stage, write_finding};
use super::{JobOutcome, restore_outcome};
use crate::s3::port::{ChangeBucket, CountObjects, DropScratchBuckets, FindBucket};
use crate::s3::{self, ReadBucket};
use crate::{SettingOutcome, SettingStatus};

/// What a restore does with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntoBucket {
    /// It makes a new one: one of that name must not be there.
    New,
    /// It brings what is missing back into one that is there. AWS Backup overwrites and deletes no object.
    Existing {
        /// Whether the bucket's settings become those of the point too.
        with_settings: bool,
    },
}

/// Where a bucket comes back, and how.
#[derive(Debug, Clone, Copy)]
pub struct BucketOrder<'a> {
    /// The restore that is wanted.
    pub restore: &'a RestoreOrder<'a>,
    /// The region of the target, which is the one of the copy that is read.
    pub region: &'a Region,
    /// What becomes of a bucket that is there.
    pub into: IntoBucket,
    /// The moment to go back to, where a continuous point is read.
    pub moment: Option<Timestamp>,
}

impl BucketOrder<'_> {
    fn name(&self) -> &str {
        self.restore.target.resource_name()
    }

    fn is_elsewhere(&self) -> bool {
        self.restore.manifest.point.resource.region != *self.region
    }

    fn shape(&self) -> Shape<'static> {
        Shape::Bucket(BucketShape {
            is_new: self.into == IntoBucket::New,
            // The keys of the objects are in their own region.
            keeps_keys: !self.is_elsewhere(),
            moment: self.moment,
        })
    }
}

/// Restores a bucket, as far as time allows. AWS Backup brings the newest version of each object back, with its metadata and,
/// where they are in the point, its tags and access control list; the bucket's settings are put back from our configuration
/// document. Those of a bucket that was there are left alone unless that is asked for.
///
/// # Errors
/// Those of AWS Backup, of S3 and of the store. Asked again, it goes on: no second job is started.
pub async fn restore_bucket<B, P, S, C>(
    backups: &B,
    buckets: &P,
    store: &S,
    clock: &C,
    order: &BucketOrder<'_>,
) -> Result<Restored, PortError>
where
    B: StartRestores + ReadRestores,
    P: FindBucket + ReadBucket + ChangeBucket,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (restore, region, name) = (order.restore, order.region, order.name());
    let exists = s3::exists(buckets, region, name).await?;
    if !exists && order.into != IntoBucket::New {
        let why = format!("there is no bucket {name} of this account in {region}: leave existing out, and it is made");
        return Ok(Restored::Failed { why });
    }
    let is_new = order.into == IntoBucket::New;
    let marks = match restoring::attempt(store, restore, exists && is_new).await? {
        Ok(marks) => marks,
        Err(ended) => return Ok(ended),
    };
    let (document, told) = match restore.config(s3::read_config(store, restore.manifest)).await {
        Ok(document) => {
            let (old, new) = (&restore.manifest.arn, restore.target);
            let (document, told) = s3::for_target(&document, new, old, order.is_elsewhere());
            (Some(document), told)
        }
        Err(PortError::Corrupt(why)) => (None, vec![restoring::without_document(&why)]),
        Err(error) => return Err(error),
    };
    let job = match follow(backups, store, &marks, clock.now(), restore, order.shape()).await? {
        Followed::Running => return Ok(restoring::continuing("AWS Backup is restoring it")),
        Followed::Failed(why) => return restoring::failed(store, &marks, exists && is_new, why).await,
        Followed::Complete(job) => job,
    };
    // Looked at again: that the job has made it does not say that it is there.
    if !s3::exists(buckets, region, name).await? {
        return Ok(restoring::vanished(restore));
    }
    let issue = issue(&job).map(|why| SettingOutcome::needs_person("Objects", why));
    let mut outcomes: Vec<SettingOutcome> = issue.into_iter().collect();
    let takes_settings = order.into != IntoBucket::Existing { with_settings: false };
    let mut is_settled = true;
    if takes_settings {
        outcomes.extend(told);
        if let Some(document) = &document {
            let applied = s3::put_back(buckets, region, name, document).await?;
            is_settled = applied.iter().all(|outcome| outcome.status == SettingStatus::Restored);
            outcomes.extend(applied);
        }
    }
    restoring::conclude(store, &marks, outcomes, took(&job), is_settled).await
}

/// What a restore job that is complete did not bring back, in the service's words.
pub(super) fn issue(job: &RestoreJob) -> Option<String> {
    match restore_outcome(job) {
        JobOutcome::Partial { why } => Some(format!("AWS Backup: {why}")),
        _ => None,
    }
}

/// Tests a point of a bucket, as far as time allows: restored into a scratch bucket, its objects counted, their keys and sizes
/// added up. The target of the order is [`scratch_target`](super::scratch_target). It is asked again while the test is due.
///
/// # Errors
/// Those of AWS Backup, of S3 and of the store. Asked again, it goes on: no second job is started.
pub async fn test_bucket<B, P, S, C>(
    backups: &B,
    buckets: &P,
    store: &S,
    clock: &C,
    order: &BucketOrder<'_>,
) -> Result<Tested, PortError>
where
    B: StartRestores + ReadRestores + PutValidations,
    P: FindBucket + CountObjects + DropScratchBuckets,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (restore, region, name) = (order.restore, order.region, order.name());
    let exists = s3::exists(buckets, region, name).await?;
    let marks = match stage(store, &restore.manifest.point, name, exists).await? {
        Stage::Remove => {
            drop_bucket(buckets, clock, region, name).await?;
            return Ok(testing::continuing(testing::REMOVING));
        }
        Stage::Conclude(marks) => {
            let tested = testing::conclude(backups, store, clock, restore.manifest, &marks).await?;
            drop_bucket(buckets, clock, region, name).await?;
            return Ok(tested);
        }
        Stage::Compare(marks) => marks,
    };
    let job = match follow(backups, store, &marks, clock.now(), restore, order.shape()).await? {
        Followed::Running => return Ok(testing::continuing(testing::RESTORING)),
        Followed::Failed(why) => {
            drop_bucket(buckets, clock, region, name).await?;
            return Ok(Tested::Failed { why });
        }
        Followed::Complete(job) => job,
    };
    if !exists {
        return Ok(testing::continuing("the scratch bucket is not there yet"));
    }
    let Some(counted) = s3::count(buckets, clock, region, name).await? else {
        return Ok(testing::continuing("objects are being counted"));
    };
    let finding = Finding {
        job_id: job.job_id.clone(),
        counted,
        // The point may be whole, but nobody has seen all of it come back.
        differences: issue(&job).into_iter().collect(),
        restore_ms: u64::try_from(took(&job).as_millis()).unwrap_or(0),
    };
    write_finding(store, &marks, &finding).await?;
    let tested = testing::conclude(backups, store, clock, restore.manifest, &marks).await?;
    // Last: as long as the scratch resource stands, the test is known to be unfinished.
    drop_bucket(buckets, clock, region, name).await?;
    Ok(tested)
}

/// Nothing new is begun this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

/// Removes a scratch bucket, as far as time allows. Whether it is gone.
///
/// # Errors
/// Those of S3.
pub async fn drop_bucket<P: DropScratchBuckets, C: Clock>(
    buckets: &P,
    clock: &C,
    region: &Region,
    name: &str,
) -> Result<bool, PortError> {
    while clock.remaining() > STOP_BEFORE_END {
        if buckets.drop_scratch_bucket(region, name).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
