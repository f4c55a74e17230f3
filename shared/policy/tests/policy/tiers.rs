//! Tiers: what they are, and what they give a plan.

use holdfast_policy::{BUILTIN, Cadence, Document, Keep, Plan, Rules, builtin, parse};

use crate::support::{HOUR, document};

fn tier(name: &str) -> Plan {
    let builtin = builtin("backup");
    builtin.plan(&name.parse().unwrap()).unwrap().clone()
}

/// A document with one plan, in flow style.
fn plans(plan: &str) -> Document {
    document(&format!("version: 1\nplans:\n  - {plan}\n"))
}

fn faults(plan: &str) -> Vec<String> {
    let text = format!("version: 1\nplans:\n{plan}");
    let faults = parse(&text, "backup").unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_policy_has_a_plan_for_each_tier() {
    let document = builtin("backup");
    assert_eq!(document, self::document(BUILTIN));
    let names: Vec<&str> = document.plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(names, ["critical", "standard", "archive"]);
}

#[test]
fn critical_is_every_quarter_of_an_hour() {
    let plan = tier("critical");
    let rules = Rules {
        keep_last: 4,
        hourly: 48,
        daily: 30,
        weekly: 8,
        monthly: 12,
        yearly: 3,
        ..Rules::default()
    };
    assert_eq!(plan.schedule.cadence(), &Cadence::Every(HOUR / 4));
    assert_eq!((plan.objectives.rpo, plan.objectives.rto), (Some(HOUR / 2), Some(HOUR)));
    assert_eq!(
        (plan.retention.keep, plan.retention.minimum_good.get()),
        (Keep::Rules(rules), 5)
    );
    assert_eq!(plan.verification.restore_test_every, Some(HOUR * 168));
}

#[test]
fn standard_is_every_hour() {
    let plan = tier("standard");
    let rules = Rules {
        keep_last: 3,
        hourly: 24,
        daily: 7,
        weekly: 4,
        monthly: 12,
        ..Rules::default()
    };
    assert_eq!(plan.schedule.cadence(), &Cadence::Every(HOUR));
    assert_eq!((plan.objectives.rpo, plan.objectives.rto), (Some(HOUR * 2), None));
    assert_eq!(
        (plan.retention.keep, plan.retention.minimum_good.get()),
        (Keep::Rules(rules), 3)
    );
    assert_eq!(plan.verification.restore_test_every, Some(HOUR * 168));
}

#[test]
fn archive_is_every_night() {
    let plan = tier("archive");
    let rules = Rules {
        daily: 7,
        monthly: 12,
        yearly: 10,
        ..Rules::default()
    };
    assert_eq!(plan.schedule.to_string(), "cron 0 3 * * * in UTC");
    assert_eq!((plan.objectives.rpo, plan.objectives.rto), (Some(HOUR * 48), None));
    assert_eq!(
        (plan.retention.keep, plan.retention.minimum_good.get()),
        (Keep::Rules(rules), 3)
    );
    assert_eq!(plan.verification.restore_test_every, Some(HOUR * 720));
}

#[test]
fn a_tier_alone_is_a_whole_plan_of_its_name() {
    for name in ["critical", "standard", "archive"] {
        assert_eq!(plans(&format!("{{tier: {name}}}")).plans, [tier(name)]);
    }
}

#[test]
fn a_plan_of_another_name_selects_by_its_own() {
    let plans = plans("{name: shop, tier: standard}").plans;
    let named = document(&BUILTIN.replace("name: standard", "name: shop"));
    assert_eq!(plans, [named.plans[1].clone()]);
}

#[test]
fn a_field_that_the_plan_writes_replaces_the_whole_field_of_the_tier() {
    let plan = plans("{tier: standard, retention: {yearly: 2}, verification: {}}")
        .plans
        .remove(0);
    let rules = Rules {
        yearly: 2,
        ..Rules::default()
    };
    assert_eq!(
        (plan.retention.keep, plan.retention.minimum_good.get()),
        (Keep::Rules(rules), 2)
    );
    assert_eq!(plan.verification.restore_test_every, None);
    assert_eq!(
        (plan.schedule, plan.objectives),
        (tier("standard").schedule, tier("standard").objectives)
    );
}

#[test]
fn two_plans_of_one_tier_need_a_name_of_their_own() {
    assert_eq!(
        faults("  - tier: standard\n  - tier: standard\n"),
        ["plans[1] (line 4): the name of plans[0] too; give each plan a name of its own"]
    );
}

#[test]
fn an_unknown_tier_is_one_fault_with_a_suggestion() {
    assert_eq!(
        faults("  - tier: critcal\n"),
        ["plans[0].tier (line 3) is \"critcal\": unknown tier; did you mean critical?"]
    );
    assert_eq!(
        faults("  - tier: gold\n"),
        ["plans[0].tier (line 3) is \"gold\": unknown tier; write critical, standard or archive"]
    );
}

#[test]
fn an_rpo_below_the_schedule_of_the_tier_is_refused_where_it_is_written() {
    let expected = "plans[0].objectives.rpo (line 4) is \"10m\": more than the schedule can meet: every 15m leaves up to \
                    15m between two slots, and the newest point grows older than that before the next one is complete \
                    (the schedule is that of tier critical); write more than 15m, or a schedule that runs more often";
    assert_eq!(faults("  - tier: critical\n    objectives: {rpo: 10m}\n"), [expected]);
}

#[test]
fn a_schedule_too_rare_for_the_rpo_of_the_tier_is_refused_where_it_is_written() {
    let expected = "plans[0].schedule (line 4): the rpo 30m of tier critical is more than the schedule can meet: every \
                    1d leaves up to 1d between two slots, and the newest point grows older than that before the next \
                    one is complete; for objectives.rpo write more than 1d, or a schedule that runs more often";
    assert_eq!(faults("  - tier: critical\n    schedule: {every: 1d}\n"), [expected]);
}

#[test]
fn a_schedule_and_an_rpo_of_the_plan_are_held_against_each_other_alone() {
    plans("{tier: critical, schedule: {every: 1d}, objectives: {rpo: 25h}}");
    let found = faults("  - tier: critical\n    schedule: {every: 1d}\n    objectives: {rpo: 1d}\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("plans[0].objectives.rpo (line 5)"), "{found:?}");
    assert!(!found[0].contains("tier"), "{found:?}");
}
