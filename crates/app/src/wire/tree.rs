//! Reading JSON in the browser, small.
//!
//! serde's derived code reads an object by comparing each of its names with those of the fields, notes which field came,
//! asks at the end which did not, and words every way in which that fails: written out for each type, that was a fifth
//! of the first page's script. Here an object is asked for its fields one by one in the order of the type, so that serde
//! reads it as a sequence; a variant is found by its place; and an error has no words, because nobody would see them:
//! page and server are built together, and what cannot be read is said in a sentence of [`crate::rpc`].
//!
//! Fields with another name (`alias`, `flatten`) and tagged enums are not for this reader: no type that travels has them.

use std::{fmt, vec};

use serde::{
    de::{
        DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor,
        value::{StringDeserializer, U32Deserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, map};

/// The text is not JSON, or not of the type that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not what was expected")
    }
}

impl std::error::Error for Unreadable {}

impl Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A value of JSON that is read into a type.
pub(super) struct Tree(Value);

impl Tree {
    /// The one parser. Not inlined: it would be written out for each type.
    #[inline(never)]
    pub(super) fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json).map(Self).map_err(|_| Unreadable)
    }

    #[inline(never)]
    fn array(self) -> Result<Items, Unreadable> {
        match self.0 {
            Value::Array(items) => Ok(Items(items.into_iter())),
            _ => Err(Unreadable),
        }
    }

    #[inline(never)]
    fn object(self) -> Result<Map<String, Value>, Unreadable> {
        match self.0 {
            Value::Object(object) => Ok(object),
            _ => Err(Unreadable),
        }
    }

    #[inline(never)]
    fn text(self) -> Result<String, Unreadable> {
        match self.0 {
            Value::String(text) => Ok(text),
            _ => Err(Unreadable),
        }
    }

    /// A variant is its name, or an object that has it as its only name.
    #[inline(never)]
    fn variant(self, names: &'static [&'static str]) -> Result<Variant, Unreadable> {
        let (name, content) = match self.0 {
            Value::String(name) => (name, Value::Null),
            Value::Object(object) => object.into_iter().next().ok_or(Unreadable)?,
            _ => return Err(Unreadable),
        };
        let place = names.iter().position(|known| *known == name).ok_or(Unreadable)?;
        Ok(Variant { place: place as u32, content: Self(content) })
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(is) => visitor.visit_bool(is),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => Err(Unreadable),
            },
            // No field is without a type.
            Value::String(_) | Value::Array(_) | Value::Object(_) => Err(Unreadable),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_str(&self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(self.array()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(self.array()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_map(Entries { rest: self.object()?.into_iter(), value: Value::Null })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(Fields { names: fields.iter(), object: self.object()? })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_enum(self.variant(variants)?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 unit char bytes byte_buf unit_struct tuple_struct identifier
        ignored_any
    }
}

/// The values of an array.
struct Items(vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        self.0.next().map(|value| seed.deserialize(Tree(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The fields of a type, taken out of an object. One that is not there is `null`.
struct Fields {
    names: std::slice::Iter<'static, &'static str>,
    object: Map<String, Value>,
}

impl Fields {
    #[inline(never)]
    fn take(&mut self) -> Value {
        self.names.next().and_then(|name| self.object.remove(*name)).unwrap_or_default()
    }
}

impl<'de> SeqAccess<'de> for Fields {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        seed.deserialize(Tree(self.take())).map(Some)
    }
}

/// What a map holds.
struct Entries {
    rest: map::IntoIter,
    value: Value,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = value;
        let key: StringDeserializer<Unreadable> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        seed.deserialize(Tree(self.value.take()))
    }
}

/// A variant by its place among those of its enum.
struct Variant {
    place: u32,
    content: Tree,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Unreadable;
    type Variant = Tree;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Tree), Unreadable> {
        let place: U32Deserializer<Unreadable> = self.place.into_deserializer();
        Ok((seed.deserialize(place)?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Tree {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::{
        Connection, ConnectionDraft, ConnectionId, Problem, ProblemCode, TestResult,
        connection::Sort,
        database::FindingCounts,
        job::JobState,
        load::{LoadJob, LoadReport, LoadRequest, LoadSecond},
        test_result::{TestError, TestErrorKind},
    };
    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::json;

    use super::*;

    fn read<T: DeserializeOwned>(json: &str) -> Result<T, Unreadable> {
        T::deserialize(Tree::parse(json.as_bytes())?)
    }

    /// Reads what was written and writes it again.
    fn again<T: Serialize + DeserializeOwned>(value: &T) {
        let written = serde_json::to_string(value).unwrap();
        let read: T = read(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }

    #[test]
    fn what_travels_is_read_as_it_was_written() {
        let error = TestError {
            kind: TestErrorKind::CertificateChanged,
            phase: common::Phase::Tls,
            message: "It is another \u{202E} one.".to_owned(),
            hint: String::new(),
            sqlstate: None,
        };
        let test = TestResult::failed(ConnectionId(7), chrono::DateTime::UNIX_EPOCH, error);
        again(&test);
        let mut report = LoadReport::not_begun(
            ConnectionId(7),
            chrono::DateTime::UNIX_EPOCH,
            &LoadRequest::default(),
            test.error.clone().unwrap(),
        );
        report.timeline =
            vec![LoadSecond { second: 0, requests: 2, failed: 1, p50_ms: Some(0.25), p99_ms: None }];
        again(&report);
        again(&LoadJob {
            id: "j".to_owned(),
            connection_id: ConnectionId(7),
            state: JobState::Running,
            progress_ratio: 0.5,
            message: "m".to_owned(),
            started_at: None,
            report_so_far: Some(report),
            error: None,
        });
        again(&Ok::<_, Problem>(Some(test)));
        again(&Err::<(), _>(Problem::new(ProblemCode::StoreUnavailable, "x").with_hint("y")));
        again(&Problem::field("port", "range", "1 to 65535"));
        again(&ConnectionDraft::default());
        again(&(Sort::ALL.to_vec(), FindingCounts { critical: 1, warning: 0 }));
        again(&BTreeMap::from([("24h".to_owned(), Some(0.5)), ("7d".to_owned(), None)]));
    }

    #[test]
    fn a_field_that_is_left_out_is_none_and_one_too_many_is_passed_over() {
        let problem: Problem = read(
            r#"{"new": [1], "fields": [], "detail": "d", "code": "internal", "status": 500, "title": "t", "type": "k"}"#,
        )
        .unwrap();
        assert_eq!((problem.request_id, problem.status, problem.kind.as_str()), (None, 500, "k"));
    }

    #[test]
    fn what_is_of_another_type_is_refused() {
        for other in [json!(null), json!([]), json!({}), json!("up"), json!({"critical": "1", "warning": 0})]
        {
            assert!(read::<FindingCounts>(&other.to_string()).is_err(), "{other}");
        }
        assert!(read::<Sort>("\"colour\"").is_err());
        assert!(read::<u32>("-1").is_err());
        assert!(read::<Vec<Connection>>("[{}]").is_err());
        assert!(read::<String>("\"a").is_err());
    }
}
