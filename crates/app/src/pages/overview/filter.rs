//! Which connections the list shows, as the address says it.

use common::{
    ConnectionStatus,
    connection::{ListQuery, Sort},
};
use leptos_router::params::ParamsMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 calls unreserved stays readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of the address. What cannot be read there is left out, not refused: an old link still shows the list.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Filter {
    pub q: String,
    pub status: Option<ConnectionStatus>,
    pub sort: Sort,
    /// Where a later page starts.
    pub cursor: Option<String>,
}

impl Filter {
    pub(super) fn from_query(query: &ParamsMap) -> Self {
        Self::read(|key| query.get_str(key))
    }

    fn read<'a>(value: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        let text = |key| value(key).map(str::trim).filter(|text| !text.is_empty());
        Self {
            q: text("q").unwrap_or_default().to_owned(),
            status: text("status").and_then(|status| status.parse().ok()),
            sort: text("sort").and_then(|sort| sort.parse().ok()).unwrap_or_default(),
            cursor: text("cursor").map(str::to_owned),
        }
    }

    pub(super) fn list_query(self) -> ListQuery {
        let Self { q, status, sort, cursor } = self;
        ListQuery { q, status, sort, cursor, ..ListQuery::default() }
    }

    /// The address of the overview with this filter. (`ParamsMap` would decode what is put into it.)
    pub(super) fn href(&self) -> String {
        let parts = [
            ("q", Some(self.q.as_str()).filter(|q| !q.is_empty())),
            ("status", self.status.map(ConnectionStatus::as_str)),
            ("sort", Some(self.sort).filter(|sort| *sort != Sort::default()).map(Sort::as_str)),
            ("cursor", self.cursor.as_deref()),
        ];
        let query: Vec<String> = parts
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", utf8_percent_encode(value?, ESCAPED))))
            .collect();
        if query.is_empty() { "/".to_owned() } else { format!("/?{}", query.join("&")) }
    }

    /// The same order, from the start, with one status or all.
    pub(super) fn with_status(&self, status: Option<ConnectionStatus>) -> Self {
        Self { status, cursor: None, ..self.clone() }
    }

    pub(super) fn with_sort(&self, sort: Sort) -> Self {
        Self { sort, cursor: None, ..self.clone() }
    }

    pub(super) fn with_q(&self, q: &str) -> Self {
        Self { q: q.trim().to_owned(), cursor: None, ..self.clone() }
    }

    pub(super) fn with_cursor(&self, cursor: Option<String>) -> Self {
        Self { cursor, ..self.clone() }
    }

    /// Everything, in the same order.
    pub(super) fn cleared(&self) -> Self {
        Self { sort: self.sort, ..Self::default() }
    }

    pub(super) fn hides_some(&self) -> bool {
        !self.q.is_empty() || self.status.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pairs: &[(&str, &'static str)]) -> Filter {
        Filter::read(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
    }

    #[test]
    fn the_address_says_what_the_filter_asks() {
        let filter =
            filter(&[("q", " 50% & prod "), ("status", "down"), ("sort", "-p95"), ("cursor", "abc=")]);
        assert_eq!(filter.status, Some(ConnectionStatus::Down));
        assert_eq!(filter.sort, Sort::P95Desc);
        assert_eq!(filter.href(), "/?q=50%25%20%26%20prod&status=down&sort=-p95&cursor=abc%3D");
    }

    #[test]
    fn what_cannot_be_read_does_not_filter() {
        let filter = filter(&[("status", "sleepy"), ("sort", "colour"), ("q", "  ")]);
        assert_eq!(filter, Filter::default());
        assert_eq!(filter.href(), "/");
    }

    #[test]
    fn another_filter_starts_at_the_first_page() {
        let filter = filter(&[("cursor", "abc")]);
        assert_eq!(filter.with_q("x").cursor, None);
        assert_eq!(filter.with_status(Some(ConnectionStatus::Up)).cursor, None);
        assert_eq!(filter.with_sort(Sort::Name).cursor, None);
    }
}
