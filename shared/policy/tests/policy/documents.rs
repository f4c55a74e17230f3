//! The examples of `POLICY.md` and `RETENTION.md` are true.

use holdfast_policy::{BUILTIN, PointState, PointStatus, parse, retain};

use crate::support::{HOUR, at, document, good, resource};

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

#[test]
fn every_example_of_a_policy_is_read() {
    let examples = [blocks_of(POLICY, "yaml"), blocks_of(RETENTION, "yaml")].concat();
    assert_eq!(examples.len(), 5);
    for example in examples {
        assert!(!document(example).plans.is_empty());
    }
}

#[test]
fn every_refused_example_has_the_faults_beneath_it() {
    let (refused, faults) = (blocks_of(POLICY, "yaml refused"), blocks_of(POLICY, "faults"));
    assert_eq!((refused.len(), faults.len()), (2, 2));
    for (text, expected) in refused.into_iter().zip(faults) {
        assert_eq!(parse(text, "backup").unwrap_err().to_string(), expected.trim_end());
    }
}

#[test]
fn the_built_in_policy_stands_in_the_prose_as_it_is() {
    assert_eq!(blocks_of(POLICY, "yaml")[1], BUILTIN);
}

#[test]
fn the_explanation_is_the_one_that_is_given() {
    let document = document(blocks_of(POLICY, "yaml")[2]);
    let orders = resource("orders", &[("team", "shop"), ("env", "dev")]);
    let expected = blocks_of(POLICY, "explanation")[0].trim_end();
    assert_eq!(document.explain(&orders).to_string(), expected);
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
fn every_test_that_a_guarantee_names_is_there() {
    let laws = include_str!("laws.rs");
    let named = RETENTION
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("| `"));
    let mut count = 0;
    for line in named.filter(|line| line.contains("law_") || line.contains("pruning_")) {
        let name = line.rsplit('`').nth(1).unwrap();
        assert!(laws.contains(&format!("fn {name}(")), "{name}");
        count += 1;
    }
    assert_eq!(count, 8);
}
