//! Documents that mean harm: none takes long, and none takes much memory. Without limits, several of these would run
//! for hours or take terabytes, which needs no stop-watch to be noticed.

use std::fmt::Write as _;

use holdfast_policy::{MAX_BYTES, parse};

use crate::support::plan_text;

fn refused(text: &str) -> String {
    let faults = parse(text, "backup").unwrap_err().to_string();
    assert!(faults.len() < 100_000, "{} bytes of faults", faults.len());
    faults
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let faults = refused(&text);
    assert!(faults.contains("too large with its aliases written out"), "{faults}");
}

#[test]
fn an_alias_bomb_of_one_long_text_is_refused() {
    let long = "x".repeat(MAX_BYTES / 2);
    let faults = refused(&format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(MAX_BYTES / 16)));
    assert!(faults.contains("too large with its aliases written out"), "{faults}");
}

#[test]
fn anchors_inside_anchors_are_refused_before_they_multiply() {
    refused(&format!("a: {}x{}\n", "[&a ".repeat(30), "]".repeat(30)));
}

#[test]
fn an_alias_to_what_holds_it_is_refused() {
    refused("plans: &a [*a]\n");
    refused("&a version: 1\nplans: &b\n  - *b\n");
}

#[test]
fn an_alias_to_nothing_is_refused() {
    refused("plans: *nowhere\n");
}

#[test]
fn deep_flow_nesting_is_refused() {
    refused(&"[".repeat(MAX_BYTES / 2));
    refused(&"{a: ".repeat(MAX_BYTES / 8));
    refused(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
}

#[test]
fn deep_block_nesting_is_refused() {
    refused(&"- ".repeat(MAX_BYTES / 4));
    let mut text = String::new();
    for depth in 0..500 {
        writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
    }
    refused(&text);
}

#[test]
fn a_text_that_is_too_long_is_refused_unread() {
    let faults = refused(&" ".repeat(MAX_BYTES + 1));
    assert!(faults.contains("262145 bytes long"), "{faults}");
}

#[test]
fn many_plans_are_refused_unread() {
    let plans = "- {name: a, schedule: {cron: '0 0 29 2 *'}, retention: {daily: 1}, objectives: {rpo: 1h}}\n";
    let faults = refused(&format!("version: 1\nplans:\n{}", plans.repeat(2000)));
    assert!(faults.contains("a list of 2000 plans"), "{faults}");
}

#[test]
fn a_hundred_plans_with_the_most_work_in_each_are_all_read() {
    let mut text = "version: 1\nplans:\n".to_owned();
    for index in 0..100 {
        let schedule = "{cron: '* * 1 1 *', timezone: Europe/Berlin}";
        let rest = "retention: {daily: 1}, objectives: {rpo: 1h}";
        writeln!(text, "- {{name: a{index}, schedule: {schedule}, {rest}}}").unwrap();
    }
    assert!(refused(&text).starts_with("the policy has 100 faults:"));
}

#[test]
fn more_values_than_anybody_writes_are_refused() {
    let values = "a,".repeat(1_001);
    let refused_lines = |lines: &str| refused(&plan_text(lines));
    for lines in [
        format!("select: {{names: [{values}]}}"),
        format!("select: {{tags: {{env: [{values}]}}}}"),
        format!("select: {{any: [{}]}}", "{names: a},".repeat(1_001)),
    ] {
        assert!(
            refused_lines(&lines).contains("a list of 1001; write at most 1000"),
            "{}",
            &lines[..40]
        );
    }
    let accounts: String = (0..101).map(|index| format!("a{index}: \"111122223333\", ")).collect();
    for (top, fault) in [
        (format!("accounts: {{{accounts}}}"), "101 accounts; write at most 100"),
        (
            format!("residency: [{}]", "{select: {names: a}, allow: eu-*},".repeat(101)),
            "a list of 101; write at most 100",
        ),
        (
            format!("zones: [{}]", "{regions: eu-west-1},".repeat(101)),
            "a list of 101; write at most 100",
        ),
        (
            format!("notifications: [{}]", "{topic: a},".repeat(101)),
            "a list of 101; write at most 100",
        ),
    ] {
        let faults = refused(&format!("version: 1\n{top}\nplans: [{{tier: standard}}]\n"));
        assert!(faults.contains(fault), "{faults}");
    }
}

#[test]
fn a_selection_may_nest_as_deep_as_a_document_and_no_deeper() {
    let nested = |depth: usize| format!("select: {}{{names: a}}{}", "{not: ".repeat(depth), "}".repeat(depth));
    let lines = |depth: usize| format!("schedule: {{every: 1h}}\nretention: {{daily: 7}}\n{}", nested(depth));
    assert!(parse(&plan_text(&lines(28)), "backup").is_ok());
    refused(&plan_text(&lines(60)));
}

#[test]
fn a_hundred_plans_are_held_against_a_hundred_rules_value_by_value() {
    let values: String = (0..30).map(|index| format!("v{index},")).collect();
    let select = format!("select: {{tags: {{a: [{values}]}}}}");
    let mut text = "version: 1\nresidency:\n".to_owned();
    for _ in 0..100 {
        writeln!(text, "- {{{select}, forbid: us-*}}").unwrap();
    }
    text.push_str("plans:\n");
    for index in 0..100 {
        writeln!(
            text,
            "- {{name: p{index}, tier: standard, {select}, copies: [{{region: us-east-1}}]}}"
        )
        .unwrap();
    }
    assert!(refused(&text).starts_with("the policy has 100 faults:"));
}

#[test]
fn selections_too_long_to_be_held_against_each_other_are_left_to_the_run() {
    let values: String = (0..40).map(|index| format!("v{index},")).collect();
    let select = format!("select: {{tags: {{a: [{values}]}}}}");
    let rule = format!("{{{select}, forbid: us-*}}");
    let plan = format!("{{tier: standard, {select}, copies: [{{region: us-east-1}}]}}");
    let text = format!("version: 1\nresidency: [{rule}]\nplans: [{plan}]\n");
    assert!(parse(&text, "backup").is_ok());
}

#[test]
fn more_faults_than_anybody_reads_are_counted() {
    let mut text = "version: 1\nplans: []\n".to_owned();
    for index in 0..10_000 {
        writeln!(text, "field{index}: 1").unwrap();
    }
    let faults = refused(&text);
    assert!(faults.starts_with("the policy has 10001 faults:"), "{faults}");
    assert!(faults.ends_with("\n- and 9901 more"), "{faults}");
}

#[test]
fn long_keys_values_and_expressions_are_refused() {
    let long = "a".repeat(MAX_BYTES - 1000);
    for lines in [
        format!("? {long}\n: 1"),
        format!("copies: {long}"),
        format!("select: {{arns: {long}}}"),
        format!("schedule: {{cron: \"{} * * * *\"}}", "1,".repeat(100_000)),
        format!("schedule: {{timezone: {long}, every: 1h}}"),
        format!("schedule: {{every: {}h}}", "9".repeat(200_000)),
        format!("retention: {{daily: {}}}", "9".repeat(200_000)),
        format!("# {long}\nnothing: 1"),
    ] {
        refused(&plan_text(&lines));
    }
}

#[test]
fn tags_directives_merges_and_keys_of_several_words_are_refused() {
    for text in [
        "version: !!int 1\n",
        "!custom {version: 1}\n",
        "? [a, b]\n: 1\n",
        "? {a: b}\n: 1\n",
        "<<: {version: 1}\n",
        "%YAML 9.9\n---\nversion: 1\n",
    ] {
        refused(text);
    }
}
