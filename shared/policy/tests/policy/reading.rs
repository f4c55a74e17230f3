//! Policy documents: what they give.

use std::num::NonZeroU32;

use holdfast_policy::{BUILTIN, Cadence, Clause, Copies, Engine, Keep, Rules, builtin, parse};
use proptest::prelude::*;

use crate::support::{HOUR, document, plan_text};

const REST: &str = "schedule: {every: 1h}\nretention: {daily: 7}\n";

const WHOLE: &str = r#"
version: 1
accounts: {prod: "111122223333"}
plans:
  - name: gold
    engine: vault
    also: true
    select:
      tags: {env: [prod, "pre-*"], tier: 1}
      arns: "arn:aws:dynamodb:*:*:table/*"
      names: "orders*"
      kinds: [dynamodb-table]
      regions: eu-*
      accounts: [prod, "444455556666"]
      any: [{names: orders}, {not: {tags: {env: pre-1}}}]
    exclude:
      tags: {scratch: "*"}
    schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
    retention: {keep_last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, quarterly: 8, yearly: 7,
                keep_within: 14d, minimum_good: 5}
    copies: [{region: eu-west-1}, {retention: {daily: 90}}]
    objectives: {rpo: 26h}
    verification: {restore_test_every: 1w}
"#;

fn sort(clause: &Clause) -> String {
    match clause {
        Clause::Tag { key, values } => format!("tag {key} {}", values.len()),
        Clause::Arn(_) => "arn".to_owned(),
        Clause::Name(_) => "name".to_owned(),
        Clause::Kind(_) => "kind".to_owned(),
        Clause::Region(_) => "region".to_owned(),
        Clause::Account(_) => "account".to_owned(),
        Clause::Any(_) => "any".to_owned(),
        Clause::All(_) => "all".to_owned(),
        Clause::Not(_) => "not".to_owned(),
    }
}

#[test]
fn a_whole_document_gives_its_selection() {
    let document = document(WHOLE);
    let (plan, selection) = (&document.plans[0], &document.plans[0].selection);
    assert_eq!((document.version, plan.name.as_str()), (1, "gold"));
    let sorts: Vec<String> = selection.include.clauses.iter().map(sort).collect();
    assert_eq!(
        sorts,
        [
            "tag env 2",
            "tag tier 1",
            "arn",
            "name",
            "kind",
            "region",
            "account",
            "any"
        ]
    );
    let sorts: Vec<String> = selection
        .exclude
        .iter()
        .flat_map(|exclude| &exclude.clauses)
        .map(sort)
        .collect();
    assert_eq!(sorts, ["tag scratch 1"]);
}

#[test]
fn a_whole_document_gives_its_schedule_and_promises() {
    let document = document(WHOLE);
    let plan = &document.plans[0];
    assert!(matches!(plan.schedule.cadence(), Cadence::Cron(_)));
    assert_eq!(plan.schedule.to_string(), "cron 0 2 * * * in Europe/Berlin");
    assert_eq!((plan.engine, plan.also), (Engine::Vault, true));
    assert_eq!(plan.objectives.rpo, Some(HOUR * 26));
    assert_eq!(plan.verification.restore_test_every, Some(HOUR * 168));
}

#[test]
fn a_whole_document_gives_its_retention() {
    let rules = Rules {
        keep_last: 3,
        hourly: 24,
        daily: 7,
        weekly: 4,
        monthly: 12,
        quarterly: 8,
        yearly: 7,
        keep_within: Some(HOUR * (14 * 24)),
        ..Rules::default()
    };
    let retention = &document(WHOLE).plans[0].retention;
    assert_eq!(
        (&retention.keep, retention.minimum_good.get()),
        (&Keep::Rules(rules), 5)
    );
}

