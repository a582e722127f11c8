-- Statements: what pg_stat_statements of a monitored database counted, interval by interval.

-- Whether statements that are not the dashboard's own may be planned and run there.
alter table dashboard.connections add column allow_statements boolean not null default false;

-- All counters of the newest reading, as the prober wrote them: what the next reading is compared with.
create table dashboard.statement_snapshots (
    connection_id bigint primary key references dashboard.connections on delete cascade,
    taken_at timestamptz not null,
    snapshot json not null
);

-- The text of each statement that was ever among the most expensive; read once.
create table dashboard.statement_texts (
    connection_id bigint not null references dashboard.connections on delete cascade,
    query_id bigint not null,
    seen_at timestamptz not null,
    database_oid oid not null,
    user_oid oid not null,
    toplevel boolean not null,
    -- The dashboard sent it: kept, so that it is not read again, and not shown.
    own boolean not null,
    -- Neither cut nor cleaned: what stands here is what was run.
    complete boolean not null,
    user_name text not null,
    database_name text not null,
    query text not null,
    primary key (connection_id, query_id, user_oid, database_oid, toplevel)
);

-- What lies between two readings, with the sums over all statements. As in `checks`: no foreign key.
create table dashboard.statement_intervals (
    connection_id bigint not null,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    calls bigint not null,
    total_ms double precision not null,
    -- Not between two readings, but from when the server began to count: all that is known after the first reading.
    cumulative boolean not null,
    -- Of a cumulative one that is not always known.
    began_is_known boolean not null,
    primary key (connection_id, began_at, cumulative)
);

create index statement_intervals_by_time on dashboard.statement_intervals using brin (ended_at);

-- The most expensive statements of an interval, by each order.
create table dashboard.statement_deltas (
    connection_id bigint not null,
    began_at timestamptz not null,
    query_id bigint not null,
    calls bigint not null,
    total_ms double precision not null,
    -- The sum of the squared times (ms²): with it, the deviation over any number of intervals is known.
    squares double precision not null,
    rows bigint not null,
    shared_hit_bytes bigint not null,
    shared_read_bytes bigint not null,
    temp_bytes bigint not null,
    wal_bytes bigint,
    -- Where they were reached in this interval.
    min_ms real,
    max_ms real,
    database_oid oid not null,
    user_oid oid not null,
    toplevel boolean not null,
    cumulative boolean not null,
    primary key (connection_id, began_at, cumulative, query_id, user_oid, database_oid, toplevel)
);
