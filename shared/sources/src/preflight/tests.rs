use super::*;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";

fn region() -> Region {
    "eu-west-1".parse().unwrap()
}

fn key(state: KeyState) -> ObservedKey {
    ObservedKey {
        facts: KeyFacts {
            arn: KEY.parse().unwrap(),
            state,
            is_aws_managed: false,
            shared_with: Some(BTreeSet::new()),
        },
        used_for: "table orders".to_owned(),
        protected_points: 3,
        needed_by: BTreeSet::new(),
    }
}

fn of_keys(keys: Vec<ObservedKey>) -> Vec<Finding> {
    preflight(&Observed {
        keys,
        ..Observed::default()
    })
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let kinds = BTreeMap::from([("DynamoDB".to_owned(), Copying::Copied)]);
    let on = || BTreeMap::from([("DynamoDB".to_owned(), true)]);
    let settings = RegionSettings {
        opted_in: on(),
        fully_managed: on(),
    };
    let observed = Observed {
        keys: vec![key(KeyState::Enabled)],
        destinations: vec![destination(DestinationState::Ready)],
        settings: BTreeMap::from([(region(), Some(settings))]),
        managed_kinds: BTreeMap::from([(region(), kinds)]),
        shared: Some(ObservedSharing {
            accounts: BTreeSet::from(["444455556666".to_owned()]),
            allowed: Some(AccountCopies::Allowed),
        }),
        roles: vec![role(RoleState::Lacks(BTreeSet::new()))],
        quotas: vec![quota(89)],
        concurrency: Some(ObservedConcurrency {
            region: region(),
            free: FUNCTIONS_AT_ONCE,
        }),
    };
    assert_eq!(preflight(&observed), []);
}

#[test]
fn a_key_that_protects_points_and_is_about_to_go_is_an_alarm_and_comes_first() {
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    let unused = ObservedKey {
        protected_points: 0,
        ..key(KeyState::PendingDeletion { at })
    };
    let found = of_keys(vec![
        key(KeyState::Disabled),
        unused,
        key(KeyState::PendingDeletion { at }),
    ]);
    let severities: Vec<Severity> = found.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Alarm, Severity::Fails, Severity::Fails]);
    assert!(
        found[0].what.contains("2026-12-01") && found[0].change.contains("cancel-key-deletion"),
        "{found:#?}"
    );
}

#[test]
fn every_state_in_which_a_key_cannot_be_used_is_found() {
    for state in [KeyState::Disabled, KeyState::Unavailable, KeyState::Missing] {
        let found = of_keys(vec![key(state)]);
        assert_eq!(found.len(), 1, "{state:?}");
        assert_eq!((found[0].severity, found[0].subject.as_str()), (Severity::Fails, KEY));
    }
}

#[test]
fn a_key_that_no_point_needs_and_that_may_just_not_be_seen_is_a_warning() {
    let found = of_keys(vec![ObservedKey {
        protected_points: 0,
        ..key(KeyState::Missing)
    }]);
    assert_eq!(found[0].severity, Severity::Warns);
}

#[test]
fn a_key_has_to_be_shared_with_the_account_that_copies_go_to() {
    let needed = |change: fn(&mut ObservedKey)| {
        let mut key = key(KeyState::Enabled);
        key.needed_by = BTreeSet::from(["444455556666".to_owned(), "111122223333".to_owned()]);
        change(&mut key);
        let found = of_keys(vec![key]);
        found.into_iter().map(|finding| finding.what).collect::<Vec<_>>()
    };
    let managed = needed(|key| key.facts.is_aws_managed = true);
    assert!(managed.len() == 1 && managed[0].contains("AWS-managed"), "{managed:?}");
    let private = needed(|_| {});
    assert!(
        private.len() == 1 && private[0].contains("does not name account 444455556666"),
        "{private:?}"
    );
    let named = |key: &mut ObservedKey| key.facts.shared_with = Some(BTreeSet::from(["444455556666".to_owned()]));
    assert!(needed(named).is_empty());
    assert!(needed(|key| key.facts.shared_with = None).is_empty(), "nobody knows");
}

fn destination(state: DestinationState) -> ObservedDestination {
    ObservedDestination {
        arn: "arn:aws:backup:eu-central-1:111122223333:backup-vault:copies"
            .parse()
            .unwrap(),
        state,
        missing_hardening: Vec::new(),
        lock: None,
        lifecycle: Some(Lifecycle::FOR_EVER),
    }
}

