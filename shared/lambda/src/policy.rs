use bytes::Bytes;
use holdfast_catalog::{Manifest, Region, layout};
use holdfast_policy::{Breach, Document, PointState, PointStatus, Resource};
use holdfast_vault::port::{ReadObjects, WriteObjects};
use holdfast_vault::{PointEntry, PortError};

/// Where the policy in force came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicySource {
    /// The document that a person put into the vault.
    Edited,
    /// The last document that was valid, because the edited one is not.
    LastGood,
    /// The built-in one, because there is no document, or none that was ever valid.
    BuiltIn,
}

/// The policy that a run works by.
#[derive(Debug, Clone)]
pub struct PolicyInForce {
    /// The policy.
    pub document: Document,
    /// Where it came from.
    pub source: PolicySource,
    /// Its text.
    pub text: Bytes,
    /// What is wrong with the edited document, with what to change; `None` when nothing is.
    pub faults: Option<String>,
}

impl PolicyInForce {
    /// What a report says about it.
    pub fn notes(&self) -> Vec<String> {
        let source = match self.source {
            PolicySource::Edited => None,
            PolicySource::LastGood => Some("the last valid policy stays in force"),
            PolicySource::BuiltIn if self.faults.is_some() => Some("the built-in policy is in force"),
            PolicySource::BuiltIn => Some("no policy document in the vault: the built-in policy is in force"),
        };
        let faults = self
            .faults
            .iter()
            .map(|faults| format!("the policy document is not valid: {faults}"));
        source.map(str::to_owned).into_iter().chain(faults).collect()
    }
}

/// The policy in force: the edited document if it is valid, else the last one that was, else the built-in one. A bad policy
/// never stops backups.
///
/// # Errors
/// The vault cannot be read. (Then nothing could be stored either.)
pub async fn policy_in_force<S: ReadObjects>(store: &S, key: &str, tag_key: &str) -> Result<PolicyInForce, PortError> {
    let faults = match read(store, key).await? {
        None => None,
        Some(text) => match parse(&text, tag_key) {
            Ok(document) => return Ok(in_force(document, PolicySource::Edited, text, None)),
            Err(faults) => Some(faults),
        },
    };
    if faults.is_some()
        && let Some(text) = read(store, layout::LAST_GOOD_POLICY).await?
        && let Ok(document) = parse(&text, tag_key)
    {
        return Ok(in_force(document, PolicySource::LastGood, text, faults));
    }
    let document = holdfast_policy::builtin(tag_key);
    Ok(PolicyInForce {
        document,
        source: PolicySource::BuiltIn,
        text: Bytes::from_static(holdfast_policy::BUILTIN.as_bytes()),
        faults,
    })
}

/// Keeps a valid edited document as the last good one. Only `snapshot` calls this: it is the one that may write there.
///
/// # Errors
/// Those of the store.
pub async fn remember_good_policy<S: ReadObjects + WriteObjects>(
    store: &S,
    policy: &PolicyInForce,
) -> Result<(), PortError> {
    if policy.source == PolicySource::Edited
        && read(store, layout::LAST_GOOD_POLICY).await?.as_ref() != Some(&policy.text)
    {
        store.overwrite(layout::LAST_GOOD_POLICY, policy.text.clone()).await?;
    }
    Ok(())
}

/// Why bytes of a point may not be written in a region, by a policy and by what the resource was when the point was made.
pub fn residency_breach(document: &Document, manifest: &Manifest, region: &Region) -> Option<Breach> {
    let resource = Resource {
        id: manifest.point.resource.clone(),
        arn: manifest.arn.clone(),
        tags: manifest.tags.clone(),
    };
    let plan = document.plan(&manifest.point.plan);
    document.residency_of(&resource, plan).check(region).err()
}

/// A point of the catalogue as the policy sees it.
pub fn point_state(entry: &PointEntry) -> PointState {
    let status = match (entry.is_damaged(), entry.is_partial()) {
        (true, _) => PointStatus::Damaged,
        (false, true) => PointStatus::Incomplete,
        (false, false) => PointStatus::Good,
    };
    PointState {
        tombstoned: entry.is_tombstoned,
        ..PointState::new(entry.id.clone(), status)
    }
}

fn in_force(document: Document, source: PolicySource, text: Bytes, faults: Option<String>) -> PolicyInForce {
    PolicyInForce {
        document,
        source,
        text,
        faults,
    }
}

fn parse(text: &[u8], tag_key: &str) -> Result<Document, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8 text: save it as UTF-8".to_owned())?;
    holdfast_policy::parse(text, tag_key).map_err(|faults| faults.to_string())
}

async fn read<S: ReadObjects>(store: &S, key: &str) -> Result<Option<Bytes>, PortError> {
    match store.get(key).await {
        Ok(text) => Ok(Some(text)),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.doing("reading the policy")),
    }
}
