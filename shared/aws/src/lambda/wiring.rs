use std::collections::HashMap;

use aws_sdk_lambda::types as sdk;
use holdfast_sources::lambda::port::WireFunction;
use holdfast_sources::lambda::{Alias, EventSource, Permission};
use holdfast_vault::PortError;

use super::event_source::creation;
use super::{Functions, incomplete, lambda_error};

impl WireFunction for Functions {
    async fn create_alias(&self, function: &str, name: &str, alias: &Alias) -> Result<(), PortError> {
        let doing = format!("creating alias {name} of function {function}");
        let weights = alias
            .weights
            .iter()
            .map(|(version, weight)| (version.to_string(), *weight));
        let weights: HashMap<String, f64> = weights.collect();
        let routing = sdk::AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights));
        let call = self
            .client
            .create_alias()
            .function_name(function)
            .name(name)
            .function_version(&alias.version)
            .description(&alias.description)
            .set_routing_config((!alias.weights.is_empty()).then(|| routing.build()));
        call.send().await.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn add_permission(&self, function: &str, permission: &Permission) -> Result<(), PortError> {
        let sid = &permission.sid;
        let doing = format!("adding statement {sid} to the policy of function {function}");
        let call = self
            .client
            .add_permission()
            .function_name(function)
            .set_qualifier(permission.qualifier.clone())
            .statement_id(sid)
            .action(&permission.action)
            .principal(&permission.principal)
            .set_source_arn(permission.source_arn.clone())
            .set_source_account(permission.source_account.clone())
            .set_event_source_token(permission.event_source_token.clone())
            .set_principal_org_id(permission.principal_org_id.clone())
            .set_function_url_auth_type(permission.function_url_auth_type.as_deref().map(Into::into))
            .set_invoked_via_function_url(permission.invoked_via_function_url);
        call.send().await.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), PortError> {
        let doing = format!("reserving concurrency of {reserved} for function {function}");
        let call = self.client.put_function_concurrency().function_name(function);
        let answer = call.reserved_concurrent_executions(reserved).send().await;
        answer.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn create_event_source(&self, function: &str, source: &EventSource) -> Result<String, PortError> {
        let doing = format!("mapping events of {} to function {function}", source.label());
        let input = creation(function, source).map_err(|error| error.doing(&doing))?;
        let answer = input.send_with(&self.client).await;
        let answer = answer.map_err(|error| lambda_error(&error, &doing))?;
        answer.uuid.ok_or_else(|| incomplete(&doing, "UUID"))
    }
}
