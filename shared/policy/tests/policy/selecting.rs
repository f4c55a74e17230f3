//! Which plan protects which resource, and why.

use std::fmt::Write as _;

use holdfast_policy::{Criteria, Document, Mismatch, Resource};
use proptest::prelude::*;

use crate::support::{document, resource};

/// A document whose plans have these names and lines about their selection.
fn plans(plans: &[(&str, &str)]) -> Document {
    let mut text = "version: 1\nplans:\n".to_owned();
    for (name, lines) in plans {
        writeln!(
            text,
            "  - name: {name}\n    schedule: {{every: 1h}}\n    retention: {{daily: 7}}"
        )
        .unwrap();
        for line in lines.lines() {
            writeln!(text, "    {line}").unwrap();
        }
    }
    document(&text)
}

fn chosen<'a>(document: &'a Document, resource: &'a Resource) -> Option<&'a str> {
    let selected = document.plans_for(resource);
    selected.first().map(|selected| selected.plan.name.as_str())
}

/// Whether a plan with these lines selects a resource.
fn selects(lines: &str, resource: &Resource) -> bool {
    plans(&[("only", lines)]).plans_for(resource).len() == 1
}

#[test]
fn a_plan_without_a_selection_takes_what_is_tagged_with_its_name() {
    let document = plans(&[("gold", ""), ("silver", "")]);
    assert_eq!(
        chosen(&document, &resource("a", &[("backup", "silver")])),
        Some("silver")
    );
    assert_eq!(chosen(&document, &resource("a", &[("backup", "gold")])), Some("gold"));
    assert_eq!(chosen(&document, &resource("a", &[("backup", "goldish")])), None);
    assert_eq!(chosen(&document, &resource("a", &[("Backup", "gold")])), None);
    assert_eq!(chosen(&document, &resource("a", &[])), None);
}

#[test]
fn a_selection_replaces_the_tag() {
    let lines = "select: {kinds: [dynamodb-table]}";
    assert!(selects(lines, &resource("a", &[])));
    assert!(!selects(lines, &resource("function/a", &[("backup", "only")])));
}

#[test]
fn of_equally_specific_plans_the_first_one_wins() {
    let document = plans(&[
        ("a", "select: {arns: '*:table/x*'}"),
        ("b", "select: {arns: '*:table/xy'}"),
    ]);
    assert_eq!(chosen(&document, &resource("xy", &[])), Some("a"));
}

#[test]
fn a_plan_that_excludes_a_resource_leaves_it_to_the_next() {
    let document = plans(&[
        ("a", "select: {kinds: dynamodb-table}\nexclude: {tags: {env: dev}}"),
        ("b", "select: {kinds: dynamodb-table}"),
    ]);
    assert_eq!(chosen(&document, &resource("x", &[("env", "dev")])), Some("b"));
    assert_eq!(chosen(&document, &resource("x", &[("env", "prod")])), Some("a"));
}

#[test]
fn all_clauses_must_match() {
    let lines = "select: {tags: {env: prod}, kinds: [dynamodb-table], arns: '*:table/o*'}";
    assert!(selects(lines, &resource("orders", &[("env", "prod")])));
    assert!(!selects(lines, &resource("orders", &[("env", "dev")])));
    assert!(!selects(lines, &resource("parts", &[("env", "prod")])));
    assert!(!selects(lines, &resource("function/orders", &[("env", "prod")])));
}

#[test]
fn each_tag_is_a_clause_of_its_own() {
    let lines = "select: {tags: {env: prod, team: shop}}";
    assert!(selects(lines, &resource("a", &[("env", "prod"), ("team", "shop")])));
    assert!(!selects(lines, &resource("a", &[("env", "prod")])));
    assert!(!selects(lines, &resource("a", &[("env", "prod"), ("team", "other")])));
}

#[test]
fn one_value_of_a_clause_is_enough() {
    let lines = "select: {tags: {env: [prod, 'stag*']}, arns: ['*:table/a', '*:table/b']}";
    assert!(selects(lines, &resource("a", &[("env", "prod")])));
    assert!(selects(lines, &resource("b", &[("env", "staging")])));
    assert!(!selects(lines, &resource("b", &[("env", "dev")])));
    assert!(!selects(lines, &resource("c", &[("env", "prod")])));
}

#[test]
fn a_star_takes_any_value_but_not_a_missing_tag() {
    let lines = "select: {tags: {env: '*'}}";
    assert!(selects(lines, &resource("a", &[("env", "")])));
    assert!(selects(lines, &resource("a", &[("env", "x")])));
    assert!(!selects(lines, &resource("a", &[])));
}

#[test]
fn an_empty_value_can_be_asked_for() {
    let lines = "select: {tags: {env: ''}}";
    assert!(selects(lines, &resource("a", &[("env", "")])));
    assert!(!selects(lines, &resource("a", &[("env", "x")])));
}

