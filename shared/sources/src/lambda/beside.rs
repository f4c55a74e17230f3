//! What stands beside a function: configurations that the service keeps for a function, an alias or a version, each with calls
//! of its own. They are kept in the service's own members, so that none is lost for being younger than this program.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, Region, ResourceId};
use holdfast_vault::{PortError, ports};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::sorted;
use super::read::Notes;
use super::{FunctionConfig, LATEST, Package};
use crate::call::Call;
use crate::call::functions::{
    CreateFunctionUrlConfig, GetFunctionCodeSigningConfig, GetFunctionRecursionConfig, GetFunctionScalingConfig,
    GetRuntimeManagementConfig, ListFunctionEventInvokeConfigs, ListFunctionUrlConfigs,
    ListProvisionedConcurrencyConfigs, PutFunctionCodeSigningConfig, PutFunctionEventInvokeConfig,
    PutFunctionRecursionConfig, PutFunctionScalingConfig, PutProvisionedConcurrencyConfig, PutRuntimeManagementConfig,
};
use crate::wiring::at::At;

ports! {
    /// Reading what stands beside a function.
    pub trait ReadBeside:
        Call<ListFunctionUrlConfigs>,
        Call<ListFunctionEventInvokeConfigs>,
        Call<ListProvisionedConcurrencyConfigs>,
        Call<GetFunctionCodeSigningConfig>,
        Call<GetRuntimeManagementConfig>,
        Call<GetFunctionRecursionConfig>,
        Call<GetFunctionScalingConfig>,
}

ports! {
    /// Putting back what stands beside a function.
    pub trait MakeBeside:
        Call<CreateFunctionUrlConfig>,
        Call<PutFunctionEventInvokeConfig>,
        Call<PutProvisionedConcurrencyConfig>,
        Call<PutFunctionCodeSigningConfig>,
        Call<PutRuntimeManagementConfig>,
        Call<PutFunctionRecursionConfig>,
        Call<PutFunctionScalingConfig>,
}

/// A configuration beside a function, in the order in which a restore puts them back: what lets requests in comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Beside {
    /// Whose signatures code must carry: the ARN of a code signing configuration.
    #[serde(rename = "FunctionCodeSigningConfig")]
    CodeSigning,
    /// When the service changes the runtime's version under it, where that is not "automatically".
    #[serde(rename = "RuntimeManagementConfig")]
    RuntimeManagement,
    /// That it may invoke itself in a circle, where it may.
    #[serde(rename = "FunctionRecursionConfig")]
    Recursion,
    /// How many environments it has on managed instances.
    #[serde(rename = "FunctionScalingConfig")]
    Scaling,
    /// Environments that are kept warm for an alias or a version.
    #[serde(rename = "ProvisionedConcurrencyConfig")]
    ProvisionedConcurrency,
    /// Retries and destinations of asynchronous invocations.
    #[serde(rename = "FunctionEventInvokeConfig")]
    EventInvoke,
    /// An address of its own.
    #[serde(rename = "FunctionUrlConfig")]
    Url,
}

/// Configurations by the alias or version that they are about; `$LATEST` where that is the function itself.
pub type ByQualifier = BTreeMap<String, Map<String, Value>>;

/// What the service adds to what it was given. The address of a function URL is noted elsewhere.
const OBSERVED: [&str; 11] = [
    "AllocatedProvisionedConcurrentExecutions",
    "AppliedFunctionScalingConfig",
    "AvailableProvisionedConcurrentExecutions",
    "CreationTime",
    "FunctionArn",
    "FunctionName",
    "FunctionUrl",
    "LastModified",
    "LastModifiedTime",
    "Status",
    "StatusReason",
];

/// Members that the service tells under another name than it takes them.
const RENAMED: [(&str, &str); 2] = [
    (
        "RequestedProvisionedConcurrentExecutions",
        "ProvisionedConcurrentExecutions",
    ),
    ("RequestedFunctionScalingConfig", "FunctionScalingConfig"),
];

/// How the service calls what was published of `$LATEST` for managed instances.
const LATEST_PUBLISHED: &str = "$LATEST.PUBLISHED";

/// Entries a page: the service's maximum for all of these listings.
const PAGE: u32 = 50;

