//! Query parameters: each by its rule, unknown and repeated ones refused by name, everything told together.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use chrono::{DateTime, Datelike, Utc};
use common::{
    ConnectionId, FieldError, Problem,
    connection::{ConnectionStatus, ListQuery, Sort},
    health::{ChangeKind, Severity},
    history::{ChartQuery, MAX_POINTS, RecentChecksQuery},
    list::MAX_LIMIT,
    statements::{StatementOrder, StatementsQuery},
    test_result::{DEFAULT_ROUNDS, MAX_ROUNDS},
    text,
};
use http::request::Parts;
use service::{changes::ChangeQuery, findings::FindingQuery};

use super::problem::Refusal;

/// The query of a request, read as `T`.
pub(super) struct Query<T>(pub(super) T);

/// What can be read from a query. `()` takes no parameter at all.
pub(super) trait FromQuery: Sized {
    fn from_query(query: &mut Parameters) -> Self;
}

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut parameters = Parameters::of(parts.uri.query().unwrap_or_default());
        let value = T::from_query(&mut parameters);
        parameters.finish()?;
        Ok(Self(value))
    }
}

/// The parameters that nobody has taken yet, and what is wrong with those that were.
#[derive(Default)]
pub(super) struct Parameters {
    /// A parameter without `=` has no value.
    left: Vec<(String, Option<String>)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    fn of(query: &str) -> Self {
        let parameter = |part: &str| {
            let mut pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(part).unwrap_or_default();
            pairs.pop().map(|(name, value)| (name, part.contains('=').then_some(value)))
        };
        Self { left: query.split('&').filter_map(parameter).collect(), errors: Vec::new() }
    }

    fn fault(&mut self, name: &str, code: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(name, code, message));
    }

    fn take(&mut self, name: &str) -> Option<Option<String>> {
        let (mut taken, left) =
            std::mem::take(&mut self.left).into_iter().partition::<Vec<_>, _>(|(key, _)| key == name);
        self.left = left;
        if taken.len() > 1 {
            self.fault(name, "repeated", "Give this once.");
        }
        taken.pop().map(|(_, value)| value)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(Option::unwrap_or_default)
    }

    /// An empty text filters nothing. Only of texts that is clear: an empty number or name is an oversight.
    /// As often as it is there.
    fn every(&mut self, name: &str) -> Vec<String> {
        let (taken, left) =
            std::mem::take(&mut self.left).into_iter().partition::<Vec<_>, _>(|(key, _)| key == name);
        self.left = left;
        taken.into_iter().map(|(_, value)| value.unwrap_or_default()).collect()
    }

    fn filled(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty())
    }

    fn cursor(&mut self) -> Option<String> {
        let cursor = self.text("cursor")?;
        if cursor.is_empty() {
            self.fault("cursor", "unknown", "Use the `next` of the page before.");
        }
        Some(cursor)
    }

    fn one_of<T: FromStr>(&mut self, name: &str, names: impl FnOnce() -> Vec<&'static str>) -> Option<T> {
        let value = self.text(name)?;
        let known = value.parse().ok();
        if known.is_none() {
            self.fault(name, "unknown", format!("One of: {}.", names().join(", ")));
        }
        known
    }

    fn integer<T: TryFrom<i64>>(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
        rule: &str,
    ) -> Option<T> {
        let value = self.text(name)?;
        let number = value.parse::<i64>();
        if number.is_err() {
            self.fault(name, "type", "Must be a whole number.");
        }
        let number = number.ok()?;
        let within =
            Some(number).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if within.is_none() {
            self.fault(name, "range", rule);
        }
        within
    }

    fn limit(&mut self) -> Option<u32> {
        self.integer("limit", 1..=i64::from(MAX_LIMIT), &format!("From 1 to {MAX_LIMIT}."))
    }

    fn connection_id(&mut self) -> Option<ConnectionId> {
        self.integer("connection_id", 1..=i64::MAX, "Must be the id of a connection.").map(ConnectionId)
    }

    /// As many as there are.
    fn connection_ids(&mut self) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        for id in self.every("connection_id") {
            match id.parse::<i64>().ok().filter(|id| *id > 0) {
                Some(id) => ids.push(ConnectionId(id)),
                None => self.fault("connection_id", "type", "Must be the id of a connection."),
            }
        }
        ids
    }

    /// Yes, no, or not said.
    fn either(&mut self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        let known = match value.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        if known.is_none() {
            self.fault(name, "type", "Must be true or false.");
        }
        known
    }

    fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let value = self.text(name)?;
        // A `+` that is not encoded is a space.
        let time = DateTime::parse_from_rfc3339(&value.replace(' ', "+")).ok();
        // Years that PostgreSQL holds as well.
        let time = time.filter(|time| (1..=9999).contains(&time.year()));
        if time.is_none() {
            self.fault(name, "type", "Must be a time as in RFC 3339: 2026-01-31T12:00:00Z.");
        }
        time.map(|time| time.to_utc())
    }

    /// `?fresh` and `?fresh=true` are both yes.
    fn flag(&mut self, name: &str) -> bool {
        match self.take(name).as_ref().map(Option::as_deref) {
            None | Some(Some("false" | "0")) => false,
            Some(None | Some("true" | "1")) => true,
            Some(Some(_)) => {
                self.fault(name, "type", "Must be true or false.");
                false
            }
        }
    }

    fn finish(mut self) -> Result<(), Refusal> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&text::clean(&name, 60), "unknown", "There is no such parameter.");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::validation(self.errors).into()) }
    }
}

