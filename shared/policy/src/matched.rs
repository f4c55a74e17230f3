//! Why a resource meets criteria or does not, in words; and how specific that is.

use std::fmt;

use holdfast_catalog::{Kind, Region};

use crate::account::Account;
use crate::engine::Engine;
use crate::glob::Glob;

/// A clause that a resource meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched<'a> {
    /// By one of its tags.
    Tag {
        /// The tag's key.
        key: &'a str,
        /// The tag's value.
        value: &'a str,
        /// The form that the value has.
        by: &'a Glob,
    },
    /// By its ARN.
    Arn(&'a Glob),
    /// By its name.
    Name(&'a Glob),
    /// By its kind.
    Kind(Kind),
    /// By its region.
    Region(&'a Region),
    /// By its account.
    Account(&'a Account),
    /// By not meeting what it must not meet.
    Not(Mismatch<'a>),
}

impl fmt::Display for Matched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matched::Tag { key, value, .. } => write!(f, "its tag {key} is {value}"),
            Matched::Arn(glob) if glob.is_exact() => write!(f, "its ARN is {glob}"),
            Matched::Arn(glob) => write!(f, "its ARN matches {glob}"),
            Matched::Name(glob) if glob.is_exact() => write!(f, "its name is {glob}"),
            Matched::Name(glob) => write!(f, "its name matches {glob}"),
            Matched::Kind(kind) => write!(f, "it is a {kind}"),
            Matched::Region(region) => write!(f, "it is in {region}"),
            Matched::Account(account) => write!(f, "it is in account {account}"),
            Matched::Not(mismatch) => match mismatch {
                // Here nobody wanted the tag.
                Mismatch::NoTag { key, .. } => write!(f, "it has no tag {key}"),
                Mismatch::NoneOf(mismatches) => {
                    let parts = mismatches.iter().cloned().map(Matched::Not);
                    f.write_str(&all(&parts.collect::<Vec<_>>()))
                }
                Mismatch::RuledOut(matched) => f.write_str(&all(matched)),
                other => write!(f, "{other}"),
            },
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
    /// Its name has another form.
    OtherName {
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
    /// It is in another region.
    OtherRegion {
        /// Its region.
        region: &'a Region,
        /// The regions that would do.
        wanted: &'a [Glob],
    },
    /// It belongs to another account.
    OtherAccount {
        /// The account's digits.
        account: &'a str,
        /// The accounts that would do.
        wanted: &'a [Account],
    },
    /// None of several criteria is met; at least two.
    NoneOf(Vec<Mismatch<'a>>),
    /// It meets what it must not meet.
    RuledOut(Vec<Matched<'a>>),
    /// There is no clause that it could meet.
    NoClause,
    /// It is selected, and the plan's engine makes no points of its kind.
    Engine {
        /// Its kind.
        kind: Kind,
        /// The plan's engine.
        engine: Engine,
    },
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::NoTag { key, wanted } => write!(f, "it has no tag {key} (wanted: {})", either(wanted)),
            Mismatch::OtherTag { key, value, wanted } => {
                write!(f, "its tag {key} is {value}, not {}", either(wanted))
            }
            Mismatch::OtherArn { wanted } => write!(f, "its ARN does not match {}", either(wanted)),
            Mismatch::OtherName { wanted } => write!(f, "its name does not match {}", either(wanted)),
            Mismatch::OtherKind { kind, wanted } => write!(f, "it is a {kind}, not a {}", either(wanted)),
            Mismatch::OtherRegion { region, wanted } => write!(f, "it is in {region}, not in {}", either(wanted)),
            Mismatch::OtherAccount { account, wanted } => {
                write!(f, "it is in account {account}, not in {}", either(wanted))
            }
            Mismatch::NoneOf(mismatches) => {
                let parts: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
                write!(f, "none of {} alternatives fits ({})", parts.len(), parts.join("; "))
            }
            Mismatch::RuledOut(matched) => write!(f, "not: rules it out, because {}", all(matched)),
            Mismatch::Engine { kind, engine } => write!(
                f,
                "its engine {engine} makes no points of a {kind}: a plan with engine {} does",
                engine.instead()
            ),
            Mismatch::NoClause => f.write_str("the selection has no clause"),
        }
    }
}

/// Clauses as one reason.
pub(crate) fn all(clauses: &[Matched<'_>]) -> String {
    let clauses: Vec<String> = clauses.iter().map(ToString::to_string).collect();
    clauses.join(" and ")
}

fn either<T: fmt::Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(" or ")
}

/// How exactly a resource was selected: how many clauses of each sort did it, the sorts that say most first.
///
/// Of two plans, the one whose selection compares greater is the more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Specificity {
    /// ARNs and names without wildcards.
    pub exact_names: u32,
    /// Tags without wildcards.
    pub exact_tags: u32,
    /// ARNs, names and tags with wildcards.
    pub globs: u32,
    /// Kinds, regions and accounts.
    pub classes: u32,
}

impl Specificity {
    /// The specificity of a selection, given the clauses that did it. What a resource does not meet counts as nothing.
    pub fn of(matched: &[Matched<'_>]) -> Self {
        let mut sum = Specificity::default();
        for clause in matched {
            match clause {
                Matched::Arn(glob) | Matched::Name(glob) if glob.is_exact() => sum.exact_names += 1,
                Matched::Tag { by, .. } if by.is_exact() => sum.exact_tags += 1,
                Matched::Arn(_) | Matched::Name(_) | Matched::Tag { .. } => sum.globs += 1,
                Matched::Kind(_) | Matched::Region(_) | Matched::Account(_) => sum.classes += 1,
                Matched::Not(_) => {}
            }
        }
        sum
    }

    /// What makes this one greater than the other, in words; nothing if it is not.
    pub fn lead_over(&self, other: &Specificity) -> Option<String> {
        let sorts = [
            (self.exact_names, other.exact_names, "exact ARN or name"),
            (self.exact_tags, other.exact_tags, "exact tag"),
            (self.globs, other.globs, "ARN, name or tag with wildcards"),
            (self.classes, other.classes, "kind, region or account"),
        ];
        let (more, less, sort) = sorts.into_iter().find(|(more, less, _)| more != less)?;
        let less = if less == 0 { "none".to_owned() } else { less.to_string() };
        (self > other).then(|| format!("{more} {sort} against {less}"))
    }
}
