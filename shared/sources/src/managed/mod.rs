//! The engine `aws-backup`: recovery points that the managed service makes, copies, restores and removes, driven by the same
//! plans and kept in the same catalogue as ours.
//!
//! What a job has come to, whether a copy can be made, what may be removed and what to change are pure decisions; the steps
//! around them ask AWS Backup through [`port`] and write down what they did in the vault, so that each can be done again.

mod backup;
mod buckets;
pub mod continuous;
mod copying;
mod customer;
mod end;
mod files;
mod identity;
mod lifecycle;
mod marks;
mod news;
mod outcome;
mod point;
pub mod port;
mod price;
mod pruning;
mod removal;
mod restoring;
mod shape;
mod testing;
mod transfer;
mod vaults;
pub mod wire;

pub use backup::{BackupSettings, ReadResource, S3Extras, SettingsFault, Worked, begin, work};
pub use buckets::{BucketOrder, IntoBucket, drop_bucket, restore_bucket, test_bucket};
pub use copying::{Copied, CopyOrder, copies_of, copy, note_copy};
pub use customer::{CUSTOMER_PLAN, CustomerPoint, customer_points};
pub use end::give_up;
pub use files::{FileSystemOrder, restore_file_system, test_file_system};
pub use identity::{MAX_TAGS, POINT_TAG, copy_token, idempotency_token, point_tag, point_tags, restore_token};
pub use lifecycle::{Lifecycle, LifecycleFault, MAX_DAYS, MIN_COLD_DAYS, days_until};
pub use news::{CopyNews, JobNews, backup_job_of_event, copy_job_of_event, is_copy_job, run_of_job};
pub use outcome::{JobOutcome, MAX_ATTEMPTS, copy_outcome, outcome_of, restore_outcome};
pub use point::{PointStatus, RecoveryPoint, is_continuous};
pub use price::usd_a_month;
pub use pruning::{Settled, Surroundings, settle};
pub use removal::{Action, Left, PointFacts, Removed, Verdict, became, decide, elsewhere, left};
pub use restoring::{RestoreOrder, Restored, restore_database, restore_table, sibling};
pub use shape::{BucketShape, FileSystemShape, Shape, restore_metadata};
pub use testing::{Tested, scratch_target, test_database, test_table};
pub use transfer::{
    CopyQuotas, Destination, JobInFlight, Refusal, Turn, WantedCopy, can_copy, copy_lifecycle, jobs_in_flight,
    next_copies,
};
pub use vaults::{ReadyVault, VaultSpec, WantedLock, ensure_vault, lock_vault};
