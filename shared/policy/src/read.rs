//! Reading a policy document: all faults at once, each with its path and what to change.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use holdfast_catalog::{Kind, PlanName};
use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::document::Document;
use crate::duration::{in_words, parse_duration};
use crate::fault::{Fault, Faults};
use crate::glob::Glob;
use crate::objective::{Objectives, Verification};
use crate::plan::{CopyTarget, Plan};
use crate::retention::{DEFAULT_MINIMUM_GOOD, Keep, Retention, Rules};
use crate::schedule::{Schedule, time_zone};
use crate::selection::{Criteria, Selection};

/// No document is longer than this; a person who writes more has pasted something else.
pub const MAX_BYTES: usize = 256 << 10;

/// No document has more plans than this.
pub const MAX_PLANS: usize = 200;

/// The language's newest version.
const VERSION: u64 = 1;

/// The policy that is in force until there is a document.
pub const BUILTIN: &str = "\
version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    objectives: {rpo: 2h}
    retention: {keep_last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, minimum_good: 3}
    verification: {restore_test_every: 7d}
";

/// The policy that is in force until there is a document; it protects what is tagged `<tag_key>: standard`.
pub fn builtin(tag_key: &str) -> Document {
    // A test reads the same text; an empty policy, which protects nothing, can never come of it.
    parse(BUILTIN, tag_key).unwrap_or(Document {
        version: 1,
        plans: Vec::new(),
    })
}

/// Reads a policy document, YAML or JSON.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, tag_key: &str) -> Result<Document, Faults> {
    let whole = |message: String| {
        Faults(vec![Fault {
            path: String::new(),
            message,
        }])
    };
    if text.len() > MAX_BYTES {
        return Err(whole(format!(
            "the document is longer than {MAX_BYTES} bytes: is it a policy?"
        )));
    }
    let value: Value = serde_saphyr::from_str(text)
        .map_err(|error| whole(format!("the document is no YAML: {}", first_line(&error.to_string()))))?;
    let mut reader = Reader {
        faults: Vec::new(),
        tag_key,
    };
    let document = reader.document(&value);
    match document {
        Some(document) if reader.faults.is_empty() => Ok(document),
        _ => Err(Faults(reader.faults)),
    }
}

fn first_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Walks a document and notes what is wrong. A part that is wrong becomes `None`, and the walk goes on.
struct Reader<'a> {
    faults: Vec<Fault>,
    tag_key: &'a str,
}

