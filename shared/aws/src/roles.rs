//! What roles may do, as IAM's simulation shows it, and how many functions may run.

use std::collections::BTreeSet;

use holdfast_catalog::{Arn, Region};
use holdfast_sources::call::functions::GetAccountSettings;
use holdfast_sources::call::iam::SimulatePrincipalPolicy;
use holdfast_sources::preflight::port::{ReadConcurrency, SimulateRoles};
use holdfast_sources::preflight::rights::Question;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use crate::AwsReplicas;

/// How many results IAM gives at once, at most.
const MAX_ITEMS: u32 = 1000;

/// So many pages answer any question: more means that the service begins anew each time.
const MAX_PAGES: u32 = 100;

impl SimulateRoles for AwsReplicas {
    async fn denied(&self, role: &Arn, question: &Question) -> Result<BTreeSet<String>, PortError> {
        let calls = self.calls();
        let region = Region::global(role.partition());
        let mut input = input(role, question);
        let mut allowed = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let answer = calls.call_of::<SimulatePrincipalPolicy>(&region, input.clone()).await?;
            let results = answer["EvaluationResults"].as_array().into_iter().flatten();
            allowed.extend(results.filter(|result| is_allowed(result)).filter_map(action_of));
            match answer["Marker"].as_str() {
                // Everything in an answer of this form is a text.
                Some(marker) if answer["IsTruncated"] == "true" => input["Marker"] = json!(marker),
                _ => return Ok(question.actions.difference(&allowed).cloned().collect()),
            }
        }
        Err(PortError::Unavailable(format!("the simulation of {role} does not end")))
    }
}

impl ReadConcurrency for AwsReplicas {
    async fn free_concurrency(&self, region: &Region) -> Result<u64, PortError> {
        let answer = self.calls().call_of::<GetAccountSettings>(region, json!({})).await?;
        answer["AccountLimit"]["UnreservedConcurrentExecutions"]
            .as_u64()
            .ok_or_else(|| PortError::Unavailable(format!("the settings of Lambda in {region} name no concurrency")))
    }
}

