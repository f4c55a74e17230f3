//! The examples of `POLICY.md` and `RETENTION.md` are true.

use holdfast_policy::{
    BUILTIN, Document, Limits, Notice, PointState, PointStatus, Retained, Series, Start, audience, forecast, parse,
    turns,
};

use crate::support::{HOUR, at, document, good, resource, retain};

const POLICY: &str = include_str!("../../POLICY.md");
const RETENTION: &str = include_str!("../../RETENTION.md");

/// The fenced blocks of a page, each with what stands behind its opening fence.
fn blocks(page: &'static str) -> Vec<(&'static str, &'static str)> {
    page.split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').unwrap())
        .collect()
}

/// The blocks of a page that have one kind of fence.
fn blocks_of(page: &'static str, fence: &str) -> Vec<&'static str> {
    let blocks = blocks(page).into_iter();
    blocks
        .filter(|(info, _)| *info == fence)
        .map(|(_, text)| text)
        .collect()
}

/// The blocks of `POLICY.md` that have one kind of fence, each with the policy that stands last before it.
fn told_of_policies(fence: &str) -> Vec<(Document, &'static str)> {
    let mut policy = "";
    let mut told = Vec::new();
    for (info, text) in blocks(POLICY) {
        if info == "yaml" {
            policy = text;
        } else if info == fence {
            told.push((document(policy), text.trim_end()));
        }
    }
    told
}

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    let kinds = [
        "yaml",
        "yaml refused",
        "faults",
        "explanation",
        "refusal",
        "audience",
        "decisions",
        "foretold",
        "starts",
        // Read by tests/tests/prune.rs: prune's events are no part of the policy.
        "events",
    ];
    for (info, text) in [blocks(POLICY), blocks(RETENTION)].concat() {
        assert!(kinds.contains(&info), "{info}: {text}");
    }
}

#[test]
fn every_example_of_a_policy_is_read() {
    let examples = [blocks_of(POLICY, "yaml"), blocks_of(RETENTION, "yaml")].concat();
    assert!(!examples.is_empty());
    for example in examples {
        assert!(!document(example).plans.is_empty());
    }
}

#[test]
fn every_refused_example_has_the_faults_beneath_it() {
    let (refused, faults) = (blocks_of(POLICY, "yaml refused"), blocks_of(POLICY, "faults"));
    assert_eq!(refused.len(), faults.len());
    for (text, expected) in refused.into_iter().zip(faults) {
        assert_eq!(parse(text, "backup").unwrap_err().to_string(), expected.trim_end());
    }
}

#[test]
fn the_built_in_policy_stands_in_the_prose_as_it_is() {
    assert!(blocks_of(POLICY, "yaml").contains(&BUILTIN));
}

#[test]
fn the_explanations_are_those_that_are_given() {
    let resources = [
        resource("orders", &[("team", "shop"), ("env", "prod")]),
        resource("shop-carts", &[("env", "dev")]),
    ];
    let told = told_of_policies("explanation");
    assert_eq!(told.len(), resources.len());
    for ((document, expected), resource) in told.into_iter().zip(resources) {
        assert_eq!(document.explain(&resource).to_string(), expected);
    }
}

#[test]
fn the_refusal_of_a_region_is_the_one_that_is_given() {
    let told = told_of_policies("refusal");
    let [(document, expected)] = told.as_slice() else {
        panic!("{} refusals", told.len())
    };
    let orders = resource("orders", &[("backup", "shop"), ("data", "personal")]);
    let plan = document.plans_for(&orders)[0].plan;
    let residencies = document.residency_of(&orders, Some(plan));
    let checked: Vec<_> = plan
        .destinations(None)
        .iter()
        .map(|destination| {
            residencies
                .check(destination.region)
                .map_err(|breach| breach.to_string())
        })
        .collect();
    assert_eq!(checked, [Err((*expected).to_owned()), Ok(())]);
}

#[test]
fn the_audience_is_the_one_that_is_told() {
    let told = told_of_policies("audience");
    let [(document, expected)] = told.as_slice() else {
        panic!("{} audiences", told.len())
    };
    for line in expected.lines() {
        let (event, names) = line.split_once(": ").unwrap();
        let (event, plan) = event
            .split_once(" of ")
            .map_or((event, None), |(event, plan)| (event, Some(plan)));
        let event = Notice::ALL.into_iter().find(|notice| notice.as_str() == event).unwrap();
        let plan = plan.map(|plan| plan.parse().unwrap());
        let topics = audience(document, event, plan.as_ref());
        let topics: Vec<&str> = topics.iter().map(|topic| topic.arn().resource()).collect();
        let heard = if topics.is_empty() {
            "nobody".to_owned()
        } else {
            topics.join(", ")
        };
        assert_eq!(heard, names, "{line}");
    }
}

