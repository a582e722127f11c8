//! What statements cost over time: how the time that is spent in them each second is shared among the most expensive ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::{
    ConnectionId,
    history::{COLUMNS, ChartData, Series},
    text,
    time::whole_micros_of_ms,
};
use tokio_postgres::{Row, types::Type};

use crate::{Store, StoreError, session};

/// A part of an interval counts where it lies: as if all that it counted had happened evenly. What was counted before the
/// first reading lies nowhere. The row without a statement holds all of them, also those that were not kept one by one.
/// $1 connections (null: all), $2 and $3 the range, $4 seconds of a point, $5 how many statements.
const TIMES: &str = "
with used as (
    select i.connection_id, i.began_at, i.ended_at, i.calls, i.total_ms
    from dashboard.statement_intervals i
    join dashboard.connections c on c.id = i.connection_id and c.deleted_at is null
    where not i.cumulative and i.ended_at > $2 and i.began_at < $3 and i.ended_at > i.began_at
        and ($1::int8[] is null or c.id = any ($1))
),
spent as (
    select d.connection_id, d.began_at, u.ended_at, d.query_id, sum(d.calls) as calls, sum(d.total_ms) as total_ms
    from dashboard.statement_deltas d
    join used u using (connection_id, began_at)
    left join dashboard.statement_texts t using (connection_id, query_id, user_oid, database_oid, toplevel)
    where not d.cumulative and t.own is not true
    group by d.connection_id, d.began_at, u.ended_at, d.query_id
),
top as (
    select connection_id, query_id, row_number() over (order by sum(total_ms) desc, connection_id, query_id) as place
    from spent
    group by connection_id, query_id
    order by place
    limit $5
),
costs as (
    select began_at, ended_at, place, calls, total_ms from spent join top using (connection_id, query_id)
    union all
    select began_at, ended_at, null, calls, total_ms from used
),
pieces as (
    select place, at, calls * part as calls, total_ms * part as total_ms
    from costs,
    lateral generate_series(
        floor(extract(epoch from greatest(began_at, $2)) / $4)::int8,
        ceil(extract(epoch from least(ended_at, $3)) / $4)::int8 - 1
    ) as at,
    lateral (
        select extract(epoch from least(ended_at, $3, to_timestamp((at + 1) * $4))
                - greatest(began_at, $2, to_timestamp(at * $4)))
            / extract(epoch from ended_at - began_at) as part
    ) as parts
),
points as (
    select place, at, sum(calls)::float8 as calls, sum(total_ms)::float8 / $4 as ms_per_s
    from pieces
    group by place, at
)
select p.place, p.at * $4::int8 * 1000 as t, p.calls, p.ms_per_s, t.connection_id, t.query_id::text as query_id, q.query
from points p
left join top t using (place)
left join lateral (
    select query from dashboard.statement_texts q
    where q.connection_id = t.connection_id and q.query_id = t.query_id
    order by q.toplevel desc, q.seen_at desc
    limit 1
) q on p.place is not null
order by p.place, p.at";

/// How long a statement's text may be as the name of a line.
const NAME: usize = 60;

/// What a line is called whose statement has no text.
const NAMELESS: &str = "text not known";

impl Store {
    /// The milliseconds that are spent in statements each second: of the `most` that took the most time, and of all others
    /// together (`metric` `others`). The value of a point stands in `p50`, `min` and `max`, the calls in `count`. Where
    /// nothing was counted at all the lines have a gap.
    pub async fn statement_times(
        &self,
        connections: &[ConnectionId],
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: u32,
    ) -> Result<ChartData, StoreError> {
        let wanted: Vec<i64> = connections.iter().map(|id| id.0).collect();
        let wanted = (!wanted.is_empty()).then_some(wanted);
        let resolution_s = resolution(from, to);
        let (seconds, limit) = (f64::from(resolution_s), i64::from(most));
        let session = self.session().await?;
        let params: session::Params<'_> = &[
            (&wanted, Type::INT8_ARRAY),
            (&from, Type::TIMESTAMPTZ),
            (&to, Type::TIMESTAMPTZ),
            (&seconds, Type::FLOAT8),
            (&limit, Type::INT8),
        ];
        let rows = session::rows(session.client(), TIMES, params).await?;
        Ok(ChartData {
            from,
            to,
            resolution_s,
            series: series(&rows, connections, resolution_s)?,
            marks: Vec::new(),
        })
    }
}

