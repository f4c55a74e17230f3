//! Policy documents: what they give.

use std::num::NonZeroU32;

use holdfast_policy::{BUILTIN, Cadence, CopyTarget, Keep, Rules, builtin, parse};
use proptest::prelude::*;

use crate::support::{HOUR, document, plan_text};

const REST: &str = "schedule: {every: 1h}\nretention: {daily: 7}\n";

const WHOLE: &str = r#"
version: 1
plans:
  - name: gold
    select:
      tags: {env: [prod, "pre-*"], tier: 1}
      arns: "arn:aws:dynamodb:*:*:table/*"
      kinds: [dynamodb-table]
    exclude:
      tags: {scratch: "*"}
    schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
    retention: {keep_last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, quarterly: 8, yearly: 7,
                keep_within: 14d, minimum_good: 5}
    copy_to: eu-west-1
    objectives: {rpo: 26h}
    verification: {restore_test_every: 1w}
"#;

#[test]
fn a_whole_document_gives_its_selection() {
    let document = document(WHOLE);
    let (plan, selection) = (&document.plans[0], &document.plans[0].selection);
    assert_eq!((document.version, plan.name.as_str()), (1, "gold"));
    let tags: Vec<_> = selection
        .include
        .tags
        .iter()
        .map(|tag| (tag.key.as_str(), tag.values.len()))
        .collect();
    assert_eq!(tags, [("env", 2), ("tier", 1)]);
    assert_eq!((selection.include.arns.len(), selection.include.kinds.len()), (1, 1));
    assert_eq!(selection.exclude.as_ref().unwrap().tags[0].key, "scratch");
}

#[test]
fn a_whole_document_gives_its_schedule_and_promises() {
    let document = document(WHOLE);
    let plan = &document.plans[0];
    assert!(matches!(plan.schedule.cadence(), Cadence::Cron(_)));
    assert_eq!(plan.schedule.to_string(), "cron 0 2 * * * in Europe/Berlin");
    assert_eq!(plan.copy_to, CopyTarget::Region("eu-west-1".parse().unwrap()));
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
    assert_eq!(plan.copy_to, CopyTarget::Default);
    assert_eq!(plan.retention.minimum_good, NonZeroU32::new(2).unwrap());
    assert_eq!(plan.objectives.rpo, None);
    assert_eq!(plan.verification.restore_test_every, None);
    assert_eq!(plan.schedule.zone().iana_name(), Some("UTC"));
    assert_eq!(plan.selection.exclude, None);
}

#[test]
fn copies_can_be_switched_off() {
    let document = document(&plan_text(&format!("{REST}copy_to: none")));
    assert_eq!(document.plans[0].copy_to, CopyTarget::None);
}

#[test]
fn a_copy_goes_where_the_plan_says_or_else_to_the_replica_of_the_stack() {
    let region = |name: &str| name.parse::<holdfast_catalog::Region>().unwrap();
    let (here, there) = (region("eu-west-1"), region("eu-west-2"));
    assert_eq!(CopyTarget::Default.region(Some(&here)), Some(&here));
    assert_eq!(CopyTarget::Default.region(None), None);
    assert_eq!(CopyTarget::Region(there.clone()).region(Some(&here)), Some(&there));
    assert_eq!(CopyTarget::None.region(Some(&here)), None);
}

#[test]
fn keep_all_is_how_to_keep_everything() {
    let document = document(&plan_text("schedule: {every: 1h}\nretention: {keep: all}"));
    assert_eq!(document.plans[0].retention.keep, Keep::All);
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
fn the_built_in_policy_protects_what_is_tagged_standard() {
    let document = builtin("backup");
    assert_eq!(document, self::document(BUILTIN));
    let plan = document.plan(&"standard".parse().unwrap()).unwrap();
    assert_eq!(plan.schedule.cadence(), &Cadence::Every(HOUR));
    assert_eq!(plan.objectives.rpo, Some(HOUR * 2));
    assert_eq!(plan.verification.restore_test_every, Some(HOUR * 168));
    let rules = Rules {
        keep_last: 3,
        hourly: 24,
        daily: 7,
        weekly: 4,
        monthly: 12,
        ..Rules::default()
    };
    assert_eq!(
        (&plan.retention.keep, plan.retention.minimum_good.get()),
        (&Keep::Rules(rules), 3)
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
        prop_assert_eq!(builtin(&tag_key.into_iter().collect::<String>()).plans.len(), 1);
    }
}
