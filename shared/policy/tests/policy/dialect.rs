//! The dialect of selections: its clauses, how they nest, and which plan is the most specific.

use std::fmt::Write as _;

use holdfast_policy::{Clause, Criteria, Document, Resource, Specificity, parse};
use proptest::prelude::*;

use crate::support::{document, resource};

const HEAD: &str = "version: 1\naccounts: {prod: \"111122223333\", dev: \"444455556666\"}\nplans:\n";

/// A document whose plans p0, p1 and so on have these fields, in flow style.
fn plans<T: AsRef<str>>(plans: &[T]) -> Document {
    let mut text = HEAD.to_owned();
    for (index, fields) in plans.iter().enumerate() {
        let rest = "schedule: {every: 1h}, retention: {daily: 7}";
        writeln!(text, "  - {{name: p{index}, {rest}, {}}}", fields.as_ref()).unwrap();
    }
    document(&text)
}

fn criteria(select: &str) -> Criteria {
    plans(&[format!("select: {select}")]).plans.remove(0).selection.include
}

fn selects(select: &str, resource: &Resource) -> bool {
    criteria(select).check(resource).is_ok()
}

fn protecting(document: &Document, resource: &Resource) -> Vec<String> {
    let plans = document.plans_for(resource).into_iter();
    plans.map(|selected| selected.plan.name.to_string()).collect()
}

/// The only plan's line of an explanation.
fn line(select: &str, resource: &Resource) -> String {
    let document = plans(&[format!("select: {select}")]);
    let explanation = document.explain(resource).to_string();
    let (_, line) = explanation.split_once("- plan p0 ").unwrap();
    line.to_owned()
}

fn orders() -> Resource {
    resource("orders", &[("env", "prod"), ("team", "shop")])
}

#[test]
fn a_name_is_matched_as_a_whole_whatever_the_kind() {
    assert!(selects("{names: orders}", &orders()));
    assert!(selects("{names: [x, 'ord*']}", &resource("function/orders", &[])));
    assert!(!selects("{names: order}", &orders()));
}

#[test]
fn a_region_is_matched_with_wildcards() {
    assert!(selects("{regions: [us-*, eu-central-?]}", &orders()));
    assert!(!selects("{regions: eu-west-1}", &orders()));
}

#[test]
fn an_account_is_matched_by_its_digits_or_by_its_name() {
    assert!(selects("{accounts: prod}", &orders()));
    assert!(selects("{accounts: [dev, \"111122223333\"]}", &orders()));
    assert!(!selects("{accounts: dev}", &orders()));
}

#[test]
fn any_wants_one_selection_all_wants_each_and_not_none() {
    let with = |name: &str, env: &str| resource(name, &[("env", env)]);
    let any = "{any: [{tags: {env: prod}}, {names: orders}]}";
    assert!(selects(any, &with("parts", "prod")) && selects(any, &with("orders", "dev")));
    assert!(!selects(any, &with("parts", "dev")));
    let all = "{all: [{tags: {env: prod}}, {names: orders}]}";
    assert!(selects(all, &with("orders", "prod")));
    assert!(!selects(all, &with("parts", "prod")) && !selects(all, &with("orders", "dev")));
    let not = "{kinds: dynamodb-table, not: {tags: {env: prod}, names: orders}}";
    assert!(selects(not, &with("parts", "prod")) && selects(not, &with("orders", "dev")));
    assert!(!selects(not, &with("orders", "prod")));
}

#[test]
fn what_is_excluded_may_nest_too() {
    let document = plans(&["select: {names: '*'}, exclude: {any: [{tags: {env: prod}}, {not: {names: o*}}]}"]);
    assert!(protecting(&document, &resource("orders", &[])) == ["p0"]);
    assert!(protecting(&document, &orders()).is_empty());
    assert!(protecting(&document, &resource("parts", &[])).is_empty());
}

