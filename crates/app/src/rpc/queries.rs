//! What `/queries` asks: the expensive statements of all connections.

use common::{
    ConnectionId,
    connection::ConnectionName,
    history::ChartData,
    statements::{ExpensiveStatement, StatementOrder},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::RpcError;
#[cfg(feature = "ssr")]
use super::{answer, caller};
use crate::wire::PostJson as Json;

/// Which statements. Times are texts, because an address may say anything: what is no time is refused by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// `None`: of every connection.
    pub connection_id: Option<ConnectionId>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub order_by: StatementOrder,
    pub limit: u32,
}

/// The most expensive statements, and the connections that have none to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Everywhere {
    pub statements: Vec<Statement>,
    pub total: u64,
    /// On how many connections statements are counted.
    pub counted: usize,
    /// The others, by the reason.
    pub not_counted: Vec<NotCounted>,
}

/// What a statement cost, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub connection_name: String,
    pub cost: ExpensiveStatement,
}

/// Connections whose statements are not counted for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotCounted {
    pub reason: Option<String>,
    pub fix_sql: Option<String>,
    /// The first of them, by name.
    pub connections: Vec<ConnectionName>,
    /// How many there are beyond those.
    pub more: usize,
}

/// The most expensive statements of all connections, or of one. What is kept is shown: nobody is asked.
#[server(name = ListQueries, prefix = "/rpc", endpoint = "queries", input = Json, output = Json)]
pub async fn queries(asked: Asked) -> Result<Everywhere, RpcError> {
    let (service, principal) = caller()?;
    let query = shown::query(asked).map_err(super::invalid)?;
    let page = service::statements::list(&service, &principal, query).await.map_err(answer)?;
    let names = service::connections::names(&service, &principal).await.map_err(answer)?;
    Ok(shown::everywhere(page, &names))
}

/// What the most expensive statements of the range cost over time; see [`Asked`], the order apart.
#[server(name = ChartQueries, prefix = "/rpc", endpoint = "queries_over_time", input = Json, output = Json)]
pub async fn queries_over_time(asked: Asked) -> Result<ChartData, RpcError> {
    let (service, principal) = caller()?;
    let query = shown::query(asked).map_err(super::invalid)?;
    let of_one = query.connection_ids.len() == 1;
    let mut chart = service::statements::over_time(&service, &principal, query).await.map_err(answer)?;
    if !of_one {
        let names = service::connections::names(&service, &principal).await.map_err(answer)?;
        shown::name_connections(&mut chart, &names);
    }
    Ok(chart)
}

/// The names to choose a connection by.
#[server(name = ListNames, prefix = "/rpc", endpoint = "names", input = Json, output = Json)]
pub async fn names() -> Result<Vec<ConnectionName>, RpcError> {
    let (service, principal) = caller()?;
    let mut names = service::connections::names(&service, &principal).await.map_err(answer)?;
    names.truncate(MOST_NAMES);
    Ok(names)
}

/// Whoever has more chooses on the page of the connection, which leads here.
#[cfg(feature = "ssr")]
const MOST_NAMES: usize = 500;

#[cfg(feature = "ssr")]
mod shown {
    use std::collections::HashMap;

    use common::{
        ConnectionId, FieldError, TestErrorKind,
        connection::ConnectionName,
        history::ChartData,
        statements::{StatementSource, StatementsPage, StatementsQuery},
        time::parse_moment,
    };

    use super::{Asked, Everywhere, NotCounted, Statement};

    /// How many connections are named with one reason.
    const NAMED: usize = 8;

