//! Where data may be, and which regions are protected.

use holdfast_catalog::Region;
use holdfast_policy::{Document, Resource, parse};
use proptest::prelude::*;

use crate::support::{document, resource};

const RULES: &str = "version: 1
accounts: {prod: \"111122223333\"}
residency:
  - select: {tags: {data: eu}}
    allow: eu-*
    forbid: [eu-south-*]
  - select: {accounts: prod, kinds: dynamodb-table}
    forbid: cn-*
plans:
  - name: shop
    schedule: {every: 1h}
    retention: {daily: 7}
    residency: {allow: [eu-*, us-*], forbid: us-west-?}
  - {name: free, schedule: {every: 1h}, retention: {daily: 7}}
";

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// What is said of writing a resource's bytes in a region, under a plan; nothing if they may be there.
fn refusal(document: &Document, resource: &Resource, plan: Option<&str>, there: &str) -> Option<String> {
    let plan = plan.map(|name| document.plan(&name.parse().unwrap()).unwrap());
    let checked = document.residency_of(resource, plan).check(&region(there));
    checked.err().map(|breach| breach.to_string())
}

/// The faults of a document with these rules, and one plan with these lines.
fn faults(rules: &str, lines: &[&str]) -> Vec<String> {
    let mut text = format!("version: 1\n{rules}plans:\n  - name: shop\n    tier: standard\n");
    for line in lines {
        text.push_str(&format!("    {line}\n"));
    }
    match parse(&text, "backup") {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_region_that_the_plan_allows_and_no_rule_forbids_is_allowed() {
    let document = document(RULES);
    let orders = resource("orders", &[("data", "eu")]);
    assert_eq!(refusal(&document, &orders, Some("shop"), "eu-west-1"), None);
    assert_eq!(refusal(&document, &resource("x", &[]), Some("shop"), "us-east-1"), None);
    assert_eq!(refusal(&document, &resource("x", &[]), Some("free"), "sa-east-1"), None);
    assert_eq!(refusal(&document, &resource("x", &[]), None, "us-west-2"), None);
}

#[test]
fn a_refusal_says_which_rule_refuses_and_why_it_applies() {
    let document = document(RULES);
    let orders = resource("orders", &[("data", "eu")]);
    for (plan, there, expected) in [
        (
            Some("shop"),
            "sa-east-1",
            "nothing may be written in sa-east-1: the residency of plan shop allows only eu-* and us-*",
        ),
        (
            Some("shop"),
            "us-west-2",
            "nothing may be written in us-west-2: the residency of plan shop forbids us-west-?",
        ),
        (
            Some("free"),
            "us-east-1",
            "nothing may be written in us-east-1: residency[0], which applies because its tag data is eu, allows only \
             eu-*",
        ),
        (
            None,
            "eu-south-2",
            "nothing may be written in eu-south-2: residency[0], which applies because its tag data is eu, forbids \
             eu-south-*",
        ),
    ] {
        assert_eq!(refusal(&document, &orders, plan, there).as_deref(), Some(expected));
    }
    let expected = "nothing may be written in cn-north-1: residency[1], which applies because it is a dynamodb-table and \
                    it is in account prod (111122223333), forbids cn-*";
    let parts = resource("parts", &[]);
    assert_eq!(
        refusal(&document, &parts, None, "cn-north-1").as_deref(),
        Some(expected)
    );
}

#[test]
fn a_copy_that_the_plan_itself_forbids_is_refused_when_loaded() {
    let lines = [
        "residency: {allow: eu-*}",
        "copies: [{region: eu-west-1}, {region: us-east-1}]",
    ];
    assert_eq!(
        faults("", &lines),
        [
            "plans[0].copies[1].region (line 6) is \"us-east-1\": a region where the plan's data may not be: its residency \
          allows only eu-*; write a region that it allows, or leave this copy out"
        ]
    );
}

#[test]
fn a_copy_that_a_rule_forbids_for_all_that_the_plan_selects_is_refused_when_loaded() {
    let expected = "plans[0].copies[0].region (line 8) is \"us-east-1\": a region where the plan's data may not be: \
                    residency[0], which applies to all that the plan selects, forbids us-*; write a region that it \
                    allows, or leave this copy out";
    for (rule, select) in [
        ("{tags: {data: eu}}", "{tags: {data: eu}, names: 'a*'}"),
        ("{tags: {data: '*'}}", "{tags: {data: [eu, 'eu-*']}}"),
        ("{tags: {data: 'e*'}}", "{all: [{tags: {data: eu}}]}"),
        ("{any: [{names: x}, {tags: {data: eu}}]}", "{tags: {data: eu}}"),
        (
            "{all: [{names: '*'}, {kinds: dynamodb-table}]}",
            "{names: a, kinds: dynamodb-table}",
        ),
        ("{kinds: [dynamodb-table, lambda-function]}", "{kinds: lambda-function}"),
        ("{regions: eu-*}", "{regions: [eu-west-1, eu-west-2]}"),
        ("{accounts: \"111122223333\"}", "{accounts: \"111122223333\"}"),
        ("{not: {tags: {data: us}}}", "{names: a, not: {tags: {data: us}}}"),
    ] {
        let rules = format!("residency:\n  - select: {rule}\n    forbid: us-*\n");
        let lines = [format!("select: {select}"), "copies: [{region: us-east-1}]".to_owned()];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            faults(&rules, &lines),
            [expected.replace("line 8", "line 9")],
            "{rule} {select}"
        );
    }
}

#[test]
fn a_rule_that_may_apply_to_some_of_what_a_plan_selects_is_left_to_the_run() {
    for (rule, select) in [
        ("{tags: {data: eu}}", "{tags: {data: [eu, us]}}"),
        ("{tags: {data: eu}}", "{tags: {data: 'e*'}}"),
        ("{tags: {data: eu}}", "{names: a}"),
        ("{tags: {data: eu}}", "{tags: {town: eu}}"),
        ("{not: {tags: {data: us}}}", "{not: {tags: {data: eu}}}"),
        ("{all: [{names: '*'}, {tags: {data: eu}}]}", "{names: a}"),
        ("{names: a, tags: {data: eu}}", "{names: a}"),
        ("{kinds: lambda-function}", "{kinds: [dynamodb-table, lambda-function]}"),
        ("{accounts: \"111122223333\"}", "{accounts: \"444455556666\"}"),
        ("{tags: {data: eu}}", "{any: [{tags: {data: eu}}, {names: a}]}"),
        ("{tags: {data: eu}}", "{not: {tags: {data: eu}}}"),
    ] {
        let rules = format!("residency:\n  - select: {rule}\n    forbid: us-*\n");
        let select = format!("select: {select}");
        let lines = [select.as_str(), "copies: [{region: us-east-1}]"];
        assert_eq!(faults(&rules, &lines), [""; 0], "{rule} {select}");
    }
}

#[test]
fn the_tag_of_a_plan_without_a_selection_counts_too() {
    let rules = "residency:\n  - select: {tags: {backup: shop}}\n    forbid: us-*\n";
    assert_eq!(faults(rules, &["copies: [{region: us-east-1}]"]).len(), 1);
    let other = "residency:\n  - select: {tags: {backup: other}}\n    forbid: us-*\n";
    assert_eq!(faults(other, &["copies: [{region: us-east-1}]"]), [""; 0]);
}

#[test]
fn a_residency_that_says_nothing_or_leaves_nothing_is_refused() {
    let names_none =
        "a residency that names no region; write allow: or forbid: with regions, for example {allow: eu-*}";
    let leaves_none = "a residency that forbids all that it allows; leave a region in which data may be";
    for (residency, expected) in [
        ("{}", names_none),
        ("{allow: eu-*, forbid: eu-*}", leaves_none),
        ("{allow: [eu-west-1, us-east-1], forbid: [eu-*, us-*]}", leaves_none),
        ("{forbid: '*'}", leaves_none),
    ] {
        let found = faults("", &[&format!("residency: {residency}")]);
        assert_eq!(
            found,
            [format!("plans[0].residency (line 5): {expected}")],
            "{residency}"
        );
    }
    assert_eq!(
        faults("", &["residency: {allow: [eu-west-1, us-east-1], forbid: eu-*}"]),
        [""; 0]
    );
}

#[test]
fn a_rule_of_the_document_needs_a_selection() {
    let rules = "residency:\n  - allow: eu-*\n  - {select: {}, allow: eu-*}\n  - {select: {names: a}}\n";
    let found = faults(rules, &[]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        "residency[0] (line 3): a rule without a selection; add select:; for every resource write select: {names: \"*\"}"
    );
    assert!(
        found[1].starts_with("residency[1].select (line 4): an empty selection"),
        "{found:?}"
    );
    assert!(
        found[2].starts_with("residency[2] (line 5): a residency that names no region"),
        "{found:?}"
    );
}

#[test]
fn a_form_that_no_region_can_have_is_refused() {
    for glob in ["Europe", "eu_west_1", "\"eu *\"", "eu-west", "EU-*"] {
        let found = faults("", &[&format!("residency: {{allow: {glob}}}")]);
        assert_eq!(found.len(), 1, "{glob}: {found:?}");
        let expected =
            "no form that a region can have; write a region with wildcards, for example eu-central-1 or eu-*";
        assert!(found[0].ends_with(expected), "{found:?}");
    }
}

#[test]
fn zones_name_regions_to_protect_beside_the_stacks_own() {
    let document = document(
        "version: 1
zones:
  - regions: [eu-west-1, us-east-1]
    max_concurrent: 4
    bytes_per_second: 10MiB
    read_capacity_share: 25%
  - regions: eu-north-1
plans: [{tier: standard}]
",
    );
    let home = region("eu-central-1");
    let regions: Vec<String> = document.regions(&home).iter().map(ToString::to_string).collect();
    assert_eq!(regions, ["eu-central-1", "eu-north-1", "eu-west-1", "us-east-1"]);
    let zone = document.zone_of(&region("us-east-1")).unwrap();
    assert_eq!(zone.max_concurrent.map(std::num::NonZeroU32::get), Some(4));
    assert_eq!(zone.bytes_per_second.map(holdfast_policy::Size::bytes), Some(10 << 20));
    assert_eq!(zone.read_capacity_share.map(holdfast_policy::Share::percent), Some(25));
    let zone = document.zone_of(&region("eu-north-1")).unwrap();
    assert_eq!(
        (zone.max_concurrent, zone.bytes_per_second, zone.read_capacity_share),
        (None, None, None)
    );
    assert_eq!(document.zone_of(&home), None);
}

#[test]
fn zones_of_another_form_are_refused() {
    let rules = "zones:
  - {regions: [eu-west-1, eu-west-1]}
  - {regions: eu-west-1, max_concurrent: 0}
  - {regions: eu-*, bytes_per_second: 10}
  - {read_capacity_share: 0%}
  - {regions: [], read_capacity_share: 25}
";
    assert_eq!(
        faults(rules, &[]),
        [
            "zones[0].regions[1] (line 3) is \"eu-west-1\": in zones[0] too; name each region in one zone only",
            "zones[1].regions (line 4) is \"eu-west-1\": in zones[0] too; name each region in one zone only",
            "zones[1].max_concurrent (line 4) is \"0\": no run at a time; write 1 or more, or leave the line out",
            "zones[2].regions (line 5) is \"eu-*\": not a region; write a region as AWS does, for example eu-central-1",
            "zones[2].bytes_per_second (line 5) is \"10\": a size without a unit; write 10B, 10KiB or 10MiB",
            "zones[3] (line 6): a zone without regions; write regions:, for example {regions: [eu-central-1, eu-west-1]}",
            "zones[3].read_capacity_share (line 6) is \"0%\": nothing; write whole per cent from 1% to 100%, for example \
             25%",
            "zones[4].regions (line 7): empty; write regions:, for example {regions: [eu-central-1, eu-west-1]}, or leave \
             the line out",
            "zones[4].read_capacity_share (line 7) is \"25\": a percentage without its sign; write 25%",
        ]
    );
}

/// Some globs of regions, as a list in flow style.
fn globs() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(
        vec!["eu-*", "us-*", "eu-west-?", "eu-south-1", "us-east-1", "sa-*"],
        1..4,
    )
}

proptest! {
    #[test]
    fn a_region_that_any_rule_forbids_is_never_allowed(
        of_plan in proptest::option::of(globs()),
        rules in proptest::collection::vec((globs(), any::<bool>(), any::<bool>()), 0..4),
        there in proptest::sample::select(vec!["eu-west-1", "eu-south-1", "us-east-1", "us-west-2", "sa-east-1", "ap-east-1"]),
    ) {
        let list = |globs: &[&str]| format!("[{}]", globs.join(", "));
        let mut text = "version: 1\nresidency:\n".to_owned();
        for (forbidden, applies, allows_too) in &rules {
            let allow = if *allows_too { "allow: [eu-west-1, us-west-2, ap-east-1, eu-south-1], " } else { "" };
            let select = if *applies { "{names: orders}" } else { "{names: parts}" };
            text.push_str(&format!("  - {{select: {select}, {allow}forbid: {}}}\n", list(forbidden)));
        }
        text.push_str("  - {select: {names: parts}, allow: mx-*}\nplans:\n  - tier: standard\n");
        if let Some(forbidden) = &of_plan {
            text.push_str(&format!("    residency: {{forbid: {}}}\n", list(forbidden)));
        }
        let document = document(&text);
        let refused = refusal(&document, &resource("orders", &[]), Some("standard"), there).is_some();
        let matches = |globs: &[&str]| {
            globs.iter().any(|glob| holdfast_policy::Glob::new(glob).is_ok_and(|glob| glob.matches(there)))
        };
        let allowed_by = |allows_too: bool| {
            !allows_too || ["eu-west-1", "us-west-2", "ap-east-1", "eu-south-1"].contains(&there)
        };
        let expected = of_plan.iter().any(|globs| matches(globs))
            || rules.iter().any(|(globs, applies, allows_too)| {
                *applies && (matches(globs) || !allowed_by(*allows_too))
            });
        prop_assert_eq!(refused, expected);
    }
}
