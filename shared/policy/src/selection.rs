use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Kind, ResourceId};

use crate::account::Account;
use crate::glob::Glob;
use crate::matched::{Matched, Mismatch, Specificity};

/// The most comparisons that are made to find that one selection implies another. A document may hold 100 plans against
/// 100 rules, and whoever wrote it waits.
const MAX_COMPARED: usize = 1_000;

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

/// Why a plan does not cover a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unselected<'a> {
    /// It does not meet what the plan selects.
    PassedBy(Mismatch<'a>),
    /// It does, and meets what the plan excludes too.
    Excluded(Vec<Matched<'a>>),
}

impl Selection {
    /// How a resource is selected.
    ///
    /// # Errors
    /// It is not, and why.
    pub fn select<'a>(&'a self, resource: &'a Resource) -> Result<Vec<Matched<'a>>, Unselected<'a>> {
        let because = self.include.check(resource).map_err(Unselected::PassedBy)?;
        match self.exclude.as_ref().map(|exclude| exclude.check(resource)) {
            Some(Ok(by)) => Err(Unselected::Excluded(by)),
            Some(Err(_)) | None => Ok(because),
        }
    }
}

/// Clauses about a resource, all of which must match.
///
/// Criteria without a clause match nothing, never everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// The clauses, in the order in which they are checked.
    pub clauses: Vec<Clause>,
}

/// A clause about a resource: any one of its values is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// A tag is there, and its value has one of some forms.
    Tag {
        /// The tag's key, letter by letter.
        key: String,
        /// The forms that its value may have.
        values: Vec<Glob>,
    },
    /// The whole ARN has one of these forms.
    Arn(Vec<Glob>),
    /// The resource's name has one of these forms.
    Name(Vec<Glob>),
    /// The resource is of one of these kinds.
    Kind(Vec<Kind>),
    /// The resource's region has one of these forms.
    Region(Vec<Glob>),
    /// The resource belongs to one of these accounts.
    Account(Vec<Account>),
    /// One of these criteria is met.
    Any(Vec<Criteria>),
    /// All of these criteria are met.
    All(Vec<Criteria>),
    /// These criteria are not met.
    Not(Criteria),
}

impl Criteria {
    /// How a resource meets these criteria: each clause by which it was selected, those of nested criteria included.
    ///
    /// # Errors
    /// The first clause that it does not meet.
    pub fn check<'a>(&'a self, resource: &'a Resource) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
        if self.clauses.is_empty() {
            return Err(Mismatch::NoClause);
        }
        let mut matched = Vec::new();
        for clause in &self.clauses {
            matched.extend(clause.check(resource)?);
        }
        Ok(matched)
    }

    /// Whether every resource that meets these criteria certainly meets the others.
    ///
    /// Told by the clauses themselves, without knowing any resource: where it takes more than comparing them one by one,
    /// or more than [`MAX_COMPARED`] comparisons, the answer is no.
    pub(crate) fn implies(&self, other: &Criteria) -> bool {
        if self.values().saturating_mul(other.values()) > MAX_COMPARED {
            return false;
        }
        let mut facts = Vec::new();
        self.gather_facts(&mut facts);
        other.follows_from(&facts)
    }

    /// How many values there are in all clauses, those of nested criteria included.
    fn values(&self) -> usize {
        let values = self.clauses.iter().map(|clause| match clause {
            Clause::Tag { values: globs, .. } | Clause::Arn(globs) | Clause::Name(globs) | Clause::Region(globs) => {
                globs.len()
            }
            Clause::Kind(kinds) => kinds.len(),
            Clause::Account(accounts) => accounts.len(),
            Clause::Any(list) | Clause::All(list) => list.iter().map(Criteria::values).sum(),
            Clause::Not(criteria) => criteria.values(),
        });
        values.sum()
    }

    /// The clauses that hold of every resource that meets these criteria.
    fn gather_facts<'a>(&'a self, facts: &mut Vec<&'a Clause>) {
        for clause in &self.clauses {
            match clause {
                Clause::All(list) => list.iter().for_each(|criteria| criteria.gather_facts(facts)),
                clause => facts.push(clause),
            }
        }
    }

    fn follows_from(&self, facts: &[&Clause]) -> bool {
        !self.clauses.is_empty() && self.clauses.iter().all(|clause| clause.follows_from(facts))
    }
}

