//! `policy.schema.json` says what the reader reads: the same fields on every level, the same shapes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use holdfast_policy::{BUILTIN, FIELDS, Notice, parse};
use serde_json::Value;

use crate::support::plan_text;
use crate::validator::{KEYWORDS, invalid, resolve};

pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../policy.schema.json")).unwrap());

/// A document that uses every field there is.
const EVERYTHING: &str = r#"
version: 1
accounts: {prod: "111122223333", dev: "444455556666"}
residency:
  - select: {tags: {data: eu}}
    allow: ["eu-*"]
    forbid: ["eu-south-*"]
zones:
  - regions: [eu-central-1, eu-west-1]
    max_concurrent: 4
    bytes_per_second: 10MiB
    read_capacity_share: 25%
limits: {remove_share: 50%, remove_points: 10000}
notifications:
  - topic: arn:aws:sns:eu-central-1:111122223333:holdfast-ops
    events: [failed, partial, rpo-breached, damaged, restore-test-failed, policy-invalid, pruned, swept, hold]
    plans: [shop]
plans:
  - name: shop
    tier: critical
    engine: vault
    records: true
    also: true
    select:
      any:
        - {tags: {env: [prod, "pre-*"], level: 1}, names: "shop-*", not: {regions: us-east-1}}
        - all: [{arns: "*:table/x"}, {kinds: dynamodb-table, accounts: [prod, "444455556666"]}]
    exclude: {names: [scratch, 2024]}
    schedule:
      cron: "0 * * * *"
      timezone: Europe/Berlin
      window: {from: "22:00", to: "06:00", days: MON-FRI}
      jitter: 30m
      blackout: ["2026-12-24", "2026-12-31..2027-01-02"]
      pause_until: 2026-12-01
    objectives: {rpo: 2h, rto: 4h}
    retention: {keep_last: 1, hourly: 1, daily: 1, weekly: 1, monthly: 1, quarterly: 1, yearly: 1, keep_within: 1d,
                keep_within_hourly: 1d, keep_within_daily: 1d, keep_within_weekly: 1w, keep_within_monthly: 30d,
                keep_within_quarterly: 90d, keep_within_yearly: 365d, minimum_good: 2, delete_after: 400d}
    copies:
      - region: eu-west-1
        retention: {keep: all}
    residency: {allow: ["eu-*"], forbid: eu-south-1}
    verification: {restore_test_every: 7d}
    compliance: {preset: [hipaa, gdpr], minimum: 30d, maximum: 400d, lock: governance, lock_for: 30d}
    engine: aws-backup
    aws_backup: {cold_after: 30d, delete_after: 120d, continuous: 35d, start_window: 8h, complete_window: 7d, acls: false, object_tags: false}
  - {name: other, schedule: {every: 15m, pause_until: "2026-12-01T10:00:00+01:00"}, retention: {daily: 7}, copies: none}
"#;

/// The fields of each level of the schema, by the level's path; a selection inside a selection is no level of its own.
fn levels() -> BTreeMap<String, BTreeSet<String>> {
    let mut levels = BTreeMap::new();
    walk(&SCHEMA, "", &mut Vec::new(), &mut levels);
    levels
}

fn walk<'a>(schema: &'a Value, path: &str, inside: &mut Vec<&'a str>, levels: &mut BTreeMap<String, BTreeSet<String>>) {
    if let Some(reference) = schema.get("$ref") {
        let name = reference.as_str().unwrap();
        if !inside.contains(&name) {
            inside.push(name);
            walk(resolve(&SCHEMA, reference), path, inside, levels);
            inside.pop();
        }
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let fields = properties.keys().cloned().collect();
        assert_eq!(levels.insert(path.to_owned(), fields), None, "{path}");
        assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{path}");
        let dot = if path.is_empty() { "" } else { "." };
        for (field, schema) in properties {
            walk(schema, &format!("{path}{dot}{field}"), inside, levels);
        }
    }
    if let Some(items) = schema.get("items") {
        walk(items, &format!("{path}[]"), inside, levels);
    }
    for branch in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        walk(branch, path, inside, levels);
    }
}

/// What is wrong with a document that the reader accepts; it should be nothing.
fn assert_valid(text: &str) {
    let found = invalid(&SCHEMA, text);
    assert!(found.is_empty(), "{found:#?}\n{text}");
}

