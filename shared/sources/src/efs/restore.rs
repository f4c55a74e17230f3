use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::ReadFileSystem;
use super::listing::{PAGE, stays};
use super::port::ChangeFileSystem;
use super::settings::read;
use crate::SettingOutcome;
use crate::call::efs::{
    CreateAccessPoint, CreateMountTarget, DescribeAccessPoints, DescribeMountTargets, PutBackupPolicy,
    PutFileSystemPolicy, PutLifecycleConfiguration, TagResource, UpdateFileSystem, UpdateFileSystemProtection,
};
use crate::call::{Call, Operation};
use crate::wiring::at::At;
use crate::wiring::{ArnMap, Document, as_text, tag_list};

/// How EFS says that it has begun to make something.
const BEING_MADE: &str = "creating";

/// By which members a mount target has its addresses.
const ADDRESSES: [&str; 2] = ["IpAddress", "Ipv6Address"];

/// The tag by which people call a file system.
const NAME: &str = "Name";

/// The settings of a file system that is restored under a name, which becomes its `Name` tag. Under its old id it keeps the old one.
#[must_use]
pub fn renamed(document: &Document, name: &str, old_id: &str) -> Document {
    let mut target = document.clone();
    if name != old_id {
        target.tags.insert(NAME.to_owned(), name.to_owned());
    }
    target
}

/// What of the settings a person has to see to before anything is made: a key is not in another region, and replication leads to a
/// file system that is somebody else's.
pub fn for_target(document: &Document, is_elsewhere: bool) -> (Document, Vec<SettingOutcome>) {
    let mut target = document.clone();
    let mut outcomes = Vec::new();
    if is_elsewhere && let Some(key) = target.config.remove("KmsKeyId") {
        let message = format!(
            "key {} is not in that region, so it is encrypted with EFS's own key there, and a file system keeps its key",
            as_text(&key)
        );
        outcomes.push(SettingOutcome::needs_person("KmsKeyId", message));
    }
    if is_elsewhere && let Some(zone) = target.config.remove("AvailabilityZoneName") {
        let message = format!(
            "zone {} is not in that region: it is in all of its zones",
            as_text(&zone)
        );
        outcomes.push(SettingOutcome::needs_person("AvailabilityZoneName", message));
    }
    if document.observed.contains_key("Replication") {
        let message =
            "it is in the point's configuration document: put it back with aws efs create-replication-configuration";
        outcomes.push(SettingOutcome::needs_person("Replication", message));
    }
    (target, outcomes)
}

/// What was put back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PutBack {
    /// What became of each setting.
    pub outcomes: Vec<SettingOutcome>,
    /// The new ARNs of access points by their old ones.
    pub access_points: BTreeMap<String, String>,
    /// Whether something was refused, so that another try may bring more when a person has set that right.
    pub is_refused: bool,
}

/// Puts back what differs. What it is mounted by comes first, because EFS takes a minute or two to make it, and a function that mounts it
/// is refused until then. The policy comes last, because it names access points and may shut us out too.
///
/// # Errors
/// `Conflict` while EFS is at the file system or at what it is mounted by, after a change of ours too; otherwise the settings cannot be
/// read, or a call may succeed another time. What is put back already is left alone then.
pub async fn put_back<P: ReadFileSystem + ChangeFileSystem>(
    port: &P,
    region: &Region,
    id: &str,
    wanted: &Document,
    old_arn: &Arn,
) -> Result<PutBack, PortError> {
    let reading = read(port, region, id).await?;
    let resource = ResourceId::new(Kind::EfsFileSystem, region.clone(), id);
    let resource = resource.map_err(|error| PortError::Invalid(error.to_string()))?;
    let mut work = Work {
        at: At { port, id: &resource },
        wanted,
        actual: reading.document,
        done: PutBack::default(),
        is_being_made: false,
    };
    work.put_tags().await?;
    work.make_access_points().await?;
    work.make_mount_targets().await?;
    if work.is_being_made {
        return Err(PortError::Conflict(format!("EFS makes what {id} is mounted by")));
    }
    let input = |value: &Value| json!({ "ReplicationOverwriteProtection": value });
    work.put::<UpdateFileSystemProtection>("ReplicationOverwriteProtection", input)
        .await?;
    let input = |value: &Value| json!({ "LifecyclePolicies": value });
    work.put::<PutLifecycleConfiguration>("LifecyclePolicies", input)
        .await?;
    let input = |value: &Value| json!({ "BackupPolicy": value });
    work.put::<PutBackupPolicy>("BackupPolicy", input).await?;
    work.put_throughput().await?;
    work.put_policy(old_arn, &reading.arn).await?;
    Ok(work.done)
}