#[test]
fn criteria_without_a_clause_match_nothing_at_any_depth() {
    let empty = Criteria::default;
    for clause in [
        Clause::Not(empty()),
        Clause::Any(Vec::new()),
        Clause::All(Vec::new()),
        Clause::Any(vec![empty()]),
        Clause::All(vec![empty()]),
        Clause::Not(Criteria {
            clauses: vec![Clause::Not(empty())],
        }),
    ] {
        let criteria = Criteria { clauses: vec![clause] };
        assert!(criteria.check(&orders()).is_err(), "{criteria:?}");
    }
}

#[test]
fn an_empty_selection_is_refused_at_any_depth() {
    for (select, path) in [
        ("{any: []}", "any"),
        ("{all: []}", "all"),
        ("{not: {}}", "not"),
        ("{not: }", "not"),
        ("{any: [{names: a}, {}]}", "any[1]"),
        ("{all: [{not: {any: [{}]}}]}", "all[0].not.any[0]"),
    ] {
        let rest = "schedule: {every: 1h}, retention: {daily: 7}";
        let text = format!("{HEAD}  - {{name: p, {rest}, select: {select}}}\n");
        let faults = parse(&text, "backup").unwrap_err().to_string();
        let expected = format!("- plans[0].select.{path} (line 4): an empty selection; write ");
        assert!(faults.starts_with("the policy has a fault:"), "{faults}");
        assert!(faults.contains(&expected), "{faults}");
    }
}

#[test]
fn a_match_is_explained_in_plain_words() {
    for (select, because) in [
        ("{names: orders}", "its name is orders"),
        ("{names: 'o*'}", "its name matches o*"),
        ("{arns: '*/orders'}", "its ARN matches */orders"),
        (
            "{arns: 'arn:aws:dynamodb:eu-central-1:111122223333:table/orders'}",
            "its ARN is arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
        ),
        ("{regions: eu-*}", "it is in eu-central-1"),
        ("{accounts: prod}", "it is in account prod (111122223333)"),
        (
            "{any: [{names: x}, {kinds: dynamodb-table}, {tags: {env: prod}, names: 'o*'}]}",
            "its tag env is prod and its name matches o*",
        ),
        (
            "{all: [{tags: {env: prod}}, {names: orders}]}",
            "its tag env is prod and its name is orders",
        ),
        (
            "{any: [{tags: {team: shop}}, {tags: {env: prod}}]}",
            "its tag team is shop",
        ),
        ("{not: {tags: {lost: '*'}}}", "it has no tag lost"),
        ("{not: {tags: {env: dev}}}", "its tag env is prod, not dev"),
        ("{not: {not: {tags: {env: prod}}}}", "its tag env is prod"),
        (
            "{not: {any: [{tags: {env: dev}}, {kinds: lambda-function}, {tags: {lost: x}}]}}",
            "its tag env is prod, not dev and it is a dynamodb-table, not a lambda-function and it has no tag lost",
        ),
    ] {
        assert_eq!(
            line(select, &orders()),
            format!("protects it, because {because}"),
            "{select}"
        );
    }
}

#[test]
fn a_mismatch_is_explained_in_plain_words() {
    for (select, because) in [
        ("{names: [parts, 'x*']}", "its name does not match parts or x*"),
        (
            "{regions: [us-*, eu-west-1]}",
            "it is in eu-central-1, not in us-* or eu-west-1",
        ),
        (
            "{accounts: [dev, \"999999999999\"]}",
            "it is in account 111122223333, not in dev (444455556666) or 999999999999",
        ),
        ("{any: [{names: parts}]}", "its name does not match parts"),
        (
            "{any: [{names: parts}, {tags: {env: dev}}]}",
            "none of 2 alternatives fits (its name does not match parts; its tag env is prod, not dev)",
        ),
        (
            "{all: [{names: orders}, {tags: {env: dev}}]}",
            "its tag env is prod, not dev",
        ),
        (
            "{names: '*', not: {tags: {env: prod}, names: orders}}",
            "not: rules it out, because its tag env is prod and its name is orders",
        ),
        (
            "{not: {not: {tags: {env: dev}}}}",
            "not: rules it out, because its tag env is prod, not dev",
        ),
    ] {
        assert_eq!(
            line(select, &orders()),
            format!("does not select it: {because}"),
            "{select}"
        );
    }
}