#[test]
fn the_fields_of_the_schema_are_those_of_the_reader_level_by_level() {
    let of_reader: BTreeMap<String, BTreeSet<String>> = FIELDS
        .iter()
        .map(|(path, fields)| {
            let fields = fields.iter().map(|field| (*field).to_owned());
            ((*path).to_owned(), fields.collect())
        })
        .collect();
    assert_eq!(levels(), of_reader);
}

#[test]
fn the_schema_says_nothing_that_the_validator_does_not_understand() {
    fn unknown(schema: &Value, found: &mut Vec<String>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "properties" | "$defs" => {
                    value
                        .as_object()
                        .unwrap()
                        .values()
                        .for_each(|schema| unknown(schema, found));
                }
                "anyOf" | "oneOf" => value
                    .as_array()
                    .unwrap()
                    .iter()
                    .for_each(|schema| unknown(schema, found)),
                "items" | "additionalProperties" | "propertyNames" => unknown(value, found),
                keyword if !KEYWORDS.contains(&keyword) => found.push(keyword.to_owned()),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    unknown(&SCHEMA, &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_field_has_a_description() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (field, schema) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let reference = schema.get("$ref").map(|reference| resolve(&SCHEMA, reference));
            let described = |schema: &Value| schema.get("description").is_some();
            if !described(schema) && !reference.is_some_and(described) {
                found.push(format!("{path}.{field}"));
            }
            undescribed(schema, &format!("{path}.{field}"), found);
        }
    }
    let mut found = Vec::new();
    undescribed(&SCHEMA, "", &mut found);
    for (name, schema) in SCHEMA["$defs"].as_object().unwrap() {
        undescribed(schema, name, &mut found);
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn the_events_and_tiers_of_the_schema_are_those_of_the_reader() {
    let events = &SCHEMA["$defs"]["notification"]["properties"]["events"]["anyOf"][0]["enum"];
    assert_eq!(*events, Value::from(Notice::ALL.map(Notice::as_str).to_vec()));
    let kinds = &SCHEMA["$defs"]["selection"]["properties"]["kinds"]["anyOf"][0]["enum"];
    let ours = holdfast_catalog::Kind::ALL.map(holdfast_catalog::Kind::as_str);
    assert_eq!(*kinds, Value::from(ours.to_vec()));
    let builtin = holdfast_policy::builtin("backup");
    let tiers: Vec<&str> = builtin.plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(
        SCHEMA["$defs"]["plan"]["properties"]["tier"]["enum"],
        Value::from(tiers)
    );
}

#[test]
fn a_document_with_every_field_is_valid() {
    assert_valid(EVERYTHING);
    assert_valid(BUILTIN);
}

#[test]
fn without_its_defaults_a_document_is_what_its_defaults_say() {
    let limits = holdfast_policy::Limits::default();
    let of_schema = &SCHEMA["$defs"]["limits"]["properties"];
    assert_eq!(
        of_schema["remove_share"]["default"],
        Value::from(limits.remove_share.to_string())
    );
    assert_eq!(of_schema["remove_points"]["default"], Value::from(limits.remove_points));
    let floor = &SCHEMA["$defs"]["retention"]["properties"]["minimum_good"]["default"];
    assert_eq!(*floor, Value::from(holdfast_policy::DEFAULT_MINIMUM_GOOD.get()));
    let most = &SCHEMA["properties"]["plans"]["maxItems"];
    assert_eq!(*most, Value::from(holdfast_policy::MAX_PLANS));
}

/// Whole documents that are refused for their shape.
const REFUSED: [&str; 9] = [
    "- a\n",
    "{}",
    "version: 1\n",
    "plans: [{tier: standard}]\n",
    "version: 2\nplans: [{tier: standard}]\n",
    "version: 0\nplans: [{tier: standard}]\n",
    "version: 1\nplans: []\n",
    "version: 1\nplans: [{schedule: {every: 1h}, retention: {daily: 7}}]\n",
    "version: 1\nplan: [{tier: standard}]\nplans: [{tier: standard}]\n",
];

/// Lines at the top of a document that are refused for their shape.
const REFUSED_AT_THE_TOP: [&str; 23] = [
    "accounts: {}",
    "accounts: {prod: 111122223333}",
    "accounts: {prod: \"1111\"}",
    "accounts: {1st: \"111122223333\"}",
    "residency: {allow: eu-*}",
    "residency: [{allow: eu-*}]",
    "residency: [{select: {names: a}}]",
    "residency: [{select: {}, allow: eu-*}]",
    "residency: [{select: {names: a}, allow: Europe}]",
    "zones: [{}]",
    "zones: [{regions: []}]",
    "zones: [{regions: eu-*}]",
    "zones: [{regions: eu-west-1, max_concurrent: 0}]",
    "zones: [{regions: eu-west-1, bytes_per_second: 10}]",
    "zones: [{regions: eu-west-1, bytes_per_second: 10M}]",
    "zones: [{regions: eu-west-1, read_capacity_share: 0%}]",
    "limits: {remove_share: 101%}",
    "limits: {remove_points: 0}",
    "limits: {points: 5}",
    "notifications: [{events: failed}]",
    "notifications: [{topic: ops}]",
    "notifications: [{topic: \"arn:aws:sns:eu-west-1:111122223333:ops.fifo\"}]",
    "notifications: [{topic: \"arn:aws:sns:eu-west-1:111122223333:ops\", events: []}]",
];

/// Lines of a plan that are refused for their shape.
const REFUSED_IN_A_PLAN: [&str; 48] = [
    "colour: red",
    "rpo: 2h",
    "tier: gold",
    "engine: tape",
    "aws_backup: {vault: other}",
    "aws_backup: {start_window: 8}",
    "aws_backup: {continuous: true}",
    "records: streams",
    "also: \"true\"",
    "also: yes",
    "select: {}",
    "select:",
    "exclude: {}",
    "select: {tags: {}}",
    "select: {tags: {env: []}}",
    "select: {tags: {env: }}",
    "select: {tags: {'': x}}",
    "select: {arns: []}",
    "select: {arns: table/orders}",
    "select: {names: table/orders}",
    "select: {kinds: bucket}",
    "select: {regions: Europe}",
    "select: {accounts: 111122223333}",
    "select: {any: []}",
    "select: {any: {names: a}}",
    "select: {not: {}}",
    "select: {not: [{names: a}]}",
    "select: {all: [{any: [{}]}]}",
    "copies: eu-west-1",
    "copies: []",
    "copies: [{}]",
    "copies: [{region: mars}]",
    "copies: [{retention: {}}]",
    "residency: {}",
    "residency: {allow: []}",
    "objectives: {rpo: 6mo}",
    "objectives: {rpo: 7}",
    "objectives: 2h",
    "verification: {restore_test_every: 1.5d}",
    "retention: {}",
    "retention: {minimum_good: 3}",
    "retention: {keep: 7}",
    "retention: {keep: all, daily: 7}",
    "retention: {daily: \"7\"}",
    "retention: {daily: 7, minimum_good: 0}",
    "schedule: {timezone: UTC}",
    "schedule: {every: 1h, cron: \"0 2 * * *\"}",
    "schedule: {cron: \"0 2 * *\"}",
];

fn assert_refused_by_both(text: &str) {
    assert!(parse(text, "backup").is_err(), "read: {text}");
    assert!(!invalid(&SCHEMA, text).is_empty(), "valid: {text}");
}

#[test]
fn what_is_refused_for_its_shape_is_not_valid() {
    REFUSED.into_iter().for_each(assert_refused_by_both);
    for lines in REFUSED_AT_THE_TOP {
        assert_refused_by_both(&format!("version: 1\n{lines}\nplans: [{{tier: standard}}]\n"));
    }
    for lines in REFUSED_IN_A_PLAN {
        let given = lines.split(':').next().unwrap();
        let usual = ["schedule: {every: 1h}", "retention: {daily: 7}"].into_iter();
        let usual: Vec<&str> = usual.filter(|line| !line.starts_with(given)).collect();
        assert_refused_by_both(&plan_text(&format!("{}\n{lines}", usual.join("\n"))));
    }
}

#[test]
fn whatever_field_is_misspelt_is_not_valid() {
    for (_, fields) in FIELDS {
        for field in *fields {
            let misspelt = EVERYTHING.replacen(&format!("{field}:"), &format!("{field}x:"), 1);
            if misspelt != EVERYTHING {
                assert!(!invalid(&SCHEMA, &misspelt).is_empty(), "{field}");
            }
        }
    }
}