impl Clause {
    fn check<'a>(&'a self, resource: &'a Resource) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
        match self {
            Clause::Tag { key, values } => tag(key, values, resource),
            Clause::Arn(globs) => {
                let by = best(globs, resource.arn.as_str());
                one(by.map(Matched::Arn), Mismatch::OtherArn { wanted: globs })
            }
            Clause::Name(globs) => {
                let by = best(globs, &resource.id.name);
                one(by.map(Matched::Name), Mismatch::OtherName { wanted: globs })
            }
            Clause::Kind(wanted) => {
                let kind = resource.id.kind;
                let matched = wanted.contains(&kind).then_some(Matched::Kind(kind));
                one(matched, Mismatch::OtherKind { kind, wanted })
            }
            Clause::Region(wanted) => {
                let region = &resource.id.region;
                let matched = best(wanted, region.as_str()).map(|_| Matched::Region(region));
                one(matched, Mismatch::OtherRegion { region, wanted })
            }
            Clause::Account(wanted) => {
                let account = resource.arn.account();
                let found = wanted.iter().find(|wanted| wanted.id.as_str() == account);
                let mismatch = Mismatch::OtherAccount { account, wanted };
                one(found.map(Matched::Account), mismatch)
            }
            Clause::Any(branches) => any(branches, resource),
            Clause::All(list) if list.is_empty() => Err(Mismatch::NoClause),
            Clause::All(list) => {
                let parts: Result<Vec<_>, _> = list.iter().map(|criteria| criteria.check(resource)).collect();
                parts.map(|parts| parts.into_iter().flatten().collect())
            }
            Clause::Not(criteria) => match criteria.check(resource) {
                Ok(matched) => Err(Mismatch::RuledOut(matched)),
                // What matches nothing for want of a clause must not match everything by being turned around.
                Err(Mismatch::NoClause) => Err(Mismatch::NoClause),
                Err(mismatch) => Ok(vec![Matched::Not(mismatch)]),
            },
        }
    }

    fn follows_from(&self, facts: &[&Clause]) -> bool {
        match self {
            Clause::Any(branches) => branches.iter().any(|criteria| criteria.follows_from(facts)),
            Clause::All(list) => !list.is_empty() && list.iter().all(|criteria| criteria.follows_from(facts)),
            clause => facts.iter().any(|fact| fact.is_narrower_than(clause)),
        }
    }

    /// Whether every value of this clause is one of the other clause's.
    fn is_narrower_than(&self, other: &Clause) -> bool {
        let covers = |wide: &[Glob], narrow: &[Glob]| {
            !narrow.is_empty() && narrow.iter().all(|glob| wide.iter().any(|wide| wide.covers(glob)))
        };
        match (self, other) {
            (Clause::Tag { key: a, values: narrow }, Clause::Tag { key: b, values: wide }) => {
                a == b && covers(wide, narrow)
            }
            (Clause::Arn(narrow), Clause::Arn(wide))
            | (Clause::Name(narrow), Clause::Name(wide))
            | (Clause::Region(narrow), Clause::Region(wide)) => covers(wide, narrow),
            (Clause::Kind(narrow), Clause::Kind(wide)) => narrow.iter().all(|kind| wide.contains(kind)),
            (Clause::Account(narrow), Clause::Account(wide)) => narrow
                .iter()
                .all(|account| wide.iter().any(|other| other.id == account.id)),
            (Clause::Not(narrow), Clause::Not(wide)) => narrow == wide,
            _ => false,
        }
    }
}

fn one<'a>(matched: Option<Matched<'a>>, mismatch: Mismatch<'a>) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
    matched.map(|matched| vec![matched]).ok_or(mismatch)
}

/// The glob that a text matches; one without wildcards before the others, because it says more.
fn best<'a>(globs: &'a [Glob], text: &str) -> Option<&'a Glob> {
    let matching = globs.iter().filter(|glob| glob.matches(text));
    matching.min_by_key(|glob| !glob.is_exact())
}

fn tag<'a>(key: &'a str, wanted: &'a [Glob], resource: &'a Resource) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
    let value = resource.tags.get(key).ok_or(Mismatch::NoTag { key, wanted })?;
    let by = best(wanted, value).map(|by| Matched::Tag { key, value, by });
    one(by, Mismatch::OtherTag { key, value, wanted })
}

/// The most specific of the branches that match, the first one of several.
fn any<'a>(branches: &'a [Criteria], resource: &'a Resource) -> Result<Vec<Matched<'a>>, Mismatch<'a>> {
    let mut best: Option<Vec<Matched<'a>>> = None;
    let mut mismatches = Vec::new();
    for branch in branches {
        match branch.check(resource) {
            Ok(matched) => {
                let is_better = |best: &Vec<_>| Specificity::of(&matched) > Specificity::of(best);
                if best.as_ref().is_none_or(is_better) {
                    best = Some(matched);
                }
            }
            Err(mismatch) => mismatches.push(mismatch),
        }
    }
    match (best, mismatches.len()) {
        (Some(best), _) => Ok(best),
        (None, 0 | 1) => Err(mismatches.pop().unwrap_or(Mismatch::NoClause)),
        (None, _) => Err(Mismatch::NoneOf(mismatches)),
    }
}