struct Work<'a, P> {
    at: At<'a, P>,
    wanted: &'a Document,
    actual: Document,
    done: PutBack,
    /// Whether EFS is still at an access point or a mount target.
    is_being_made: bool,
}

impl<P: ReadFileSystem + ChangeFileSystem> Work<'_, P> {
    fn id(&self) -> &str {
        &self.at.id.name
    }

    async fn put<O: Operation>(&mut self, setting: &str, input: impl FnOnce(&Value) -> Value) -> Result<(), PortError>
    where
        P: Call<O>,
    {
        match self.wanted.config.get(setting) {
            Some(value) if self.actual.config.get(setting) != Some(value) => {
                let mut input = input(value);
                input["FileSystemId"] = Value::from(self.id());
                let answer = self.at.ask::<O>(input).await;
                self.note(setting, answer).map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn put_tags(&mut self) -> Result<(), PortError> {
        let there = &self.actual.tags;
        let missing = self
            .wanted
            .tags
            .iter()
            .filter(|(key, value)| there.get(*key) != Some(*value));
        let missing: BTreeMap<String, String> = missing.map(|(key, value)| (key.clone(), value.clone())).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let input = json!({ "ResourceId": self.id(), "Tags": tag_list(&missing) });
        let answer = self.at.ask::<TagResource>(input).await;
        self.note("Tags", answer).map(drop)
    }

    async fn put_throughput(&mut self) -> Result<(), PortError> {
        let members = ["ThroughputMode", "ProvisionedThroughputInMibps"];
        let is_same = |member: &&str| self.wanted.config.get(*member) == self.actual.config.get(*member);
        // A document that says nothing of it asks for nothing.
        if self.wanted.config.get("ThroughputMode").is_none() || members.iter().all(is_same) {
            return Ok(());
        }
        let wanted = members
            .iter()
            .filter_map(|&member| Some((member.to_owned(), self.wanted.config.get(member)?.clone())));
        let mut input: Map<String, Value> = wanted.collect();
        input.insert("FileSystemId".to_owned(), Value::from(self.id()));
        let answer = self.at.ask::<UpdateFileSystem>(Value::Object(input)).await;
        self.note("ThroughputMode", answer).map(drop)
    }

    /// Access points that a try before this one has made are known by their tokens.
    async fn make_access_points(&mut self) -> Result<(), PortError> {
        let there = access_points(&self.at).await?;
        let wanted = list(&self.wanted.config, "AccessPoints");
        for (point, old_arn) in wanted.iter().zip(old_arns(self.wanted)) {
            let token = token_of(self.id(), &old_arn);
            let made = match of_token(&there, &token) {
                Some(made) => Some(made),
                None => {
                    let mut answer = self.at.ask::<CreateAccessPoint>(self.access_point(point, &token)).await;
                    if matches!(answer, Err(PortError::AlreadyExists(_)))
                        && let Some(made) = of_token(&access_points(&self.at).await?, &token)
                    {
                        // By a call of ours whose answer was lost.
                        answer = Ok(made);
                    }
                    self.note("AccessPoints", answer)?
                }
            };
            let Some(made) = made else { continue };
            self.is_being_made |= made["LifeCycleState"] == BEING_MADE;
            if let Some(new_arn) = made["AccessPointArn"].as_str() {
                self.done.access_points.insert(old_arn, new_arn.to_owned());
            }
        }
        Ok(())
    }

    fn access_point(&self, wanted: &Value, token: &str) -> Value {
        let mut input = wanted.clone();
        input["ClientToken"] = Value::from(token);
        input["FileSystemId"] = Value::from(self.id());
        if let Some(tags) = wanted.get("Tags").and_then(Value::as_object) {
            let tag = |(key, value): (&String, &Value)| json!({ "Key": key, "Value": value });
            input["Tags"] = tags.iter().map(tag).collect();
        }
        input
    }

    async fn make_mount_targets(&mut self) -> Result<(), PortError> {
        let wanted = list(&self.wanted.config, "MountTargets");
        if wanted.is_empty() {
            return Ok(());
        }
        let there = self.mount_targets().await?;
        for target in wanted {
            match in_subnet(&there, &target["SubnetId"]) {
                Some(made) => self.stands(&target, made),
                None => self.make_mount_target(target).await?,
            }
        }
        Ok(())
    }

    async fn make_mount_target(&mut self, target: Value) -> Result<(), PortError> {
        let mut input = target.clone();
        input["FileSystemId"] = Value::from(self.id());
        // Which sorts it has follows from its addresses; without them it would have the one that is new only.
        match (input.get("IpAddress").is_some(), input.get("Ipv6Address").is_some()) {
            (true, true) => input["IpAddressType"] = Value::from("DUAL_STACK"),
            (false, true) => input["IpAddressType"] = Value::from("IPV6_ONLY"),
            (_, false) => {}
        }
        let mut answer = self.at.ask::<CreateMountTarget>(input.clone()).await;
        // The address is taken, or none of a subnet that stands for the old one.
        let has_address = ADDRESSES.iter().any(|address| input.get(address).is_some());
        if has_address && matches!(answer, Err(PortError::AlreadyExists(_) | PortError::Invalid(_))) {
            for address in ADDRESSES {
                input.as_object_mut().and_then(|input| input.remove(address));
            }
            answer = self.at.ask::<CreateMountTarget>(input).await;
        }
        match answer {
            Ok(made) => self.stands(&target, &made),
            Err(error) if error.is_retryable() => return Err(error),
            // Looked at again: a call of ours whose answer was lost may have made it.
            Err(error) => match in_subnet(&self.mount_targets().await?, &target["SubnetId"]) {
                Some(made) => self.stands(&target, made),
                None => {
                    let command = by_hand(&self.at.id.region, self.id(), &target);
                    let message = format!("{error}; when subnet and security groups are there: {command}");
                    self.refused("MountTargets", message);
                }
            },
        }
        Ok(())
    }

    /// What to say of a mount target that is there: it is ours, for the file system is.
    fn stands(&mut self, wanted: &Value, made: &Value) {
        let differing = ADDRESSES.into_iter().find(|&address| {
            let (was, is) = (wanted.get(address), made.get(address));
            was.is_some() && was != is
        });
        match (made["LifeCycleState"].as_str(), differing) {
            (Some("error"), _) => {
                let message = format!(
                    "EFS could not make the one in {}: remove it and restore again, or {}",
                    as_text(&wanted["SubnetId"]),
                    by_hand(&self.at.id.region, self.id(), wanted)
                );
                self.refused("MountTargets", message);
            }
            (_, Some(address)) => {
                let message = format!(
                    "made with another address, for who mounts by address: {} is {} now",
                    as_text(&wanted[address]),
                    as_text(&made[address])
                );
                let told = SettingOutcome::needs_person("MountTargets", message);
                self.done.outcomes.push(told);
            }
            (_, None) => self.done.outcomes.push(SettingOutcome::restored("MountTargets")),
        }
        self.is_being_made |= made["LifeCycleState"] == BEING_MADE;
    }

    async fn mount_targets(&self) -> Result<Vec<Value>, PortError> {
        let input = json!({ "FileSystemId": self.id(), "MaxItems": PAGE });
        let pages = self
            .at
            .pages::<DescribeMountTargets>(input, "MountTargets", "NextMarker", "Marker");
        let mut all = pages.await?;
        all.retain(stays);
        Ok(all)
    }

    fn refused(&mut self, setting: &str, message: String) {
        self.done.is_refused = true;
        self.done.outcomes.push(SettingOutcome::needs_person(setting, message));
    }

    async fn put_policy(&mut self, old_arn: &Arn, new_arn: &Arn) -> Result<(), PortError> {
        let Some(policy) = self.wanted.config.get("Policy") else {
            return Ok(());
        };
        let mut map = ArnMap::default();
        map.insert(old_arn.as_str(), new_arn.as_str());
        self.done
            .access_points
            .iter()
            .for_each(|(old, new)| map.insert(old, new));
        let (policy, _) = map.rewrite(policy);
        if self.actual.config.get("Policy") == Some(&policy) {
            return Ok(());
        }
        let input = json!({ "FileSystemId": self.id(), "Policy": as_text(&policy) });
        let answer = self.at.ask::<PutFileSystemPolicy>(input).await;
        self.note("Policy", answer).map(drop)
    }

    fn note(&mut self, setting: &str, answer: Result<Value, PortError>) -> Result<Option<Value>, PortError> {
        match answer {
            Ok(answer) => {
                self.done.outcomes.push(SettingOutcome::restored(setting));
                Ok(Some(answer))
            }
            Err(error) if error.is_retryable() => Err(error),
            Err(error) => {
                self.refused(setting, format!("{error}; put it back by hand"));
                Ok(None)
            }
        }
    }
}

/// The access points of a file system that stand for those of its old settings, by the old ARNs: putting back made them, and gave each
/// a token that tells. One that is missing could not be made.
///
/// # Errors
/// Those of EFS.
pub async fn counterparts<P: ReadFileSystem>(
    port: &P,
    region: &Region,
    id: &str,
    wanted: &Document,
) -> Result<BTreeMap<String, String>, PortError> {
    let resource = ResourceId::new(Kind::EfsFileSystem, region.clone(), id);
    let resource = resource.map_err(|error| PortError::Invalid(error.to_string()))?;
    let there = access_points(&At { port, id: &resource }).await?;
    let pairs = old_arns(wanted).into_iter().filter_map(|old| {
        let made = of_token(&there, &token_of(id, &old))?;
        Some((old, made["AccessPointArn"].as_str()?.to_owned()))
    });
    Ok(pairs.collect())
}

async fn access_points<P: ReadFileSystem>(at: &At<'_, P>) -> Result<Vec<Value>, PortError> {
    let input = json!({ "FileSystemId": at.id.name, "MaxResults": PAGE });
    let pages = at.pages::<DescribeAccessPoints>(input, "AccessPoints", "NextToken", "NextToken");
    let mut all = pages.await?;
    all.retain(stays);
    Ok(all)
}

fn old_arns(wanted: &Document) -> Vec<String> {
    list(&wanted.observed, "AccessPointArns").iter().map(as_text).collect()
}

/// A token is good for one access point of the account; 64 characters are allowed, and two ids have 43.
fn token_of(id: &str, old_arn: &str) -> String {
    format!("{id}-{}", old_arn.rsplit('/').next().unwrap_or_default())
}

fn of_token(access_points: &[Value], token: &str) -> Option<Value> {
    access_points.iter().find(|one| one["ClientToken"] == *token).cloned()
}

fn in_subnet<'a>(mount_targets: &'a [Value], subnet: &Value) -> Option<&'a Value> {
    mount_targets.iter().find(|one| one["SubnetId"] == *subnet)
}

fn list(members: &Map<String, Value>, name: &str) -> Vec<Value> {
    members.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// How a person makes a mount target.
fn by_hand(region: &Region, id: &str, target: &Value) -> String {
    let groups = target["SecurityGroups"].as_array().into_iter().flatten();
    let groups: Vec<&str> = groups.filter_map(Value::as_str).collect();
    format!(
        "aws efs create-mount-target --region {region} --file-system-id {id} --subnet-id {} --security-groups {}",
        target["SubnetId"].as_str().unwrap_or("SUBNET"),
        groups.join(" ")
    )
}
