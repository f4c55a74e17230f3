//! Who hears of what, and the smaller parts of the document.

use std::num::NonZeroU32;

use holdfast_policy::{Limits, Notice, Share, TopicArn, audience, parse};

use crate::support::document;

const TOPICS: &str = "version: 1
notifications:
  - topic: arn:aws:sns:eu-central-1:111122223333:ops
  - topic: arn:aws:sns:eu-central-1:111122223333:shop
    events: [failed, pruned]
    plans: [shop]
  - topic: arn:aws-cn:sns:cn-north-1:111122223333:audit_1
    events: swept
  - topic: arn:aws:sns:eu-central-1:111122223333:ops
    events: [hold, failed]
    plans: shop
plans:
  - {name: shop, tier: standard}
  - {name: web, tier: standard}
";

fn heard(event: Notice, plan: Option<&str>) -> Vec<String> {
    let document = document(TOPICS);
    let plan = plan.map(|name| name.parse().unwrap());
    let topics = audience(&document, event, plan.as_ref()).into_iter();
    topics.map(|topic| topic.arn().resource().to_owned()).collect()
}

fn faults(top: &str) -> Vec<String> {
    let faults = parse(&format!("version: 1\n{top}plans: [{{tier: standard}}]\n"), "backup").unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_topic_hears_of_its_events_in_its_plans_and_each_topic_once() {
    assert_eq!(heard(Notice::Failed, Some("shop")), ["ops", "shop"]);
    assert_eq!(heard(Notice::Failed, Some("web")), ["ops"]);
    assert_eq!(heard(Notice::Pruned, Some("shop")), ["shop"]);
    assert_eq!(heard(Notice::Pruned, Some("web")), [""; 0]);
    assert_eq!(heard(Notice::Swept, Some("web")), ["audit_1"]);
}

#[test]
fn what_concerns_no_single_plan_is_told_to_all_that_listen_to_it() {
    assert_eq!(heard(Notice::Pruned, None), ["shop"]);
    assert_eq!(heard(Notice::PolicyInvalid, None), ["ops"]);
}

#[test]
fn without_a_word_a_topic_hears_of_everything_but_the_daily_work_of_prune() {
    let heard_by_ops = |event: &Notice| heard(*event, Some("web")).contains(&"ops".to_owned());
    let unheard: Vec<&str> = Notice::ALL
        .iter()
        .filter(|event| !heard_by_ops(event))
        .map(|event| event.as_str())
        .collect();
    assert_eq!(unheard, ["pruned", "swept"]);
}

#[test]
fn without_notifications_nobody_hears_anything() {
    let document = document("version: 1\nplans: [{tier: standard}]\n");
    assert!(audience(&document, Notice::Failed, None).is_empty());
}

#[test]
fn a_topic_is_the_arn_of_a_standard_sns_topic() {
    let whole = "not the ARN of an SNS topic; write it whole, for example \
                 arn:aws:sns:eu-central-1:111122223333:holdfast-ops";
    for (topic, fault) in [
        ("ops", whole),
        ("arn:aws:sqs:eu-central-1:111122223333:ops", whole),
        ("arn:aws:sns:eu-central-1:1111:ops", whole),
        ("arn:aws:sns:mars:111122223333:ops", whole),
        ("arn:gcp:sns:eu-central-1:111122223333:ops", whole),
        ("arn:aws:sns:eu-central-1:111122223333:ops:0f1e", whole),
        ("ops@example.org", whole),
        (
            "arn:aws:sns:eu-central-1:111122223333:ops.fifo",
            "a FIFO topic; write a standard topic: it reaches people",
        ),
    ] {
        let expected = format!("notifications[0].topic (line 2) is {topic:?}: {fault}");
        assert_eq!(
            faults(&format!("notifications: [{{topic: {topic:?}}}]\n")),
            [expected],
            "{topic}"
        );
    }
}

#[test]
fn the_name_of_a_topic_has_at_most_256_characters() {
    let topic = |length: usize| {
        let arn = format!("arn:aws:sns:eu-central-1:111122223333:{}", "a".repeat(length));
        arn.parse::<TopicArn>()
    };
    assert!(topic(256).is_ok());
    assert!(topic(257).is_err());
}

#[test]
fn notifications_of_another_form_are_refused() {
    let top = "notifications:
  - events: [fialed, applause]
  - {topic: \"arn:aws:sns:eu-west-1:111122223333:ops\", events: [], plans: [standart, Gold]}
";
    assert_eq!(
        faults(top),
        [
            "notifications[0] (line 3): a notification without a topic; add topic:",
            "notifications[0].events[0] (line 3) is \"fialed\": unknown event; did you mean failed?",
            "notifications[0].events[1] (line 3) is \"applause\": unknown event; write failed, partial, rpo-breached, \
             damaged, restore-test-failed, policy-invalid, pruned, swept, hold",
            "notifications[1].events (line 4): empty; write what to tell, for example [failed, rpo-breached], or leave \
             the line out",
            "notifications[1].plans[0] (line 4) is \"standart\": no plan of this name; did you mean standard?",
            "notifications[1].plans[1] (line 4) is \"Gold\": not a plan name; 1 to 32 lower-case letters, digits and \
             '-', starting with a letter",
        ]
    );
}

#[test]
fn the_names_of_plans_that_cannot_be_read_make_no_second_fault() {
    let text = "version: 1
notifications: [{topic: \"arn:aws:sns:eu-west-1:111122223333:ops\", plans: [gold]}]
plans: [{name: Gold, tier: standard}]
";
    let faults = parse(text, "backup").unwrap_err().to_string();
    assert!(
        faults.starts_with("the policy has a fault:\n- plans[0].name"),
        "{faults}"
    );
}

#[test]
fn a_prune_run_gives_up_half_of_a_vault_at_most_unless_the_policy_says_otherwise() {
    let limits = |top: &str| document(&format!("version: 1\n{top}plans: [{{tier: standard}}]\n")).limits;
    let usual = Limits {
        remove_share: Share::HALF,
        remove_points: 10_000,
    };
    assert_eq!(limits(""), usual);
    assert_eq!(
        limits("limits: {remove_share: 5%}\n"),
        Limits {
            remove_share: "5%".parse().unwrap(),
            ..usual
        }
    );
    assert_eq!(
        limits("limits: {remove_points: 1}\n"),
        Limits {
            remove_points: NonZeroU32::MIN.get(),
            ..usual
        }
    );
}

#[test]
fn limits_of_nothing_are_refused() {
    assert_eq!(
        faults("limits: {remove_share: 0%, remove_points: 0}\n"),
        [
            "limits.remove_share (line 2) is \"0%\": nothing; write whole per cent from 1% to 100%, for example 25%",
            "limits.remove_points (line 2) is \"0\": no point at all; write 1 or more; to remove nothing write keep: all \
             in the plans",
        ]
    );
}

#[test]
fn accounts_are_digits_in_quotes_with_names() {
    let top = "accounts: {prod: 111122223333, dev: \"1111\", 2nd: \"444455556666\", \"a b\": \"444455556666\"}\n";
    let digits = "not an account; write its 12 digits in quotes, for example \"111122223333\"";
    assert_eq!(
        faults(top),
        [
            "accounts.prod (line 2) is \"111122223333\": without quotes; write \"111122223333\"".to_owned(),
            format!("accounts.dev (line 2) is \"1111\": {digits}"),
            "accounts.2nd (line 2): not a name for an account; write letters, digits, _, . and -, beginning with a letter"
                .to_owned(),
            "accounts.\"a b\" (line 2): not a name for an account; write letters, digits, _, . and -, beginning with a \
             letter"
                .to_owned(),
        ]
    );
}

#[test]
fn an_account_of_a_clause_has_a_name_or_digits() {
    let text = "version: 1
accounts: {prod: \"1111\", dev: \"444455556666\"}
plans:
  - tier: standard
    select: {accounts: [prod, prd, test, 444455556666, \"77\"]}
";
    let faults: Vec<String> = parse(text, "backup")
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        faults,
        [
            "accounts.prod (line 2) is \"1111\": not an account; write its 12 digits in quotes, for example \
             \"111122223333\"",
            "plans[0].select.accounts[1] (line 5) is \"prd\": no account of this name; did you mean prod?",
            "plans[0].select.accounts[2] (line 5) is \"test\": no account of this name; write its 12 digits in quotes, or \
             add accounts: {test: \"…\"} at the top",
            "plans[0].select.accounts[3] (line 5) is \"444455556666\": without quotes; write \"444455556666\"",
            "plans[0].select.accounts[4] (line 5) is \"77\": not an account; write its 12 digits in quotes, for example \
             \"111122223333\"",
        ]
    );
}

#[test]
fn an_account_that_is_written_in_digits_is_told_by_its_name() {
    let text = "version: 1
accounts: {prod: \"111122223333\"}
plans: [{tier: standard, select: {accounts: \"111122223333\"}}]
";
    let document = document(text);
    assert_eq!(document.accounts.len(), 1);
    let orders = crate::support::resource("orders", &[]);
    assert_eq!(
        document.plans_for(&orders)[0].to_string(),
        "plan standard, because it is in account prod (111122223333)"
    );
}

#[test]
fn an_engine_is_ours_and_also_is_true_or_false() {
    let faults = |line: &str| {
        let text = format!("version: 1\nplans:\n  - tier: standard\n    {line}\n");
        let faults = parse(&text, "backup").unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (line, expected) in [
        (
            "engine: tape",
            "engine (line 4) is \"tape\": not an engine; write vault or aws-backup, or leave the line out",
        ),
        (
            "also: yes",
            "also (line 4) is \"yes\": neither true nor false; write true or false",
        ),
        (
            "also: \"true\"",
            "also (line 4) is \"true\": in quotes; write true or false",
        ),
        ("also:", "also (line 4): empty; write true or false"),
    ] {
        assert_eq!(faults(line), [format!("plans[0].{expected}")], "{line}");
    }
}
