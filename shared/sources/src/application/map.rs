//! What stands for what: every text by which a document names a resource of the application, and its new one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use serde_json::Value;

use super::chosen::{new_title, parts, title_of, title_place};
use super::forms::{self, Follow, Form};
use super::naming::{DEFAULT, is_assigned, is_given};
use super::walk::{Spot, Visit, map_strings};
use super::{Member, NameFault, Target};

/// What stands for what in an application that is restored: old ARNs, addresses and names, and new ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArnMap {
    members: BTreeMap<ResourceId, Made>,
    forms: BTreeMap<String, Entry>,
    /// What forms begin with.
    firsts: BTreeSet<u8>,
    /// Names that a person gave, replaced where they are all of a text.
    given: BTreeMap<String, String>,
    /// Streams and consumers by what their ARNs begin with, with the new ARN.
    children: BTreeMap<String, String>,
    names: BTreeMap<String, BTreeSet<ResourceId>>,
    /// What people will call those whose names the services choose.
    titles: BTreeMap<ResourceId, String>,
    /// Whose the resources were: some ARNs do not say.
    old_account: String,
    account: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    old_arn: Arn,
    target: ResourceId,
    new_arn: String,
    /// Whether the new ARN is known, or has an id that the service has yet to choose.
    is_known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    new: Option<String>,
    follow: Follow,
    resource: Option<ResourceId>,
}

/// One text that was, or has to be, replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replaced {
    /// Where it stands: `Policy.Statement[0].Resource`.
    pub path: String,
    /// What stood there.
    pub from: String,
    /// What stands there now; none while the new text is not known, because the service chooses it when it makes the
    /// resource: then the old one was left.
    pub to: Option<String>,
}

/// A place in a document that names a resource of the application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where it stands.
    pub path: String,
    /// What it names.
    pub resource: ResourceId,
    /// Whether the new text is not known yet.
    pub is_pending: bool,
}

struct Hit<'a> {
    range: Range<usize>,
    resource: Option<&'a ResourceId>,
    new: Option<&'a str>,
}

impl ArnMap {
    /// What stands for what when these resources are restored to a target in an account.
    ///
    /// # Errors
    /// Every name that cannot be as asked.
    pub fn new(members: &[Member], target: &Target, account: &str) -> Result<Self, Vec<NameFault>> {
        let ids: BTreeSet<ResourceId> = members.iter().map(|member| member.id.clone()).collect();
        let renamed = target.renamed(&ids)?;
        let old_accounts = members.iter().map(|member| member.arn.account());
        let mut map = ArnMap {
            old_account: old_accounts
                .max()
                .filter(|account| !account.is_empty())
                .unwrap_or(account)
                .to_owned(),
            account: account.to_owned(),
            ..ArnMap::default()
        };
        let mut faults = Vec::new();
        for member in members {
            let Some(new) = renamed.get(&member.id) else { continue };
            let made = Made {
                new_arn: forms::arn_of(new, &member.arn, account),
                old_arn: member.arn.clone(),
                target: new.clone(),
                is_known: !forms::has_own_id(new.kind),
            };
            map.add_place(&member.arn, &member.id.region, &new.region);
            match new_title(member, target) {
                Ok(title) => map.titles.extend(title.map(|title| (member.id.clone(), title))),
                Err(fault) => faults.push(fault),
            }
            map.add(&member.id, made);
            for part in parts(&member.document) {
                map.add_part(&member.id, part, None);
            }
        }
        if faults.is_empty() { Ok(map) } else { Err(faults) }
    }

    /// Adds a replacement that a person gave, which wins over what follows from names: an ARN or address (whatever has a `:`)
    /// wherever it occurs whole, a plain name where it is all of a text.
    pub fn insert(&mut self, old: &str, new: &str) {
        if old.is_empty() {
            return;
        }
        if !old.contains(':') {
            self.given.insert(old.to_owned(), new.to_owned());
            return;
        }
        let kind = old.parse::<Arn>().ok().and_then(|arn| Kind::of_arn(&arn));
        let entry = Entry {
            new: Some(new.to_owned()),
            follow: forms::follow_of(kind),
            resource: None,
        };
        self.add_form(old.to_owned(), entry);
    }

    /// What a resource of the application will be.
    pub fn target(&self, resource: &ResourceId) -> Option<&ResourceId> {
        self.members.get(resource).map(|made| &made.target)
    }

