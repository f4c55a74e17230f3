//! IAM roles that functions and triggers run as: whom they trust, what they may, their boundary. IAM is one for all regions.
//!
//! A restore makes a role that is not there and never changes one that is. It gives no role anything that the stored one did not
//! have: a policy of the account's own is attached only where it says word for word what it said, and a role is not made without
//! its boundary. Where IAM does not know yet whom it trusts, it is made to trust the others, and told of the rest afterwards.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Sha256};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{all_tags, as_text, own_tags, parsed};
use super::marked;
use super::trust::{TRUST, several, without_identities};
use super::{Document, Reading, without};
use crate::call::Call;
use crate::call::iam::{
    AttachRolePolicy, CreatePolicy, CreateRole, GetPolicy, GetPolicyVersion, GetRole, GetRolePolicy,
    ListAttachedRolePolicies, ListRolePolicies, ListRoleTags, ListRoles, PutRolePolicy, UpdateAssumeRolePolicy,
};
use crate::dynamodb::backoff::Backoff;

/// What belongs to a role and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "roles that no service may run a function or a trigger as, those that AWS makes for its services, and Holdfast's own",
    "policies of AWS, which it only names, and older versions of the account's own",
    "when it was last used",
];

/// The services that run what Holdfast protects.
const RUNNERS: [&str; 7] = [
    "apigateway",
    "edgelambda",
    "events",
    "lambda",
    "scheduler",
    "sns",
    "states",
];

/// Paths of roles that are AWS's to make, or ours.
const NOT_THEIRS: [&str; 3] = ["/aws-reserved/", "/aws-service-role/", "/holdfast/"];

/// Members of an answer that are no settings, or that are written in another way.
const OBSERVED: [&str; 8] = [
    "Arn",
    "CreateDate",
    "PermissionsBoundary",
    "RoleId",
    "RoleLastUsed",
    "RoleName",
    "SourceRoleTemplate",
    "Tags",
];

/// The longest name of a policy.
const NAME_CHARS: usize = 128;

/// How long IAM may take to know a role that was made just now as one that can be trusted: seconds, as people tell.
const KNOWN_WITHIN: SignedDuration = SignedDuration::from_secs(30);

ports! {
    /// What listing roles asks for.
    pub trait Lists: Call<ListRoles>, Call<ListRoleTags>
}

ports! {
    /// What reading a role asks for.
    pub trait Reads: Call<GetRole>, Call<ListRolePolicies>, Call<GetRolePolicy>, Call<ListAttachedRolePolicies>, Call<GetPolicy>, Call<GetPolicyVersion>
}

ports! {
    /// What making a role asks for. Nothing here changes a role or a policy of others.
    pub trait Makes: Call<CreateRole>, Call<PutRolePolicy>, Call<CreatePolicy>, Call<AttachRolePolicy>, Call<UpdateAssumeRolePolicy>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let roles = at.pages::<ListRoles>(json!({}), "Roles", "Marker", "Marker").await?;
    let theirs = roles.iter().filter(|role| !is_not_theirs(role) && is_run(role));
    theirs.map(|role| super::arn_in(role.get("Arn"), at.id)).collect()
}

/// The tags of roles, which the tagging API does not tell.
pub(super) async fn tags<P: Lists>(
    at: &At<'_, P>,
    roles: &[Arn],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
    let mut tags = BTreeMap::new();
    for arn in roles {
        let input = json!({ "RoleName": arn.resource().rsplit('/').next() });
        match at.pages::<ListRoleTags>(input, "Tags", "Marker", "Marker").await {
            // It was removed meanwhile.
            Err(PortError::NotFound(_)) => {}
            found => _ = tags.insert(arn.to_string(), all_tags(Some(&Value::from(found?)))),
        }
    }
    Ok(tags)
}

fn is_not_theirs(role: &Value) -> bool {
    let path = role.get("Path").and_then(Value::as_str).unwrap_or_default();
    NOT_THEIRS.iter().any(|other| path.starts_with(other))
}

