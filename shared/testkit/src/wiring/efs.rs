use std::collections::BTreeMap;

use holdfast_catalog::Region;
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::efs::port::DropScratchFileSystems;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, MemoryWiring, page, tag_list, tag_map, text, unknown};
use crate::lock;

/// What is kept of a file system and not told with it.
const KEPT_APART: [&str; 6] = ["Arn", "backup", "files", "lifecycle", "policy", "replication"];

impl MemoryWiring {
    /// Makes a file system with the members that a description has, and gives its id.
    pub fn add_file_system(&self, region: &Region, token: &str, members: &Value, tags: &[(&str, &str)]) -> String {
        let mut things = lock(&self.things);
        let mut desk = Desk {
            account: &self.account,
            region,
            things: &mut things,
        };
        let id = format!("fs-{:017x}", desk.number());
        let arn = desk.arn("elasticfilesystem", &format!("file-system/{id}"));
        let tags: serde_json::Map<String, Value> = tags
            .iter()
            .map(|&(key, value)| (key.to_owned(), json!(value)))
            .collect();
        let mut one = json!({
            "Arn": arn, "FileSystemArn": arn, "FileSystemId": id, "CreationToken": token, "LifeCycleState": "available",
            "PerformanceMode": "generalPurpose", "ThroughputMode": "bursting", "Encrypted": true, "Tags": tags,
            "FileSystemProtection": { "ReplicationOverwriteProtection": "ENABLED" },
            "backup": { "Status": "DISABLED" }, "lifecycle": [], "files": {},
        });
        for (name, value) in members.as_object().into_iter().flatten() {
            one[name] = value.clone();
        }
        desk.put("filesystem", &id, one);
        id
    }

    /// Makes a subnet, in which mount targets can be.
    pub fn add_subnet(&self, region: &Region, subnet: &str) {
        let key = (region.clone(), "subnet", subnet.to_owned());
        lock(&self.things).by_name.insert(key, json!({}));
    }

    /// Loses a subnet.
    pub fn lose_subnet(&self, region: &Region, subnet: &str) {
        let key = (region.clone(), "subnet", subnet.to_owned());
        lock(&self.things).by_name.remove(&key);
    }

    /// A subnet has addresses that begin so, and no others.
    pub fn set_range(&self, region: &Region, subnet: &str, range: &str) {
        let key = (region.clone(), "subnet", subnet.to_owned());
        lock(&self.things).by_name.insert(key, json!({ "range": range }));
    }

    /// Lets a file system replicate to another one.
    pub fn replicate_file_system(&self, region: &Region, id: &str, to: &str) {
        let key = (region.clone(), "filesystem", id.to_owned());
        if let Some(one) = lock(&self.things).by_name.get_mut(&key) {
            one["replication"] = json!({ "Destinations": [{ "FileSystemId": to, "Region": "eu-west-1" }] });
        }
    }

    /// Puts files into a file system.
    pub fn put_files(&self, region: &Region, id: &str, files: impl IntoIterator<Item = (String, String)>) {
        let key = (region.clone(), "filesystem", id.to_owned());
        if let Some(one) = lock(&self.things).by_name.get_mut(&key) {
            for (path, body) in files {
                one["files"][path] = Value::from(body);
            }
        }
    }

    /// The files of a file system, by path; nothing when there is no such file system.
    pub fn files(&self, region: &Region, id: &str) -> Option<BTreeMap<String, String>> {
        let key = (region.clone(), "filesystem", id.to_owned());
        let things = lock(&self.things);
        let files = things.by_name.get(&key)?["files"].as_object().into_iter().flatten();
        Some(
            files
                .map(|(path, body)| (path.clone(), body.as_str().unwrap_or_default().to_owned()))
                .collect(),
        )
    }

    /// The ids of a region's file systems.
    pub fn file_systems(&self, region: &Region) -> Vec<String> {
        let things = lock(&self.things);
        let keys = things.by_name.keys();
        let ids = keys.filter(|(place, sort, _)| place == region && *sort == "filesystem");
        ids.map(|(_, _, id)| id.clone()).collect()
    }

    /// Whether a function of these subnets can be made that mounts an access point.
    ///
    /// # Errors
    /// `Invalid`, as Lambda says it, when the access point or a mount target in one of the subnets is not there or not available yet.
    pub fn can_mount(&self, region: &Region, access_point: &str, subnets: &[String]) -> Result<(), PortError> {
        let things = lock(&self.things);
        let of = |wanted: &'static str| {
            let here = things.by_name.iter();
            here.filter(move |((place, sort, _), one)| {
                place == region && *sort == wanted && one["LifeCycleState"] == "available"
            })
            .map(|(_, one)| one)
        };
        let refused = |what: &str| {
            PortError::Invalid(format!(
                "EFS file system behind {access_point} has no {what} in available state"
            ))
        };
        let point = of("accesspoint").find(|one| one["AccessPointArn"] == access_point);
        let id = &point.ok_or_else(|| refused("access point"))?["FileSystemId"];
        let in_subnet = |subnet: &String| {
            of("mounttarget").any(|one| one["FileSystemId"] == *id && one["SubnetId"] == subnet.as_str())
        };
        match !subnets.is_empty() && subnets.iter().all(in_subnet) {
            true => Ok(()),
            false => Err(refused("mount target")),
        }
    }

    /// Removes a file system with its access points and mount targets.
    pub fn remove_file_system(&self, region: &Region, id: &str) {
        lock(&self.things).by_name.retain(|(place, sort, name), thing| {
            let is_it = *sort == "filesystem" && name == id;
            let is_of_it = matches!(*sort, "accesspoint" | "mounttarget") && thing["FileSystemId"] == id;
            place != region || !(is_it || is_of_it)
        });
    }
}

