-- The rollups of one resolution, and the views that readers see of it.

create table dashboard.check_rollups_{r} (
    connection_id bigint not null,
    bucket timestamptz not null,
    round_trip_sum bigint,
    total_sum bigint,
    dns_sum bigint,
    tcp_sum bigint,
    tls_sum bigint,
    auth_sum bigint,
    query_sum bigint,
    checks integer not null,
    failures integer not null,
    round_trip_count integer,
    round_trip_min integer,
    round_trip_max integer,
    total_count integer,
    total_min integer,
    total_max integer,
    dns_count integer,
    dns_min integer,
    dns_max integer,
    tcp_count integer,
    tcp_min integer,
    tcp_max integer,
    tls_count integer,
    tls_min integer,
    tls_max integer,
    auth_count integer,
    auth_min integer,
    auth_max integer,
    query_count integer,
    query_min integer,
    query_max integer,
    round_trip_histogram integer[],
    total_histogram integer[],
    primary key (connection_id, bucket)
);
create index check_rollups_{r}_by_time on dashboard.check_rollups_{r} using brin (bucket);

create table dashboard.health_rollups_{r} (
    connection_id bigint not null,
    bucket timestamptz not null,
    readings integer not null,
    failures integer not null,
    counts integer[] not null,
    sums double precision[] not null,
    minima double precision[] not null,
    maxima double precision[] not null,
    primary key (connection_id, bucket)
);
create index health_rollups_{r}_by_time on dashboard.health_rollups_{r} using brin (bucket);

-- What is not rolled up yet is read from the raw rows: a bucket may therefore come twice, each time with a part of it.

create view dashboard.check_series_{r} as
select connection_id, bucket,
    round_trip_sum, total_sum, dns_sum, tcp_sum, tls_sum, auth_sum, query_sum, checks, failures,
    round_trip_count, round_trip_min, round_trip_max, total_count, total_min, total_max, dns_count, dns_min,
    dns_max, tcp_count, tcp_min, tcp_max, tls_count, tls_min, tls_max, auth_count, auth_min, auth_max,
    query_count, query_min, query_max, round_trip_histogram, total_histogram
from dashboard.check_rollups_{r}
union all
select connection_id, date_bin(interval '{width}', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
    sum(round_trip_us) filter (where ok),
    sum(total_us) filter (where ok and not held),
    sum(dns_us) filter (where ok and not held),
    sum(tcp_us) filter (where ok and not held),
    sum(tls_us) filter (where ok and not held),
    sum(auth_us) filter (where ok and not held),
    sum(query_us) filter (where ok and not held),
    count(*)::int4,
    (count(*) filter (where not ok))::int4,
    nullif(count(round_trip_us) filter (where ok), 0)::int4,
    min(round_trip_us) filter (where ok),
    max(round_trip_us) filter (where ok),
    nullif(count(total_us) filter (where ok and not held), 0)::int4,
    min(total_us) filter (where ok and not held),
    max(total_us) filter (where ok and not held),
    nullif(count(dns_us) filter (where ok and not held), 0)::int4,
    min(dns_us) filter (where ok and not held),
    max(dns_us) filter (where ok and not held),
    nullif(count(tcp_us) filter (where ok and not held), 0)::int4,
    min(tcp_us) filter (where ok and not held),
    max(tcp_us) filter (where ok and not held),
    nullif(count(tls_us) filter (where ok and not held), 0)::int4,
    min(tls_us) filter (where ok and not held),
    max(tls_us) filter (where ok and not held),
    nullif(count(auth_us) filter (where ok and not held), 0)::int4,
    min(auth_us) filter (where ok and not held),
    max(auth_us) filter (where ok and not held),
    nullif(count(query_us) filter (where ok and not held), 0)::int4,
    min(query_us) filter (where ok and not held),
    max(query_us) filter (where ok and not held),
    dashboard.histogram(round_trip_us) filter (where ok),
    dashboard.histogram(total_us) filter (where ok and not held)
from dashboard.checks
where checked_at >= (select rolled_up_to from dashboard.history_rollup)
group by 1, 2;

create view dashboard.health_series_{r} as
select connection_id, bucket, readings, failures, counts, sums, minima, maxima
from dashboard.health_rollups_{r}
union all
select connection_id, date_bin(interval '{width}', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
    count(*)::int4,
    (count(*) filter (where status = 'down'))::int4,
    array[count(cache_hit_ratio)::int4, count(active_connections)::int4, count(idle_connections)::int4,
            count(idle_in_transaction_connections)::int4, count(total_connections)::int4,
            count(max_connections)::int4, count(reserved_connections)::int4, count(database_size_bytes)::int4,
            count(transactions_per_s)::int4, count(rollback_ratio)::int4, count(deadlocks)::int4,
            count(temp_bytes_per_s)::int4, count(replication_lag_s)::int4, count(replication_lag_bytes)::int4,
            count(oldest_xid_age)::int4, count(longest_transaction_s)::int4, count(waiting_locks)::int4,
            count(wal_bytes_per_s)::int4],
    array[sum(cache_hit_ratio)::float8, sum(active_connections)::float8, sum(idle_connections)::float8,
            sum(idle_in_transaction_connections)::float8, sum(total_connections)::float8,
            sum(max_connections)::float8, sum(reserved_connections)::float8, sum(database_size_bytes)::float8,
            sum(transactions_per_s)::float8, sum(rollback_ratio)::float8, sum(deadlocks)::float8,
            sum(temp_bytes_per_s)::float8, sum(replication_lag_s)::float8, sum(replication_lag_bytes)::float8,
            sum(oldest_xid_age)::float8, sum(longest_transaction_s)::float8, sum(waiting_locks)::float8,
            sum(wal_bytes_per_s)::float8],
    array[min(cache_hit_ratio)::float8, min(active_connections)::float8, min(idle_connections)::float8,
            min(idle_in_transaction_connections)::float8, min(total_connections)::float8,
            min(max_connections)::float8, min(reserved_connections)::float8, min(database_size_bytes)::float8,
            min(transactions_per_s)::float8, min(rollback_ratio)::float8, min(deadlocks)::float8,
            min(temp_bytes_per_s)::float8, min(replication_lag_s)::float8, min(replication_lag_bytes)::float8,
            min(oldest_xid_age)::float8, min(longest_transaction_s)::float8, min(waiting_locks)::float8,
            min(wal_bytes_per_s)::float8],
    array[max(cache_hit_ratio)::float8, max(active_connections)::float8, max(idle_connections)::float8,
            max(idle_in_transaction_connections)::float8, max(total_connections)::float8,
            max(max_connections)::float8, max(reserved_connections)::float8, max(database_size_bytes)::float8,
            max(transactions_per_s)::float8, max(rollback_ratio)::float8, max(deadlocks)::float8,
            max(temp_bytes_per_s)::float8, max(replication_lag_s)::float8, max(replication_lag_bytes)::float8,
            max(oldest_xid_age)::float8, max(longest_transaction_s)::float8, max(waiting_locks)::float8,
            max(wal_bytes_per_s)::float8]
from dashboard.health_samples
where checked_at >= (select rolled_up_to from dashboard.history_rollup)
group by 1, 2;
