//! Where copies go, and which of them stay there.

use holdfast_catalog::Region;
use holdfast_policy::{Copies, Plan, parse};

use crate::support::{document, plan_text};

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// A plan with daily points for 7 days and these copies.
fn plan(copies: &str) -> Plan {
    let text = plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{daily: 7}}\ncopies: {copies}"
    ));
    document(&text).plans.remove(0)
}

fn faults(copies: &str) -> Vec<String> {
    let text = plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{daily: 7}}\ncopies: {copies}"
    ));
    let faults = parse(&text, "backup").unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

fn destinations(plan: &Plan, replica: Option<&str>) -> Vec<String> {
    let replica = replica.map(region);
    let destinations = plan.destinations(replica.as_ref()).into_iter();
    destinations.map(|destination| destination.region.to_string()).collect()
}

/// The retention in a region of a stack with the replica region eu-west-1, as the document writes it.
fn retention_in(plan: &Plan, there: &str) -> String {
    let retention = plan.retention_in(&region(there), Some(&region("eu-west-1")));
    let holdfast_policy::Keep::Rules(rules) = &retention.keep else {
        return "all".to_owned();
    };
    format!("daily {}, yearly {}", rules.daily, rules.yearly)
}

#[test]
fn without_a_word_one_copy_goes_to_the_replica_of_the_stack() {
    let plan = document(&plan_text("schedule: {every: 1h}\nretention: {daily: 7}"))
        .plans
        .remove(0);
    assert_eq!(destinations(&plan, Some("eu-west-1")), ["eu-west-1"]);
    assert_eq!(destinations(&plan, None), [""; 0]);
    assert_eq!(retention_in(&plan, "eu-west-1"), "daily 7, yearly 0");
}

#[test]
fn copies_can_be_switched_off() {
    let plan = plan("none");
    assert_eq!(plan.copies, Copies::None);
    assert_eq!(destinations(&plan, Some("eu-west-1")), [""; 0]);
}

#[test]
fn copies_go_where_the_plan_says() {
    let plan = plan("[{region: eu-west-2}, {retention: {yearly: 7}}, {region: eu-north-1}]");
    let all = ["eu-west-2", "eu-west-1", "eu-north-1"];
    assert_eq!(destinations(&plan, Some("eu-west-1")), all);
    assert_eq!(destinations(&plan, None), ["eu-west-2", "eu-north-1"]);
}

#[test]
fn each_copy_may_have_a_retention_of_its_own() {
    let plan = plan("[{region: eu-west-2, retention: {daily: 30}}, {retention: {yearly: 7}}, {region: eu-north-1}]");
    assert_eq!(retention_in(&plan, "eu-west-2"), "daily 30, yearly 0");
    assert_eq!(retention_in(&plan, "eu-west-1"), "daily 0, yearly 7");
    assert_eq!(retention_in(&plan, "eu-north-1"), "daily 7, yearly 0");
}

#[test]
fn where_the_plan_no_longer_copies_to_its_own_retention_holds() {
    assert_eq!(retention_in(&plan("none"), "eu-west-1"), "daily 7, yearly 0");
    assert_eq!(
        retention_in(&plan("[{region: eu-west-2, retention: {keep: all}}]"), "eu-west-1"),
        "daily 7, yearly 0"
    );
}

#[test]
fn a_rule_that_names_the_replica_region_comes_before_one_that_leaves_it_out() {
    let plan = plan("[{retention: {yearly: 7}}, {region: eu-west-1, retention: {daily: 30}}]");
    assert_eq!(destinations(&plan, Some("eu-west-1")), ["eu-west-1"]);
    assert_eq!(retention_in(&plan, "eu-west-1"), "daily 30, yearly 0");
    assert_eq!(destinations(&plan, Some("eu-west-2")), ["eu-west-2", "eu-west-1"]);
}

#[test]
fn the_retention_that_is_told_of_a_destination_is_the_one_that_holds_there() {
    let plan = plan("[{retention: {yearly: 7}}, {region: eu-west-1}, {region: eu-west-2, retention: {daily: 30}}]");
    let replica = region("eu-west-1");
    for destination in plan.destinations(Some(&replica)) {
        assert_eq!(
            destination.retention.unwrap_or(&plan.retention),
            plan.retention_in(destination.region, Some(&replica))
        );
    }
}

#[test]
fn no_destination_comes_twice() {
    assert_eq!(
        faults("[{region: eu-west-1}, {region: eu-west-2}, {region: eu-west-1, retention: {daily: 1}}]"),
        [
            "plans[0].copies[2] (line 6): a second copy to the destination of plans[0].copies[0]; give each copy a region \
          of its own"
        ]
    );
    assert_eq!(
        faults("[{retention: {daily: 1}}, {retention: {daily: 2}}]"),
        [
            "plans[0].copies[1] (line 6): a second copy to the destination of plans[0].copies[0]; give each copy a region \
          of its own"
        ]
    );
}

#[test]
fn copies_of_another_form_are_refused() {
    let list = "write none, or a list of copies, for example [{region: eu-west-1}]";
    let rule = "write region: or retention:; a copy in the stack's replica region is made where copies: is left out";
    for (copies, expected) in [
        (
            "eu-west-1",
            format!("plans[0].copies (line 6) is \"eu-west-1\": not a list; {list}"),
        ),
        (
            "{region: eu-west-1}",
            format!("plans[0].copies (line 6): not a list; {list}"),
        ),
        ("[]", format!("plans[0].copies (line 6): an empty list; {list}")),
        ("", format!("plans[0].copies (line 6): not a list; {list}")),
        (
            "[{}]",
            format!("plans[0].copies[0] (line 6): a copy that says nothing; {rule}"),
        ),
        (
            "[{region: mars}]",
            "plans[0].copies[0].region (line 6) is \"mars\": not a region; write a region as AWS does, for example \
             eu-central-1"
                .to_owned(),
        ),
    ] {
        assert_eq!(faults(copies), [expected], "{copies}");
    }
}

#[test]
fn the_retention_of_a_copy_is_read_as_strictly_as_the_plans() {
    assert_eq!(
        faults("[{retention: {dialy: 7}}]"),
        [
            "plans[0].copies[0].retention.dialy (line 6): unknown field; did you mean daily?",
            "plans[0].copies[0].retention (line 6): a retention without a rule; write at least one rule, for example \
             {daily: 7}, or {keep: all}",
        ]
    );
}