impl Reader<'_> {
    fn fault<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault {
            path: path.to_owned(),
            message: message.into(),
        });
        None
    }

    fn document(&mut self, value: &Value) -> Option<Document> {
        let fields = self.object("", value, &["version", "plans"])?;
        match fields.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                return self.fault(
                    "version",
                    format!("{newer} is newer than {VERSION}, the newest that this release reads"),
                );
            }
            _ => self.fault("version", format!("write version: {VERSION}")).unwrap_or(()),
        }
        let plans = self.plans(fields.get("plans"))?;
        Some(Document { version: 1, plans })
    }

    fn plans(&mut self, value: Option<&Value>) -> Option<Vec<Plan>> {
        let Some(Value::Array(entries)) = value else {
            return self.fault("plans", "write a list of plans, at least one");
        };
        if entries.is_empty() || entries.len() > MAX_PLANS {
            return self.fault(
                "plans",
                format!("write between 1 and {MAX_PLANS} plans, there are {}", entries.len()),
            );
        }
        let mut names = BTreeSet::new();
        let mut plans = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let path = format!("plans[{at}]");
            let Some(plan) = self.plan(&path, entry) else { continue };
            if !names.insert(plan.name.clone()) {
                self.fault::<()>(
                    &format!("{path}.name"),
                    format!("there is another plan {}: give each its own name", plan.name),
                );
            }
            plans.push(plan);
        }
        Some(plans)
    }

    fn plan(&mut self, path: &str, value: &Value) -> Option<Plan> {
        const FIELDS: &[&str] = &[
            "name",
            "select",
            "exclude",
            "schedule",
            "retention",
            "objectives",
            "copy_to",
            "verification",
        ];
        let fields = self.object(path, value, FIELDS)?;
        let at = |field: &str| format!("{path}.{field}");
        // Every part is read before any missing one ends the plan, so that all faults are told at once.
        let name = self.name(&at("name"), fields.get("name"));
        let selection = match &name {
            Some(name) => self.selection(path, fields, name),
            None => None,
        };
        let schedule = self.schedule(&at("schedule"), fields.get("schedule"));
        let retention = self.retention(&at("retention"), fields.get("retention"));
        let objectives = self.objectives(&at("objectives"), fields.get("objectives"));
        let copy_to = self.copy_to(&at("copy_to"), fields.get("copy_to"));
        let verification = self.verification(&at("verification"), fields.get("verification"));
        if let (Some(schedule), Some(objectives)) = (&schedule, &objectives) {
            self.check_rpo(&at("objectives.rpo"), schedule, objectives);
        }
        Some(Plan {
            name: name?,
            selection: selection?,
            schedule: schedule?,
            retention: retention?,
            copy_to: copy_to?,
            objectives: objectives?,
            verification: verification?,
        })
    }

    /// A schedule whose slots lie further apart than the objective allows cannot meet it, whatever is done.
    fn check_rpo(&mut self, path: &str, schedule: &Schedule, objectives: &Objectives) {
        let (Some(rpo), Some((gap, slot))) = (objectives.rpo, schedule.longest_gap()) else {
            return;
        };
        if gap > rpo {
            let message = format!(
                "{} cannot be met: the schedule leaves {} between two points (from {slot} on); ask for points more often, or allow \
                 {} and the time that a point takes",
                in_words(rpo),
                in_words(gap),
                in_words(gap)
            );
            self.fault::<()>(path, message);
        }
    }

    fn name(&mut self, path: &str, value: Option<&Value>) -> Option<PlanName> {
        let text = self.text(path, value)?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => self.fault(path, error.to_string()),
        }
    }

    fn selection(&mut self, path: &str, fields: &Map<String, Value>, name: &PlanName) -> Option<Selection> {
        let include = match fields.get("select") {
            None => {
                let value = Glob::new(name.as_str()).ok()?;
                Criteria {
                    tags: BTreeMap::from([(self.tag_key.to_owned(), vec![value])]),
                    ..Criteria::default()
                }
            }
            Some(value) => self.criteria(&format!("{path}.select"), value)?,
        };
        let exclude = match fields.get("exclude") {
            None => None,
            Some(value) => Some(self.criteria(&format!("{path}.exclude"), value)?),
        };
        Some(Selection { include, exclude })
    }

    fn criteria(&mut self, path: &str, value: &Value) -> Option<Criteria> {
        let fields = self.object(path, value, &["tags", "arns", "kinds"])?;
        let mut criteria = Criteria::default();
        if let Some(value) = fields.get("tags") {
            let tags_path = format!("{path}.tags");
            let Value::Object(tags) = value else {
                return self.fault(&tags_path, "write tags as key: value pattern, for example backup: gold");
            };
            for (key, value) in tags {
                let globs = self.globs(&format!("{tags_path}.{key}"), value)?;
                criteria.tags.insert(key.clone(), globs);
            }
        }
        if let Some(value) = fields.get("arns") {
            criteria.arns = self.globs(&format!("{path}.arns"), value)?;
        }
        if let Some(value) = fields.get("kinds") {
            for text in self.texts(&format!("{path}.kinds"), value)? {
                match text.parse::<Kind>() {
                    Ok(kind) => criteria.kinds.push(kind),
                    Err(error) => return self.fault(&format!("{path}.kinds"), error.to_string()),
                }
            }
        }
        if criteria.is_empty() {
            return self.fault(
                path,
                "is empty and would select nothing: name tags, arns or kinds (arns: [\"*\"] is everything)",
            );
        }
        Some(criteria)
    }

    fn globs(&mut self, path: &str, value: &Value) -> Option<Vec<Glob>> {
        let mut globs = Vec::new();
        for text in self.texts(path, value)? {
            match Glob::new(&text) {
                Ok(glob) => globs.push(glob),
                Err(message) => return self.fault(path, message),
            }
        }
        Some(globs)
    }

    fn schedule(&mut self, path: &str, value: Option<&Value>) -> Option<Schedule> {
        let Some(value) = value else {
            return self.fault(
                path,
                "is missing: write {every: 1h}, or {cron: \"0 2 * * *\", timezone: Europe/Berlin}",
            );
        };
        let fields = self.object(path, value, &["every", "cron", "timezone"])?;
        let zone = match fields.get("timezone") {
            None => jiff::tz::TimeZone::UTC,
            Some(value) => {
                let zone_path = format!("{path}.timezone");
                let name = self.text(&zone_path, Some(value))?;
                match time_zone(&name) {
                    Ok(zone) => zone,
                    Err(message) => return self.fault(&zone_path, message),
                }
            }
        };
        let (field, schedule) = match (fields.get("every"), fields.get("cron")) {
            (Some(every), None) => {
                let interval = self.duration(&format!("{path}.every"), every)?;
                ("every", Schedule::every(interval, zone))
            }
            (None, Some(cron)) => {
                let expression = self.text(&format!("{path}.cron"), Some(cron))?;
                ("cron", Schedule::cron(&expression, zone))
            }
            _ => return self.fault(path, "name one of every and cron"),
        };
        match schedule {
            Ok(schedule) => Some(schedule),
            Err(message) => self.fault(&format!("{path}.{field}"), message),
        }
    }

    fn retention(&mut self, path: &str, value: Option<&Value>) -> Option<Retention> {
        const FIELDS: &[&str] = &[
            "keep",
            "keep_last",
            "hourly",
            "daily",
            "weekly",
            "monthly",
            "quarterly",
            "yearly",
            "keep_within",
            "minimum_good",
        ];
        let Some(value) = value else {
            return self.fault(
                path,
                "is missing: write for example {daily: 7, weekly: 4}, or {keep: all} to keep every point",
            );
        };
        let fields = self.object(path, value, FIELDS)?;
        let mut count = |field: &str| match fields.get(field) {
            None => Some(0),
            Some(value) => self.count(&format!("{path}.{field}"), value),
        };
        let rules = Rules {
            keep_last: count("keep_last")?,
            hourly: count("hourly")?,
            daily: count("daily")?,
            weekly: count("weekly")?,
            monthly: count("monthly")?,
            quarterly: count("quarterly")?,
            yearly: count("yearly")?,
            keep_within: None,
        };
        let keep_within = match fields.get("keep_within") {
            None => None,
            Some(value) => Some(self.duration(&format!("{path}.keep_within"), value)?),
        };
        let minimum_good = match fields.get("minimum_good") {
            None => DEFAULT_MINIMUM_GOOD,
            Some(value) => {
                let minimum_path = format!("{path}.minimum_good");
                let number = self.count(&minimum_path, value)?;
                match NonZeroU32::new(number) {
                    Some(number) => number,
                    None => return self.fault(&minimum_path, "at least 1 good point always stays"),
                }
            }
        };
        let rules = Rules { keep_within, ..rules };
        let keep = match (fields.get("keep").map(Value::as_str), rules.is_empty()) {
            (None, false) => Keep::Rules(rules),
            (None, true) => {
                return self.fault(
                    path,
                    "has no rule: write for example {daily: 7}, or {keep: all} to keep every point",
                );
            }
            (Some(Some("all")), true) => Keep::All,
            (Some(Some("all")), false) => return self.fault(path, "keep: all stands alone, without other rules"),
            (Some(_), _) => return self.fault(&format!("{path}.keep"), "the only value is all"),
        };
        Some(Retention { keep, minimum_good })
    }

    fn objectives(&mut self, path: &str, value: Option<&Value>) -> Option<Objectives> {
        let Some(value) = value else {
            return Some(Objectives::default());
        };
        let fields = self.object(path, value, &["rpo"])?;
        let rpo = match fields.get("rpo") {
            None => None,
            Some(value) => Some(self.duration(&format!("{path}.rpo"), value)?),
        };
        Some(Objectives { rpo })
    }

    fn verification(&mut self, path: &str, value: Option<&Value>) -> Option<Verification> {
        let Some(value) = value else {
            return Some(Verification::default());
        };
        let fields = self.object(path, value, &["restore_test_every"])?;
        let restore_test_every = match fields.get("restore_test_every") {
            None => None,
            Some(value) => Some(self.duration(&format!("{path}.restore_test_every"), value)?),
        };
        Some(Verification { restore_test_every })
    }

    fn copy_to(&mut self, path: &str, value: Option<&Value>) -> Option<CopyTarget> {
        let Some(value) = value else {
            return Some(CopyTarget::Default);
        };
        let text = self.text(path, Some(value))?;
        if text == "none" {
            return Some(CopyTarget::None);
        }
        match text.parse() {
            Ok(region) => Some(CopyTarget::Region(region)),
            Err(error) => self.fault(path, format!("{error}; or none")),
        }
    }

    fn object<'v>(&mut self, path: &str, value: &'v Value, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let Value::Object(fields) = value else {
            return self.fault(
                path,
                format!("is {}: write fields, of {}", kind_of(value), known.join(", ")),
            );
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let at = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let message = match nearest(name, known) {
                Some(near) => format!("there is no such field; did you mean {near}?"),
                None => format!("there is no such field; there are {}", known.join(", ")),
            };
            self.fault::<()>(&at, message);
        }
        Some(fields)
    }

    fn text(&mut self, path: &str, value: Option<&Value>) -> Option<String> {
        match value {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => self.fault(path, format!("is {}: write a text", kind_of(other))),
            None => self.fault(path, "is missing"),
        }
    }

    fn texts(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        match value {
            Value::Array(entries) if entries.is_empty() => self.fault(path, "is an empty list: name at least one"),
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .map(|(at, entry)| self.text(&format!("{path}[{at}]"), Some(entry)))
                .collect(),
            one => self.text(path, Some(one)).map(|text| vec![text]),
        }
    }

    fn duration(&mut self, path: &str, value: &Value) -> Option<SignedDuration> {
        let text = self.text(path, Some(value))?;
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(message) => self.fault(path, message),
        }
    }

    fn count(&mut self, path: &str, value: &Value) -> Option<u32> {
        const MOST: u64 = 100_000;
        match value
            .as_u64()
            .filter(|number| *number <= MOST)
            .and_then(|number| u32::try_from(number).ok())
        {
            Some(number) => Some(number),
            None => self.fault(path, format!("is {value}: write a whole number from 0 to {MOST}")),
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a group of fields",
    }
}

