//! Items in the SDK's types and in ours. Nothing is copied: strings and bytes move from one to the other.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use holdfast_sources::dynamodb::{Item, Value};
use holdfast_vault::PortError;

/// An item as the service sends it.
pub(super) type SdkItem = HashMap<String, AttributeValue>;

pub(super) fn from_sdk(item: SdkItem) -> Result<Item, PortError> {
    item.into_iter()
        .map(|(name, value)| Ok((name, value_from_sdk(value)?)))
        .collect()
}

fn value_from_sdk(value: AttributeValue) -> Result<Value, PortError> {
    Ok(match value {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(text) => Value::N(text),
        AttributeValue::B(bytes) => Value::B(bytes.into_inner()),
        AttributeValue::Bool(value) => Value::Bool(value),
        // The service stores no other than true.
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Ss(set) => Value::Ss(set),
        AttributeValue::Ns(set) => Value::Ns(set),
        AttributeValue::Bs(set) => Value::Bs(set.into_iter().map(Blob::into_inner).collect()),
        AttributeValue::L(list) => Value::L(list.into_iter().map(value_from_sdk).collect::<Result<_, _>>()?),
        AttributeValue::M(map) => Value::M(from_sdk(map)?),
        // An item with a hole in it must not be stored as if it were whole.
        _ => {
            return Err(PortError::Invalid(
                "an item has an attribute of a type that this release does not know: update Holdfast".to_owned(),
            ));
        }
    })
}

pub(super) fn to_sdk(item: Item) -> SdkItem {
    item.into_iter()
        .map(|(name, value)| (name, value_to_sdk(value)))
        .collect()
}

fn value_to_sdk(value: Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text),
        Value::N(text) => AttributeValue::N(text),
        Value::B(bytes) => AttributeValue::B(Blob::new(bytes)),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Null => AttributeValue::Null(true),
        Value::Ss(set) => AttributeValue::Ss(set),
        Value::Ns(set) => AttributeValue::Ns(set),
        Value::Bs(set) => AttributeValue::Bs(set.into_iter().map(Blob::new).collect()),
        Value::L(list) => AttributeValue::L(list.into_iter().map(value_to_sdk).collect()),
        Value::M(map) => AttributeValue::M(to_sdk(map)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_went() {
        let text = |text: &str| text.to_owned();
        let item = Item::from([
            (text("s"), Value::S(String::new())),
            (
                text("n"),
                Value::N(text("-1.2345678901234567890123456789012345678E-10")),
            ),
            (text("b"), Value::B(vec![0, 255])),
            (text("bool"), Value::Bool(false)),
            (text("null"), Value::Null),
            (text("ss"), Value::Ss(vec![text("b"), text("a")])),
            (text("ns"), Value::Ns(vec![text("2"), text("1.0")])),
            (text("bs"), Value::Bs(vec![vec![2], vec![]])),
            (text("l"), Value::L(vec![Value::Null, Value::L(vec![])])),
            (text("m"), Value::M(Item::from([(text(""), Value::M(Item::new()))]))),
        ]);
        assert_eq!(from_sdk(to_sdk(item.clone())).unwrap(), item);
    }
}
