//! The texts of statements: read apart, only of those that are shown, and only once.

use std::collections::HashSet;

use common::{
    statements::{StatementKey, StatementText},
    text,
};

use super::snapshot::Snapshot;
use crate::{
    health::transaction::MARK,
    rows::{Answer, Row},
    sql,
};

/// Characters of a text that are read; cut on the server, so that a statement of megabytes stays there.
const MOST_CHARACTERS: usize = 2000;

/// Texts that one reading asks for; the rest is asked for by the next ones.
pub(super) const MOST_TEXTS: usize = 200;

/// A join, because servers up to 13 look through an array for each of thousands of entries. No server has more than two
/// of one user and id: the limit is for what only says that it is one.
const TEXTS: &str = "\
select s.userid as user_oid, s.queryid as query_id, {toplevel} as toplevel,
       left(s.query, 2000) as query, octet_length(s.query) as bytes,
       pg_get_userbyid(s.userid) as user_name, current_database() as database_name
  from {schema}.pg_stat_statements(true) s
  join unnest('{ids}'::bigint[], '{users}'::oid[]) wanted (id, user_oid)
    on wanted.id = s.queryid and wanted.user_oid = s.userid
 where s.dbid = (select d.oid from pg_database d where d.datname = current_database())
   and s.query is not null
 limit 1000";

/// The query for the texts of `wanted`, and which of them it asks for. `None`: of none.
pub(super) fn query(
    snapshot: &Snapshot,
    schema: &str,
    wanted: &[StatementKey],
) -> Option<(String, HashSet<StatementKey>)> {
    let asked: HashSet<StatementKey> = wanted.iter().copied().take(MOST_TEXTS).collect();
    if asked.is_empty() {
        return None;
    }
    let mut pairs: Vec<(i64, u32)> = asked.iter().map(|key| (key.query_id, key.user_oid)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let (ids, users): (Vec<String>, Vec<String>) =
        pairs.iter().map(|(id, user)| (id.to_string(), user.to_string())).unzip();
    let toplevel = if snapshot.says_toplevel() { "s.toplevel" } else { "true" };
    let query = TEXTS
        .replace("{toplevel}", toplevel)
        .replace("'{ids}'", &format!("'{{{}}}'", ids.join(",")))
        .replace("'{users}'", &format!("'{{{}}}'", users.join(",")))
        // Last: what a server calls its schema is put into nothing else.
        .replace("{schema}", &sql::identifier(schema));
    Some((query, asked))
}

/// The texts that were asked for.
pub(super) fn from_answer(
    answer: &Answer,
    snapshot: &Snapshot,
    asked: &HashSet<StatementKey>,
) -> Vec<StatementText> {
    let mut left = asked.clone();
    let texts = answer.rows().filter_map(|row| from_row(row, snapshot));
    texts.filter(|text| left.remove(&text.key)).collect()
}

fn from_row(row: Row<'_>, snapshot: &Snapshot) -> Option<StatementText> {
    let key = StatementKey {
        database_oid: snapshot.about.database_oid,
        user_oid: row.number("user_oid")?,
        query_id: row.number("query_id")?,
        toplevel: row.flag("toplevel")?,
    };
    let said = row.text("query")?;
    let bytes: usize = row.number("bytes").unwrap_or(said.len());
    let mut query = text::clean_sql(&said, MOST_CHARACTERS);
    let complete = query == said && bytes == said.len();
    if bytes > said.len() {
        query.push_str(&format!("… (cut; {bytes} bytes in all)"));
    }
    Some(StatementText {
        key,
        user: row.shown("user_name").unwrap_or_default(),
        database: row.shown("database_name").unwrap_or_default(),
        own: key.user_oid == snapshot.about.user_oid && is_ours(&said),
        query,
        complete,
    })
}

/// Whether the dashboard sent a statement, of those of its own login. What it asks bears a comment, which normalising
/// leaves where it is; the round trip that it times does not, and no application is told from it by that.
fn is_ours(query: &str) -> bool {
    query.contains(MARK) || matches!(query, "select $1" | "select 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dashboard_asks_is_known_by_its_mark() {
        assert!(is_ours("select /* pg-dashboard */ $1 from t") && is_ours("select $1"));
        assert!(!is_ours("select $1 from t") && !is_ours("SELECT $1"));
    }
}
