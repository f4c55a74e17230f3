//! Which fields there are, level by level, and where one belongs that stands on the wrong level.

use super::compliance::COMPLIANCE;
use super::copies::COPY;
use super::engine::AWS_BACKUP;
use super::limits::LIMITS;
use super::notifications::NOTIFICATION;
use super::objective::{OBJECTIVES, VERIFICATION};
use super::plan::PLAN;
use super::residency::{RESIDENCY, RESIDENCY_RULE};
use super::retention::RETENTION;
use super::schedule::{SCHEDULE, WINDOW};
use super::select::CRITERIA;
use super::suggest::closest;
use super::zones::ZONE;

pub(super) const DOCUMENT: [&str; 7] = [
    "version",
    "accounts",
    "residency",
    "zones",
    "limits",
    "notifications",
    "plans",
];

/// The fields of the language: the path of each level, with `[]` for any item of a list, and the fields there.
///
/// `any`, `all` and `not` have the fields of the selection that they stand in, however deep. `accounts` and `tags` have
/// keys of the user's own.
pub const FIELDS: &[(&str, &[&str])] = &[
    ("", &DOCUMENT),
    ("residency[]", &RESIDENCY_RULE),
    ("residency[].select", &CRITERIA),
    ("zones[]", &ZONE),
    ("limits", &LIMITS),
    ("notifications[]", &NOTIFICATION),
    ("plans[]", &PLAN),
    ("plans[].select", &CRITERIA),
    ("plans[].exclude", &CRITERIA),
    ("plans[].schedule", &SCHEDULE),
    ("plans[].schedule.window", &WINDOW),
    ("plans[].objectives", &OBJECTIVES),
    ("plans[].retention", &RETENTION),
    ("plans[].copies[]", &COPY),
    ("plans[].copies[].retention", &RETENTION),
    ("plans[].residency", &RESIDENCY),
    ("plans[].verification", &VERIFICATION),
    ("plans[].compliance", &COMPLIANCE),
    ("plans[].aws_backup", &AWS_BACKUP),
];

/// What to do about a field that the level of a path does not have.
///
/// Below this level it is sent home, because most other tools have fewer levels; a slip of the keyboard comes before a
/// field that only lives elsewhere.
pub(super) fn advice(field: &str, path: &str, known: &[&str]) -> String {
    // No field has a digit in its name: the digits of a path are positions in lists.
    let here: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
    let homes = || FIELDS.iter().filter(|(_, fields)| fields.contains(&field));
    let below = homes().filter_map(|(level, _)| below(level, &here));
    if let Some(below) = below.min_by_key(|below| below.matches('.').count()) {
        return match (here.is_empty(), below.strip_prefix("plans[]")) {
            (true, Some(rest)) => in_plan(false, rest),
            _ => format!("write it inside {}:", plain(below)),
        };
    }
    if let Some(near) = closest(field, known.iter().copied()) {
        return format!("did you mean {near}?");
    }
    let is_in_plan = here.starts_with("plans[]");
    let nearest = homes().min_by_key(|(level, _)| (level.starts_with("plans[]") != is_in_plan, level.len()));
    match nearest.map(|(level, _)| (*level, level.strip_prefix("plans[]"))) {
        None => format!("the fields here are {}", known.join(", ")),
        Some((_, Some(rest))) => in_plan(is_in_plan, rest),
        Some(("", None)) => "write it at the top of the document".to_owned(),
        Some((level, None)) => format!("write it at the top of the document, inside {}:", plain(level)),
    }
}

fn in_plan(is_in_plan: bool, rest: &str) -> String {
    let plan = if is_in_plan { "the plan" } else { "a plan" };
    match rest.strip_prefix('.') {
        Some(level) => format!("write it in {plan}, inside {}:", plain(level)),
        None if is_in_plan => "write it in the plan itself".to_owned(),
        None => "write it in a plan".to_owned(),
    }
}

/// A level as it is written in the document.
fn plain(level: &str) -> String {
    level.replace("[]", "")
}

/// What leads from one level down to another.
fn below<'l>(level: &'l str, here: &str) -> Option<&'l str> {
    match here {
        "" => Some(level),
        here => level.strip_prefix(here)?.strip_prefix('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_sent_where_it_belongs() {
        for (field, path, change) in [
            ("rpo", "plans[3]", "write it inside objectives:"),
            ("region", "plans[3]", "write it inside copies:"),
            ("from", "plans[3]", "write it inside schedule.window:"),
            ("from", "plans[3].schedule", "write it inside window:"),
            ("not", "plans[3]", "write it inside select:"),
            ("daily", "plans[3].copies[0]", "write it inside retention:"),
            ("regions", "", "write it inside zones:"),
            ("schedule", "", "write it in a plan"),
            ("daily", "", "write it in a plan, inside retention:"),
            ("exclude", "plans[3].select.any[1]", "write it in the plan itself"),
            ("rpo", "plans[3].schedule", "write it in the plan, inside objectives:"),
            ("zones", "plans[3]", "write it at the top of the document"),
            (
                "topic",
                "plans[3]",
                "write it at the top of the document, inside notifications:",
            ),
            ("schedule", "zones[0]", "write it in a plan"),
        ] {
            assert_eq!(advice(field, path, &["keep"]), change, "{field} in {path}");
        }
    }

    #[test]
    fn a_slip_of_the_keyboard_comes_before_a_field_that_lives_elsewhere() {
        assert_eq!(
            advice("region", "plans[0].select.any[1].not", &CRITERIA),
            "did you mean regions?"
        );
    }

    #[test]
    fn a_field_that_is_nowhere_is_told_what_there_is() {
        assert_eq!(
            advice("colour", "plans[0]", &["name", "also"]),
            "the fields here are name, also"
        );
    }
}
