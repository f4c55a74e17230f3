//! Streams of tables that were made again: a point names the stream of its day, and what reads the table has to read the one
//! that it has now.

use holdfast_catalog::{Arn, Kind, ResourceId};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::{EventSource, FunctionReading, read_function};
use holdfast_vault::PortError;
use serde_json::Value;

use super::act::Act;
use crate::{Regions, VaultPorts, WorkPorts};

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// A document whose mappings read the streams that their tables have now, where those are there.
    ///
    /// # Errors
    /// Those of the tables.
    pub(super) async fn with_present_streams(&self, kind: Kind, mut document: Value) -> Result<Value, PortError> {
        let sources: Vec<&mut Value> = match kind {
            Kind::EventSourceMapping => document.pointer_mut("/config/EventSourceArn").into_iter().collect(),
            Kind::LambdaFunction => document
                .get_mut("event_sources")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .filter_map(|source| source.get_mut("source_arn"))
                .collect(),
            _ => Vec::new(),
        };
        for source in sources {
            let present = self.present_stream(source.as_str()).await?;
            if let Some(present) = present {
                *source = Value::from(present);
            }
        }
        Ok(document)
    }

    /// A function as it is there; in place, without the mappings of streams that their tables no longer have: nothing comes
    /// from those any more.
    ///
    /// # Errors
    /// Those of Lambda and of the tables.
    pub(super) async fn read_there(&self, target: &ResourceId) -> Result<FunctionReading, PortError> {
        let functions = self.restore.regions.functions(&target.region);
        let mut found = read_function(&functions, &target.name).await?;
        if self.in_place {
            for source in std::mem::take(&mut found.config.event_sources) {
                let present = self.present_stream(source.source_arn.as_deref()).await?;
                if present.is_none() || present == source.source_arn {
                    found.config.event_sources.push(source);
                }
            }
        }
        Ok(found)
    }

    /// The stream that the table of a stream has now; none where it is no table's stream, or the table has none or is gone.
    async fn present_stream(&self, stream: Option<&str>) -> Result<Option<String>, PortError> {
        let Some(arn) = stream.and_then(|stream| stream.parse::<Arn>().ok()) else {
            return Ok(None);
        };
        let (table, region) = (table_of(arn.resource()), arn.region().parse());
        let (Some(table), Ok(region), "dynamodb") = (table, region, arn.service()) else {
            return Ok(None);
        };
        let name = table.strip_prefix("table/").unwrap_or(table);
        match self.restore.regions.tables(&region).read_table(name).await {
            // A table of the same name may be another account's.
            Ok(found) => Ok(found
                .stream_arn
                .filter(|present| table_of(present) == table_of(arn.as_str()))),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether two mappings read the same source for the same alias or version, by whichever stream of a table.
pub(super) fn reads_the_same(one: &EventSource, other: &EventSource) -> bool {
    let source = |mapping: &EventSource| {
        let arn = mapping.source_arn.as_deref()?;
        Some(table_of(arn).unwrap_or(arn).to_owned())
    };
    source(one) == source(other) && one.qualifier == other.qualifier
}

/// What stands before a stream's label.
fn table_of(stream: &str) -> Option<&str> {
    stream.split_once("/stream/").map(|(table, _)| table)
}
