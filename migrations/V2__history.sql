-- What was measured.
--
-- `checks` and `health_samples` are raw, narrow and will be partitioned by checked_at: their keys hold it, they
-- have no id of their own and no foreign key, and writing a row twice changes nothing. Times are whole
-- microseconds: half the bytes of a double precision. Wide columns first, so that nothing is lost to alignment.

create table dashboard.checks (
    connection_id bigint not null,
    checked_at timestamptz not null,
    total_us integer not null,
    round_trip_us integer,
    dns_us integer,
    tcp_us integer,
    tls_us integer,
    auth_us integer,
    query_us integer,
    ok boolean not null,
    -- On the session that was kept open, not by a fresh connect.
    held boolean not null,
    -- It passed, but health was warning or critical at that time.
    degraded boolean not null,
    error_kind text,
    error_phase text,
    address text,
    -- Heartbeats and percentiles are read from the index alone.
    primary key (connection_id, checked_at) include (round_trip_us, ok, degraded)
);

create index checks_by_time on dashboard.checks using brin (checked_at);

create table dashboard.health_samples (
    connection_id bigint not null,
    checked_at timestamptz not null,
    active_connections bigint,
    idle_connections bigint,
    idle_in_transaction_connections bigint,
    total_connections bigint,
    max_connections bigint,
    reserved_connections bigint,
    database_size_bytes bigint,
    deadlocks bigint,
    replication_lag_bytes bigint,
    oldest_xid_age bigint,
    waiting_locks bigint,
    cache_hit_ratio double precision,
    transactions_per_s double precision,
    rollback_ratio double precision,
    temp_bytes_per_s double precision,
    replication_lag_s double precision,
    longest_transaction_s double precision,
    wal_bytes_per_s double precision,
    duration_us integer not null,
    score smallint,
    status text not null,
    primary key (connection_id, checked_at)
);

create index health_samples_by_time on dashboard.health_samples using brin (checked_at);

-- The newest of each, whole, one row for each connection: what lists and pages show.

create table dashboard.latest_tests (
    connection_id bigint primary key references dashboard.connections on delete cascade,
    checked_at timestamptz not null,
    ok boolean not null,
    -- The last one known: a failed test does not forget it.
    server_version_num integer,
    -- Round trips of the 24 h before latency_at. Kept here, because percentiles over a day of checks of 5,000
    -- connections take seconds, and a list is sorted by them.
    p50_us double precision,
    p95_us double precision,
    latency_samples integer not null,
    latency_at timestamptz not null,
    result jsonb not null
);

create table dashboard.latest_health (
    connection_id bigint primary key references dashboard.connections on delete cascade,
    checked_at timestamptz not null,
    score smallint,
    status text not null,
    headline text not null,
    health jsonb not null,
    -- What the rates of the next reading are made from.
    counters jsonb
);

-- Since when something has been wrong without a break. The row goes when it is right again.
create table dashboard.finding_spans (
    connection_id bigint not null references dashboard.connections on delete cascade,
    check_id text not null,
    severity text not null,
    since timestamptz not null,
    primary key (connection_id, check_id)
);
