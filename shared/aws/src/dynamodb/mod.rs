//! Adapters of the DynamoDB source.

mod change;
mod create;
mod describe;
mod items;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TableDescription;
use holdfast_catalog::Region;
use holdfast_vault::PortError;

use crate::error::port_error;
use crate::{Aws, AwsCalls};

/// The tables of one region and account.
#[derive(Debug, Clone)]
pub struct Tables {
    client: Client,
    /// For pages of items, which are too many bytes for the client's types.
    calls: AwsCalls,
    region: Region,
}

impl Tables {
    /// In this region.
    pub fn new(aws: &Aws, account: &str, region: &Region) -> Self {
        Tables {
            client: aws.dynamodb(region),
            calls: AwsCalls::new(aws, account),
            region: region.clone(),
        }
    }

    async fn describe(&self, name: &str) -> Result<TableDescription, PortError> {
        let doing = format!("describing table {name}");
        let answer = self.client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|error| port_error(&error, &doing))?;
        answer
            .table
            .ok_or_else(|| PortError::Unavailable(format!("{doing}: an answer without a table")))
    }
}

/// What a table's description says its ARN is.
fn arn_of(description: &TableDescription, name: &str) -> Result<String, PortError> {
    let arn = description.table_arn.clone();
    arn.ok_or_else(|| PortError::Unavailable(format!("describing table {name}: an answer without an ARN")))
}
