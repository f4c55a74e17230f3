use holdfast_catalog::{Arn, CatalogError, Kind, Region, ResourceId};
use holdfast_vault::{PortError, ports};
use serde_json::{Map, Value, json};

use super::listing::{PAGE, find, stays};
use crate::call::Call;
use crate::call::efs::{
    DescribeAccessPoints, DescribeBackupPolicy, DescribeFileSystemPolicy, DescribeFileSystems,
    DescribeLifecycleConfiguration, DescribeMountTargetSecurityGroups, DescribeMountTargets,
    DescribeReplicationConfigurations,
};
use crate::wiring::at::{At, Notes};
use crate::wiring::{Document, own_tags, parsed, sorted, without};

/// What belongs to a file system and is in no recovery point of it.
pub const NOT_PROTECTED: &[&str] = &[
    "sockets and named pipes, which AWS Backup leaves out",
    "replication configurations, which are told and not made again",
    "subnets and security groups, which mount targets only name",
];

ports! {
    /// What reading a file system's settings asks for.
    pub trait ReadFileSystem:
        Call<DescribeFileSystems>,
        Call<DescribeLifecycleConfiguration>,
        Call<DescribeBackupPolicy>,
        Call<DescribeFileSystemPolicy>,
        Call<DescribeAccessPoints>,
        Call<DescribeMountTargets>,
        Call<DescribeMountTargetSecurityGroups>,
        Call<DescribeReplicationConfigurations>
}

/// A file system's settings as they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSystemReading {
    /// Its ARN.
    pub arn: Arn,
    /// The settings. Access points have no ids here, which are AWS's to choose: their ARNs are observed, in the same order.
    /// Replication is only observed, because it leads to a file system that is somebody else's.
    pub document: Document,
    /// What could not be read or is not protected, in words for a person; empty when all was.
    pub not_protected: Vec<String>,
}

/// What a description says of the file system itself.
const ITSELF: [&str; 6] = [
    "AvailabilityZoneName",
    "Encrypted",
    "KmsKeyId",
    "PerformanceMode",
    "ProvisionedThroughputInMibps",
    "ThroughputMode",
];

/// Reads a file system's settings.
///
/// # Errors
/// `NotFound` when there is no such file system; `Denied` when it may not be described. Any other setting that is refused is no
/// error: it is in `not_protected`.
pub async fn read<P: ReadFileSystem>(port: &P, region: &Region, name: &str) -> Result<FileSystemReading, PortError> {
    let id = ResourceId::new(Kind::EfsFileSystem, region.clone(), name);
    let id = id.map_err(|error| PortError::Invalid(error.to_string()))?;
    let at = At { port, id: &id };
    let none = || PortError::NotFound(format!("{id}: there is no such file system"));
    let described = find(port, region, name).await?.ok_or_else(none)?;
    let mut notes = Notes::default();
    let mut document = Document {
        config: of_itself(&described),
        tags: own_tags(described.get("Tags")),
        ..Document::default()
    };
    let input = || json!({ "FileSystemId": name });
    let lifecycle = at.ask::<DescribeLifecycleConfiguration>(input()).await;
    let backup = at.ask::<DescribeBackupPolicy>(input()).await;
    let policy = at.ask::<DescribeFileSystemPolicy>(input()).await;
    let targets = mount_targets(&at, name).await;
    let settings = [
        (
            "LifecyclePolicies",
            lifecycle.map(|answer| in_order(&answer["LifecyclePolicies"])),
        ),
        ("BackupPolicy", backup.map(|answer| settled(&answer["BackupPolicy"]))),
        ("Policy", policy.map(|answer| parsed(answer["Policy"].clone()))),
        ("MountTargets", targets.map(Value::from)),
    ];
    for (member, answer) in settings {
        if let Some(setting) = notes.detail(member, answer)? {
            document.config.insert(member.to_owned(), setting);
        }
    }
    if let Some(points) = notes.detail("AccessPoints", access_points(&at, name).await)? {
        let (points, arns): (Vec<Value>, Vec<Value>) = points.into_iter().unzip();
        document.config.insert("AccessPoints".to_owned(), Value::from(points));
        document
            .observed
            .insert("AccessPointArns".to_owned(), Value::from(arns));
    }
    if let Some(to) = notes.detail("Replication", replication(&at, name).await)?
        && !to.is_empty()
    {
        notes.words.push(format!(
            "its replication to {} is not made again by a restore",
            to.join(" and ")
        ));
        document.observed.insert("Replication".to_owned(), json!(to));
    }
    document.unreadable = notes.settings;
    Ok(FileSystemReading {
        arn: arn_of(&described, &id)?,
        document,
        not_protected: notes.words,
    })
}

