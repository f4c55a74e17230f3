use std::collections::BTreeSet;

use holdfast_catalog::Arn;
use serde_json::Value;

/// The KMS keys that a configuration document says to be a resource's: ARNs in fields whose name says so. Policies name keys too, and
/// nothing is encrypted by that; aliases and bare ids may be given to another key at any time, and are none.
pub fn keys_named(config: &Value) -> BTreeSet<Arn> {
    let mut keys = BTreeSet::new();
    collect(config, &mut keys);
    keys
}

fn collect(value: &Value, keys: &mut BTreeSet<Arn>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if is_of_a_key(name) => keys.extend(key(text)),
                    other => collect(other, keys),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, keys)),
        _ => {}
    }
}

/// As the services call it: `KmsMasterKeyId`, `kms_key_arn`, `KMSKeyArn`, and Kinesis just `KeyId`.
fn is_of_a_key(field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    field.contains("kms") || field == "keyid"
}

fn key(text: &str) -> Option<Arn> {
    let arn: Arn = text.parse().ok()?;
    (arn.service() == "kms" && arn.resource().starts_with("key/")).then_some(arn)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_at_every_depth_under_the_names_that_services_give_them() {
        let arn = |n: u32| format!("arn:aws:kms:eu-west-1:111122223333:key/{n}");
        let config = json!({
            "kms_key_arn": arn(1),
            "Attributes": {"KmsMasterKeyId": arn(2)},
            "KeyId": arn(3),
            "more": [{"KMSKeyArn": arn(4)}, {"kms_key_arn": arn(1)}],
        });
        let found: Vec<String> = keys_named(&config).iter().map(ToString::to_string).collect();
        assert_eq!(found, [arn(1), arn(2), arn(3), arn(4)]);
    }

    #[test]
    fn what_a_policy_speaks_of_and_what_is_no_keys_arn_are_none() {
        let config = json!({
            "Policy": {"Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/1"},
            "KmsMasterKeyId": "alias/aws/sqs",
            "kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:alias/mine",
            "KMSKeyArn": null,
        });
        assert_eq!(keys_named(&config), BTreeSet::new());
    }
}