/// Whether a service that runs functions or triggers may take the role.
fn is_run(role: &Value) -> bool {
    let trust = policy(role.get(TRUST));
    statements(&trust)
        .filter_map(|statement| statement.get("Principal")?.get("Service"))
        .flat_map(several)
        .filter_map(Value::as_str)
        .any(|service| RUNNERS.contains(&service.split('.').next().unwrap_or_default()))
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    policy.get("Statement").into_iter().flat_map(several)
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let name = || json!({ "RoleName": at.id.name });
    let answer = at.ask::<GetRole>(name()).await?;
    let role = answer.get("Role").cloned().unwrap_or_default();
    let arn = super::arn_in(role.get("Arn"), at.id)?;
    if is_not_theirs(&role) {
        return Err(PortError::Invalid(format!("{}: AWS or Holdfast makes it", at.id)));
    }
    let mut notes = Notes::default();
    let mut config = without(&role, &OBSERVED);
    config.insert(TRUST.to_owned(), policy(role.get(TRUST)));
    // Query services write numbers as text.
    if let Some(Value::String(text)) = config.get("MaxSessionDuration")
        && let Ok(number) = text.parse::<u32>()
    {
        config.insert("MaxSessionDuration".to_owned(), Value::from(number));
    }
    let inline = inline(at).await;
    if let Some(inline) = notes.detail("Policies", inline)?.filter(|inline| !inline.is_empty()) {
        config.insert("Policies".to_owned(), Value::Object(inline));
    }
    let attached = attached(at).await;
    if let Some(attached) = notes
        .detail("AttachedPolicies", attached)?
        .filter(|list| !list.is_empty())
    {
        config.insert("AttachedPolicies".to_owned(), Value::from(attached));
    }
    let boundary = role
        .get("PermissionsBoundary")
        .and_then(|one| one.get("PermissionsBoundaryArn"));
    if let Some(arn) = boundary.and_then(Value::as_str) {
        let boundary = named_policy(at, arn).await;
        if let Some(boundary) = notes.detail("PermissionsBoundary", boundary)? {
            config.insert("PermissionsBoundary".to_owned(), boundary);
        }
    }
    let tags = role.get("Tags");
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config,
            tags: marked::without_mark(own_tags(tags)),
            observed: marked::observed(role.get("RoleId").and_then(Value::as_str).unwrap_or_default(), tags),
            ..Document::default()
        },
    ))
}

async fn inline<P: Reads>(at: &At<'_, P>) -> Result<Map<String, Value>, PortError> {
    let input = json!({ "RoleName": at.id.name });
    let names = at
        .pages::<ListRolePolicies>(input, "PolicyNames", "Marker", "Marker")
        .await?;
    let mut policies = Map::new();
    for name in names.iter().filter_map(Value::as_str) {
        let input = json!({ "RoleName": at.id.name, "PolicyName": name });
        let answer = at.ask::<GetRolePolicy>(input).await?;
        policies.insert(name.to_owned(), policy(answer.get("PolicyDocument")));
    }
    Ok(policies)
}

async fn attached<P: Reads>(at: &At<'_, P>) -> Result<Vec<Value>, PortError> {
    let input = json!({ "RoleName": at.id.name });
    let found = at
        .pages::<ListAttachedRolePolicies>(input, "AttachedPolicies", "Marker", "Marker")
        .await?;
    let mut arns: Vec<&str> = found.iter().filter_map(|one| one.get("PolicyArn")?.as_str()).collect();
    arns.sort_unstable();
    let mut policies = Vec::with_capacity(arns.len());
    for arn in arns {
        policies.push(named_policy(at, arn).await?);
    }
    Ok(policies)
}

/// A policy by its ARN, with what it says if it is the account's own.
async fn named_policy<P: Reads>(at: &At<'_, P>, arn: &str) -> Result<Value, PortError> {
    let mut named = json!({ "PolicyArn": arn });
    if is_own(arn) {
        named["Document"] = says(at, arn).await?;
    }
    Ok(named)
}

fn is_own(arn: &str) -> bool {
    arn.parse::<Arn>().is_ok_and(|arn| arn.account() != "aws")
}

/// What a policy's default version says.
async fn says<P: Reads>(at: &At<'_, P>, arn: &str) -> Result<Value, PortError> {
    let answer = at.ask::<GetPolicy>(json!({ "PolicyArn": arn })).await?;
    let found = answer.get("Policy").cloned().unwrap_or_default();
    let version = super::text_in(&found, "DefaultVersionId", at.id)?;
    let input = json!({ "PolicyArn": arn, "VersionId": version });
    let answer = at.ask::<GetPolicyVersion>(input).await?;
    Ok(policy(
        answer.get("PolicyVersion").and_then(|version| version.get("Document")),
    ))
}