    pub(super) fn query(asked: Asked) -> Result<StatementsQuery, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut moment = |field: &str, text: Option<String>| {
            let text = text?;
            let at = parse_moment(&text);
            if at.is_none() {
                errors.push(FieldError::new(field, "format", "Not a time. Write it like 2026-05-04T14:00."));
            }
            at
        };
        let (from, to) = (moment("from", asked.from), moment("to", asked.to));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(StatementsQuery {
            connection_ids: asked.connection_id.into_iter().collect(),
            from,
            to,
            order_by: asked.order_by,
            limit: Some(asked.limit),
        })
    }

    pub(super) fn everywhere(page: StatementsPage, names: &[ConnectionName]) -> Everywhere {
        let by_id: HashMap<ConnectionId, &str> =
            names.iter().map(|name| (name.id, name.name.as_str())).collect();
        // One that was deleted between the two reads.
        let name =
            |id: ConnectionId| by_id.get(&id).map_or_else(|| format!("connection {id}"), |n| (*n).to_owned());
        let counted = page.sources.iter().filter(|source| source.available).count();
        Everywhere {
            statements: page
                .items
                .into_iter()
                .map(|cost| Statement { connection_name: name(cost.connection_id), cost })
                .collect(),
            total: page.total,
            counted,
            not_counted: by_reason(page.sources, name),
        }
    }

    /// Which connection a line is of, where it may be any.
    pub(super) fn name_connections(chart: &mut ChartData, names: &[ConnectionName]) {
        for series in &mut chart.series {
            if let Some(of) = names.iter().find(|name| name.id == series.connection_id) {
                series.name = format!("{} · {}", of.name, series.name);
            }
        }
    }

    /// Those with the same reason and the same remedy together, the most frequent first.
    fn by_reason(sources: Vec<StatementSource>, name: impl Fn(ConnectionId) -> String) -> Vec<NotCounted> {
        let mut groups: Vec<NotCounted> = Vec::new();
        for source in sources.into_iter().filter(|source| !source.available) {
            let source = StatementSource { reason: source.reason.map(in_words), ..source };
            let connection = ConnectionName { id: source.connection_id, name: name(source.connection_id) };
            let same =
                |group: &&mut NotCounted| group.reason == source.reason && group.fix_sql == source.fix_sql;
            match groups.iter_mut().find(same) {
                Some(group) => group.connections.push(connection),
                None => groups.push(NotCounted {
                    reason: source.reason,
                    fix_sql: source.fix_sql,
                    connections: vec![connection],
                    more: 0,
                }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.connections.len()));
        for group in &mut groups {
            group.connections.sort_by_key(|connection| connection.name.to_lowercase());
            group.more = group.connections.len().saturating_sub(NAMED);
            group.connections.truncate(NAMED);
        }
        groups
    }

    /// Of a database that could not be asked the reason is the kind of failure.
    fn in_words(reason: String) -> String {
        let failure = serde_json::from_value::<TestErrorKind>(reason.as_str().into());
        failure.map_or(reason, |kind| kind.headline().to_owned())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_no_time_is_refused_by_name() {
            let asked =
                Asked { from: Some("yesterday".to_owned()), to: Some("1".to_owned()), ..Asked::default() };
            let fields: Vec<_> = query(asked).unwrap_err().into_iter().map(|error| error.field).collect();
            assert_eq!(fields, ["from", "to"]);
        }

        #[test]
        fn a_database_that_is_down_has_the_words_of_its_failure() {
            assert_eq!(in_words("auth".to_owned()), "Sign-in refused");
            assert_eq!(in_words("not_installed".to_owned()), "not_installed");
        }

        #[test]
        fn connections_with_the_same_reason_stand_together() {
            let source = |id, available: bool, reason: &str| StatementSource {
                connection_id: ConnectionId(id),
                available,
                reason: (!available).then(|| reason.to_owned()),
                fix_sql: None,
            };
            let mut sources = vec![source(1, true, ""), source(2, false, "not_preloaded")];
            sources.extend((3..13).map(|id| source(id, false, "not_installed")));
            let groups = by_reason(sources, |id| format!("db {id}"));
            let told: Vec<_> = groups
                .iter()
                .map(|group| {
                    (group.reason.as_deref().unwrap_or_default(), group.connections.len(), group.more)
                })
                .collect();
            assert_eq!(told, [("not_installed", 8, 2), ("not_preloaded", 1, 0)]);
        }
    }
}