#[test]
fn the_most_specific_plan_wins_wherever_it_stands() {
    let ladder = [
        "select: {kinds: dynamodb-table}",
        "select: {kinds: dynamodb-table, regions: eu-*}",
        "select: {names: 'ord*'}",
        "select: {tags: {env: 'p*', team: 's*'}}",
        "select: {tags: {env: prod}}",
        "select: {tags: {env: prod}, names: 'ord*'}",
        "select: {tags: {env: prod, team: shop}}",
        "select: {names: orders}",
        "select: {names: orders, tags: {env: prod}}",
    ];
    for (index, pair) in ladder.windows(2).enumerate() {
        assert_eq!(protecting(&plans(pair), &orders()), ["p1"], "{index}");
        let turned = [pair[1], pair[0]];
        assert_eq!(protecting(&plans(&turned), &orders()), ["p0"], "{index}");
    }
}

#[test]
fn a_value_without_wildcards_says_more_than_the_glob_beside_it() {
    let of = |select: &str| Specificity::of(&criteria(select).check(&orders()).unwrap());
    assert_eq!(of("{names: ['*', orders]}"), of("{names: orders}"));
    assert_eq!(of("{tags: {env: ['*', prod]}}"), of("{tags: {env: prod}}"));
}

#[test]
fn any_counts_as_its_most_specific_branch_all_as_the_sum_and_not_as_nothing() {
    let of = |select: &str| Specificity::of(&criteria(select).check(&orders()).unwrap());
    let expected = Specificity {
        exact_names: 1,
        globs: 1,
        ..Specificity::default()
    };
    assert_eq!(
        of("{any: [{tags: {env: prod}}, {names: orders, tags: {env: p*}}]}"),
        expected
    );
    assert_eq!(of("{all: [{names: orders}, {tags: {env: p*}}]}"), expected);
    assert_eq!(of("{names: orders, tags: {env: p*}, not: {names: parts}}"), expected);
}

#[test]
fn plans_that_protect_in_addition_come_after_the_winner_in_their_order() {
    let document = plans(&[
        "also: true, select: {names: orders}",
        "select: {kinds: dynamodb-table}",
        "also: true, select: {kinds: dynamodb-table}",
        "also: true, select: {names: parts}",
        "also: true, select: {names: '*'}, exclude: {tags: {env: prod}}",
        "select: {tags: {env: prod}}",
    ]);
    assert_eq!(protecting(&document, &orders()), ["p5", "p0", "p2"]);
    assert_eq!(protecting(&document, &resource("function/parts", &[])), ["p3", "p4"]);
    let expected = "dynamodb-table/eu-central-1/orders is protected by plan p5 and plan p0 and plan p2
- plan p0 protects it in addition, because its name is orders
- plan p1 selects it, because it is a dynamodb-table, but plan p5 is more specific: 1 exact tag against none
- plan p2 protects it in addition, because it is a dynamodb-table
- plan p3 does not select it: its name does not match parts
- plan p4 excludes it, because its tag env is prod
- plan p5 protects it, because its tag env is prod";
    assert_eq!(document.explain(&orders()).to_string(), expected);
}