/// A policy document, which IAM percent-encodes.
fn policy(encoded: Option<&Value>) -> Value {
    let text = encoded.and_then(Value::as_str).unwrap_or_default();
    match text.trim_start().starts_with('{') {
        true => parsed(Value::from(text)),
        false => parsed(Value::from(percent_decoded(text))),
    }
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = after.get(if decoded.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The account's own policies as a role needs them under another name or in another account: with a role that is called otherwise
/// go policies that are called otherwise, for what they say names other resources.
pub(super) fn renamed(document: &mut Document, old: &str, new: &str, account: &str) {
    let rename = |named: &mut Value| {
        let is_told = named.get("Document").is_some();
        let arn = named.get("PolicyArn").and_then(Value::as_str).unwrap_or_default();
        let (Ok(arn), true) = (arn.parse::<Arn>(), is_told) else {
            return;
        };
        let resource = if old == new {
            arn.resource().to_owned()
        } else {
            let (path, name) = arn.resource().rsplit_once('/').unwrap_or(("policy", arn.resource()));
            format!("{path}/{}", policy_name(name, new))
        };
        named["PolicyArn"] = Value::from(format!("arn:{}:iam::{account}:{resource}", arn.partition()));
    };
    if let Some(Value::Array(attached)) = document.config.get_mut("AttachedPolicies") {
        attached.iter_mut().for_each(rename);
        attached.sort_by_cached_key(|named| named["PolicyArn"].to_string());
    }
    if let Some(boundary) = document.config.get_mut("PermissionsBoundary") {
        rename(boundary);
    }
}

/// What a policy is called that goes with a role of another name.
fn policy_name(name: &str, role: &str) -> String {
    let whole = format!("{name}-for-{role}");
    if whole.len() <= NAME_CHARS {
        return whole;
    }
    let digest = Sha256::of(whole.as_bytes()).to_string();
    let digest = digest.get(..16).unwrap_or_default();
    // IAM's names are ASCII.
    format!("{}-{digest}", whole.get(..NAME_CHARS - 17).unwrap_or_default())
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let has_trust = !making.exists && create(making).await?;
    let name = making.at.id.name.clone();
    for (policy, document) in wanted
        .config
        .get("Policies")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let input = json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": as_text(document) });
        making.set::<PutRolePolicy>("Policies", input).await?;
    }
    let attached = wanted.config.get("AttachedPolicies").and_then(Value::as_array);
    for named in attached.into_iter().flatten() {
        attach(making, named).await?;
    }
    if !has_trust {
        trust(making).await?;
    }
    Ok(())
}

/// Has a role that is there trust whom it shall.
async fn trust<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let name = making.at.id.name.as_str();
    let answer = making.ask::<GetRole>(json!({ "RoleName": name })).await?;
    let found = policy(answer.get("Role").and_then(|role| role.get(TRUST)));
    let Some(wanted) = making.wanted.config.get(TRUST).filter(|wanted| **wanted != found) else {
        return Ok(());
    };
    let input = json!({ "RoleName": name, "PolicyDocument": as_text(wanted) });
    let began = making.clock.now();
    let mut backoff = Backoff::new(0);
    let result = loop {
        match making.ask::<UpdateAssumeRolePolicy>(input.clone()).await {
            // Whom it names is not there, or was made just now.
            Err(PortError::Invalid(why)) => {
                let waited = making.clock.now().duration_since(began);
                if waited > KNOWN_WITHIN || !backoff.pause(making.clock).await {
                    break Err(PortError::Invalid(why));
                }
            }
            result => break result,
        }
    };
    making.told(TRUST, result).map(drop)
}

async fn attach<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>, named: &Value) -> Result<(), PortError> {
    let arn = named.get("PolicyArn").and_then(Value::as_str).unwrap_or_default();
    let result = match says_the_same(making, named).await {
        Ok(true) => {
            let input = json!({ "RoleName": making.at.id.name, "PolicyArn": arn });
            making.ask::<AttachRolePolicy>(input).await.map(drop)
        }
        Ok(false) => {
            let why =
                "says something else now, so it was not attached: compare it with the point, then attach it by hand";
            making.needs_person("AttachedPolicies", format!("{arn} {why}"));
            return Ok(());
        }
        Err(error) => Err(error),
    };
    making.told("AttachedPolicies", result).map(drop)
}