impl Beside {
    /// All of them.
    pub const ALL: [Beside; 7] = [
        Beside::CodeSigning,
        Beside::RuntimeManagement,
        Beside::Recursion,
        Beside::Scaling,
        Beside::ProvisionedConcurrency,
        Beside::EventInvoke,
        Beside::Url,
    ];

    /// The service's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Beside::CodeSigning => "FunctionCodeSigningConfig",
            Beside::RuntimeManagement => "RuntimeManagementConfig",
            Beside::Recursion => "FunctionRecursionConfig",
            Beside::Scaling => "FunctionScalingConfig",
            Beside::ProvisionedConcurrency => "ProvisionedConcurrencyConfig",
            Beside::EventInvoke => "FunctionEventInvokeConfig",
            Beside::Url => "FunctionUrlConfig",
        }
    }

    /// The command that puts it back.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Beside::CodeSigning => "put-function-code-signing-config",
            Beside::RuntimeManagement => "put-runtime-management-config",
            Beside::Recursion => "put-function-recursion-config",
            Beside::Scaling => "put-function-scaling-config",
            Beside::ProvisionedConcurrency => "put-provisioned-concurrency-config",
            Beside::EventInvoke => "put-function-event-invoke-config",
            Beside::Url => "create-function-url-config",
        }
    }

    /// What outcomes call it.
    pub(super) fn label(self, qualifier: &str) -> String {
        match qualifier {
            LATEST => self.as_str().to_owned(),
            qualifier => format!("{} for {qualifier}", self.as_str()),
        }
    }

    /// Whether it says no more than what holds when nobody says anything.
    fn is_default(self, config: &Map<String, Value>) -> bool {
        let says = |name: &str, value: &str| config.get(name).and_then(Value::as_str) == Some(value);
        match self {
            Beside::RuntimeManagement => says("UpdateRuntimeOn", "Auto"),
            Beside::Recursion => says("RecursiveLoop", "Terminate"),
            _ => config.is_empty(),
        }
    }
}

/// A configuration as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) config: Map<String, Value>,
    /// The address that the service chose, of a function URL.
    pub(super) address: Option<String>,
}

/// A function that is asked about what stands beside it.
pub(super) struct Reader<'a, P> {
    port: &'a P,
    id: ResourceId,
}

impl<'a, P: ReadBeside> Reader<'a, P> {
    pub(super) fn new(port: &'a P, region: &Region, name: &str) -> Self {
        let (kind, region, name) = (Kind::LambdaFunction, region.clone(), name.to_owned());
        let id = ResourceId { kind, region, name };
        Reader { port, id }
    }