/// The known field that a misspelt one is most likely to mean: at most two edits away, or a third of its length.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let close = known
        .iter()
        .map(|candidate| (edits(name, candidate), *candidate))
        .min()?;
    (close.0 <= 2.max(name.chars().count() / 3)).then_some(close.1)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        for (left, cb) in (1..row.len()).zip(&b) {
            let (Some(&above), Some(&before)) = (row.get(left), row.get(left - 1)) else {
                break;
            };
            let here = if left == 1 {
                (i + 1).min(above) + 1
            } else {
                before.min(above) + 1
            };
            let cost = here.min(diagonal + usize::from(ca != *cb));
            diagonal = above;
            if let Some(cell) = row.get_mut(left) {
                *cell = cost;
            }
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        parse(text, "backup")
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn plan(fields: &str) -> String {
        format!("version: 1\nplans:\n  - {{name: a, {fields}}}\n")
    }

    #[test]
    fn the_builtin_policy_protects_what_is_tagged_standard() {
        let document = builtin("backup");
        let plan = &document.plans[0];
        assert_eq!((document.plans.len(), plan.name.as_str()), (1, "standard"));
        assert_eq!(plan.selection.include.tags["backup"][0].as_str(), "standard");
        assert_eq!(plan.retention.minimum_good.get(), 3);
    }

    #[test]
    fn json_is_accepted() {
        let json =
            r#"{"version": 1, "plans": [{"name": "a", "schedule": {"every": "1d"}, "retention": {"daily": 7}}]}"#;
        assert_eq!(parse(json, "backup").unwrap().plans.len(), 1);
    }

    #[test]
    fn each_fault_names_its_place_and_what_to_change() {
        let good = "schedule: {every: 1h}, retention: {daily: 7}";
        for (text, place, words) in [
            (plan("retention: {daily: 7}"), "plans[0].schedule", "is missing"),
            (plan("schedule: {every: 1h}"), "plans[0].retention", "is missing"),
            (
                plan("schedule: {every: 1h}, retention: {}"),
                "plans[0].retention",
                "has no rule",
            ),
            (
                plan("schedule: {every: 1h}, retention: {daily: -1}"),
                "plans[0].retention.daily",
                "whole number",
            ),
            (
                plan("schedule: {every: 1h}, retention: {daly: 7, daily: 7}"),
                "plans[0].retention.daly",
                "did you mean daily",
            ),
            (
                plan("schedule: {every: 1h}, retention: {keep: all, daily: 7}"),
                "plans[0].retention",
                "stands alone",
            ),
            (
                plan("schedule: {every: 1h}, retention: {daily: 7, minimum_good: 0}"),
                "plans[0].retention.minimum_good",
                "at least 1",
            ),
            (
                plan("schedule: {every: 30s}, retention: {daily: 7}"),
                "plans[0].schedule.every",
                "no duration",
            ),
            (
                plan("schedule: {cron: x}, retention: {daily: 7}"),
                "plans[0].schedule.cron",
                "five fields",
            ),
            (
                plan("schedule: {every: 1h, timezone: Mars}, retention: {daily: 7}"),
                "plans[0].schedule.timezone",
                "no time zone",
            ),
            (plan(&format!("select: {{}}, {good}")), "plans[0].select", "is empty"),
            (
                plan(&format!("select: {{kinds: [table]}}, {good}")),
                "plans[0].select.kinds",
                "dynamodb-table",
            ),
            (
                plan(&format!("copy_to: nowhere, {good}")),
                "plans[0].copy_to",
                "or none",
            ),
            (
                plan(&format!("objectives: {{rpo: 59m}}, {good}")),
                "plans[0].objectives.rpo",
                "leaves 1h between",
            ),
            (
                plan(&format!("colour: red, {good}")),
                "plans[0].colour",
                "no such field",
            ),
            ("version: 2\nplans: []\n".to_owned(), "version", "newer"),
            ("version: 1\nplans: []\n".to_owned(), "plans", "between 1 and"),
            ("version: 1\n".to_owned(), "plans", "list of plans"),
            ("[]".to_owned(), "", "is a list"),
            ("{".to_owned(), "", "no YAML"),
            ("version: 1\nversion: 1\n".to_owned(), "", "no YAML"),
        ] {
            let found = parse(&text, "backup").unwrap_err();
            let told = found
                .iter()
                .any(|fault| fault.path == place && fault.message.contains(words));
            assert!(told, "{text}\nwanted {place}: {words}\nfound {found}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = "version: 1\nplans:\n  - {name: A, schedule: {every: x}}\n  - {name: b, retention: {dayly: 1}}\n";
        assert_eq!(faults(text).len(), 6, "{:#?}", faults(text));
    }

    #[test]
    fn two_plans_of_one_name_are_refused() {
        let one = "{name: a, schedule: {every: 1h}, retention: {daily: 7}}";
        let found = faults(&format!("version: 1\nplans: [{one}, {one}]\n"));
        assert!(
            found[0].starts_with("plans[1].name: there is another plan a"),
            "{found:?}"
        );
    }

    #[test]
    fn a_hostile_document_is_refused_and_neither_hangs_nor_eats_memory() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                    g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
        assert!(parse(bomb, "backup").is_err());
        assert!(parse(&"[".repeat(100_000), "backup").is_err());
        assert!(parse(&"x".repeat(MAX_BYTES + 1), "backup").is_err());
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in [
            ("", "", 0),
            ("a", "", 1),
            ("daly", "daily", 1),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(edits(a, b), count, "{a} {b}");
        }
    }
}
