//! Adapters of the Lambda source.

mod change;
mod download;
mod event_source;
#[cfg(test)]
mod mapping_tests;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod wiring;

use std::error::Error;

use aws_sdk_lambda::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use holdfast_catalog::Region;
use holdfast_sources::call::{Call, Operation};
use holdfast_vault::PortError;
use serde_json::Value;

use crate::calls::AwsCalls;
use crate::error::{code_of, port_error, port_error_of_create};
use crate::{Aws, HttpGet};

/// The functions of one region and account.
#[derive(Debug, Clone)]
pub struct Functions {
    client: Client,
    http: HttpGet,
    calls: AwsCalls,
    region: Region,
}

impl Functions {
    /// The functions of a region.
    pub fn new(aws: &Aws, region: &Region) -> Self {
        Functions {
            client: aws.lambda(region),
            http: HttpGet::new(aws),
            // No call of these needs to know the account.
            calls: AwsCalls::new(aws, ""),
            region: region.clone(),
        }
    }
}

impl<O: Operation> Call<O> for Functions {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        self.calls.call_of::<O>(region, input).await
    }
}

/// A failed call's meaning. Lambda has one code, ResourceConflictException, for "it is there already" and for "another change is
/// under way": only its words tell them apart.
fn lambda_error<E>(error: &SdkError<E, HttpResponse>, doing: &str) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let words = error.as_service_error().and_then(ProvideErrorMetadata::message);
    match code_of(error) {
        Some("ResourceConflictException") if words.is_some_and(speaks_of_existing) => {
            port_error_of_create(error, doing)
        }
        _ => port_error(error, doing),
    }
}

/// "Function already exist", "Alias already exists", "The statement id (…) provided already exists", "… mapping already exists".
fn speaks_of_existing(words: &str) -> bool {
    words.to_ascii_lowercase().contains("already exist")
}

/// An answer that lacks something that the service promises is no answer.
fn incomplete(doing: &str, what: &str) -> PortError {
    PortError::Unavailable(format!("{doing}: the answer has no {what}"))
}