    /// The ARN that a resource will have; none while it is not known.
    pub fn new_arn(&self, resource: &ResourceId) -> Option<&str> {
        let made = self.members.get(resource).filter(|made| made.is_known)?;
        Some(&made.new_arn)
    }

    /// Whether something stands for this text: of a resource of the application, or given by a person.
    pub fn stands_for(&self, text: &str) -> bool {
        !self.hits(text).is_empty()
    }

    /// Takes note of the ARN that a resource was made with, or that its stream or consumer was: what could not be known
    /// before.
    pub fn learn(&mut self, resource: &ResourceId, arn: &Arn) {
        let Some(mut made) = self.members.get(resource).cloned() else {
            return;
        };
        if has_children(resource.kind)
            && let Some(start) = ["/stream/", "/consumer/"]
                .iter()
                .find_map(|what| arn.resource().find(what))
            && let Some((child, _)) = arn.resource().get(start..).and_then(child_of)
        {
            self.children.insert(format!("{resource}{child}"), arn.to_string());
            return;
        }
        if is_assigned(resource.kind) {
            let name = arn.resource().rsplit(['/', ':']).next().unwrap_or_default();
            let Ok(target) = ResourceId::new(resource.kind, made.target.region.clone(), name) else {
                return;
            };
            made.target = target;
        }
        made.new_arn = arn.to_string();
        made.is_known = true;
        self.add(resource, made);
    }

    /// Takes note of what the service chose for a part of a resource in place of the old: the address of a function URL, the ARN
    /// of an access point.
    pub fn learn_part(&mut self, resource: &ResourceId, old: &str, new: &str) {
        self.add_part(resource, old, Some(new));
    }

    /// A document in which every ARN, address and name of the application's resources is the new one, and what was replaced.
    /// What is not known yet is left as it was, and said.
    pub fn rewrite(&self, document: &Value) -> (Value, Vec<Replaced>) {
        let mut rewriting = Rewriting {
            map: self,
            replaced: Vec::new(),
        };
        let rewritten = map_strings(document, &mut rewriting);
        (rewritten, rewriting.replaced)
    }

    /// The same for the document of a resource of the application, with what people will call it.
    pub fn rewrite_of(&self, resource: &ResourceId, document: &Value) -> (Value, Vec<Replaced>) {
        let (mut rewritten, mut replaced) = self.rewrite(document);
        if let (Some(old), Some(new)) = (title_of(resource, document), self.titles.get(resource)) {
            let (holder, name) = title_place(resource.kind);
            replaced.push(Replaced {
                path: format!("{holder}.{name}"),
                from: old.to_owned(),
                to: Some(new.clone()),
            });
            rewritten[holder][name] = Value::from(new.as_str());
        }
        (rewritten, replaced)
    }

    /// Which resources of the application a document names, in order.
    pub fn references(&self, document: &Value) -> BTreeSet<Reference> {
        let mut reading = Reading {
            map: self,
            found: BTreeSet::new(),
        };
        map_strings(document, &mut reading);
        reading.found
    }

    /// In another region or account, what is not named resource by resource changes too.
    fn add_place(&mut self, old: &Arn, from: &Region, to: &Region) {
        let mut replaced = Vec::new();
        if from != to {
            replaced.push((forms::integration(from), forms::integration(to).text));
        }
        if !old.account().is_empty() && old.account() != self.account {
            let root = |account: &str| format!("arn:{}:iam::{account}:root", to.partition());
            let form = Form {
                text: root(old.account()),
                follow: Follow::Name,
            };
            replaced.push((form, root(&self.account)));
        }
        for (form, new) in replaced {
            let entry = Entry {
                new: Some(new),
                follow: form.follow,
                resource: None,
            };
            self.add_form(form.text, entry);
        }
    }

    fn add_part(&mut self, resource: &ResourceId, old: &str, new: Option<&str>) {
        let entry = Entry {
            new: new.map(|new| without_slash(new).to_owned()),
            follow: if old.starts_with("arn:") {
                Follow::Name
            } else {
                Follow::Url
            },
            resource: Some(resource.clone()),
        };
        self.add_form(without_slash(old).to_owned(), entry);
    }

    /// What is of no resource was given by a person, and wins.
    fn add_form(&mut self, text: String, entry: Entry) {
        let is_given = self.forms.get(&text).is_some_and(|there| there.resource.is_none());
        if is_given && entry.resource.is_some() {
            return;
        }
        self.firsts.extend(text.bytes().next());
        self.forms.insert(text, entry);
    }