fn arn_of(described: &Value, id: &ResourceId) -> Result<Arn, PortError> {
    let arn = described["FileSystemArn"].as_str().unwrap_or_default().parse();
    arn.map_err(|error: CatalogError| PortError::Unavailable(format!("{id}: the answer has no ARN: {error}")))
}

fn of_itself(described: &Value) -> Map<String, Value> {
    let mut config = without(described, &[]);
    config.retain(|name, _| ITSELF.contains(&name.as_str()));
    // While a file system is a replica, what it allows otherwise is not told.
    let protection = &described["FileSystemProtection"]["ReplicationOverwriteProtection"];
    if matches!(protection.as_str(), Some("ENABLED" | "DISABLED")) {
        config.insert("ReplicationOverwriteProtection".to_owned(), protection.clone());
    }
    config
}

/// A list whose order means nothing.
fn in_order(list: &Value) -> Value {
    let mut list: Vec<Value> = list.as_array().into_iter().flatten().cloned().map(sorted).collect();
    list.sort_by_cached_key(ToString::to_string);
    Value::from(list)
}

/// Where a policy that is being changed is going.
fn settled(policy: &Value) -> Value {
    let status = match policy["Status"].as_str() {
        Some("ENABLED" | "ENABLING") => "ENABLED",
        _ => "DISABLED",
    };
    json!({ "Status": status })
}

/// Access points with their ARNs, in an order of their own.
async fn access_points<P: ReadFileSystem>(at: &At<'_, P>, name: &str) -> Result<Vec<(Value, Value)>, PortError> {
    let input = json!({ "FileSystemId": name, "MaxResults": PAGE });
    let all = at
        .pages::<DescribeAccessPoints>(input, "AccessPoints", "NextToken", "NextToken")
        .await?;
    let mut points: Vec<(Value, Value)> = all.iter().filter(|one| stays(one)).map(access_point).collect();
    points.sort_by_cached_key(|(point, arn)| (point.to_string(), arn.to_string()));
    Ok(points)
}

fn access_point(found: &Value) -> (Value, Value) {
    let mut point = without(found, &[]);
    point.retain(|name, _| matches!(name.as_str(), "PosixUser" | "RootDirectory"));
    let tags = own_tags(found.get("Tags"));
    if !tags.is_empty() {
        point.insert("Tags".to_owned(), json!(tags));
    }
    (sorted(Value::Object(point)), found["AccessPointArn"].clone())
}

async fn mount_targets<P: ReadFileSystem>(at: &At<'_, P>, name: &str) -> Result<Vec<Value>, PortError> {
    let input = json!({ "FileSystemId": name, "MaxItems": PAGE });
    let all = at
        .pages::<DescribeMountTargets>(input, "MountTargets", "NextMarker", "Marker")
        .await?;
    let mut targets = Vec::new();
    for found in all.iter().filter(|one| stays(one)) {
        let input = json!({ "MountTargetId": found["MountTargetId"] });
        let groups = match at.ask::<DescribeMountTargetSecurityGroups>(input).await {
            // It went away meanwhile.
            Err(PortError::NotFound(_)) => continue,
            groups => groups?,
        };
        let mut target = without(found, &[]);
        target.retain(|name, _| matches!(name.as_str(), "SubnetId" | "IpAddress" | "Ipv6Address"));
        target.insert("SecurityGroups".to_owned(), in_order(&groups["SecurityGroups"]));
        targets.push(sorted(Value::Object(target)));
    }
    targets.sort_by_cached_key(ToString::to_string);
    Ok(targets)
}

/// Where the file system's contents go to, or come from.
async fn replication<P: ReadFileSystem>(at: &At<'_, P>, name: &str) -> Result<Vec<String>, PortError> {
    let input = json!({ "FileSystemId": name, "MaxResults": PAGE });
    let all = at.pages::<DescribeReplicationConfigurations>(input, "Replications", "NextToken", "NextToken");
    let all = all.await?;
    let destinations = all.iter().filter_map(|one| one["Destinations"].as_array()).flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut to: Vec<String> = destinations
        .map(|one| format!("{} in {}", text(&one["FileSystemId"]), text(&one["Region"])))
        .collect();
    to.sort();
    Ok(to)
}