/// At least the time that readings close together are kept as one, and at most about a hundred points.
fn resolution(from: DateTime<Utc>, to: DateTime<Utc>) -> u32 {
    const STEPS: [u32; 9] = [300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
    let least = (to - from).num_seconds() / 100;
    STEPS.into_iter().find(|step| i64::from(*step) >= least).unwrap_or(7 * 86_400)
}

/// One statement, or all, by the time of the point (epoch milliseconds).
struct Line {
    connection_id: Option<i64>,
    query_id: Option<String>,
    query: Option<String>,
    points: BTreeMap<i64, Cost>,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    ms_per_s: f64,
    calls: f64,
}

fn series(rows: &[Row], connections: &[ConnectionId], resolution_s: u32) -> Result<Vec<Series>, StoreError> {
    // By place; nulls come last: all of them together.
    let mut lines: Vec<(Option<i64>, Line)> = Vec::new();
    for row in rows {
        let place: Option<i64> = row.try_get("place")?;
        if lines.last().is_none_or(|(last, _)| *last != place) {
            let line = Line {
                connection_id: row.try_get("connection_id")?,
                query_id: row.try_get("query_id")?,
                query: row.try_get("query")?,
                points: BTreeMap::new(),
            };
            lines.push((place, line));
        }
        let cost = Cost { ms_per_s: row.try_get("ms_per_s")?, calls: row.try_get("calls")? };
        if let Some((_, line)) = lines.last_mut() {
            line.points.insert(row.try_get("t")?, cost);
        }
    }
    let Some((None, all)) = lines.pop() else { return Ok(Vec::new()) };
    let mut others = all.points.clone();
    for (_, line) in &lines {
        for (t, cost) in &line.points {
            if let Some(other) = others.get_mut(t) {
                // The sums were rounded apart.
                other.ms_per_s = (other.ms_per_s - cost.ms_per_s).max(0.0);
                other.calls = (other.calls - cost.calls).max(0.0);
            }
        }
    }
    let times: Vec<i64> = all.points.keys().copied().collect();
    // What is of several connections is of none.
    let whose = if let [one] = connections { one.0 } else { 0 };
    let drawn =
        |connection_id: Option<i64>, name: String, metric: String, points: &BTreeMap<i64, Cost>| Series {
            connection_id: ConnectionId(connection_id.unwrap_or(whose)),
            name,
            metric,
            unit: "ms".to_owned(),
            columns: COLUMNS.map(str::to_owned).to_vec(),
            points: with_gaps(&times, points, resolution_s),
        };
    let mut series: Vec<Series> = lines
        .into_iter()
        .map(|(_, line)| {
            let name = line.query.map_or_else(|| NAMELESS.to_owned(), |query| text::clean(&query, NAME));
            drawn(line.connection_id, name, line.query_id.unwrap_or_default(), &line.points)
        })
        .collect();
    series.push(drawn(None, "All others".to_owned(), "others".to_owned(), &others));
    Ok(series)
}

/// A point for each time at which anything was counted; where nothing was for longer, one that says so.
fn with_gaps(times: &[i64], points: &BTreeMap<i64, Cost>, resolution_s: u32) -> Vec<Vec<Option<f64>>> {
    let step = i64::from(resolution_s) * 1000;
    let mut drawn = Vec::with_capacity(times.len());
    for (at, t) in times.iter().enumerate() {
        let Cost { ms_per_s, calls } = points.get(t).copied().unwrap_or_default();
        let value = Some(whole_micros_of_ms(ms_per_s));
        drawn.push(vec![Some(*t as f64), value, value, value, value, Some(calls.round()), Some(0.0)]);
        if times.get(at + 1).is_some_and(|next| *next > t + step) {
            drawn.push(vec![Some((t + step) as f64), None, None, None, None, Some(0.0), Some(0.0)]);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_range_has_about_a_hundred_points_at_most() {
        let now = DateTime::UNIX_EPOCH;
        for (hours, expected) in
            [(1, 300), (6, 300), (24, 900), (24 * 7, 7200), (24 * 30, 43_200), (24 * 90, 86_400)]
        {
            assert_eq!(resolution(now, now + TimeDelta::hours(hours)), expected, "{hours} h");
        }
    }
}
