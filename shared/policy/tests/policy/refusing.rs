//! Policy documents: how they are refused.

use holdfast_policy::parse;

use crate::support::plan_text;

/// The faults of a document, one a line.
fn faults(text: &str) -> Vec<String> {
    parse(text, "backup")
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The faults that a few lines add to a plan that is good without them.
fn faults_of_lines(lines: &str) -> Vec<String> {
    faults(&plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{daily: 7}}\n{lines}"
    )))
}

/// The faults that a schedule adds to a plan.
fn faults_of_schedule(schedule: &str) -> Vec<String> {
    faults(&plan_text(&format!("retention: {{daily: 7}}\nschedule: {schedule}")))
}

/// The faults that a retention adds to a plan.
fn faults_of_retention(retention: &str) -> Vec<String> {
    faults(&plan_text(&format!("schedule: {{every: 1h}}\nretention: {retention}")))
}

const MANY_FAULTS: &str = r#"version: 2
plans:
  - name: Gold
    schedule: {cron: "0 25 * * *", timezone: Europe/Berlim}
    retention: {daily: -1, wekly: 4}
  - name: silver
    schdule: {every: 30s}
    select: {}
    copies: [{region: mars}]
  - name: silver
    schedule: {every: 30s}
    retention: {daily: 7}
"#;

const MANY_FAULTS_TOLD: &str = "the policy has 13 faults:
- version (line 1) is \"2\": newer than this release reads; write 1, or upgrade holdfast
- plans[0].name (line 3) is \"Gold\": not a plan name; 1 to 32 lower-case letters, digits and '-', starting with a letter
- plans[0].schedule.timezone (line 4) is \"Europe/Berlim\": unknown time zone; did you mean Europe/Berlin?
- plans[0].schedule.cron (line 4) is \"0 25 * * *\": not a cron expression (Component error: Number out of bounds.); write minute, hour, day of month, month and day of week, for example 0 2 * * *
- plans[0].retention.wekly (line 5): unknown field; did you mean weekly?
- plans[0].retention.daily (line 5) is \"-1\": negative; write a whole number, 0 or more; to keep everything write keep: all
- plans[1] (line 6): a plan without a schedule; add schedule: {every: 1h} or {cron: …}, or tier: standard
- plans[1] (line 6): a plan without a retention; add retention: with at least one rule, for example {daily: 7}, or {keep: all}, or tier: standard
- plans[1].schdule (line 7): unknown field; did you mean schedule?
- plans[1].select (line 8): an empty selection; write at least one of tags:, arns:, names:, kinds:, regions:, accounts:, any:, all:, not:; an empty one never means everything
- plans[1].copies[0].region (line 9) is \"mars\": not a region; write a region as AWS does, for example eu-central-1
- plans[2].name (line 10) is \"silver\": the name of plans[1] too; give each plan a name of its own
- plans[2].schedule.every (line 11) is \"30s\": shorter than a minute; write 1m or more";

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_document() {
    assert_eq!(parse(MANY_FAULTS, "backup").unwrap_err().to_string(), MANY_FAULTS_TOLD);
}