impl FromQuery for () {
    fn from_query(_: &mut Parameters) -> Self {}
}

impl FromQuery for ListQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            q: query.filled("q").unwrap_or_default(),
            tag: query.filled("tag"),
            status: query.one_of("status", || ConnectionStatus::ALL.map(ConnectionStatus::as_str).to_vec()),
            region: query.filled("region"),
            cloud_provider: query.filled("cloud_provider"),
            sort: query.one_of("sort", || Sort::ALL.map(Sort::as_str).to_vec()).unwrap_or_default(),
            limit: query.limit(),
            cursor: query.cursor(),
        }
    }
}

impl FromQuery for FindingQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            severity: query
                .one_of::<SeverityName>("severity", || vec!["critical", "warning", "info"])
                .map(|name| name.0),
            connection_id: query.connection_id(),
            limit: query.limit(),
            cursor: query.cursor(),
        }
    }
}

impl FromQuery for ChangeQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            connection_id: query.connection_id(),
            kind: query.one_of("kind", || ChangeKind::ALL.map(ChangeKind::as_str).to_vec()),
            from: query.time("from"),
            to: query.time("to"),
            limit: query.limit(),
            cursor: query.cursor(),
        }
    }
}

impl FromQuery for StatementsQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            connection_ids: query.connection_ids(),
            from: query.time("from"),
            to: query.time("to"),
            order_by: query
                .one_of("order_by", || StatementOrder::ALL.map(StatementOrder::as_str).to_vec())
                .unwrap_or_default(),
            limit: query.limit(),
        }
    }
}

impl FromQuery for ChartQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            connection_ids: query.connection_ids(),
            metrics: query.every("metric"),
            from: query.time("from"),
            to: query.time("to"),
            points: query.integer("points", 1..=i64::from(MAX_POINTS), &format!("From 1 to {MAX_POINTS}.")),
        }
    }
}

impl FromQuery for RecentChecksQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            connection_ids: query.connection_ids(),
            ok: query.either("ok"),
            before: query.text("before"),
            limit: query.limit(),
        }
    }
}

/// [`Severity`] by its slug.
struct SeverityName(Severity);

impl FromStr for SeverityName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "critical" => Ok(Self(Severity::Critical)),
            "warning" => Ok(Self(Severity::Warning)),
            "info" => Ok(Self(Severity::Info)),
            _ => Err(()),
        }
    }
}

/// How many rounds a latency test has.
#[derive(Debug)]
pub(super) struct Rounds(pub(super) u32);

impl FromQuery for Rounds {
    fn from_query(query: &mut Parameters) -> Self {
        let rounds = query.integer("rounds", 1..=i64::from(MAX_ROUNDS), &format!("From 1 to {MAX_ROUNDS}."));
        Self(rounds.unwrap_or(DEFAULT_ROUNDS))
    }
}

/// Whether to ask now instead of showing the last reading.
pub(super) struct Fresh(pub(super) bool);

impl FromQuery for Fresh {
    fn from_query(query: &mut Parameters) -> Self {
        Self(query.flag("fresh"))
    }
}

/// After which event to begin.
pub(super) struct Since(pub(super) Option<String>);

impl FromQuery for Since {
    fn from_query(query: &mut Parameters) -> Self {
        Self(query.text("since"))
    }
}

/// The version that a change was made from.
pub(super) struct Version(pub(super) Option<i32>);

