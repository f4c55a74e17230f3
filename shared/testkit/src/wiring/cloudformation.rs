use holdfast_catalog::Region;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, MemoryWiring, page, text, unknown};
use crate::lock;

impl MemoryWiring {
    /// Adds a stack with these resources: logical id, type and physical id of each.
    pub fn add_stack(&self, region: &Region, name: &str, resources: &[(&str, &str, &str)]) {
        let summary = |(logical, kind, physical): &(&str, &str, &str)| json!({"LogicalResourceId": logical, "ResourceType": kind, "PhysicalResourceId": physical, "ResourceStatus": "CREATE_COMPLETE"});
        let summaries: Value = resources.iter().map(summary).collect();
        let key = (region.clone(), "stack", name.to_owned());
        lock(&self.things)
            .by_name
            .insert(key, json!({ "resources": summaries }));
    }
}

impl Desk<'_> {
    pub(super) fn cloudformation(&mut self, name: &str, input: &Value) -> Answer {
        if name != "ListStackResources" {
            return unknown(name);
        }
        let stack = self.get("stack", text(input, "StackName")?);
        // CloudFormation's own word for what it does not know.
        let stack =
            stack.map_err(|_| PortError::Invalid(format!("Stack with id {} does not exist", input["StackName"])))?;
        let all = stack["resources"].as_array().cloned().unwrap_or_default();
        Ok(page(all, input, "StackResourceSummaries", "NextToken", "NextToken"))
    }
}