impl Desk<'_> {
    pub(super) fn efs(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "DescribeFileSystems" => self.describe_file_systems(input),
            "DescribeLifecycleConfiguration" => {
                Ok(json!({ "LifecyclePolicies": self.file_system(input)?["lifecycle"] }))
            }
            "DescribeBackupPolicy" => Ok(json!({ "BackupPolicy": self.file_system(input)?["backup"] })),
            "DescribeFileSystemPolicy" => match &self.file_system(input)?["policy"] {
                Value::Null => Err(PortError::NotFound("PolicyNotFound".to_owned())),
                policy => Ok(json!({ "Policy": policy })),
            },
            "DescribeReplicationConfigurations" => match &self.file_system(input)?["replication"] {
                Value::Null => Err(PortError::NotFound("ReplicationNotFound".to_owned())),
                replication => Ok(json!({ "Replications": [replication] })),
            },
            "DescribeAccessPoints" => {
                let all = self.of_file_system("accesspoint", input)?;
                self.settle("accesspoint", "AccessPointId", &all)?;
                let all = all.into_iter().map(told).collect();
                Ok(page(all, input, "AccessPoints", "NextToken", "NextToken"))
            }
            "DescribeMountTargets" => {
                let all = self.of_file_system("mounttarget", input)?;
                self.settle("mounttarget", "MountTargetId", &all)?;
                let all = all.into_iter().map(|mut one| {
                    one.as_object_mut().map(|one| one.remove("SecurityGroups"));
                    one
                });
                Ok(page(all.collect(), input, "MountTargets", "NextMarker", "Marker"))
            }
            "DescribeMountTargetSecurityGroups" => {
                let target = self.get("mounttarget", text(input, "MountTargetId")?)?;
                Ok(json!({ "SecurityGroups": target["SecurityGroups"] }))
            }
            "UpdateFileSystem" => self.update_file_system(input),
            "UpdateFileSystemProtection" => {
                let value = input["ReplicationOverwriteProtection"].clone();
                self.settled(input)?["FileSystemProtection"]["ReplicationOverwriteProtection"] = value;
                Ok(json!({}))
            }
            "PutLifecycleConfiguration" => self.keep(input, "lifecycle", "LifecyclePolicies"),
            "PutBackupPolicy" => self.keep(input, "backup", "BackupPolicy"),
            "PutFileSystemPolicy" => self.keep(input, "policy", "Policy"),
            "TagResource" => {
                let tags = tag_map(&input["Tags"]);
                let one = self.change("filesystem", text(input, "ResourceId")?)?;
                tags.into_iter().for_each(|(key, value)| one["Tags"][key] = value);
                Ok(json!({}))
            }
            "CreateAccessPoint" => self.create_access_point(input),
            "CreateMountTarget" => self.create_mount_target(input),
            name => unknown(name),
        }
    }

    /// A change is over when it has been looked at.
    fn describe_file_systems(&mut self, input: &Value) -> Answer {
        let all = match input["FileSystemId"].as_str() {
            Some(id) => vec![self.get("filesystem", id)?],
            None => self.all("filesystem").into_iter().map(|(_, one)| one).collect(),
        };
        for one in &all {
            let id = text(one, "FileSystemId")?.to_owned();
            self.change("filesystem", &id)?["LifeCycleState"] = json!("available");
        }
        let all = all.into_iter().map(|one| {
            let files = one["files"].as_object().into_iter().flatten();
            let bytes: usize = files.map(|(_, body)| body.as_str().map_or(0, str::len)).sum();
            let mut one = told(one);
            one["SizeInBytes"] = json!({ "Value": bytes });
            one
        });
        Ok(page(all.collect(), input, "FileSystems", "NextMarker", "Marker"))
    }

    /// What was made is ready when it has been looked at.
    fn settle(&mut self, sort: &'static str, id: &str, all: &[Value]) -> Result<(), PortError> {
        for one in all {
            let id = text(one, id)?.to_owned();
            self.change(sort, &id)?["LifeCycleState"] = json!("available");
        }
        Ok(())
    }

    fn file_system(&self, input: &Value) -> Answer {
        self.get("filesystem", text(input, "FileSystemId")?)
    }

    /// A file system that nobody is at.
    fn settled(&mut self, input: &Value) -> Result<&mut Value, PortError> {
        let one = self.change("filesystem", text(input, "FileSystemId")?)?;
        match one["LifeCycleState"] == "available" {
            true => Ok(one),
            false => Err(PortError::Conflict("IncorrectFileSystemLifeCycleState".to_owned())),
        }
    }

    fn keep(&mut self, input: &Value, kept: &str, member: &str) -> Answer {
        self.settled(input)?[kept] = input[member].clone();
        Ok(json!({}))
    }

    fn update_file_system(&mut self, input: &Value) -> Answer {
        let one = self.settled(input)?;
        one.as_object_mut()
            .map(|one| one.remove("ProvisionedThroughputInMibps"));
        for member in ["ThroughputMode", "ProvisionedThroughputInMibps"] {
            if let Some(value) = input.get(member) {
                one[member] = value.clone();
            }
        }
        one["LifeCycleState"] = json!("updating");
        Ok(json!({}))
    }

    fn of_file_system(&self, sort: &'static str, input: &Value) -> Result<Vec<Value>, PortError> {
        self.file_system(input)?;
        let mut all: Vec<Value> = self.all(sort).into_iter().map(|(_, one)| one).collect();
        all.retain(|one| one["FileSystemId"] == input["FileSystemId"]);
        Ok(all)
    }

    fn create_access_point(&mut self, input: &Value) -> Answer {
        self.settled(input)?;
        if self
            .all("accesspoint")
            .iter()
            .any(|(_, one)| one["ClientToken"] == input["ClientToken"])
        {
            return Err(PortError::AlreadyExists("AccessPointAlreadyExists".to_owned()));
        }
        let id = format!("fsap-{:017x}", self.number());
        let arn = self.arn("elasticfilesystem", &format!("access-point/{id}"));
        let mut one = input.clone();
        one["Tags"] = Value::Object(tag_map(&input["Tags"]));
        one["AccessPointId"] = json!(id);
        one["AccessPointArn"] = json!(arn);
        one["LifeCycleState"] = json!("creating");
        self.put("accesspoint", &id, one.clone());
        Ok(told(one))
    }

    fn create_mount_target(&mut self, input: &Value) -> Answer {
        self.settled(input)?;
        let subnet = text(input, "SubnetId")?;
        if !self.has("subnet", subnet) {
            return Err(PortError::Invalid(format!("SubnetNotFound: {subnet}")));
        }
        let there = self.all("mounttarget");
        let in_subnet: Vec<&Value> = there
            .iter()
            .map(|(_, one)| one)
            .filter(|one| one["SubnetId"] == subnet)
            .collect();
        if in_subnet.iter().any(|one| one["FileSystemId"] == input["FileSystemId"]) {
            return Err(PortError::Invalid("MountTargetConflict".to_owned()));
        }
        let range = self.get("subnet", subnet)?["range"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let address = input.get("IpAddress");
        if address
            .and_then(Value::as_str)
            .is_some_and(|address| !address.starts_with(&range))
        {
            return Err(PortError::Invalid(format!("IpAddress is not in {subnet}")));
        }
        if address.is_some() && in_subnet.iter().any(|one| one.get("IpAddress") == address) {
            return Err(PortError::AlreadyExists("IpAddressInUse".to_owned()));
        }
        let number = self.number();
        let id = format!("fsmt-{number:017x}");
        let mut one = input.clone();
        if address.is_none() && input.get("Ipv6Address").is_none() {
            one["IpAddress"] = json!(format!("10.9.{}.{}", number / 256, number % 256));
        }
        one.as_object_mut().map(|one| one.remove("IpAddressType"));
        one["MountTargetId"] = json!(id);
        one["LifeCycleState"] = json!("creating");
        self.put("mounttarget", &id, one.clone());
        Ok(one)
    }
}

/// A thing as EFS tells it: with a list of tags, and without what is told apart.
fn told(mut one: Value) -> Value {
    let tags = tag_list(&tag_map(&one["Tags"]));
    one["Tags"] = tags;
    if let Some(members) = one.as_object_mut() {
        members.retain(|name, _| !KEPT_APART.contains(&name.as_str()));
    }
    one
}

impl DropScratchFileSystems for MemoryWiring {
    async fn drop_scratch_file_system(&self, region: &Region, id: &str) -> Result<(), PortError> {
        let key = (region.clone(), "filesystem", id.to_owned());
        let token = lock(&self.things)
            .by_name
            .get(&key)
            .map(|one| one["CreationToken"].clone());
        match token {
            None => Ok(()),
            Some(token) if token.as_str().is_some_and(|token| token.starts_with(SCRATCH_PREFIX)) => {
                self.remove_file_system(region, id);
                Ok(())
            }
            Some(_) => Err(PortError::Invalid(format!("{id} is no scratch file system"))),
        }
    }
}
