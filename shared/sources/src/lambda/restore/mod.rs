//! Bringing a function back: a plan first, which can be read and printed, then its execution, which can be interrupted
//! anywhere and run again.
//!
//! Published versions cannot be made as such: `$LATEST` is given the code and settings of each version in turn and published,
//! oldest first, and ends with its own. Version numbers are never used twice, so the new ones differ; aliases, policies and
//! mappings are pointed to the new numbers. A layer that cannot be used where the function comes to be is published from its
//! stored content, and the function pointed to it. Triggers come last, so that nothing invokes a function that is half there.

mod adapt;
mod beside;
mod change;
mod execute;
mod plan;
mod release;
mod take_over;
mod wire;

use std::collections::BTreeMap;
use std::fmt;

use holdfast_catalog::{Arn, BlobRef, PointId, Region};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Alias, Beside, EdgeAssociation, EventSource, FunctionConfig, LATEST, Layer, Permission, Release};
use crate::SettingOutcome;

pub use change::ChangeFunction;
pub use execute::{MakeWhole, Restored, execute};
pub use plan::plan;
pub use take_over::take_over;

/// What is to be restored, and where to.
#[derive(Debug, Clone)]
pub struct RestoreRequest<'a> {
    /// The recovery point: the mark by which a restore that is tried again knows its own work.
    pub point: &'a PointId,
    /// The function's ARN when the point was made.
    pub source_arn: &'a Arn,
    /// The point's configuration document.
    pub config: &'a FunctionConfig,
    /// The point's blobs, as its manifest names them.
    pub blobs: &'a [BlobRef],
    /// The function to make.
    pub target: Target,
    /// The vault that the code is taken from.
    pub vault: VaultLocation,
    /// Whether event source mappings are switched on.
    pub triggers: Triggers,
    /// What becomes of what is there and another.
    pub existing: Existing,
    /// What stands for what in the target's place: ARNs (role, layers, keys, sources, destinations), subnets, security
    /// groups and image URIs of the point, each with its replacement.
    pub replacements: BTreeMap<String, String>,
}

/// A function to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: Region,
    /// The account's 12 digits.
    pub account: String,
}

/// Where a vault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultLocation {
    /// What holds it.
    pub place: VaultPlace,
    /// The bucket's region; of a directory, the one that it is worked for.
    pub region: Region,
}

/// What holds a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultPlace {
    /// A bucket, which services of its region read by themselves.
    Bucket(String),
    /// A directory, which they cannot see.
    Directory(String),
}

impl fmt::Display for VaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (VaultPlace::Bucket(name) | VaultPlace::Directory(name)) = self;
        f.write_str(name)
    }
}

/// What becomes of event source mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Triggers {
    /// They are made, but switched off: a person decides when events flow again.
    #[default]
    Quiet,
    /// Those that were on are on.
    AsBefore,
}

/// What becomes of what stands around a function already and is not as the point has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It is left as it is, and a person is told.
    #[default]
    Keep,
    /// It is changed into what the point has: whoever asks for that has taken a point of it first. A mapping that polls goes on,
    /// and one that does not is not switched on.
    Change,
}

/// Why a function cannot be restored as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The target's name is none.
    #[error("{0:?} is no function name: use 1 to 64 letters, digits, '-' or '_'")]
    InvalidName(String),
    /// The execution role is one of another account.
    #[error("role {0} is of another account than the target: make a role there and give it as a replacement")]
    RoleElsewhere(String),
    /// The container image lies in another region.
    #[error(
        "image {image} is not in {region}, and an image is not part of a recovery point: copy it there and give its URI as a \
         replacement"
    )]
    ImageElsewhere {
        /// The image.
        image: String,
        /// The target's region.
        region: Region,
    },
    /// The point does not hold the code.
    #[error("code {sha256} is not part of the recovery point: restore from another point")]
    CodeMissing {
        /// The archive's hash.
        sha256: holdfast_catalog::Sha256,
    },
    /// The code is too large to be sent along, and can only be taken from a bucket in the target's region.
    #[error(
        "code {sha256} has {bytes} bytes, more than can be sent along: restore from the vault in {region}, or replicate \
         the point there first"
    )]
    CodeTooBig {
        /// The archive's hash.
        sha256: holdfast_catalog::Sha256,
        /// Its length.
        bytes: u64,
        /// The target's region.
        region: Region,
    },
}