fn any_clause() -> impl Strategy<Value = Clause> {
    let glob = |values: &'static [&'static str]| {
        proptest::collection::vec(proptest::sample::select(values), 1..3).prop_map(|values| {
            let globs = values
                .into_iter()
                .map(|value| holdfast_policy::Glob::new(value).unwrap());
            globs.collect::<Vec<_>>()
        })
    };
    let atom = prop_oneof![
        (
            proptest::sample::select(vec!["env", "team"]),
            glob(&["prod", "dev", "p*", "*"])
        )
            .prop_map(|(key, values)| Clause::Tag {
                key: key.to_owned(),
                values
            }),
        glob(&["orders", "parts", "o*", "*s"]).prop_map(Clause::Name),
        glob(&["*:table/*", "*/orders", "*:function:*"]).prop_map(Clause::Arn),
        glob(&["eu-*", "us-east-1"]).prop_map(Clause::Region),
        proptest::sample::subsequence(holdfast_catalog::Kind::ALL.to_vec(), 1..=2).prop_map(Clause::Kind),
    ];
    atom.prop_recursive(3, 12, 3, |inner| {
        let criteria = proptest::collection::vec(inner, 1..3).prop_map(|clauses| Criteria { clauses });
        let list = || proptest::collection::vec(criteria.clone(), 1..3);
        prop_oneof![
            list().prop_map(Clause::Any),
            list().prop_map(Clause::All),
            criteria.clone().prop_map(Clause::Not),
        ]
    })
}

fn any_criteria() -> impl Strategy<Value = Criteria> {
    proptest::collection::vec(any_clause(), 1..3).prop_map(|clauses| Criteria { clauses })
}

fn any_resource() -> impl Strategy<Value = Resource> {
    let tag = || proptest::option::of(proptest::sample::select(vec!["prod", "dev", "pre", ""]));
    let name = proptest::sample::select(vec!["orders", "parts", "function/orders", "function/x"]);
    (name, tag(), tag()).prop_map(|(name, env, team)| {
        let tags = [("env", env), ("team", team)];
        let tags: Vec<_> = tags
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        resource(name, &tags)
    })
}

/// A document with these selections, and whether each of its plans protects in addition.
fn of_selections(selections: &[(Criteria, bool)]) -> Document {
    let fields = vec!["select: {names: x}"; selections.len()];
    let mut document = plans(&fields);
    for (plan, (include, also)) in document.plans.iter_mut().zip(selections) {
        plan.selection.include = include.clone();
        plan.also = *also;
    }
    document
}

