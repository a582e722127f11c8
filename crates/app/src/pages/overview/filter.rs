//! Which connections the list shows, as the address says it.

use common::{
    ConnectionStatus,
    connection::{ListQuery, Sort},
};
use leptos_router::params::ParamsMap;

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
        let text = |key| query.get_str(key).map(str::trim).filter(|text| !text.is_empty());
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

    /// The address of the overview with this filter.
    pub(super) fn href(&self) -> String {
        let mut query = ParamsMap::new();
        if !self.q.is_empty() {
            query.insert("q", self.q.clone());
        }
        if let Some(status) = self.status {
            query.insert("status", status.as_str().to_owned());
        }
        if self.sort != Sort::default() {
            query.insert("sort", self.sort.to_string());
        }
        if let Some(cursor) = &self.cursor {
            query.insert("cursor", cursor.clone());
        }
        format!("/{}", query.to_query_string())
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

    fn query(pairs: &[(&'static str, &str)]) -> ParamsMap {
        pairs.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    #[test]
    fn a_filter_survives_its_own_address() {
        let filter = Filter::from_query(&query(&[
            ("q", "eu & prod"),
            ("status", "down"),
            ("sort", "-p95"),
            ("cursor", "abc="),
        ]));
        assert_eq!(filter.status, Some(ConnectionStatus::Down));
        assert_eq!(filter.sort, Sort::P95Desc);
        assert!(filter.href().starts_with("/?q=eu%20%26%20prod&status=down&sort=-p95&cursor="));
    }

    #[test]
    fn what_cannot_be_read_does_not_filter() {
        let filter = Filter::from_query(&query(&[("status", "sleepy"), ("sort", "colour"), ("q", "  ")]));
        assert_eq!(filter, Filter::default());
        assert_eq!(filter.href(), "/");
    }

    #[test]
    fn another_filter_starts_at_the_first_page() {
        let filter = Filter::from_query(&query(&[("cursor", "abc")]));
        assert_eq!(filter.with_q("x").cursor, None);
        assert_eq!(filter.with_status(Some(ConnectionStatus::Up)).cursor, None);
        assert_eq!(filter.with_sort(Sort::Name).cursor, None);
    }
}
