//! Bringing a whole application back: what is called what, in which order, and what differs.
//!
//! Everything here is a decision: values in, values out. What exists and what a recovery point holds are arguments.

mod chosen;
mod decide;
mod drift;
mod forms;
mod map;
mod naming;
mod order;
mod plan;
mod select;
mod template;
mod walk;

use std::fmt;

use holdfast_catalog::{Arn, ResourceId};
use serde_json::Value;

pub use decide::{Existing, Verdict, Word, decide};
pub use drift::{Change, diff};
pub(crate) use forms::{arn_of, domain};
pub use map::{ArnMap, Reference, Replaced};
pub use naming::{NameFault, Target};
pub use plan::{Action, Plan, Step, plan, without};
pub use select::{Selected, Selection, StackResource, of_stack, tags_of};
pub use template::{CodeBucket, Template, template};

/// A resource of the application, as a recovery point holds it.
#[derive(Clone, PartialEq)]
pub struct Member {
    /// Which resource.
    pub id: ResourceId,
    /// Its ARN when the point was made.
    pub arn: Arn,
    /// Its configuration document.
    pub document: Value,
}

impl fmt::Debug for Member {
    /// Without the document: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.arn)
    }
}