#[test]
fn the_same_document_in_json_is_the_same() {
    let json = "{\n\t\"version\": 1,\n\t\"plans\": [{\"name\": \"standard\",\n\t\"schedule\": {\"every\": \"1h\"},
        \"retention\": {\"daily\": 7}, \"select\": {\"tags\": {\"town\": \"K\\u00f6ln\\/\\ud83d\\ude00\"}}}]}";
    let yaml = plan_text(&format!("{REST}select: {{tags: {{town: \"Köln/😀\"}}}}"));
    assert_eq!(document(json), document(&yaml));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_document() {
    assert_eq!(document(&format!("\u{feff}{BUILTIN}")), document(BUILTIN));
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = document(&plan_text(REST));
    let plan = &document.plans[0];
    assert_eq!((&plan.copies, &plan.residency), (&Copies::Default, &None));
    assert_eq!((plan.engine, plan.also), (Engine::Vault, false));
    assert_eq!(plan.retention.minimum_good, NonZeroU32::new(2).unwrap());
    assert_eq!(plan.objectives.rpo, None);
    assert_eq!(plan.verification.restore_test_every, None);
    assert_eq!(plan.schedule.zone().iana_name(), Some("UTC"));
    assert_eq!(plan.selection.exclude, None);
}

#[test]
fn keep_all_is_how_to_keep_everything() {
    let document = document(&plan_text("schedule: {every: 1h}\nretention: {keep: all}"));
    assert_eq!(document.plans[0].retention.keep, Keep::All);
}

#[test]
fn every_distance_of_a_retention_is_read_into_its_own_rule() {
    let lines = "schedule: {every: 1h}
retention: {keep_within: 1h, keep_within_hourly: 2h, keep_within_daily: 3h, keep_within_weekly: 4h,
            keep_within_monthly: 5h, keep_within_quarterly: 6h, keep_within_yearly: 7h}";
    let expected = Rules {
        keep_within: Some(HOUR),
        keep_within_hourly: Some(HOUR * 2),
        keep_within_daily: Some(HOUR * 3),
        keep_within_weekly: Some(HOUR * 4),
        keep_within_monthly: Some(HOUR * 5),
        keep_within_quarterly: Some(HOUR * 6),
        keep_within_yearly: Some(HOUR * 7),
        ..Rules::default()
    };
    let read = document(&plan_text(lines)).plans.remove(0).retention.keep;
    assert_eq!(read, Keep::Rules(expected));
}

#[test]
fn a_truth_is_written_plainly() {
    for (also, expected) in [("true", true), ("false", false)] {
        let plan = document(&plan_text(&format!("tier: standard\nalso: {also}")))
            .plans
            .remove(0);
        assert_eq!(plan.also, expected);
    }
}

#[test]
fn a_rule_of_zero_is_no_rule() {
    let with = document(&plan_text("schedule: {every: 1h}\nretention: {daily: 7, weekly: 0}"));
    assert_eq!(with, document(&plan_text(REST)));
}

#[test]
fn an_anchor_saves_writing_a_retention_twice() {
    let document = document(
        "version: 1
plans:
  - {name: a, schedule: {every: 1h}, retention: &usual {daily: 7}}
  - {name: b, schedule: {every: 1d}, retention: *usual}",
    );
    assert_eq!(document.plans[0].retention, document.plans[1].retention);
}

#[test]
fn a_document_may_have_a_hundred_plans() {
    let plans: Vec<String> = (0..100)
        .map(|index| format!("- {{name: p{index}, schedule: {{every: 1h}}, retention: {{daily: 7}}}}\n"))
        .collect();
    assert_eq!(
        document(&format!("version: 1\nplans:\n{}", plans.concat())).plans.len(),
        100
    );
}

#[test]
fn an_rpo_just_above_the_longest_gap_is_met_and_one_that_equals_it_is_not() {
    for (schedule, gap, above) in [
        ("{every: 1h}", "1h", "1h1s"),
        ("{cron: \"0 * * * *\", timezone: Europe/Berlin}", "1h", "1h1s"),
        ("{cron: \"0 2 * * *\"}", "24h", "24h1s"),
        ("{cron: \"0 2 * * *\", timezone: Europe/Berlin}", "25h", "25h1s"),
        (
            "{cron: \"0 2 * * *\", timezone: Australia/Lord_Howe}",
            "24h30m",
            "24h30m1s",
        ),
        ("{cron: \"0 9-17 * * MON-FRI\"}", "64h", "64h1s"),
        (
            "{cron: \"0 9-17 * * MON-FRI\", timezone: America/New_York}",
            "65h",
            "65h1s",
        ),
        ("{cron: \"0 0,18 * * *\"}", "18h", "18h1s"),
        ("{cron: \"0 0 1 * *\"}", "31d", "31d1s"),
        ("{cron: \"0 0 29 2 *\"}", "1461d", "1461d1s"),
    ] {
        let rest = format!("schedule: {schedule}\nretention: {{daily: 7}}");
        let text = |rpo: &str| plan_text(&format!("{rest}\nobjectives: {{rpo: {rpo}}}"));
        assert!(parse(&text(above), "backup").is_ok(), "{schedule} {above}");
        assert!(parse(&text(gap), "backup").is_err(), "{schedule} {gap}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(letters in proptest::collection::vec(proptest::sample::select(
        "abcz019:-[]{}&*!|>'\"%@,#?~ \n\t".chars().collect::<Vec<_>>()), 0..80)) {
        if let Err(faults) = parse(&letters.into_iter().collect::<String>(), "backup") {
            prop_assert!(faults.count() >= 1 && !faults.to_string().is_empty());
        }
    }

    #[test]
    fn no_damage_to_a_good_document_makes_the_parser_panic(
        from in any::<prop::sample::Index>(), length in 0_usize..12,
        with in proptest::collection::vec(proptest::char::range(' ', '~'), 0..6),
    ) {
        let from = from.index(WHOLE.len());
        let to = (from + length).min(WHOLE.len());
        let with: String = with.into_iter().collect();
        if let Err(faults) = parse(&format!("{}{with}{}", &WHOLE[..from], &WHOLE[to..]), "backup") {
            prop_assert!(faults.count() >= 1 && !faults.to_string().is_empty());
        }
    }

    #[test]
    fn the_built_in_policy_takes_any_tag_key(tag_key in proptest::collection::vec(any::<char>(), 0..20)) {
        prop_assert_eq!(builtin(&tag_key.into_iter().collect::<String>()).plans.len(), 3);
    }
}