impl FromQuery for Version {
    fn from_query(query: &mut Parameters) -> Self {
        Self(query.integer("version", 1..=i64::from(i32::MAX), "Must be a version that the server sent."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromQuery>(query: &str) -> Result<T, Vec<(String, String)>> {
        let mut parameters = Parameters::of(query);
        let value = T::from_query(&mut parameters);
        let errors =
            |refusal: Refusal| refusal.0.fields.into_iter().map(|error| (error.field, error.code)).collect();
        parameters.finish().map(|()| value).map_err(errors)
    }

    fn pair(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    #[test]
    fn a_list_query_reads_every_parameter() {
        let query: ListQuery =
            read("q=eu%20west&tag=prod&status=down&sort=-p95&limit=7&cursor=abc&region=").unwrap();
        let expected = ListQuery {
            q: "eu west".to_owned(),
            tag: Some("prod".to_owned()),
            status: Some(ConnectionStatus::Down),
            sort: Sort::P95Desc,
            limit: Some(7),
            cursor: Some("abc".to_owned()),
            ..ListQuery::default()
        };
        assert_eq!(query, expected);
    }

    #[test]
    fn everything_that_is_wrong_is_told_together() {
        let errors =
            read::<ListQuery>("limit=501&status=fine&sort=best&colour=red&q=a&q=b").map(drop).unwrap_err();
        assert_eq!(
            errors,
            [
                pair("q", "repeated"),
                pair("status", "unknown"),
                pair("sort", "unknown"),
                pair("limit", "range"),
                pair("colour", "unknown"),
            ]
        );
    }

    #[test]
    fn a_number_has_a_type_and_a_range() {
        assert_eq!(read::<Rounds>("").unwrap().0, 5);
        assert_eq!(read::<Rounds>("rounds=100").unwrap().0, 100);
        assert_eq!(read::<Rounds>("rounds=0").map(|r| r.0), Err(vec![pair("rounds", "range")]));
        assert_eq!(read::<Rounds>("rounds=101").map(|r| r.0), Err(vec![pair("rounds", "range")]));
        assert_eq!(read::<Rounds>("rounds=five").map(|r| r.0), Err(vec![pair("rounds", "type")]));
    }

    #[test]
    fn an_empty_text_filters_nothing_and_any_other_empty_value_is_refused() {
        assert_eq!(read::<ListQuery>("q=&tag=&region=&cloud_provider=").unwrap(), ListQuery::default());
        let errors = read::<ListQuery>("status=&sort=&limit=&cursor=").map(drop).unwrap_err();
        let told: Vec<&str> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(told, ["status", "sort", "limit", "cursor"]);
        assert_eq!(read::<Version>("version=").map(|v| v.0), Err(vec![pair("version", "type")]));
        assert_eq!(read::<Rounds>("rounds").map(|r| r.0), Err(vec![pair("rounds", "type")]));
    }

    #[test]
    fn a_time_is_rfc_3339_with_its_zone() {
        let query: ChangeQuery =
            read("kind=setting&from=2026-01-31T12:00:00Z&to=2026-01-31T14:00:00%2B01:00&connection_id=7")
                .unwrap();
        let noon = DateTime::from_timestamp(1_769_860_800, 0).unwrap();
        assert_eq!((query.from, query.to), (Some(noon), Some(noon + chrono::TimeDelta::hours(1))));
        assert_eq!((query.kind, query.connection_id), (Some(ChangeKind::Setting), Some(ConnectionId(7))));
        // As people type it.
        let query: ChangeQuery = read("from=2026-01-31T13:00:00+01:00").unwrap();
        assert_eq!(query.from, Some(noon));
        let errors = read::<ChangeQuery>("from=yesterday&to=2026-01-31&kind=colour&connection_id=0&when=now");
        assert_eq!(
            errors.map(drop).unwrap_err(),
            [
                pair("connection_id", "range"),
                pair("kind", "unknown"),
                pair("from", "type"),
                pair("to", "type"),
                pair("when", "unknown"),
            ]
        );
    }

    #[test]
    fn a_flag_may_stand_alone() {
        for (query, fresh) in [("", false), ("fresh", true), ("fresh=true", true), ("fresh=false", false)] {
            assert_eq!(read::<Fresh>(query).unwrap().0, fresh, "{query}");
        }
        for wrong in ["fresh=maybe", "fresh="] {
            assert_eq!(read::<Fresh>(wrong).map(|f| f.0), Err(vec![pair("fresh", "type")]), "{wrong}");
        }
    }

    #[test]
    fn where_nothing_is_expected_nothing_is_taken() {
        assert_eq!(read::<()>("fresh=true"), Err(vec![pair("fresh", "unknown")]));
    }
}