    fn at(&self) -> At<'_, P> {
        At {
            port: self.port,
            id: &self.id,
        }
    }

    /// All configurations of a kind. Those that are told one by one are asked for at these qualifiers.
    pub(super) async fn all(
        &self,
        kind: Beside,
        qualifiers: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Found>, PortError> {
        let (at, name) = (self.at(), &self.id.name);
        let about = json!({ "FunctionName": name });
        let listing = json!({ "FunctionName": name, "MaxItems": PAGE });
        let (token, next) = ("NextMarker", "Marker");
        let listed = match kind {
            Beside::CodeSigning => return only(kind, at.ask::<GetFunctionCodeSigningConfig>(about).await),
            Beside::Recursion => return only(kind, at.ask::<GetFunctionRecursionConfig>(about).await),
            Beside::RuntimeManagement | Beside::Scaling => return self.one_by_one(kind, qualifiers).await,
            Beside::ProvisionedConcurrency => {
                let items = "ProvisionedConcurrencyConfigs";
                let pages = at.pages::<ListProvisionedConcurrencyConfigs>(listing, items, token, next);
                pages.await
            }
            Beside::EventInvoke => {
                let items = "FunctionEventInvokeConfigs";
                let pages = at.pages::<ListFunctionEventInvokeConfigs>(listing, items, token, next);
                pages.await
            }
            Beside::Url => {
                let items = "FunctionUrlConfigs";
                let pages = at.pages::<ListFunctionUrlConfigs>(listing, items, token, next);
                pages.await
            }
        };
        let found = there(listed)?.unwrap_or_default();
        let found = found
            .iter()
            .filter_map(|answer| found_of(kind, answer).map(|found| (qualifier_of(answer), found)));
        Ok(found.collect())
    }

    async fn one_by_one(
        &self,
        kind: Beside,
        qualifiers: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Found>, PortError> {
        let mut all = BTreeMap::new();
        for qualifier in qualifiers {
            let input = json!({ "FunctionName": self.id.name, "Qualifier": qualifier });
            let answer = match kind {
                Beside::Scaling => self.at().ask::<GetFunctionScalingConfig>(input).await,
                _ => self.at().ask::<GetRuntimeManagementConfig>(input).await,
            };
            let found = there(answer)?.and_then(|answer| found_of(kind, &answer));
            all.extend(found.map(|found| (qualifier.clone(), found)));
        }
        Ok(all)
    }
}

/// That there is none is no error.
fn there<T>(answer: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn only(kind: Beside, answer: Result<Value, PortError>) -> Result<BTreeMap<String, Found>, PortError> {
    let found = there(answer)?.and_then(|answer| found_of(kind, &answer));
    Ok(found.map(|found| (LATEST.to_owned(), found)).into_iter().collect())
}

/// The alias or version at the end of a function's ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME:live`.
fn qualifier_of(answer: &Value) -> String {
    let arn = answer.get("FunctionArn").and_then(Value::as_str).unwrap_or_default();
    arn.split(':').nth(7).unwrap_or(LATEST).to_owned()
}

fn found_of(kind: Beside, answer: &Value) -> Option<Found> {
    let members = answer.as_object()?.iter();
    let mut config = Map::new();
    for (name, value) in members.filter(|(name, _)| !OBSERVED.contains(&name.as_str())) {
        let renamed = RENAMED.iter().find(|(told, _)| told == name).map(|(_, taken)| *taken);
        if let Some(value) = something(value) {
            config.insert(renamed.unwrap_or(name).to_owned(), value);
        }
    }
    let address = answer.get("FunctionUrl").and_then(Value::as_str).map(str::to_owned);
    let config = super::config::sorted_map(config);
    (!kind.is_default(&config)).then_some(Found { config, address })
}

/// A value without what says nothing: services write what is not set as null, as an empty list or object, or not at all.
fn something(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Object(map) => {
            let full = map
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), something(value)?)));
            let full: Map<String, Value> = full.collect();
            (!full.is_empty()).then_some(Value::Object(full))
        }
        full => Some(sorted(full.clone())),
    }
}

/// Puts a configuration in place. Of a function URL there may be one already: `AlreadyExists`.
pub(super) async fn put<P: MakeBeside>(
    port: &P,
    id: &ResourceId,
    kind: Beside,
    qualifier: &str,
    config: &Map<String, Value>,
) -> Result<(), PortError> {
    let at = At { port, id };
    let input = input(&id.name, qualifier, config);
    match kind {
        Beside::CodeSigning => at.ask::<PutFunctionCodeSigningConfig>(input).await,
        Beside::RuntimeManagement => at.ask::<PutRuntimeManagementConfig>(input).await,
        Beside::Recursion => at.ask::<PutFunctionRecursionConfig>(input).await,
        Beside::Scaling => at.ask::<PutFunctionScalingConfig>(input).await,
        Beside::ProvisionedConcurrency => at.ask::<PutProvisionedConcurrencyConfig>(input).await,
        Beside::EventInvoke => at.ask::<PutFunctionEventInvokeConfig>(input).await,
        Beside::Url => at.ask::<CreateFunctionUrlConfig>(input).await,
    }?;
    Ok(())
}

/// What the call that puts it back takes. A function URL cannot be asked for of `$LATEST` by this name.
pub(super) fn input(function: &str, qualifier: &str, config: &Map<String, Value>) -> Value {
    let mut input = config.clone();
    input.insert("FunctionName".to_owned(), json!(function));
    if qualifier != LATEST {
        input.insert("Qualifier".to_owned(), json!(qualifier));
    }
    Value::Object(input)
}