fn input(role: &Arn, question: &Question) -> Value {
    let context = question.context.iter();
    let context: Vec<Value> = context
        .map(|(key, value)| json!({"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}))
        .collect();
    json!({
        "PolicySourceArn": role,
        "ActionNames": question.actions,
        "ResourceArns": question.resources,
        "ContextEntries": context,
        "MaxItems": MAX_ITEMS,
    })
}

fn action_of(result: &Value) -> Option<String> {
    result["EvalActionName"].as_str().map(str::to_owned)
}

/// Whether an action is allowed on the resource, or on one of the resources, that a result is about.
fn is_allowed(result: &Value) -> bool {
    let mut of_resources = result["ResourceSpecificResults"].as_array().into_iter().flatten();
    result["EvalDecision"] == "allowed" || of_resources.any(|one| one["EvalResourceDecision"] == "allowed")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::wire::{Reply, Server};

    const ROLE: &str = "arn:aws:iam::111122223333:role/holdfast/snapshot/r";

    fn question() -> Question {
        let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Question {
            actions: all(&["dynamodb:DescribeTable", "dynamodb:Scan"]),
            resources: all(&["arn:aws:dynamodb:eu-west-1:111122223333:table/a", "arn:x"]),
            context: BTreeMap::from([("aws:RequestedRegion", "eu-west-1".to_owned())]),
            region: None,
        }
    }

    fn answer(results: &[(&str, &str)], more: &str) -> Reply {
        let members: String = results
            .iter()
            .map(|(action, decision)| {
                format!(
                    "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>r</EvalResourceName>\
                     <EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
                )
            })
            .collect();
        Reply::new(
            200,
            &format!(
                "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
                 <SimulatePrincipalPolicyResult><EvaluationResults>{members}</EvaluationResults>{more}\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            ),
        )
    }

    async fn denied(server: &Server) -> Result<BTreeSet<String>, PortError> {
        let replicas = AwsReplicas::new(&server.aws(), "111122223333");
        replicas.denied(&ROLE.parse().unwrap(), &question()).await
    }

    #[tokio::test]
    async fn an_action_is_denied_that_is_allowed_on_no_resource_on_any_page() {
        let whole = "<IsTruncated>false</IsTruncated>";
        let server = Server::replying([
            answer(
                &[
                    ("dynamodb:DescribeTable", "implicitDeny"),
                    ("dynamodb:Scan", "implicitDeny"),
                ],
                "<IsTruncated>true</IsTruncated><Marker>next</Marker>",
            ),
            answer(
                &[("dynamodb:DescribeTable", "allowed"), ("dynamodb:Scan", "explicitDeny")],
                whole,
            ),
        ]);
        let found = denied(&server).await.unwrap();
        assert_eq!(found, BTreeSet::from(["dynamodb:Scan".to_owned()]));
        let bodies: Vec<String> = server
            .requests()
            .iter()
            .map(|request| String::from_utf8(request.body.clone()).unwrap())
            .collect();
        let first = "Action=SimulatePrincipalPolicy&Version=2010-05-08&ActionNames.member.1=dynamodb%3ADescribeTable\
                     &ActionNames.member.2=dynamodb%3AScan&ContextEntries.member.1.ContextKeyName=aws%3ARequestedRegion\
                     &ContextEntries.member.1.ContextKeyType=string&ContextEntries.member.1.ContextKeyValues.member.1=eu-west-1\
                     &MaxItems=1000&PolicySourceArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fholdfast%2Fsnapshot%2Fr\
                     &ResourceArns.member.1=arn%3Aaws%3Adynamodb%3Aeu-west-1%3A111122223333%3Atable%2Fa&ResourceArns.member.2=arn%3Ax";
        assert_eq!(bodies.first().map(String::as_str), Some(first));
        assert!(
            bodies.get(1).is_some_and(|body| body.contains("Marker=next")),
            "{bodies:?}"
        );
    }

    #[tokio::test]
    async fn what_is_allowed_on_one_of_several_resources_is_allowed() {
        let server = Server::replying([Reply::new(
            200,
            "<R><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>dynamodb:Scan</EvalActionName>\
             <EvalDecision>implicitDeny</EvalDecision><ResourceSpecificResults><member><EvalResourceName>a</EvalResourceName>\
             <EvalResourceDecision>allowed</EvalResourceDecision></member></ResourceSpecificResults></member></EvaluationResults>\
             <IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult></R>",
        )]);
        let found = denied(&server).await.unwrap();
        assert_eq!(found, BTreeSet::from(["dynamodb:DescribeTable".to_owned()]));
    }

    #[tokio::test]
    async fn what_functions_have_reserved_is_not_free() {
        let limits = r#"{"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}"#;
        let server = Server::replying([Reply::new(200, limits), Reply::new(200, "{}")]);
        let region = "eu-west-1".parse().unwrap();
        let replicas = AwsReplicas::new(&server.aws(), "111122223333");
        assert_eq!(replicas.free_concurrency(&region).await.unwrap(), 900);
        let nothing = replicas.free_concurrency(&region).await;
        assert!(matches!(nothing, Err(PortError::Unavailable(_))), "nothing is not none");
        assert_eq!(
            server.requests().first().map(|request| request.line.clone()),
            Some("GET /2016-08-19/account-settings".to_owned())
        );
    }

    #[tokio::test]
    async fn a_role_that_is_not_there_is_told_from_one_that_may_not_be_asked() {
        let refused = |status: u16, code: &str| {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
            Server::replying([Reply::new(status, &body)])
        };
        assert!(matches!(
            denied(&refused(404, "NoSuchEntity")).await,
            Err(PortError::NotFound(_))
        ));
        assert!(matches!(
            denied(&refused(403, "AccessDenied")).await,
            Err(PortError::Denied(_))
        ));
    }
}