#[test]
fn a_value_is_compared_as_it_is_written() {
    for value in ["007", "1.10", "true", "no", "null-ish", "1e3"] {
        let lines = format!("select: {{tags: {{tier: {value}}}}}");
        assert!(selects(&lines, &resource("a", &[("tier", value)])), "{value}");
    }
}

#[test]
fn wildcards_work_anywhere_in_the_arn() {
    for glob in [
        "*",
        "arn:aws:dynamodb:*",
        "*:eu-central-1:*",
        "arn:*:111122223333:table/ord?rs",
        "*/orders",
    ] {
        assert!(
            selects(&format!("select: {{arns: '{glob}'}}"), &resource("orders", &[])),
            "{glob}"
        );
    }
    for glob in [
        "arn:aws:lambda:*",
        "*:eu-central-2:*",
        "*:table/order",
        "*:table/Orders",
    ] {
        assert!(
            !selects(&format!("select: {{arns: '{glob}'}}"), &resource("orders", &[])),
            "{glob}"
        );
    }
}

#[test]
fn criteria_without_a_clause_match_nothing() {
    assert_eq!(
        Criteria::default().check(&resource("a", &[("backup", "x")])),
        Err(Mismatch::NoClause)
    );
}

#[test]
fn a_selection_says_why() {
    let document = plans(&[(
        "gold",
        "select: {tags: {env: 'p*'}, kinds: [dynamodb-table], arns: '*:table/*'}",
    )]);
    assert_eq!(
        document.plans_for(&resource("orders", &[("env", "prod")]))[0].to_string(),
        "plan gold, because its tag env is prod and its ARN matches *:table/* and it is a dynamodb-table"
    );
}

#[test]
fn an_explanation_says_of_each_plan_why_or_why_not() {
    let document = plans(&[
        ("gold", ""),
        ("dev", "select: {kinds: dynamodb-table}\nexclude: {tags: {env: prod}}"),
        ("code", "select: {kinds: lambda-function}"),
        ("team", "select: {tags: {team: [shop, web]}}"),
        ("all", "select: {arns: '*'}"),
        ("rest", "select: {arns: '*:table/*'}"),
        ("any", "select: {kinds: dynamodb-table}"),
        ("west", "select: {arns: '*:eu-west-1:*'}"),
    ]);
    let orders = resource("orders", &[("env", "prod"), ("team", "ops")]);
    let expected = "dynamodb-table/eu-central-1/orders is protected by plan all
- plan gold does not select it: it has no tag backup (wanted: gold)
- plan dev excludes it, because its tag env is prod
- plan code does not select it: it is a dynamodb-table, not a lambda-function
- plan team does not select it: its tag team is ops, not shop or web
- plan all protects it, because its ARN matches *
- plan rest selects it, because its ARN matches *:table/*, but plan all is as specific and comes first
- plan any selects it, because it is a dynamodb-table, but plan all is more specific: 1 ARN, name or tag with wildcards against none
- plan west does not select it: its ARN does not match *:eu-west-1:*";
    assert_eq!(document.explain(&orders).to_string(), expected);
}

#[test]
fn an_explanation_says_when_nothing_protects_a_resource() {
    let document = plans(&[("gold", "")]);
    let expected = "dynamodb-table/eu-central-1/orders is not protected by any plan
- plan gold does not select it: its tag backup is silver, not gold";
    assert_eq!(
        document
            .explain(&resource("orders", &[("backup", "silver")]))
            .to_string(),
        expected
    );
}

proptest! {
    #[test]
    fn the_explanation_names_the_plans_that_are_chosen(
        env in proptest::option::of(proptest::sample::select(vec!["prod", "dev", "gold"])),
        backup in proptest::option::of(proptest::sample::select(vec!["gold", "silver", "x"])),
        function in any::<bool>(),
    ) {
        let document = plans(&[
            ("beside", "also: true\nselect: {tags: {backup: x}}"),
            ("gold", ""),
            ("silver", "exclude: {tags: {env: dev}}"),
            ("tables", "select: {kinds: dynamodb-table}\nexclude: {tags: {env: [gold, dev], backup: x}}"),
        ]);
        let tags = [("env", env), ("backup", backup)].into_iter();
        let tags: Vec<_> = tags.filter_map(|(key, value)| Some((key, value?))).collect();
        let resource = resource(if function { "function/a" } else { "a" }, &tags);
        let plans: Vec<String> =
            document.plans_for(&resource).iter().map(|selected| format!("plan {}", selected.plan.name)).collect();
        let first_line = match plans.as_slice() {
            [] => format!("{} is not protected by any plan", resource.id),
            plans => format!("{} is protected by {}", resource.id, plans.join(" and ")),
        };
        let explanation = document.explain(&resource).to_string();
        prop_assert_eq!(explanation.lines().next(), Some(first_line.as_str()));
    }
}
