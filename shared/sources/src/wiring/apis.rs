//! What API Gateway's two sorts of APIs have alike: AWS names them itself, and a listing tells their tags.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, ResourceId};
use holdfast_vault::PortError;
use serde_json::{Map, Value};

use super::at::{At, Notes};
use super::document::{all_tags, own_tags};
use super::marked::{self, Itself};
use super::{Document, Reading};
use crate::call::InAccount;

/// How a sort of APIs is told.
pub(super) struct Sort {
    /// The member of an API that is its id.
    pub(super) id: &'static str,
    /// What an API's ARN says before its id.
    pub(super) path: &'static str,
}

impl Sort {
    /// An API's ARN.
    pub(super) fn arn<P>(&self, at: &At<'_, P>, id: &str) -> Result<Arn, PortError> {
        let (region, path) = (&at.id.region, self.path);
        let text = format!("arn:{}:apigateway:{region}::/{path}/{id}", region.partition());
        super::arn_in(Some(&Value::from(text)), at.id)
    }

    /// The ARNs of APIs that were listed.
    pub(super) fn arns<P>(&self, at: &At<'_, P>, apis: &[Value]) -> Result<Vec<Arn>, PortError> {
        apis.iter().map(|api| self.arn(at, &text(api, self.id))).collect()
    }

    /// The tags of APIs that were listed, by their ARNs.
    pub(super) fn tags<P>(
        &self,
        at: &At<'_, P>,
        apis: &[Value],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
        let arns = self.arns(at, apis)?.into_iter().map(|arn| arn.to_string());
        Ok(arns.zip(apis.iter().map(|api| all_tags(api.get("tags")))).collect())
    }

    /// Of APIs that were listed the one that a restore has made, or else the one that is called as it shall be: its id.
    pub(super) fn meant<P>(&self, at: &At<'_, P>, apis: &[Value], wanted: &Document) -> Option<String> {
        marked::best(apis, self.id, at.id, wanted)
    }

    /// What was read of an API.
    pub(super) fn reading<P: InAccount>(
        &self,
        at: &At<'_, P>,
        id: &str,
        tags: Option<&Value>,
        notes: Notes,
        config: Map<String, Value>,
    ) -> Result<Reading, PortError> {
        let document = Document {
            config: Itself::new(at, id).hidden(config),
            tags: marked::without_mark(own_tags(tags)),
            observed: marked::observed(id, tags),
            ..Document::default()
        };
        Ok(Reading::new(self.arn(at, id)?, notes, document))
    }
}

/// No API is the one that is meant.
pub(super) fn none_called_so(id: &ResourceId) -> PortError {
    PortError::NotFound(format!("{id}: no API is called so"))
}

/// A member that is a text; empty where there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
