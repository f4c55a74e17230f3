//! Putting back what CreateTable cannot set.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types as sdk;
use holdfast_sources::dynamodb::port::{ApplyTableSettings, TableSetting};
use holdfast_sources::dynamodb::{Capacity, IndexCapacity};
use holdfast_vault::PortError;

use super::create::{billing_of, ceilings, provisioned};
use super::describe::config_of;
use super::{Tables, arn_of};
use crate::error::port_error;

impl ApplyTableSettings for Tables {
    async fn apply(&self, table: &str, setting: &TableSetting) -> Result<(), PortError> {
        match setting {
            TableSetting::TimeToLive(attribute) => self.set_time_to_live(table, attribute).await,
            TableSetting::Stream(view_type) => self.set_stream(table, view_type).await,
            TableSetting::PointInTimeRecovery(days) => self.set_recovery(table, *days).await,
            TableSetting::Capacity(capacity) => self.set_capacity(table, capacity).await,
            TableSetting::Tags(tags) => self.set_tags(table, tags).await,
            TableSetting::ResourcePolicy(policy) => self.set_resource_policy(table, policy).await,
            TableSetting::DeletionProtection => self.set_deletion_protection(table).await,
        }
    }
}

impl Tables {
    async fn set_time_to_live(&self, table: &str, attribute: &str) -> Result<(), PortError> {
        use sdk::TimeToLiveStatus::{Disabling, Enabled, Enabling};
        let doing = format!("enabling time to live on table {table}");
        let found = self.describe_time_to_live(table).await?;
        let found_attribute = found.as_ref().and_then(|ttl| ttl.attribute_name.as_deref());
        match found.as_ref().and_then(|ttl| ttl.time_to_live_status.as_ref()) {
            Some(Enabled | Enabling) if found_attribute == Some(attribute) => return Ok(()),
            Some(Enabled | Enabling) => {
                let other = found_attribute.unwrap_or_default();
                return Err(PortError::Invalid(format!(
                    "{doing}: it is by attribute {other:?} already"
                )));
            }
            Some(Disabling) => return Err(PortError::Conflict(format!("{doing}: it is being disabled"))),
            _ => {}
        }
        let specification = sdk::TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(attribute)
            .build();
        let call = self.client.update_time_to_live().table_name(table);
        let call = call.time_to_live_specification(specification.map_err(|error| invalid(&doing, &error))?);
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_stream(&self, table: &str, view_type: &str) -> Result<(), PortError> {
        let doing = format!("enabling the stream of table {table}");
        let found = self
            .describe(table)
            .await?
            .stream_specification
            .filter(|stream| stream.stream_enabled);
        if let Some(found) = found {
            let found = found
                .stream_view_type
                .as_ref()
                .map(sdk::StreamViewType::as_str)
                .unwrap_or_default();
            return if found == view_type {
                Ok(())
            } else {
                Err(PortError::Invalid(format!("{doing}: it has one of {found} already")))
            };
        }
        let specification = sdk::StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(sdk::StreamViewType::from(view_type))
            .build();
        let call = self.client.update_table().table_name(table);
        let call = call.stream_specification(specification.map_err(|error| invalid(&doing, &error))?);
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_recovery(&self, table: &str, days: Option<u32>) -> Result<(), PortError> {
        let doing = format!("enabling point-in-time recovery of table {table}");
        let days = days.map(i32::try_from).transpose();
        let specification = sdk::PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(true)
            .set_recovery_period_in_days(days.map_err(|error| PortError::Invalid(format!("{doing}: {error}")))?)
            .build();
        let call = self.client.update_continuous_backups().table_name(table);
        let call = call.point_in_time_recovery_specification(specification.map_err(|error| invalid(&doing, &error))?);
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_capacity(&self, table: &str, capacity: &Capacity) -> Result<(), PortError> {
        let doing = format!("changing the capacity of table {table}");
        let found = config_of(self.describe(table).await?).map_err(|error| error.doing(&doing))?;
        if found.capacity() == *capacity {
            // A change that changes nothing is refused.
            return Ok(());
        }
        let billing = billing_of(&capacity.billing).map_err(|error| invalid(&doing, &error))?;
        let indexes = capacity
            .indexes
            .iter()
            .filter_map(|index| index_update(index).transpose());
        let indexes = indexes
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| invalid(&doing, &error))?;
        let call = self.client.update_table().table_name(table);
        let call = call.billing_mode(billing.0).set_provisioned_throughput(billing.1);
        let call = call.set_on_demand_throughput(capacity.on_demand_limits.map(ceilings));
        let call = call.set_global_secondary_index_updates((!indexes.is_empty()).then_some(indexes));
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_tags(&self, table: &str, tags: &[(String, String)]) -> Result<(), PortError> {
        let doing = format!("tagging table {table}");
        let arn = arn_of(&self.describe(table).await?, table)?;
        let tags = tags
            .iter()
            .map(|(key, value)| sdk::Tag::builder().key(key).value(value).build());
        let tags = tags
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(&doing, &error))?;
        let call = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags));
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_resource_policy(&self, table: &str, policy: &str) -> Result<(), PortError> {
        let doing = format!("putting the resource policy of table {table}");
        let arn = arn_of(&self.describe(table).await?, table)?;
        let call = self.client.put_resource_policy().resource_arn(arn).policy(policy);
        call.send().await.map_err(|error| port_error(&error, &doing))?;
        Ok(())
    }

    async fn set_deletion_protection(&self, table: &str) -> Result<(), PortError> {
        if self.describe(table).await?.deletion_protection_enabled == Some(true) {
            return Ok(());
        }
        let call = self
            .client
            .update_table()
            .table_name(table)
            .deletion_protection_enabled(true);
        let answer = call.send().await;
        answer.map_err(|error| port_error(&error, &format!("protecting table {table} against deletion")))?;
        Ok(())
    }
}

/// The change of an index, if it needs one.
fn index_update(index: &IndexCapacity) -> Result<Option<sdk::GlobalSecondaryIndexUpdate>, BuildError> {
    if index.throughput.is_none() && index.on_demand_limits.is_none() {
        return Ok(None);
    }
    let update = sdk::UpdateGlobalSecondaryIndexAction::builder()
        .index_name(&index.name)
        .set_provisioned_throughput(index.throughput.map(provisioned).transpose()?)
        .set_on_demand_throughput(index.on_demand_limits.map(ceilings))
        .build()?;
    Ok(Some(sdk::GlobalSecondaryIndexUpdate::builder().update(update).build()))
}

fn invalid(doing: &str, error: &BuildError) -> PortError {
    PortError::Invalid(format!("{doing}: {error}"))
}