#[test]
fn every_event_is_explained() {
    for notice in Notice::ALL {
        assert!(POLICY.contains(&format!("| `{notice}` |")), "{notice}");
    }
}

#[test]
fn the_limits_of_a_prune_run_that_are_given_are_the_defaults() {
    let example = blocks_of(POLICY, "yaml")
        .into_iter()
        .find(|text| text.contains("limits:"));
    assert_eq!(document(example.unwrap()).limits, Limits::default());
}

#[test]
fn the_worked_example_of_retention_is_what_is_decided() {
    let document = document(blocks_of(RETENTION, "yaml")[0]);
    let plan = &document.plans[0];
    let first = at("2026-11-13T00:00:00Z");
    let points: Vec<PointState> = (0..18)
        .map(|step| PointState {
            status: if step == 15 {
                PointStatus::Damaged
            } else {
                PointStatus::Good
            },
            held: step == 11,
            ..good(first + HOUR * (12 * step))
        })
        .collect();
    let decisions = retain(
        &plan.retention,
        plan.schedule.zone(),
        &points,
        at("2026-11-21T12:30:00Z"),
    );
    let lines: Vec<String> = decisions
        .iter()
        .map(|decision| {
            let word = if decision.is_kept() { "keep  " } else { "remove" };
            format!("{}  {word}  {}\n", decision.point.slot, decision.reasons().join(", "))
        })
        .collect();
    assert_eq!(lines.concat(), blocks_of(RETENTION, "decisions")[0]);
}

#[test]
fn what_is_foretold_in_the_prose_is_what_is_foretold() {
    let document = document(blocks_of(RETENTION, "yaml")[1]);
    let plan = &document.plans[0];
    let first = at("2026-10-19T00:00:00Z");
    let points: Vec<PointState> = (0..34)
        .map(|day| PointState {
            held: day == 1,
            ..good(first + HOUR * (24 * day))
        })
        .collect();
    let (series, now) = (Series::of(&points), at("2026-11-21T12:30:00Z"));
    let foretold = |decision: Retained| {
        let until = forecast(&plan.keeping(), &plan.schedule, &series, &decision.point, now)?;
        let (slot, reasons) = (decision.point.slot, decision.reasons().join(", "));
        Some(format!("{slot}  {until}: {reasons}\n"))
    };
    let decisions = holdfast_policy::retain(&plan.keeping(), &series, now).into_iter();
    let lines: Vec<String> = decisions.filter_map(foretold).collect();
    assert_eq!(lines.concat(), blocks_of(RETENTION, "foretold")[0]);
}

#[test]
fn the_starts_of_a_windowed_schedule_are_those_of_the_prose() {
    let example = blocks_of(POLICY, "yaml")
        .into_iter()
        .find(|text| text.contains("blackout:"));
    let document = document(example.unwrap());
    let plan = &document.plans[0];
    let tables = ["orders", "table-1", "table-2", "table-3"].map(|name| resource(name, &[]));
    let turns = turns(&plan.name, tables.iter().map(|table| &table.id));
    let starts = plan
        .schedule
        .starts_after(at("2026-12-23T11:00:00Z"), turns[&tables[0].id]);
    let local = |instant, format: &str| plan.schedule.zone().to_datetime(instant).strftime(format).to_string();
    let line = |start: Start| {
        let slot = local(start.slot.instant(), "%a %F %R");
        format!("{slot}  starts at {}\n", local(start.at, "%R"))
    };
    let lines: Vec<String> = starts.take(5).map(line).collect();
    assert_eq!(lines.concat(), blocks_of(POLICY, "starts")[0]);
}

#[test]
fn every_test_that_a_guarantee_names_is_there() {
    let laws = [include_str!("laws.rs"), include_str!("forecasting.rs")].concat();
    let named = RETENTION
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("| `"));
    let is_ours = |line: &&str| ["law_", "pruning_", "forecast_"].iter().any(|word| line.contains(word));
    let mut count = 0;
    for line in named.filter(is_ours) {
        let name = line.rsplit('`').nth(1).unwrap();
        assert!(laws.contains(&format!("fn {name}(")), "{name}");
        count += 1;
    }
    assert_eq!(count, 12);
}
