//! The OpenAPI document is a promise: a change of it shows in review.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;

use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&server::http::openapi().to_json().unwrap()).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.filter(|(_, operation)| operation["responses"].is_object())
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn the_document_is_what_was_reviewed() {
    insta::assert_json_snapshot!("openapi", document());
}

#[test]
fn it_is_openapi_3_1() {
    assert_eq!(document()["openapi"], "3.1.0");
}

#[test]
fn every_operation_says_what_it_does_in_words() {
    let document = document();
    for (name, operation) in operations(&document) {
        for text in ["summary", "description", "operationId"] {
            assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {text}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status}");
        }
    }
}

#[test]
fn every_operation_of_the_api_tells_the_refusals_that_all_have() {
    let document = document();
    for (name, operation) in operations(&document).filter(|(name, _)| name.contains(" /api/")) {
        for status in ["403", "422", "500", "503"] {
            assert!(operation["responses"][status].is_object(), "{name} does not tell {status}");
        }
        if name.contains("{id}") {
            assert!(operation["responses"]["404"].is_object(), "{name} does not tell 404");
        }
    }
}

#[test]
fn every_operation_tells_what_happens_before_it_and_the_headers_of_its_answers() {
    let document = document();
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        for status in ["403", "422"] {
            assert!(responses.contains_key(status), "{name} does not tell {status}");
        }
        if !name.starts_with("get ") {
            assert!(responses.contains_key("413"), "{name} does not tell 413");
        }
        for (status, response) in responses {
            assert!(response["headers"]["X-Request-Id"].is_object(), "{name} {status}");
            let says_when = response["headers"]["Retry-After"].is_object();
            assert_eq!(says_when, ["429", "503"].contains(&status.as_str()), "{name} {status}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    found.insert(reference.clone());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn what_is_not_built_is_absent() {
    let document = document();
    for (name, _) in operations(&document) {
        for later in ["/trust", "/chat", "/auth", "/map"] {
            assert!(!name.contains(later), "{name}");
        }
    }
}