    fn add(&mut self, old: &ResourceId, made: Made) {
        let old_account = match made.old_arn.account() {
            "" => &self.old_account,
            account => account,
        };
        let old_forms = forms::forms(old, made.old_arn.as_str(), old_account);
        let new_forms = forms::forms(&made.target, &made.new_arn, &self.account);
        for (old_form, new_form) in old_forms.into_iter().zip(new_forms) {
            let entry = Entry {
                new: made.is_known.then_some(new_form.text),
                follow: old_form.follow,
                resource: Some(old.clone()),
            };
            self.add_form(old_form.text, entry);
        }
        if !is_given(old) && old.leaf() != DEFAULT {
            self.names.entry(old.leaf().to_owned()).or_default().insert(old.clone());
        }
        self.members.insert(old.clone(), made);
    }

    /// The places in a text that name something, from left to right, the longest name at each.
    fn hits(&self, text: &str) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            let found = self.begins_name(text, at).then(|| self.hit_at(text, at)).flatten();
            at = match found {
                Some(hit) => {
                    let end = hit.range.end;
                    hits.push(hit);
                    end
                }
                None => match rest.chars().next() {
                    Some(character) => at + character.len_utf8(),
                    None => break,
                },
            };
        }
        hits
    }

    /// Whether a form can begin here: not within a word, but that an address's path begins anywhere.
    fn begins_name(&self, text: &str, at: usize) -> bool {
        let bytes = text.as_bytes();
        let Some(first) = bytes.get(at).filter(|first| self.firsts.contains(first)) else {
            return false;
        };
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        *first == b'/' || !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn hit_at(&self, text: &str, at: usize) -> Option<Hit<'_>> {
        let rest = text.get(at..)?;
        let mut bound = rest;
        // Among the forms that a text begins with, each is a prefix of the longer ones: walk down from the greatest that is
        // not after the text.
        loop {
            let (form, entry) = self
                .forms
                .range::<str, _>((Bound::Unbounded, Bound::Included(bound)))
                .next_back()?;
            let shared = shared_prefix(form, rest);
            if shared == form.len() {
                let tail = rest.get(shared..)?;
                let kind = entry.resource.as_ref().map(|resource| resource.kind);
                if entry.follow.allows(tail, kind) && is_own_host(text, at, form) {
                    return Some(self.hit(at..at + shared, tail, entry));
                }
                bound = rest.get(..floor(rest, shared.checked_sub(1)?))?;
            } else {
                bound = rest.get(..floor(rest, shared))?;
            }
            if bound.is_empty() {
                return None;
            }
        }
    }

    fn hit<'a>(&'a self, range: Range<usize>, tail: &str, entry: &'a Entry) -> Hit<'a> {
        let plain = Hit {
            range: range.clone(),
            resource: entry.resource.as_ref(),
            new: entry.new.as_deref(),
        };
        let Some(resource) = &entry.resource else { return plain };
        match child_of(tail) {
            Some((child, bytes)) if has_children(resource.kind) => Hit {
                range: range.start..range.end + bytes,
                resource: Some(resource),
                new: self.children.get(&format!("{resource}{child}")).map(String::as_str),
            },
            _ => plain,
        }
    }

    /// The resource that a whole string names without an ARN, where its place says that it is a name.
    fn named(&self, spot: &Spot<'_>, text: &str) -> Option<Hit<'_>> {
        let ids = self.names.get(text)?;
        let kind = spot.key.and_then(kind_named_by);
        if kind.is_none() && !spot.is_variable {
            return None;
        }
        let mut meant = ids.iter().filter(|id| kind.is_none_or(|kind| kind == id.kind));
        let first = meant.next()?;
        let new_name = |id: &ResourceId| self.members.get(id).map(|made| made.target.leaf());
        // A name that would have to become two different ones is nobody's to choose.
        if meant.any(|other| new_name(other) != new_name(first)) {
            return None;
        }
        let made = self.members.get(first)?;
        let is_known = made.is_known || !is_assigned(first.kind);
        Some(Hit {
            range: 0..text.len(),
            resource: Some(first),
            new: is_known.then(|| made.target.leaf()),
        })
    }

    fn all_hits(&self, spot: &Spot<'_>, text: &str) -> Vec<Hit<'_>> {
        // The account alone: a policy's principal, or the condition that only it may.
        let account = (text == self.old_account).then_some(&self.account);
        let given = self.given.get(text).filter(|_| !spot.is_key);
        if let Some(new) = given.or(account) {
            return vec![Hit {
                range: 0..text.len(),
                resource: None,
                new: Some(new),
            }];
        }
        match self.named(spot, text) {
            Some(hit) => vec![hit],
            None => self.hits(text),
        }
    }
}

/// An address as it stands before a path.
fn without_slash(address: &str) -> &str {
    address.strip_suffix('/').unwrap_or(address)
}

struct Rewriting<'m> {
    map: &'m ArnMap,
    replaced: Vec<Replaced>,
}

