//! File systems: AWS gives what comes back an id and access points of its own.

use holdfast_catalog::Kind;
use holdfast_sources::application::{ArnMap, CodeBucket, Member, Plan, Target, plan, template};
use serde_json::{Value, json};

use crate::made::{ACCOUNT, id, map, member, prefixed};

const OLD: &str = "fs-0a1b";

fn access_point(name: &str) -> String {
    format!("arn:aws:elasticfilesystem:eu-central-1:{ACCOUNT}:access-point/{name}")
}

fn files(tags: Value) -> Member {
    let document = json!({"config": {}, "tags": tags, "observed": {"AccessPointArns": [access_point("fsap-1"), access_point("fsap-2")]}});
    member(Kind::EfsFileSystem, OLD, document)
}

fn mounting(name: &str, access_points: &[&str]) -> Member {
    let mounts = access_points.iter().enumerate();
    let mounts: Vec<Value> = mounts
        .map(|(number, point)| json!({"path": format!("/mnt/{number}"), "arn": access_point(point)}))
        .collect();
    member(
        Kind::LambdaFunction,
        name,
        json!({"latest": {"settings": {"file_systems": mounts}}}),
    )
}

fn planned(members: &[Member]) -> Plan {
    plan(members, &map(members, &prefixed("x-")))
}

#[test]
fn a_function_comes_after_the_file_system_that_it_mounts() {
    let plan = planned(&[mounting("a", &["fsap-2"]), files(json!({}))]);
    let function = &plan.steps[1];
    assert_eq!(function.resource, id(Kind::LambdaFunction, "a"), "{plan}");
    assert_eq!(function.after, [id(Kind::EfsFileSystem, OLD)]);
    assert_eq!(function.replaced[0].from, access_point("fsap-2"));
    assert_eq!(function.replaced[0].to, None, "nobody knows it before it is made");
    assert!(plan.notes.is_empty(), "{plan}");
}

#[test]
fn what_a_function_mounts_of_others_is_said() {
    let members = [mounting("a", &["fsap-1", "fsap-9"]), files(json!({}))];
    let plan = planned(&members);
    assert!(
        plan.notes.len() == 1 && plan.notes[0].contains(&access_point("fsap-9")),
        "{plan}"
    );
    let mut given = map(&members, &prefixed("x-"));
    given.insert(&access_point("fsap-9"), &access_point("fsap-mine"));
    assert!(holdfast_sources::application::plan(&members, &given).notes.is_empty());
}

#[test]
fn a_role_that_names_a_file_system_whose_policy_names_it_is_completed_later_and_the_function_made_between() {
    let arn = files(json!({})).arn;
    let role = member(
        Kind::IamRole,
        "app",
        json!({"config": {"Policies": {"mount": {"Statement": [{"Resource": arn.as_str()}]}}}}),
    );
    let mut files = files(json!({}));
    files.document["config"]["Policy"] = json!({"Statement": [{"Principal": {"AWS": role.arn.as_str()}}]});
    let mut function = mounting("a", &["fsap-1"]);
    function.document["latest"]["settings"]["role"] = json!(role.arn.as_str());
    let names: Vec<String> = planned(&[function, files, role])
        .steps
        .iter()
        .map(holdfast_sources::application::Step::name)
        .collect();
    let expected = [
        "create/iam-role/us-east-1/app",
        "create/efs-file-system/eu-central-1/fs-0a1b",
        "create/lambda-function/eu-central-1/a",
        "wire/iam-role/us-east-1/app",
    ];
    assert_eq!(names, expected);
}

#[test]
fn everything_that_names_it_or_its_access_points_names_the_new_ones_when_they_are_known() {
    let members = [files(json!({}))];
    let mut map = map(&members, &prefixed("x-"));
    let old = json!({
        "Resource": [members[0].arn.as_str(), access_point("fsap-1"), access_point("fsap-10")],
        "environment": {"FILES": OLD, "HOST": format!("{OLD}.efs.eu-central-1.amazonaws.com:/in")},
        "FileSystemId": OLD,
        "Other": OLD,
    });
    assert_eq!(map.rewrite(&old).0, old);
    let of = &members[0].id;
    let new = members[0].arn.as_str().replace(OLD, "fs-9f8e");
    map.learn(of, &new.parse().unwrap());
    map.learn_part(of, &access_point("fsap-1"), &access_point("fsap-8"));
    let expected = json!({
        "Resource": [new, access_point("fsap-8"), access_point("fsap-10")],
        "environment": {"FILES": "fs-9f8e", "HOST": "fs-9f8e.efs.eu-central-1.amazonaws.com:/in"},
        "FileSystemId": "fs-9f8e",
        "Other": OLD,
    });
    assert_eq!(map.rewrite(&old).0, expected);
}

#[test]
fn what_a_person_gives_for_an_access_point_wins_over_what_is_made() {
    let members = [files(json!({}))];
    let mut map = map(&members, &prefixed("x-"));
    map.insert(&access_point("fsap-1"), &access_point("fsap-mine"));
    map.learn_part(&members[0].id, &access_point("fsap-1"), &access_point("fsap-8"));
    let (document, _) = map.rewrite(&json!(access_point("fsap-1")));
    assert_eq!(document, access_point("fsap-mine"));
}

#[test]
fn it_is_called_by_its_name_tag_or_its_id_and_prefix_suffix_and_names_go_to_that() {
    let called = |tags: Value, target: &Target| {
        let members = [files(tags)];
        let map = map(&members, target);
        let (document, _) = map.rewrite_of(&members[0].id, &members[0].document);
        document["tags"].clone()
    };
    let target = Target::default();
    assert_eq!(
        called(json!({"Name": "Shop files"}), &target),
        json!({"Name": "Shop files"})
    );
    assert_eq!(called(json!({}), &target), json!({}));
    assert_eq!(
        called(json!({"Name": "shop"}), &prefixed("x-")),
        json!({"Name": "x-shop"})
    );
    assert_eq!(called(json!({}), &prefixed("x-")), json!({"Name": "x-fs-0a1b"}));
    let named = Target {
        names: [(OLD.to_owned(), "drill".to_owned())].into(),
        ..Target::default()
    };
    assert_eq!(called(json!({"Name": "Shop files"}), &named), json!({"Name": "drill"}));
}

#[test]
fn a_name_that_a_restore_cannot_be_asked_under_is_refused_before_anything_is_done() {
    let members = [files(json!({"Name": "Shop files"}))];
    let faults = ArnMap::new(&members, &prefixed("x-"), ACCOUNT).unwrap_err();
    assert!(faults[0].why.contains("names"), "{}", faults[0]);
}

#[test]
fn a_template_says_that_it_leaves_it_out_and_refers_to_nothing_that_it_does_not_make() {
    let definition = json!({"States": {"A": {"Parameters": {"FileSystemId": OLD}}}}).to_string();
    let machine = json!({"config": {"definition": definition, "type": "STANDARD"}});
    let members = [files(json!({})), member(Kind::StateMachine, "ship", machine)];
    let code = CodeBucket("vault".to_owned());
    let template = template(&members, &prefixed("x-"), ACCOUNT, &code).unwrap();
    let resources = template.body["Resources"].as_object().unwrap();
    assert_eq!(resources.keys().collect::<Vec<_>>(), ["ShipStateMachine"]);
    let text = template.body.to_string();
    assert!(text.contains(OLD) && !text.contains("FileSystem}"), "{text}");
    assert!(
        template.notes.iter().any(|note| note.contains(OLD)),
        "{:?}",
        template.notes
    );
}
