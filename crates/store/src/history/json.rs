//! Readings as `jsonb`.

use serde::Serialize;
use serde_json::Value;

use crate::StoreError;

/// `jsonb` refuses NUL, which a server's words may hold.
pub(super) fn to_jsonb(what: &'static str, reading: &impl Serialize) -> Result<Value, StoreError> {
    let mut json = serde_json::to_value(reading).map_err(|source| StoreError::Json { what, source })?;
    without_nul(&mut json);
    Ok(json)
}

fn without_nul(json: &mut Value) {
    match json {
        Value::String(text) => {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{FFFD}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_nul),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains('\0')) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (name.replace('\0', "\u{FFFD}"), value))
                    .collect();
            }
            fields.values_mut().for_each(without_nul);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nul_is_taken_out_everywhere() {
        let hostile = json!({"a\0": ["x\0y", {"b": "\0"}], "c": 1});
        let safe = to_jsonb("test", &hostile).unwrap();
        assert_eq!(safe, json!({"a\u{FFFD}": ["x\u{FFFD}y", {"b": "\u{FFFD}"}], "c": 1}));
    }
}