/// Makes the role, and says whether it trusts everybody already whom it shall.
async fn create<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<bool, PortError> {
    let wanted = making.wanted;
    if wanted.unreadable.iter().any(|setting| setting == "PermissionsBoundary") {
        let why = "its boundary could not be read when the point was made, and without it the role could do more";
        return Err(PortError::Invalid(format!("{}: {why}", making.at.id)));
    }
    let mut input = without(&Value::Object(wanted.config.clone()), &["AttachedPolicies", "Policies"]);
    if let Some(boundary) = wanted.config.get("PermissionsBoundary") {
        let arn = boundary.get("PolicyArn").cloned().unwrap_or_default();
        if !says_the_same(making, boundary).await? {
            let why = "its boundary says something else now, and under another one the role could do more";
            return Err(PortError::Invalid(format!("{}: {why}: {arn}", making.at.id)));
        }
        input.insert("PermissionsBoundary".to_owned(), arn);
    }
    input.insert("RoleName".to_owned(), Value::from(making.at.id.name.as_str()));
    let tags = marked::tags_of(wanted);
    if !tags.is_empty() {
        input.insert("Tags".to_owned(), super::document::tag_list(&tags));
    }
    let whole = wanted.config.get(TRUST).cloned().unwrap_or_default();
    let first = without_identities(&whole);
    let mut with = |trust: &Value| {
        input.insert(TRUST.to_owned(), Value::from(as_text(trust)));
        Value::Object(input.clone())
    };
    match making.create::<CreateRole>(with(&whole)).await {
        // It may be that not everybody is there whom it names.
        Err(PortError::Invalid(_)) if first != whole => {
            making.create::<CreateRole>(with(&first)).await?;
            Ok(false)
        }
        made => made.map(|_| true),
    }
}

/// Whether a policy says what it said; one of the account's own that is not there is made.
async fn says_the_same<P: Reads + Makes, C: Clock>(
    making: &Making<'_, P, C>,
    named: &Value,
) -> Result<bool, PortError> {
    let arn = named.get("PolicyArn").and_then(Value::as_str).unwrap_or_default();
    let Some(wanted) = named.get("Document") else {
        return Ok(true);
    };
    match says(&making.at, arn).await {
        Err(PortError::NotFound(_)) => {}
        found => return Ok(found? == *wanted),
    }
    let resource = arn.parse::<Arn>().map(|arn| arn.resource().to_owned());
    let resource = resource.unwrap_or_default();
    let (path, name) = resource.rsplit_once('/').unwrap_or_default();
    let path = path.strip_prefix("policy").unwrap_or_default();
    let input = json!({ "PolicyName": name, "Path": format!("{path}/"), "PolicyDocument": as_text(wanted) });
    match making.ask::<CreatePolicy>(input).await {
        // By a call whose answer was lost, or by somebody else: what it says decides.
        Err(PortError::AlreadyExists(_)) => Ok(says(&making.at, arn).await? == *wanted),
        result => result.map(|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_iam_writes_it_and_as_it_is() {
        let written = json!({"Statement": [{"Sid": "ä %41", "Resource": "arn:aws:s3:::a/*"}]});
        let plain = written.to_string();
        let encoded: String = plain.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(policy(Some(&Value::from(encoded))), written);
        assert_eq!(policy(Some(&Value::from(plain))), written);
        assert_eq!(percent_decoded("100%"), "100%");
    }

    #[test]
    fn roles_of_people_and_of_machines_are_not_functions() {
        let role = |service: Value| json!({"AssumeRolePolicyDocument": json!({"Statement": {"Principal": service}}).to_string()});
        for (principal, expected) in [
            (json!({"Service": "lambda.amazonaws.com"}), true),
            (
                json!({"Service": ["ec2.amazonaws.com", "states.eu-west-1.amazonaws.com"]}),
                true,
            ),
            (json!({"Service": "ec2.amazonaws.com"}), false),
            (json!({"AWS": "arn:aws:iam::1:root"}), false),
            (json!("*"), false),
        ] {
            assert_eq!(is_run(&role(principal.clone())), expected, "{principal}");
        }
    }

    #[test]
    fn a_policys_new_name_fits() {
        assert_eq!(policy_name("data", "new-bill"), "data-for-new-bill");
        let long = policy_name(&"p".repeat(100), &"r".repeat(60));
        assert_eq!(long.len(), NAME_CHARS);
        assert_ne!(long, policy_name(&"p".repeat(100), &"r".repeat(61)));
    }
}
