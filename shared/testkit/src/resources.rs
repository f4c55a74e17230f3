use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_sources::call::{Call, InAccount, Operation};
use holdfast_sources::inventory::{Found, ListResources};
use holdfast_sources::{efs, s3, wiring};
use holdfast_vault::PortError;
use serde_json::Value;

use crate::{MemoryWiring, lock};

/// The account of every test.
const ACCOUNT: &str = "111122223333";

/// An inventory that a test fills in, and the wiring that is listed of itself. Clones are the same inventory.
#[derive(Debug, Clone)]
pub struct MemoryResources {
    found: Arc<Mutex<BTreeMap<Arn, Found>>>,
    wiring: MemoryWiring,
}

impl Default for MemoryResources {
    fn default() -> Self {
        MemoryResources {
            found: Arc::default(),
            wiring: MemoryWiring::new(ACCOUNT),
        }
    }
}

impl MemoryResources {
    /// An account without resources.
    pub fn new() -> Self {
        MemoryResources::default()
    }

    /// The account's wiring.
    pub fn wiring(&self) -> &MemoryWiring {
        &self.wiring
    }

    /// Adds a resource, or gives it other tags.
    pub fn add(&self, arn: &Arn, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let Ok(id) = ResourceId::from_arn(arn) else {
            panic!("{arn} is no resource");
        };
        let found = Found {
            id,
            arn: arn.clone(),
            tags: tags.collect(),
        };
        lock(&self.found).insert(arn.clone(), found);
    }

    /// Removes a resource.
    pub fn remove(&self, arn: &Arn) {
        lock(&self.found).remove(arn);
    }
}

impl ListResources for MemoryResources {
    async fn list(&self, region: &Region, kind: Kind) -> Result<Vec<Found>, PortError> {
        if wiring::KINDS.contains(&kind) {
            return wiring::list(&self.wiring, kind, region).await;
        }
        if kind == Kind::S3Bucket {
            return s3::list(&self.wiring, region, &BTreeSet::new()).await;
        }
        if kind == Kind::EfsFileSystem {
            return efs::list(&self.wiring, region).await;
        }
        let found = lock(&self.found);
        let of_kind = found
            .values()
            .filter(|found| Kind::of_arn(&found.arn) == Some(kind) && found.arn.region() == region.as_str());
        Ok(of_kind.cloned().collect())
    }
}

impl<O: Operation> Call<O> for MemoryResources {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        self.wiring.ask::<O>(region, input)
    }
}

impl InAccount for MemoryResources {
    fn account(&self) -> &str {
        self.wiring.account()
    }
}
