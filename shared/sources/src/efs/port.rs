//! What Holdfast asks of file systems that it makes.

use std::future::Future;

use holdfast_catalog::Region;
use holdfast_vault::{PortError, ports};

use crate::call::Call;
use crate::call::efs::{
    CreateAccessPoint, CreateMountTarget, DescribeFileSystems, PutBackupPolicy, PutFileSystemPolicy,
    PutLifecycleConfiguration, TagResource, UpdateFileSystem, UpdateFileSystemProtection,
};

ports! {
    /// What looking for file systems asks for.
    pub trait FindFileSystem: Call<DescribeFileSystems>
}

ports! {
    /// What putting a file system's settings back asks for. A lifecycle policy of EFS moves files between classes and removes none.
    pub trait ChangeFileSystem:
        Call<TagResource>,
        Call<UpdateFileSystem>,
        Call<UpdateFileSystemProtection>,
        Call<PutLifecycleConfiguration>,
        Call<PutBackupPolicy>,
        Call<PutFileSystemPolicy>,
        Call<CreateAccessPoint>,
        Call<CreateMountTarget>
}

/// Removing a scratch file system. AWS names file systems itself, so what tells a scratch one is its creation token, which nobody
/// can change: the adapter refuses any whose token does not begin with
/// [`SCRATCH_PREFIX`](crate::dynamodb::port::SCRATCH_PREFIX).
pub trait DropScratchFileSystems: Send + Sync {
    /// The IAM actions behind this trait. Before it is removed it is named as scratch, because a policy can ask for a tag and not for
    /// a token.
    const ACTIONS: &'static [&'static str] = &[
        "elasticfilesystem:DeleteFileSystem",
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:TagResource",
    ];

    /// Removes a scratch file system with what is in it. One that is gone or going is no error.
    ///
    /// # Errors
    /// `Invalid` when it is no scratch file system; those of EFS.
    fn drop_scratch_file_system(&self, region: &Region, id: &str)
    -> impl Future<Output = Result<(), PortError>> + Send;
}
