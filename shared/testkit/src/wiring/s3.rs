use holdfast_catalog::Region;
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::s3::port::DropScratchBuckets;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, MemoryWiring, PAGE, text, unknown};

const LISTS: [&str; 3] = ["CloudFunctionConfiguration", "QueueConfiguration", "TopicConfiguration"];

/// The page of a listing that an input asks for, and where the next one begins.
fn page(all: Vec<Value>, input: &Value) -> (Vec<Value>, Option<String>) {
    let from = input["ContinuationToken"].as_str().and_then(|token| token.parse().ok());
    let from: usize = from.unwrap_or(0);
    let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
    (all.into_iter().skip(from).take(PAGE).collect(), next)
}

impl Desk<'_> {
    pub(super) fn s3(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListBuckets" => Ok(self.list_buckets(input)),
            "GetBucketNotificationConfiguration" => {
                let mut found = self.get("bucket", text(input, "Bucket")?)?["notifications"].clone();
                for list in LISTS {
                    for notification in found.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                        // Told in capitals, however it was said.
                        for rule in notification["Filter"]["S3Key"]["FilterRule"]
                            .as_array_mut()
                            .into_iter()
                            .flatten()
                        {
                            let name = rule["Name"].as_str().unwrap_or_default();
                            rule["Name"] = json!(if name.eq_ignore_ascii_case("prefix") {
                                "Prefix"
                            } else {
                                "Suffix"
                            });
                        }
                    }
                }
                Ok(found)
            }
            "PutBucketNotificationConfiguration" => {
                let new = input["NotificationConfiguration"].clone();
                let all = LISTS.iter().filter_map(|list| new.get(*list)?.as_array()).flatten();
                let mut ids: Vec<&Value> = all.map(|one| &one["Id"]).collect();
                let count = ids.len();
                ids.sort_by_cached_key(ToString::to_string);
                ids.dedup();
                if ids.len() != count {
                    return Err(PortError::Invalid("two notifications of one id".to_owned()));
                }
                // Everything that was there is replaced.
                self.change("bucket", text(input, "Bucket")?)?["notifications"] = new;
                Ok(json!({}))
            }
            "ListObjectsV2" => self.list_objects(input),
            name if name.starts_with("Put") => self.set_bucket_setting(name, input),
            name if name.starts_with("Get") => self.bucket_setting(name, text(input, "Bucket")?),
            name => unknown(name),
        }
    }

    fn list_buckets(&self, input: &Value) -> Value {
        let all = self.all("bucket").into_iter();
        let all = all
            .map(|(name, _)| json!({ "Name": name, "BucketRegion": self.region }))
            .collect();
        let (some, next) = page(all, input);
        json!({ "Buckets": { "Bucket": some }, "ContinuationToken": next })
    }

    fn list_objects(&self, input: &Value) -> Answer {
        let objects = self.get("bucket", text(input, "Bucket")?)?["objects"].clone();
        let objects = objects.as_object().into_iter().flatten();
        let all = objects.map(|(key, value)| json!({ "Key": key, "Size": body(value).len().to_string() }));
        let (some, next) = page(all.collect(), input);
        Ok(json!({ "Contents": some, "NextContinuationToken": next }))
    }

    /// What is put in is told as it was put in.
    fn set_bucket_setting(&mut self, operation: &str, input: &Value) -> Answer {
        let members = input.as_object().into_iter().flatten();
        let setting = members.into_iter().find(|(name, _)| *name != "Bucket");
        let (name, value) = setting.ok_or_else(|| PortError::Invalid(format!("{operation} of nothing")))?;
        let bucket = self.change("bucket", text(input, "Bucket")?)?;
        if let Some(why) = bucket[operation].as_str() {
            return Err(PortError::Denied(why.to_owned()));
        }
        let told = match name.as_str() {
            "Policy" => json!({ "Policy": value }),
            _ => value.clone(),
        };
        bucket[operation.replacen("Put", "Get", 1)] = told;
        Ok(json!({}))
    }

    /// What was never set is an error, but for versioning.
    fn bucket_setting(&mut self, operation: &str, bucket: &str) -> Answer {
        match &self.get("bucket", bucket)?[operation] {
            Value::Null if operation == "GetBucketVersioning" => Ok(json!({})),
            Value::Null => Err(PortError::NotFound(format!("{operation}: nothing is set"))),
            Value::String(why) => Err(PortError::Denied(why.clone())),
            told => Ok(told.clone()),
        }
    }
}

/// The text of an object.
pub(super) fn body(object: &Value) -> &str {
    object.as_str().unwrap_or_default()
}

impl DropScratchBuckets for MemoryWiring {
    async fn drop_scratch_bucket(&self, region: &Region, name: &str) -> Result<bool, PortError> {
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!("{name} is no scratch bucket")));
        }
        self.remove_bucket(region, name);
        Ok(true)
    }
}
