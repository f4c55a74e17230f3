use std::collections::BTreeMap;
use std::fmt;

use holdfast_catalog::{Arn, Kind, ResourceId};

use crate::glob::Glob;

/// A resource of the account as the inventory lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Which resource.
    pub id: ResourceId,
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Which resources a plan covers: those that meet `include` and do not meet `exclude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What a resource must meet.
    pub include: Criteria,
    /// What takes a resource out again.
    pub exclude: Option<Criteria>,
}

/// Clauses about a resource. All clauses that are given must match; inside a clause any one of its values is enough.
///
/// Criteria without a clause match nothing, never everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// Tags, a clause for each key.
    pub tags: Vec<TagCriterion>,
    /// The ARN has the form of one of these.
    pub arns: Vec<Glob>,
    /// The resource is of one of these kinds.
    pub kinds: Vec<Kind>,
}

/// A tag must be there and its value have one of some forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCriterion {
    /// The tag's key, letter by letter.
    pub key: String,
    /// The forms that its value may have.
    pub values: Vec<Glob>,
}

/// A clause that a resource meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched<'a> {
    /// By one of its tags.
    Tag {
        /// The tag's key.
        key: &'a str,
        /// The tag's value.
        value: &'a str,
    },
    /// By its ARN.
    Arn(&'a Glob),
    /// By its kind.
    Kind(Kind),
}

impl fmt::Display for Matched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matched::Tag { key, value } => write!(f, "its tag {key} is {value}"),
            Matched::Arn(glob) => write!(f, "its ARN matches {glob}"),
            Matched::Kind(kind) => write!(f, "it is a {kind}"),
        }
    }
}

/// A clause that a resource does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch<'a> {
    /// It has no such tag.
    NoTag {
        /// The tag's key.
        key: &'a str,
        /// The values that would do.
        wanted: &'a [Glob],
    },
    /// Its tag has another value.
    OtherTag {
        /// The tag's key.
        key: &'a str,
        /// The tag's value.
        value: &'a str,
        /// The values that would do.
        wanted: &'a [Glob],
    },
    /// Its ARN has another form.
    OtherArn {
        /// The forms that would do.
        wanted: &'a [Glob],
    },
    /// It is of another kind.
    OtherKind {
        /// Its kind.
        kind: Kind,
        /// The kinds that would do.
        wanted: &'a [Kind],
    },
    /// There is no clause that it could meet.
    NoClause,
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::NoTag { key, wanted } => write!(f, "it has no tag {key} (wanted: {})", either(wanted)),
            Mismatch::OtherTag { key, value, wanted } => {
                write!(f, "its tag {key} is {value}, not {}", either(wanted))
            }
            Mismatch::OtherArn { wanted } => write!(f, "its ARN does not match {}", either(wanted)),
            Mismatch::OtherKind { kind, wanted } => write!(f, "it is a {kind}, not a {}", either(wanted)),
            Mismatch::NoClause => f.write_str("the selection has no clause"),
        }
    }
}

fn either<T: fmt::Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(" or ")
}

impl Criteria {
    /// Whether there is no clause at all.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.arns.is_empty() && self.kinds.is_empty()
    }

    /// How a resource meets these criteria.
    ///
    /// # Errors
    /// The first clause that it does not meet.
    pub fn check<'a>(&'a self, resource: &'a Resource) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
        if self.is_empty() {
            return Err(Mismatch::NoClause);
        }
        let mut matched = Vec::new();
        for tag in &self.tags {
            matched.push(tag.check(resource)?);
        }
        if !self.arns.is_empty() {
            let arn = self.arns.iter().find(|glob| glob.matches(resource.arn.as_str()));
            matched.push(Matched::Arn(arn.ok_or(Mismatch::OtherArn { wanted: &self.arns })?));
        }
        if !self.kinds.is_empty() {
            let kind = resource.id.kind;
            if !self.kinds.contains(&kind) {
                return Err(Mismatch::OtherKind {
                    kind,
                    wanted: &self.kinds,
                });
            }
            matched.push(Matched::Kind(kind));
        }
        Ok(matched)
    }
}

impl TagCriterion {
    fn check<'a>(&'a self, resource: &'a Resource) -> Result<Matched<'a>, Mismatch<'a>> {
        let (key, wanted) = (self.key.as_str(), self.values.as_slice());
        match resource.tags.get(key) {
            None => Err(Mismatch::NoTag { key, wanted }),
            Some(value) if wanted.iter().any(|glob| glob.matches(value)) => Ok(Matched::Tag { key, value }),
            Some(value) => Err(Mismatch::OtherTag { key, value, wanted }),
        }
    }
}
