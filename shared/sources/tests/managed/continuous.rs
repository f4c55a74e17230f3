//! Backup plans for continuous points: what is wanted stands, what is not ends, and in every doubt nothing does.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, Sha256};
use holdfast_sources::managed::continuous::port::{BackupPlan, PlanDocument, Selection, SelectionContent};
use holdfast_sources::managed::continuous::{
    Ended, Keeping, MAX_SELECTED, PLAN_TAG, STACK_TAG, Step, WANTED_TAG, Wanted, decide, end_surplus, keep, plan_name,
    surplus,
};
use holdfast_testkit::{Faults, ManualClock, MemoryBackups, Moment, Script};
use holdfast_vault::PortError;
use proptest::prelude::*;

use crate::world::{VAULT, home, role, run};

fn bucket(n: usize) -> Arn {
    format!("arn:aws:s3:::bucket-{n:04}").parse().unwrap()
}

fn database(n: usize) -> Arn {
    format!("arn:aws:rds:eu-central-1:111122223333:db:shop-{n}")
        .parse()
        .unwrap()
}

fn policy(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

fn wanted(plan: &str, days: u32, covered: impl IntoIterator<Item = Arn>) -> Wanted {
    Wanted {
        plan: plan.parse().unwrap(),
        days,
        covered: covered.into_iter().collect(),
        unknown: BTreeSet::new(),
        unlisted: BTreeSet::new(),
    }
}

/// AWS Backup, and the script that all of its calls go through.
struct Cloud {
    backups: Faults<MemoryBackups>,
    script: Script,
}

impl Cloud {
    fn new() -> Self {
        let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
        let script = Script::new();
        let backups = MemoryBackups::new(&home(), &clock);
        Cloud {
            backups: Faults::new(backups, &script),
            script,
        }
    }

    async fn try_keep(&self, under: &str, wanted: &[Wanted]) -> Result<usize, PortError> {
        let (role, policy) = (role(), policy(under));
        let keeping = Keeping {
            backup_vault: VAULT,
            role_arn: &role,
            policy: &policy,
        };
        Ok(keep(&self.backups, &keeping, wanted).await?.len())
    }

    async fn keep(&self, under: &str, wanted: &[Wanted]) -> usize {
        self.try_keep(under, wanted).await.unwrap()
    }

    async fn end(&self, under: &str) -> Vec<Ended> {
        end_surplus(&self.backups, VAULT, &policy(under)).await.unwrap()
    }

    fn plans(&self) -> Vec<BackupPlan> {
        self.backups.inner().plans()
    }

    /// What each plan covers, by name.
    fn covered(&self) -> BTreeMap<String, BTreeSet<String>> {
        let plans = self.plans().into_iter();
        let resources = |plan: &BackupPlan| {
            let selections = plan.selections.iter();
            selections.flat_map(|one| one.content.resources.clone()).collect()
        };
        plans
            .map(|plan| (plan.document.name.clone(), resources(&plan)))
            .collect()
    }
}

fn names(arns: impl IntoIterator<Item = Arn>) -> BTreeSet<String> {
    arns.into_iter().map(|arn| arn.to_string()).collect()
}

#[test]
fn a_plan_is_made_with_a_continuous_rule_its_days_and_exactly_what_is_covered() {
    run(async {
        let cloud = Cloud::new();
        assert_eq!(
            cloud
                .keep("p", &[wanted("documents", 35, [bucket(1), database(1)])])
                .await,
            1
        );
        let plans = cloud.plans();
        let rule = &plans[0].document.rules[0];
        assert_eq!(plans[0].document.name, "holdfast-documents");
        assert_eq!(
            (rule.backup_vault.as_str(), rule.delete_after_days, rule.is_continuous),
            (VAULT, Some(35), true)
        );
        assert_eq!(
            (plans[0].tags[STACK_TAG].as_str(), plans[0].tags[PLAN_TAG].as_str()),
            (VAULT, "documents")
        );
        assert_eq!(plans[0].selections.len(), 1);
        assert_eq!(plans[0].selections[0].content.role_arn, role().to_string());
        assert_eq!(cloud.covered()["holdfast-documents"], names([bucket(1), database(1)]));
    });
}

#[test]
fn keeping_again_makes_no_call_but_the_look() {
    run(async {
        let cloud = Cloud::new();
        let wanted = [wanted("documents", 35, [bucket(1)]), wanted("empty", 7, [])];
        cloud.keep("p", &wanted).await;
        cloud.script.restart();
        assert_eq!(cloud.keep("p", &wanted).await, 0);
        let calls: Vec<String> = cloud
            .script
            .calls()
            .into_iter()
            .map(|call| call.name.to_string())
            .collect();
        assert_eq!(calls, ["backup_plans"]);
    });
}

#[test]
fn other_days_change_the_plan_and_not_its_selections() {
    run(async {
        let cloud = Cloud::new();
        cloud.keep("p", &[wanted("documents", 35, [bucket(1)])]).await;
        let before = cloud.plans();
        cloud.keep("q", &[wanted("documents", 7, [bucket(1)])]).await;
        let after = cloud.plans();
        assert_eq!(after[0].document.rules[0].delete_after_days, Some(7));
        assert_eq!(
            (&after[0].id, &after[0].selections),
            (&before[0].id, &before[0].selections)
        );
    });
}

#[test]
fn what_a_person_changed_on_our_plan_is_set_right() {
    run(async {
        let cloud = Cloud::new();
        let wanted = [wanted("documents", 35, [bucket(1)])];
        cloud.keep("p", &wanted).await;
        let before = cloud.plans();
        cloud.backups.inner().change_plan("holdfast-documents", |plan| {
            plan.document.rules[0].is_continuous = false;
            plan.selections.clear();
        });
        cloud.keep("p", &wanted).await;
        assert_eq!(cloud.plans(), before);
    });
}

#[test]
fn a_selection_takes_five_hundred_and_the_next_one_takes_the_rest() {
    run(async {
        let cloud = Cloud::new();
        let all: Vec<Arn> = (0..=MAX_SELECTED).map(bucket).collect();
        cloud.keep("p", &[wanted("documents", 35, all.clone())]).await;
        let sizes: Vec<usize> = cloud.plans()[0]
            .selections
            .iter()
            .map(|one| one.content.resources.len())
            .collect();
        assert_eq!(sizes, [500, 1]);
        assert_eq!(cloud.covered()["holdfast-documents"], names(all));
        assert_eq!(cloud.end("p").await, []);
    });
}

#[test]
fn what_is_covered_no_longer_ends_when_the_rest_stands_in_another_selection() {
    run(async {
        let cloud = Cloud::new();
        cloud
            .keep("p", &[wanted("documents", 35, [bucket(1), bucket(2)])])
            .await;
        cloud.keep("p", &[wanted("documents", 35, [bucket(2)])]).await;
        assert_eq!(
            cloud.covered()["holdfast-documents"],
            names([bucket(1), bucket(2)]),
            "snapshot removes nothing"
        );
        let ended = cloud.end("p").await;
        assert_eq!(ended.len(), 1);
        assert_eq!(
            (&ended[0].resources, ended[0].is_whole, &ended[0].error),
            (&names([bucket(1)]), false, &None)
        );
        assert_eq!(cloud.covered()["holdfast-documents"], names([bucket(2)]));
        assert_eq!(cloud.end("p").await, [], "a second time there is nothing to end");
    });
}

#[test]
fn a_plan_that_nobody_asks_for_is_removed_with_its_selections() {
    run(async {
        let cloud = Cloud::new();
        cloud.keep("p", &[wanted("documents", 35, [bucket(1)])]).await;
        cloud.keep("q", &[]).await;
        let ended = cloud.end("q").await;
        assert!(ended[0].is_whole, "{ended:?}");
        assert_eq!(ended[0].resources, names([bucket(1)]));
        assert_eq!(cloud.plans(), []);
    });
}

#[test]
fn a_resource_that_another_plan_takes_over_is_not_told_as_ended() {
    run(async {
        let cloud = Cloud::new();
        cloud.keep("p", &[wanted("a", 35, [bucket(1), bucket(2)])]).await;
        cloud.keep("q", &[wanted("b", 35, [bucket(1)])]).await;
        let ended = cloud.end("q").await;
        assert_eq!(ended[0].resources, names([bucket(2)]));
        assert_eq!(
            cloud.covered(),
            BTreeMap::from([("holdfast-b".to_owned(), names([bucket(1)]))])
        );
    });
}

#[test]
fn what_may_have_gone_to_a_plan_that_cannot_be_looked_at_now_stays_where_it_is() {
    run(async {
        for of_one in [true, false] {
            let cloud = Cloud::new();
            cloud.keep("p", &[wanted("a", 35, [bucket(1), bucket(2)])]).await;
            let mut taking_over = wanted("b", 35, [bucket(2)]);
            if of_one {
                taking_over.unknown.insert(bucket(1));
            } else {
                taking_over.covered.clear();
                taking_over.unlisted.insert(Kind::S3Bucket);
            }
            // The plan is gone, or is there and no longer asks for the bucket.
            for rest in [vec![], vec![wanted("a", 35, [])]] {
                let all = [rest, vec![taking_over.clone()]].concat();
                cloud.keep("q", &all).await;
                assert!(
                    cloud
                        .end("q")
                        .await
                        .iter()
                        .all(|ended| !ended.resources.contains(&bucket(1).to_string()))
                );
                assert!(
                    cloud.covered()["holdfast-a"].contains(&bucket(1).to_string()),
                    "{of_one}"
                );
            }
        }
    });
}

#[test]
fn in_every_doubt_nothing_ends() {
    run(async {
        let shrunk = async || {
            let cloud = Cloud::new();
            cloud
                .keep("p", &[wanted("documents", 35, [bucket(1), bucket(2)])])
                .await;
            cloud.keep("p", &[wanted("documents", 35, [bucket(2)])]).await;
            cloud
        };
        let cloud = shrunk().await;
        assert_eq!(cloud.end("another policy").await, [], "the policy has changed since");
        let change = |change: &dyn Fn(&mut BackupPlan)| {
            cloud.backups.inner().change_plan("holdfast-documents", change);
        };
        change(&|plan| plan.selections.truncate(1));
        assert_eq!(cloud.end("p").await, [], "the new selection is not there");
        let cloud = shrunk().await;
        cloud
            .backups
            .inner()
            .change_plan("holdfast-documents", |plan| _ = plan.tags.remove(WANTED_TAG));
        assert_eq!(cloud.end("p").await, [], "nothing says what is wanted");
    });
}

#[test]
fn a_backup_plan_of_somebody_else_is_neither_changed_nor_ended() {
    run(async {
        let cloud = Cloud::new();
        // Named as ours would be.
        cloud.backups.inner().add_backup_plan("holdfast-documents", &bucket(1));
        let theirs = cloud.plans();
        cloud.keep("p", &[wanted("documents", 35, [bucket(2)])]).await;
        cloud.keep("q", &[]).await;
        cloud.end("q").await;
        assert_eq!(cloud.plans(), theirs);
    });
}

#[test]
fn what_cannot_be_looked_at_now_is_covered_if_it_was() {
    run(async {
        let cloud = Cloud::new();
        let all = [bucket(1), bucket(2), database(1)];
        cloud.keep("p", &[wanted("documents", 35, all.clone())]).await;
        let blind = Wanted {
            unknown: BTreeSet::from([bucket(1), bucket(3)]),
            unlisted: BTreeSet::from([Kind::RdsInstance]),
            ..wanted("documents", 35, [bucket(2)])
        };
        cloud.keep("p", &[blind]).await;
        assert_eq!(cloud.end("p").await, []);
        assert_eq!(cloud.covered()["holdfast-documents"], names(all));
    });
}

#[test]
fn names_fit_and_differ() {
    let plan = |name: &str| name.parse().unwrap();
    assert_eq!(plan_name("holdfast", &plan("documents")), "holdfast-documents");
    let stack = "a".repeat(60);
    let (a, b) = (plan_name(&stack, &plan("a")), plan_name(&stack, &plan("b")));
    assert_eq!((a.len(), b.len()), (50, 50));
    assert_ne!(a, b);
}

/// Keeping, ending, and keeping what is there: each with every fault at every call, and then undisturbed.
#[test]
fn cut_off_or_refused_at_any_call_it_ends_the_same() {
    let before = || [wanted("a", 35, [bucket(1), bucket(2)]), wanted("gone", 7, [bucket(4)])];
    let after = || [wanted("a", 14, [bucket(2), bucket(3)]), wanted("b", 35, [bucket(1)])];
    let state = |cloud: &Cloud| {
        let plans = cloud.plans();
        let days: Vec<_> = plans
            .iter()
            .map(|plan| plan.document.rules[0].delete_after_days)
            .collect();
        (plans.len(), days, cloud.covered())
    };
    run(async {
        let begin = async || {
            let cloud = Cloud::new();
            cloud.keep("p", &before()).await;
            cloud.script.restart();
            cloud
        };
        let go = async |cloud: &Cloud| -> Result<(), PortError> {
            cloud.try_keep("q", &after()).await?;
            let ended = end_surplus(&cloud.backups, VAULT, &policy("q")).await?;
            ended.into_iter().find_map(|one| one.error).map_or(Ok(()), Err)
        };
        let clean = begin().await;
        go(&clean).await.unwrap();
        let (calls, expected) = (clean.script.calls(), state(&clean));
        assert!(calls.len() > 10, "only {} calls", calls.len());
        for call in &calls {
            let denied = || PortError::Denied("planted by a test".to_owned());
            let lost = || PortError::Unavailable("planted by a test".to_owned());
            for (moment, error) in [(Moment::Before, denied()), (Moment::After, lost())] {
                let cloud = begin().await;
                cloud.script.fail(call.number, moment, error.clone());
                let first = go(&cloud).await;
                assert!(first.is_err(), "{error} at {} was not told", call.name);
                // Whatever a run left, what is wanted is covered all the time once it was.
                cloud.script.heal();
                go(&cloud).await.unwrap();
                assert_eq!(
                    state(&cloud),
                    expected,
                    "{error} at call {} ({})",
                    call.number,
                    call.name
                );
            }
        }
    });
}

proptest! {
    /// What is wanted stays covered, whatever came before and whenever prune runs; and nothing else does when it has run.
    #[test]
    fn prune_never_uncovers_what_is_wanted(steps in prop::collection::vec((prop::collection::btree_set(0_usize..5, 0..5), any::<bool>()), 1..6)) {
        run(async {
            let cloud = Cloud::new();
            for (covered, prunes) in steps {
                let covered: Vec<Arn> = covered.into_iter().map(bucket).collect();
                cloud.keep("p", &[wanted("a", 35, covered.clone())]).await;
                if prunes {
                    cloud.end("p").await;
                }
                let there = cloud.covered().remove("holdfast-a").unwrap_or_default();
                prop_assert!(names(covered.clone()).is_subset(&there), "{covered:?} {there:?}");
                prop_assert!(!prunes || there == names(covered), "{there:?}");
            }
            Ok(())
        })?;
    }

    /// Deciding again on what a decision makes changes nothing, whatever the order of what is there.
    #[test]
    fn deciding_twice_changes_nothing(mut covered in prop::collection::btree_set(0_usize..9, 1..9), turns in any::<bool>()) {
        let (role, policy) = (role(), policy("p"));
        let keeping = Keeping { backup_vault: VAULT, role_arn: &role, policy: &policy };
        let last = covered.pop_last().unwrap();
        let wanted = [wanted("a", 35, covered.into_iter().map(bucket)), wanted("b", 7, [bucket(last)])];
        let mut there: Vec<BackupPlan> = decide(&keeping, &wanted, &[]).into_iter().map(made).collect();
        if turns {
            there.reverse();
        }
        prop_assert_eq!(decide(&keeping, &wanted, &there), []);
        prop_assert!(there.iter().all(|plan| surplus(plan, &policy) == Default::default()));
    }
}

/// A plan as its change makes it.
fn made(change: holdfast_sources::managed::continuous::PlanChange) -> BackupPlan {
    let Step::Create { document, mut tags, .. } = change.step else {
        panic!("{change:?}")
    };
    tags.extend(change.mark.map(|mark| (WANTED_TAG.to_owned(), mark)));
    let selections = change.selections.into_iter();
    let id = format!("id-of-{}", document.name);
    BackupPlan {
        arn: format!("arn:aws:backup:eu-central-1:111122223333:backup-plan:{id}")
            .parse()
            .unwrap(),
        document: PlanDocument { ..document },
        tags,
        selections: selections
            .map(|content: SelectionContent| Selection {
                id: content.name.clone(),
                content,
            })
            .collect(),
        id,
    }
}