impl Visit for Rewriting<'_> {
    fn visit(&mut self, spot: &Spot<'_>, text: &str) -> Option<String> {
        let (mut out, mut copied) = (String::new(), 0);
        for hit in self.map.all_hits(spot, text) {
            let from = text.get(hit.range.clone())?;
            if hit.new == Some(from) {
                continue;
            }
            self.replaced.push(Replaced {
                path: spot.path.to_owned(),
                from: from.to_owned(),
                to: hit.new.map(str::to_owned),
            });
            if let Some(new) = hit.new {
                out.push_str(text.get(copied..hit.range.start)?);
                out.push_str(new);
                copied = hit.range.end;
            }
        }
        if copied == 0 {
            return None;
        }
        out.push_str(text.get(copied..)?);
        Some(out)
    }
}

struct Reading<'m> {
    map: &'m ArnMap,
    found: BTreeSet<Reference>,
}

impl Visit for Reading<'_> {
    fn visit(&mut self, spot: &Spot<'_>, text: &str) -> Option<String> {
        for hit in self.map.all_hits(spot, text) {
            if let Some(resource) = hit.resource {
                self.found.insert(Reference {
                    path: spot.path.to_owned(),
                    resource: resource.clone(),
                    is_pending: hit.new.is_none(),
                });
            }
        }
        None
    }
}

/// The kind that a key's value names without an ARN, in the words of the services' inputs.
fn kind_named_by(key: &str) -> Option<Kind> {
    Some(match key {
        "TableName" => Kind::DynamodbTable,
        "FunctionName" => Kind::LambdaFunction,
        "QueueName" => Kind::SqsQueue,
        "StreamName" => Kind::KinesisStream,
        "EventBusName" => Kind::EventBus,
        "GroupName" => Kind::ScheduleGroup,
        "RoleName" => Kind::IamRole,
        "Connection" => Kind::EventConnection,
        "Bucket" | "BucketName" => Kind::BucketNotifications,
        "FileSystemId" => Kind::EfsFileSystem,
        _ => return None,
    })
}

/// A path stands for a queue only behind a host of one's own: AWS's hosts say which region is meant, and have forms of their
/// own.
fn is_own_host(text: &str, at: usize, form: &str) -> bool {
    if !form.starts_with('/') {
        return true;
    }
    let Some(before) = text.get(..at) else { return false };
    let Some((scheme, host)) = before.rsplit_once("://") else {
        return false;
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    let is_aws = [".amazonaws.", ".c2s.", ".sc2s.", ".adc-e.", ".hci."]
        .iter()
        .any(|domain| host.contains(domain));
    let is_web = scheme.ends_with("http") || scheme.ends_with("https");
    is_web && !host.is_empty() && host.bytes().all(is_host) && !is_aws
}

/// A stream or a consumer below its owner's ARN: what it is called there, and where it ends. The rest is the service's own
/// choice.
fn child_of(tail: &str) -> Option<(&str, usize)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(label) = tail.strip_prefix("/stream/") {
        let is_label = |&byte: &u8| byte.is_ascii_alphanumeric() || b":.-".contains(&byte);
        let bytes = label.bytes().take_while(is_label).count();
        let start = tail.len() - label.len();
        return (digits(label) > 0).then_some((tail.get(..start)?, start + bytes));
    }
    let (name, id) = tail.strip_prefix("/consumer/")?.split_once(':')?;
    let start = "/consumer/".len() + name.len() + 1;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (is_name && digits(id) > 0).then_some((tail.get(..start)?, start + digits(id)))
}

fn has_children(kind: Kind) -> bool {
    matches!(kind, Kind::DynamodbTable | Kind::KinesisStream)
}

fn shared_prefix(left: &str, right: &str) -> usize {
    left.bytes()
        .zip(right.bytes())
        .take_while(|(left, right)| left == right)
        .count()
}

/// The character boundary at or before a byte.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
