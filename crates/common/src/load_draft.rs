//! A load test as a person types it: every field is text until it is read.

use serde::{Deserialize, Serialize};

use crate::{
    FieldError,
    load::{LoadRequest, MAX_CONNECTIONS, MAX_DURATION_S, MAX_RATE_PER_S},
};

/// What stands in the form. An empty rate and an empty ramp are none; an empty statement is `select 1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadDraft {
    pub connections: String,
    pub duration_s: String,
    pub rate_per_s: String,
    pub ramp_s: String,
    pub statement: String,
}

impl Default for LoadDraft {
    fn default() -> Self {
        Self::of(&LoadRequest::default())
    }
}

impl LoadDraft {
    /// The fields that would ask for just this test.
    pub fn of(request: &LoadRequest) -> Self {
        Self {
            connections: request.connections.to_string(),
            duration_s: request.duration_s.to_string(),
            rate_per_s: request.rate_per_s.map(|rate| rate.to_string()).unwrap_or_default(),
            ramp_s: request.ramp_s.to_string(),
            statement: request.statement.clone().unwrap_or_default(),
        }
    }

    /// The request, or all that is wrong with it. What is no number is said in the words of the range that it misses.
    pub fn parse(&self) -> Result<LoadRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut refuse = |field: &str, message: String| {
            errors.push(FieldError { field: field.to_owned(), code: "type".to_owned(), message });
        };
        let number = |typed: &str| typed.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let connections = self.connections.trim().parse::<u32>();
        if connections.is_err() {
            refuse("connections", format!("Must be a whole number from 1 to {MAX_CONNECTIONS}."));
        }
        let duration_s = number(&self.duration_s);
        if duration_s.is_none() {
            refuse("duration_s", format!("Must be a number from 1 to {MAX_DURATION_S}."));
        }
        let rate_per_s =
            if self.rate_per_s.trim().is_empty() { None } else { Some(number(&self.rate_per_s)) };
        if rate_per_s == Some(None) {
            refuse("rate_per_s", format!("Must be a number from 0.1 to {MAX_RATE_PER_S}, or empty."));
        }
        let ramp_s = if self.ramp_s.trim().is_empty() { Some(0.0) } else { number(&self.ramp_s) };
        if ramp_s.is_none() {
            refuse("ramp_s", "Must be a number from 0 to the duration of the test.".to_owned());
        }
        let statement = (!self.statement.trim().is_empty()).then(|| self.statement.clone());
        // A field that could not be read does not hide what is wrong with the others.
        let request = LoadRequest {
            connections: connections.unwrap_or(1),
            duration_s: duration_s.unwrap_or(MAX_DURATION_S),
            rate_per_s: rate_per_s.flatten(),
            ramp_s: ramp_s.unwrap_or(0.0),
            statement,
        };
        if let Err(out_of_range) = request.validate() {
            errors.extend(out_of_range);
        }
        if errors.is_empty() { Ok(request) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(draft: &LoadDraft) -> Vec<String> {
        draft.parse().unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn the_form_as_it_is_first_shown_asks_for_the_usual_test() {
        assert_eq!(LoadDraft::default().parse(), Ok(LoadRequest::default()));
    }

    #[test]
    fn what_was_asked_comes_back_from_its_fields() {
        let request = LoadRequest {
            connections: 3,
            duration_s: 1.5,
            rate_per_s: Some(500.0),
            ramp_s: 0.5,
            statement: Some("select 2".to_owned()),
        };
        assert_eq!(LoadDraft::of(&request).parse(), Ok(request));
    }

    #[test]
    fn no_number_and_out_of_range_are_told_together() {
        let draft = LoadDraft {
            connections: "many".to_owned(),
            duration_s: "301".to_owned(),
            rate_per_s: "NaN".to_owned(),
            ramp_s: "x".to_owned(),
            statement: String::new(),
        };
        assert_eq!(fields(&draft), ["connections", "rate_per_s", "ramp_s", "duration_s"]);
    }

    #[test]
    fn a_ramp_longer_than_the_test_is_refused_on_the_ramp() {
        let draft = LoadDraft { ramp_s: "11".to_owned(), ..LoadDraft::default() };
        assert_eq!(fields(&draft), ["ramp_s"]);
    }
}