#[test]
fn broken_yaml_has_one_fault_with_its_line() {
    let found = faults("version: 1\nplans: [\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("document (line 2): not valid YAML: "), "{found:?}");
}

#[test]
fn an_empty_text_is_refused() {
    for text in ["", "\n\n", "# nothing\n", "---\n"] {
        assert!(!faults(text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_document_that_is_no_mapping_is_refused() {
    assert_eq!(
        faults("- a\n"),
        ["document (line 1): not a mapping; write version: 1 and plans:"]
    );
}

#[test]
fn a_document_without_version_and_plans_is_told_both() {
    assert_eq!(
        faults("{}"),
        [
            "document (line 1): a policy without a version; add version: 1",
            "document (line 1): a policy without plans; add plans: with at least one plan",
        ]
    );
}

#[test]
fn version_zero_is_no_version() {
    let found = faults("version: 0\nplans: [{name: a, schedule: {every: 1h}, retention: {daily: 7}}]\n");
    assert_eq!(
        found,
        ["version (line 1) is \"0\": not a version of the language; write 1"]
    );
}

#[test]
fn an_empty_list_of_plans_is_refused() {
    let found = faults("version: 1\nplans: []\n");
    assert_eq!(found, ["plans (line 2): a list of 0 plans; write 1 to 100 plans"]);
}

#[test]
fn a_second_document_is_refused() {
    let found = faults("version: 1\n---\nversion: 1\n");
    assert_eq!(found, ["document (line 2): a second document; write one document only"]);
}

#[test]
fn a_field_that_is_given_twice_is_refused() {
    let found = faults_of_lines("copies: none\ncopies: none");
    assert_eq!(found, ["plans[0].copies (line 7): given twice; leave one of them out"]);
}

#[test]
fn a_fault_of_an_alias_is_on_the_line_of_the_alias() {
    let text = "version: 1
plans:
  - name: &gold gold
    tier: standard
  - tier: standard
    name: *gold
";
    assert_eq!(
        faults(text),
        ["plans[1].name (line 6) is \"gold\": the name of plans[0] too; give each plan a name of its own"]
    );
}

#[test]
fn a_plan_without_a_name_is_refused() {
    let found = faults("version: 1\nplans:\n  - schedule: {every: 1h}\n    retention: {daily: 7}\n");
    assert_eq!(found, ["plans[0] (line 3): a plan without a name; add name:"]);
}

#[test]
fn a_retention_needs_a_rule() {
    for (retention, fault) in [
        ("{}", "a retention without a rule"),
        ("{minimum_good: 3}", "a retention without a rule"),
        ("{daily: 0, weekly: 0}", "a retention whose rules are all 0"),
        ("", "a plan without a retention"),
    ] {
        let change = "write at least one rule, for example {daily: 7}, or {keep: all}";
        let expected = format!("plans[0].retention (line 5): {fault}; {change}");
        assert_eq!(faults_of_retention(retention), [expected], "{retention}");
    }
}

#[test]
fn a_count_is_a_whole_number() {
    for (count, fault) in [
        ("-3", "negative"),
        ("1.5", "not a whole number"),
        ("seven", "not a whole number"),
        ("\"7\"", "in quotes"),
        ("007", "not a whole number"),
        ("0x7", "not a whole number"),
        ("7_000", "not a whole number"),
        ("4294967296", "too large"),
        ("[7]", "a list"),
        ("{a: 7}", "a mapping"),
        ("", "empty"),
    ] {
        let found = faults_of_retention(&format!("{{keep_last: 1, daily: {count}}}"));
        assert_eq!(found.len(), 1, "{count}: {found:?}");
        assert!(found[0].starts_with("plans[0].retention.daily (line 5)"), "{found:?}");
        assert!(found[0].contains(&format!(": {fault}; ")), "{count}: {found:?}");
    }
}

#[test]
fn a_floor_of_zero_is_refused() {
    let expected = "plans[0].retention.minimum_good (line 5) is \"0\": no floor; write 1 or more: the newest good point \
                    is never removed";
    assert_eq!(faults_of_retention("{daily: 7, minimum_good: 0}"), [expected]);
}

#[test]
fn keep_all_beside_a_rule_is_refused() {
    let expected = "plans[0].retention.keep (line 5) is \"all\": everything and a rule at once; leave out the rules or \
                    this line";
    assert_eq!(faults_of_retention("{keep: all, daily: 7}"), [expected]);
}

#[test]
fn keep_takes_nothing_but_all() {
    let expected =
        "plans[0].retention.keep (line 5) is \"7\": not all; write all, or leave the line out and write rules";
    assert_eq!(faults_of_retention("{keep: 7}"), [expected]);
}

#[test]
fn months_in_a_duration_are_refused_with_a_way_out() {
    let expected = "plans[0].retention.keep_within (line 5) is \"6mo\": months and years differ in length; write days, \
                    for example 30d or 365d";
    assert_eq!(faults_of_retention("{keep_within: 6mo}"), [expected]);
}

#[test]
fn a_duration_with_a_number_too_many_or_too_long_is_refused() {
    for (text, fault) in [
        ("1h30", "not a duration"),
        ("30", "not a duration"),
        ("36501d", "too long"),
    ] {
        let found = faults_of_retention(&format!("{{keep_within: {text}}}"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(fault), "{text}: {found:?}");
    }
    assert!(
        parse(
            &plan_text("schedule: {every: 1h}\nretention: {keep_within: 36500d}"),
            "backup"
        )
        .is_ok()
    );
}

#[test]
fn a_truth_in_quotes_is_refused() {
    for (truth, fault) in [
        ("\"true\"", "in quotes"),
        ("\"false\"", "in quotes"),
        ("yes", "neither true nor false"),
    ] {
        let found = faults_of_lines(&format!("also: {truth}"));
        assert_eq!(found.len(), 1, "{truth}: {found:?}");
        assert!(found[0].contains(fault), "{truth}: {found:?}");
    }
}

#[test]
fn an_empty_selection_is_refused_in_every_spelling() {
    for lines in ["select: {}", "select:", "select: ~", "exclude: {}", "exclude:"] {
        let found = faults_of_lines(lines);
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].contains("an empty selection"), "{found:?}");
    }
}

#[test]
fn an_empty_clause_is_refused() {
    for clause in [
        "tags: {}",
        "tags:",
        "tags: {env: []}",
        "tags: {env: }",
        "tags: {'': x}",
        "arns: []",
        "arns:",
        "arns: \"\"",
        "kinds: []",
    ] {
        let found = faults_of_lines(&format!("select: {{{clause}}}"));
        assert_eq!(found.len(), 1, "{clause}: {found:?}");
        assert!(found[0].starts_with("plans[0].select."), "{found:?}");
    }
}

#[test]
fn an_unknown_kind_is_refused_with_a_suggestion() {
    let all = holdfast_catalog::Kind::ALL
        .map(holdfast_catalog::Kind::as_str)
        .join(" or ");
    assert_eq!(
        faults_of_lines("select: {kinds: [lambda_function, mainframe]}"),
        [
            "plans[0].select.kinds[0] (line 6) is \"lambda_function\": unknown kind; did you mean lambda-function?"
                .to_owned(),
            format!("plans[0].select.kinds[1] (line 6) is \"mainframe\": unknown kind; write {all}"),
        ]
    );
}

#[test]
fn an_arn_glob_that_no_arn_can_match_is_refused() {
    let expected = "plans[0].select.arns[0] (line 6) is \"table/orders\": no form that an ARN can have; the whole ARN \
                    must match: write for example *table/orders";
    assert_eq!(faults_of_lines("select: {arns: [table/orders]}"), [expected]);
}

#[test]
fn a_field_on_the_wrong_level_is_sent_home() {
    for (field, home) in [
        ("rpo: 2h", "objectives"),
        ("cron: '0 2 * * *'", "schedule"),
        ("daily: 7", "retention"),
        ("tags: {a: b}", "select"),
        ("restore_test_every: 7d", "verification"),
        ("names: orders", "select"),
        ("region: eu-west-1", "copies"),
        ("allow: eu-*", "residency"),
    ] {
        let name = field.split(':').next().unwrap();
        let expected = format!("plans[0].{name} (line 6): unknown field; write it inside {home}:");
        assert_eq!(faults_of_lines(field), [expected]);
    }
}

#[test]
fn a_field_of_the_document_in_a_plan_and_one_of_a_plan_in_the_document_are_sent_home() {
    let zones = "plans[0].zones (line 6): unknown field; write it at the top of the document";
    assert_eq!(faults_of_lines("zones: []"), [zones]);
    let found = faults("version: 1\nschedule: {every: 1h}\ndaily: 7\nplans: [{tier: standard}]\n");
    assert_eq!(
        found,
        [
            "schedule (line 2): unknown field; write it in a plan",
            "daily (line 3): unknown field; write it in a plan, inside retention:",
        ]
    );
}

#[test]
fn a_misspelt_clause_of_a_nested_selection_is_refused_with_a_suggestion() {
    assert_eq!(
        faults_of_lines("select: {any: [{names: a}, {not: {region: eu-*}}]}"),
        [
            "plans[0].select.any[1].not.region (line 6): unknown field; did you mean regions?",
            "plans[0].select.any[1].not (line 6): an empty selection; write at least one of tags:, arns:, names:, kinds:, \
             regions:, accounts:, any:, all:, not:; an empty one never means everything",
        ]
    );
}

#[test]
fn a_field_that_resembles_nothing_is_told_what_there_is() {
    let expected = "plans[0].colour (line 6): unknown field; the fields here are name, tier, engine, aws_backup, records, also, \
                    select, exclude, schedule, retention, copies, residency, objectives, verification, compliance";
    assert_eq!(faults_of_lines("colour: red"), [expected]);
}

#[test]
fn a_schedule_is_either_an_interval_or_a_cron_expression() {
    let both = "plans[0].schedule (line 5): both every and cron; leave one of them out";
    assert_eq!(faults_of_schedule("{every: 1h, cron: \"0 2 * * *\"}"), [both]);
    let neither = "plans[0].schedule (line 5): neither every nor cron; write every: with a duration or cron: with five \
                   fields";
    assert_eq!(faults_of_schedule("{timezone: UTC}"), [neither]);
}

#[test]
fn a_bad_cron_expression_is_refused() {
    for expression in [
        "",
        "0 2 * *",
        "0 2 * * * *",
        "60 2 * * *",
        "0 24 * * *",
        "0 2 32 * *",
        "0 2 * 13 *",
        "0 2 * * 8",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "0,,1 * * * *",
        ", * * * *",
        "0 , * * *",
        "@often",
        "@",
        "0 2 31 2 *",
        "0 2 30 FEB *",
        "cron(0 2 * * ? *)",
        "rate(1 hour)",
    ] {
        let found = faults_of_schedule(&format!("{{cron: \"{expression}\"}}"));
        assert_eq!(found.len(), 1, "{expression}: {found:?}");
        assert!(found[0].starts_with("plans[0].schedule.cron (line 5)"), "{found:?}");
    }
}

#[test]
fn a_day_that_no_calendar_has_is_refused() {
    let expected = "plans[0].schedule.cron (line 5) is \"0 2 31 2 *\": never matches any day; name a day that the \
                    calendar has";
    assert_eq!(faults_of_schedule("{cron: \"0 2 31 2 *\"}"), [expected]);
}

#[test]
fn an_unknown_time_zone_is_refused() {
    for (zone, change) in [
        (
            "Mars/Olympus_Mons",
            "write an IANA name, for example Europe/Berlin or UTC",
        ),
        ("America/New York", "did you mean America/New_York?"),
        ("CEST+2", "write an IANA name, for example Europe/Berlin or UTC"),
    ] {
        let expected = format!("plans[0].schedule.timezone (line 5) is {zone:?}: unknown time zone; {change}");
        assert_eq!(
            faults_of_schedule(&format!("{{every: 1h, timezone: {zone}}}")),
            [expected]
        );
    }
}

#[test]
fn an_interval_that_cannot_meet_its_rpo_is_refused_with_the_arithmetic() {
    let expected = "plans[0].objectives.rpo (line 6) is \"1h\": more than the schedule can meet: every 1h leaves up to \
                    1h between two slots, and the newest point grows older than that before the next one is complete; \
                    write more than 1h, or a schedule that runs more often";
    assert_eq!(faults_of_lines("objectives: {rpo: 1h}"), [expected]);
}

#[test]
fn the_rpo_arithmetic_knows_the_longest_day_of_the_year() {
    let lines = "retention: {daily: 7}
schedule: {cron: \"0 2 * * *\", timezone: Europe/Berlin}
objectives: {rpo: 25h}";
    let expected = "plans[0].objectives.rpo (line 6) is \"25h\": more than the schedule can meet: cron 0 2 * * * in \
                    Europe/Berlin leaves up to 1d1h between two slots (from 2053-10-26 02:00 to 2053-10-27 02:00), and \
                    the newest point grows older than that before the next one is complete; write more than 1d1h, or a \
                    schedule that runs more often";
    assert_eq!(faults(&plan_text(lines)), [expected]);
}

#[test]
fn a_long_value_is_cut_in_its_message() {
    let found = faults_of_lines(&format!("copies: [{{region: {}}}]", "x".repeat(10_000)));
    assert!(found[0].chars().count() < 250, "{}", found[0]);
}

#[test]
fn a_key_that_would_break_a_line_is_quoted() {
    let found = faults_of_lines("\"a\\nb\": 1");
    assert!(
        found[0].starts_with("plans[0].\"a\\nb\" (line 6): unknown field"),
        "{found:?}"
    );
}