/// Everything that a restore will do, in order. Executing it leaves no choices open.
#[derive(Debug, Clone, PartialEq)]
pub struct RestorePlan {
    /// The recovery point.
    pub point: PointId,
    /// The function to make.
    pub target: Target,
    /// The ARN that it will have.
    pub arn: Arn,
    /// Its tags, but for the mark.
    pub tags: BTreeMap<String, String>,
    /// Whether event source mappings are switched on.
    pub triggers: Triggers,
    /// What becomes of what is there and another.
    pub existing: Existing,
    /// What is done, in order. The first step that names a release creates the function.
    pub steps: Vec<Step>,
    /// What cannot be put back, known beforehand.
    pub needs_person: Vec<SettingOutcome>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// See to it that a layer's version can be used: the one of this ARN where it is there, else one with its content.
    Layer {
        /// The ARN of its version in the point.
        was: String,
        /// What it is.
        layer: Layer,
        /// Where the content comes from.
        code: CodeSource,
    },
    /// Give `$LATEST` this code and these settings, then publish it.
    Version {
        /// The numbers of the versions that it stands for: more than one where neighbours are alike.
        was: Vec<u64>,
        /// Code and settings.
        release: Release,
        /// Where the code comes from.
        code: CodeSource,
    },
    /// Give `$LATEST` its own code and settings.
    Latest {
        /// Code and settings.
        release: Release,
        /// Where the code comes from.
        code: CodeSource,
    },
    /// Make an alias; its versions are the old numbers.
    Alias {
        /// Its name.
        name: String,
        /// The alias.
        alias: Alias,
    },
    /// Set reserved concurrency.
    Concurrency(i32),
    /// Put a configuration beside the function.
    Beside {
        /// Which.
        kind: Beside,
        /// The alias or version that it is about, by the old number; `$LATEST` for the function itself.
        qualifier: String,
        /// The configuration.
        config: Map<String, Value>,
    },
    /// Add a statement to the resource policy.
    Permission(Permission),
    /// Make an event source mapping.
    EventSource {
        /// The mapping as it will be.
        source: EventSource,
        /// Whether it was on in the point and is made switched off.
        quieted: bool,
    },
    /// Say how a person lets CloudFront run the version that stands for one it ran: a distribution is nobody's to change
    /// unasked.
    Edge(EdgeAssociation),
    /// Note on the function that all is done.
    Finish,
}

/// Where a function's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSource {
    /// From the vault's bucket, by the service itself.
    Vault {
        /// The bucket.
        bucket: String,
        /// The blob's key.
        key: String,
    },
    /// Read from the vault and sent along.
    Upload(BlobRef),
    /// A container image.
    Image(String),
}

impl fmt::Display for RestorePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "restore {} as {}", self.point, self.arn)?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        for outcome in &self.needs_person {
            writeln!(f, "  needs a person: {}: {}", outcome.setting, outcome.message)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Layer { was, code, .. } => write!(f, "use layer {was}, or publish it again ({code})"),
            Step::Version { was, code, .. } => {
                let was: Vec<String> = was.iter().map(u64::to_string).collect();
                write!(f, "publish what was version {} ({code})", was.join(", "))
            }
            Step::Latest { code, .. } => write!(f, "give $LATEST its code and settings ({code})"),
            Step::Alias { name, alias } if alias.version == LATEST => write!(f, "make alias {name} of $LATEST"),
            Step::Alias { name, alias } => write!(f, "make alias {name} of what was version {}", alias.version),
            Step::Concurrency(reserved) => write!(f, "reserve concurrency of {reserved}"),
            Step::Beside { kind, qualifier, .. } => write!(f, "set {}", kind.label(qualifier)),
            Step::Permission(permission) => write!(
                f,
                "allow {} to {} ({})",
                permission.principal,
                permission.action,
                permission_label(&permission.sid, permission.qualifier.as_deref())
            ),
            Step::EventSource { source, .. } => {
                let state = if source.enabled { "on" } else { "off" };
                write!(f, "map events of {}, switched {state}", source.label())
            }
            Step::Edge(association) => write!(f, "say how to renew {}", association.label()),
            Step::Finish => write!(f, "note on the function that it is complete"),
        }
    }
}

impl fmt::Display for CodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodeSource::Vault { bucket, key } => write!(f, "code from s3://{bucket}/{key}"),
            CodeSource::Upload(blob) => write!(f, "{} bytes of code sent along", blob.bytes),
            CodeSource::Image(uri) => write!(f, "image {uri}"),
        }
    }
}

/// What outcomes call a statement; its qualifier belongs to it, because each has its own ids.
fn permission_label(sid: &str, qualifier: Option<&str>) -> String {
    labelled(format!("Policy statement {sid}"), qualifier)
}

/// What outcomes call a mapping.
fn mapping_label(source: &EventSource) -> String {
    labelled(
        format!("EventSourceMapping {}", source.label()),
        source.qualifier.as_deref(),
    )
}

fn labelled(what: String, qualifier: Option<&str>) -> String {
    match qualifier {
        None => what,
        Some(qualifier) => format!("{what} for {qualifier}"),
    }
}

/// A command about permissions that a person can complete.
fn permission_options(sid: &str, permission: &Permission) -> String {
    let qualifier = permission
        .qualifier
        .as_deref()
        .map(|name| format!(" --qualifier {name}"));
    format!(
        "add-permission --statement-id {sid} --principal {} --action {}{}",
        permission.principal,
        permission.action,
        qualifier.unwrap_or_default()
    )
}