#[test]
fn a_destination_has_to_be_there_ours_hardened_and_take_the_retention() {
    let found = |destination| {
        let observed = Observed {
            destinations: vec![destination],
            ..Observed::default()
        };
        let found = preflight(&observed);
        found
            .iter()
            .map(|finding| (finding.severity, finding.what.clone()))
            .collect::<Vec<_>>()
    };
    for (state, word) in [
        (DestinationState::Missing, "does not exist"),
        (DestinationState::Denied, "may not be looked at"),
        (DestinationState::Foreign, "does not name"),
    ] {
        let found = found(destination(state));
        assert!(
            found.len() == 1 && found[0].0 == Severity::Fails && found[0].1.contains(word),
            "{found:?}"
        );
    }
    let mut open = destination(DestinationState::Ready);
    open.missing_hardening = vec!["block public access".to_owned(), "versioning".to_owned()];
    let warned: Vec<Severity> = found(open).into_iter().map(|(severity, _)| severity).collect();
    assert_eq!(warned, [Severity::Warns, Severity::Warns]);
    let mut locked = destination(DestinationState::Ready);
    locked.lock = Some(LockBounds {
        max_days: Some(30),
        ..LockBounds::default()
    });
    let refused = found(locked);
    assert!(
        refused.len() == 1 && refused[0].1.contains("30 days or less"),
        "{refused:?}"
    );
}

#[test]
fn the_services_settings_have_to_cover_what_plans_leave_to_it() {
    let found = |copying, opted_in: bool, full: bool| {
        let settings = RegionSettings {
            opted_in: BTreeMap::from([("DynamoDB".to_owned(), opted_in)]),
            fully_managed: BTreeMap::from([("DynamoDB".to_owned(), full)]),
        };
        let observed = Observed {
            settings: BTreeMap::from([(region(), Some(settings))]),
            managed_kinds: BTreeMap::from([(region(), BTreeMap::from([("DynamoDB".to_owned(), copying)]))]),
            ..Observed::default()
        };
        preflight(&observed).len()
    };
    assert_eq!(found(Copying::Copied, true, true), 0);
    assert_eq!(found(Copying::Copied, false, true), 1);
    assert_eq!(found(Copying::Copied, true, false), 1);
    assert_eq!(found(Copying::Copied, false, false), 2);
    assert_eq!(found(Copying::Stays, true, false), 0);
}

#[test]
fn settings_that_nobody_could_read_are_found_and_not_taken_for_good() {
    let observed = Observed {
        settings: BTreeMap::from([(region(), None)]),
        managed_kinds: BTreeMap::from([(region(), BTreeMap::from([("RDS".to_owned(), Copying::Stays)]))]),
        ..Observed::default()
    };
    let found = preflight(&observed);
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("could not be read"));
}

fn role(state: RoleState) -> ObservedRole {
    ObservedRole {
        arn: "arn:aws:iam::111122223333:role/backup".parse().unwrap(),
        state,
    }
}

fn lacks(actions: &[&str]) -> RoleState {
    RoleState::Lacks(actions.iter().map(|&action| action.to_owned()).collect())
}

fn quota(used: u64) -> ObservedQuota {
    ObservedQuota {
        name: "copies from 111122223333 to eu-central-1".to_owned(),
        used,
        limit: 100,
    }
}

#[test]
fn a_role_has_to_be_there_and_to_be_allowed_everything() {
    let found = |state| {
        let observed = Observed {
            roles: vec![role(state)],
            ..Observed::default()
        };
        preflight(&observed)
            .into_iter()
            .map(|finding| (finding.severity, finding.what))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(lacks(&[])), []);
    assert_eq!(
        found(RoleState::Missing),
        [(Severity::Fails, "does not exist".to_owned())]
    );
    assert_eq!(
        found(lacks(&["backup:StartCopyJob", "iam:PassRole"])),
        [(
            Severity::Fails,
            "may not backup:StartCopyJob, iam:PassRole, which the policy needs".to_owned()
        )]
    );
    let unknown = found(RoleState::Unknown("refused".to_owned()));
    assert!(
        unknown.len() == 1 && unknown[0].0 == Severity::Warns && unknown[0].1.contains("refused"),
        "{unknown:?}"
    );
}

#[test]
fn a_quota_is_said_when_it_is_nearly_used_up() {
    let severity = |used| of_quota(&quota(used)).map(|finding| finding.severity);
    let expected = [
        None,
        Some(Severity::Warns),
        Some(Severity::Warns),
        Some(Severity::Fails),
        Some(Severity::Fails),
    ];
    assert_eq!([89, 90, 99, 100, 101].map(severity), expected);
}

#[test]
fn too_little_concurrency_for_our_own_functions_is_a_warning() {
    let found = |free| {
        let region = region();
        of_concurrency(&ObservedConcurrency { region, free })
    };
    assert_eq!(found(FUNCTIONS_AT_ONCE), None);
    let warned = found(10).unwrap();
    assert!(warned.severity == Severity::Warns && warned.what.contains("lets 10 functions"));
}

#[test]
fn every_finding_says_what_to_change() {
    let mut observed = Observed {
        keys: vec![key(KeyState::Missing)],
        destinations: vec![destination(DestinationState::Missing)],
        roles: vec![role(RoleState::Missing)],
        quotas: vec![quota(100)],
        ..Observed::default()
    };
    observed.managed_kinds = BTreeMap::from([(region(), BTreeMap::new())]);
    let found = preflight(&observed);
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|finding| !finding.change.is_empty()), "{found:#?}");
}