fn only(clause: Clause) -> Criteria {
    Criteria { clauses: vec![clause] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_the_plans_is_irrelevant_to_what_is_protected_and_how_specifically(
        selections in proptest::collection::vec((any_criteria(), any::<bool>()), 1..5), resource in any_resource(),
    ) {
        let document = of_selections(&selections);
        let mut turned = document.clone();
        turned.plans.reverse();
        let (there, back) = (document.plans_for(&resource), turned.plans_for(&resource));
        prop_assert_eq!(there.len(), back.len());
        let specificity = |plans: &[holdfast_policy::Selected<'_>]| {
            plans.first().filter(|first| !first.plan.also).map(holdfast_policy::Selected::specificity)
        };
        prop_assert_eq!(specificity(&there), specificity(&back));
    }

    #[test]
    fn the_winner_is_the_first_of_the_most_specific_and_stays_it_beside_any_lesser_plan(
        selections in proptest::collection::vec(any_criteria(), 1..5), resource in any_resource(),
    ) {
        let competing: Vec<_> = selections.iter().map(|include| (include.clone(), false)).collect();
        let document = of_selections(&competing);
        let specificities: Vec<Option<Specificity>> = selections
            .iter()
            .map(|criteria| criteria.check(&resource).ok().map(|matched| Specificity::of(&matched)))
            .collect();
        let best = specificities.iter().flatten().max().copied();
        let first = best.and_then(|best| specificities.iter().position(|specificity| *specificity == Some(best)));
        let expected: Vec<String> = first.map(|index| format!("p{index}")).into_iter().collect();
        prop_assert_eq!(protecting(&document, &resource), expected.clone());
        for index in (0..selections.len()).filter(|index| Some(*index) != first) {
            let mut fewer = document.clone();
            fewer.plans.remove(index);
            prop_assert_eq!(protecting(&fewer, &resource), expected.clone());
        }
    }

    #[test]
    fn one_of_two_specificities_leads_unless_they_are_equal(
        a in any_criteria(), b in any_criteria(), resource in any_resource(),
    ) {
        let of = |criteria: &Criteria| Specificity::of(&criteria.check(&resource).unwrap_or_default());
        let (a, b) = (of(&a), of(&b));
        prop_assert_eq!(a.lead_over(&b).is_some(), a > b);
        prop_assert_eq!(a.lead_over(&b).is_none() && b.lead_over(&a).is_none(), a == b);
    }

    #[test]
    fn adding_a_clause_never_selects_more_and_never_makes_it_less_specific(
        criteria in any_criteria(), clause in any_clause(), at in 0_usize..3, resource in any_resource(),
    ) {
        let mut narrower = criteria.clone();
        narrower.clauses.insert(at.min(criteria.clauses.len()), clause);
        if let Ok(matched) = narrower.check(&resource) {
            let wider = criteria.check(&resource);
            prop_assert!(wider.is_ok());
            prop_assert!(Specificity::of(&matched) >= Specificity::of(&wider.unwrap_or_default()));
        }
    }

    #[test]
    fn not_turns_a_selection_around_and_twice_not_turns_it_back(
        criteria in any_criteria(), resource in any_resource(),
    ) {
        let not = only(Clause::Not(criteria.clone()));
        let not_not = only(Clause::Not(not.clone()));
        let selects = criteria.check(&resource).is_ok();
        prop_assert_eq!(not.check(&resource).is_ok(), !selects);
        prop_assert_eq!(not_not.check(&resource).is_ok(), selects);
    }

    #[test]
    fn any_in_any_and_all_in_all_are_flat(
        a in any_criteria(), b in any_criteria(), c in any_criteria(), resource in any_resource(),
    ) {
        for list in [Clause::Any, Clause::All] {
            let nested = only(list(vec![only(list(vec![a.clone(), b.clone()])), c.clone()]));
            let flat = only(list(vec![a.clone(), b.clone(), c.clone()]));
            let (nested, flat) = (nested.check(&resource), flat.check(&resource));
            prop_assert_eq!(nested.is_ok(), flat.is_ok());
            if let (Ok(nested), Ok(flat)) = (nested, flat) {
                prop_assert_eq!(Specificity::of(&nested), Specificity::of(&flat));
            }
        }
    }

    #[test]
    fn a_selection_of_one_in_any_or_all_is_that_selection(criteria in any_criteria(), resource in any_resource()) {
        for list in [Clause::Any, Clause::All] {
            let wrapped = only(list(vec![criteria.clone()]));
            prop_assert_eq!(wrapped.check(&resource), criteria.check(&resource));
        }
    }

    #[test]
    fn de_morgan_holds(a in any_criteria(), b in any_criteria(), resource in any_resource()) {
        let not = |criteria: &Criteria| only(Clause::Not(criteria.clone()));
        let neither = not(&only(Clause::Any(vec![a.clone(), b.clone()])));
        let both_not = only(Clause::All(vec![not(&a), not(&b)]));
        prop_assert_eq!(neither.check(&resource).is_ok(), both_not.check(&resource).is_ok());
    }

    #[test]
    fn the_explanation_of_any_selection_has_a_line_for_each_plan(
        selections in proptest::collection::vec((any_criteria(), any::<bool>()), 1..4), resource in any_resource(),
    ) {
        let document = of_selections(&selections);
        let explanation = document.explain(&resource).to_string();
        prop_assert_eq!(explanation.lines().count(), 1 + selections.len());
        for selected in document.plans_for(&resource) {
            let line = format!("- plan {} protects it", selected.plan.name);
            prop_assert!(explanation.contains(&line), "{}", explanation);
        }
    }
}