/// Reads everything beside a function that can be found without knowing its versions. The rest is added by
/// [`read_of_versions`].
pub(super) async fn read_beside<P: ReadBeside>(
    reader: &Reader<'_, P>,
    config: &mut FunctionConfig,
    notes: &mut Notes,
) -> Result<(), PortError> {
    for kind in [
        Beside::CodeSigning,
        Beside::Recursion,
        Beside::ProvisionedConcurrency,
        Beside::EventInvoke,
        Beside::Url,
    ] {
        let found = reader.all(kind, &BTreeSet::new()).await;
        take(kind, found, config, notes)?;
    }
    Ok(())
}

/// Reads what the service tells only by version, of `$LATEST` and of the versions that were read.
pub(super) async fn read_of_versions<P: ReadBeside>(
    reader: &Reader<'_, P>,
    config: &mut FunctionConfig,
    notes: &mut Notes,
) -> Result<(), PortError> {
    let (mut zips, mut managed) = (BTreeSet::new(), BTreeSet::new());
    let latest = (LATEST.to_owned(), LATEST_PUBLISHED.to_owned(), &config.latest);
    let versions = config
        .versions
        .iter()
        .map(|(number, release)| (number.to_string(), number.to_string(), release));
    for (qualifier, published, release) in std::iter::once(latest).chain(versions) {
        // A container image brings its own runtime.
        if matches!(release.package, Package::Zip { .. }) {
            zips.insert(qualifier);
        }
        if release.settings.capacity_provider.is_some() {
            managed.insert(published);
        }
    }
    for (kind, qualifiers) in [(Beside::RuntimeManagement, zips), (Beside::Scaling, managed)] {
        let found = reader.all(kind, &qualifiers).await;
        take(kind, found, config, notes)?;
    }
    Ok(())
}

fn take(
    kind: Beside,
    found: Result<BTreeMap<String, Found>, PortError>,
    config: &mut FunctionConfig,
    notes: &mut Notes,
) -> Result<(), PortError> {
    // Not every region knows every one of these calls, and says so by calling them invalid.
    let found = match found {
        Err(PortError::Invalid(why)) => Err(PortError::Denied(why)),
        found => found,
    };
    let found = notes.detail(kind.as_str(), found)?.unwrap_or_default();
    if found.is_empty() {
        return Ok(());
    }
    for (qualifier, found) in &found {
        let address = found.address.clone();
        config
            .observed
            .urls
            .extend(address.map(|address| (qualifier.clone(), address)));
    }
    let configs = found.into_iter().map(|(qualifier, found)| (qualifier, found.config));
    config.beside.insert(kind, configs.collect());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_adds_or_leaves_empty_is_no_configuration() {
        let answer = json!({
            "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:bill:live", "LastModified": 1.5,
            "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": null,
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:dead"}},
        });
        let found = found_of(Beside::EventInvoke, &answer).unwrap();
        let expected = json!({
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:dead"}},
            "MaximumRetryAttempts": 0,
        });
        assert_eq!(
            (qualifier_of(&answer).as_str(), Value::Object(found.config)),
            ("live", expected)
        );
        let plain = json!({ "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:bill" });
        assert_eq!(qualifier_of(&plain), LATEST);
    }

    #[test]
    fn what_holds_when_nobody_says_anything_is_left_out() {
        for (kind, answer) in [
            (
                Beside::RuntimeManagement,
                json!({ "UpdateRuntimeOn": "Auto", "RuntimeVersionArn": null }),
            ),
            (Beside::Recursion, json!({ "RecursiveLoop": "Terminate" })),
            (
                Beside::CodeSigning,
                json!({ "FunctionName": "bill", "CodeSigningConfigArn": "" }),
            ),
        ] {
            assert_eq!(found_of(kind, &answer), None, "{kind:?}");
        }
    }

    #[test]
    fn names_in_documents_are_the_services() {
        for kind in Beside::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!(Beside::ALL.is_sorted());
    }

    #[test]
    fn what_is_told_under_another_name_is_kept_as_it_is_taken() {
        let answer = json!({ "RequestedProvisionedConcurrentExecutions": 5, "Status": "READY" });
        let found = found_of(Beside::ProvisionedConcurrency, &answer).unwrap();
        assert_eq!(
            Value::Object(found.config),
            json!({ "ProvisionedConcurrentExecutions": 5 })
        );
    }
}
