-- Rollups as continuous aggregates: five minutes from raw rows, an hour from those, a day from hours. What is not materialized
-- yet is reckoned when it is read. Functions of the extension are found by the transaction's search_path.

create materialized view dashboard.check_rollups_5m
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '5 minutes', checked_at) as bucket,
    sum(round_trip_us) filter (where ok) as round_trip_sum,
    sum(total_us) filter (where ok and not held) as total_sum,
    sum(dns_us) filter (where ok and not held) as dns_sum,
    sum(tcp_us) filter (where ok and not held) as tcp_sum,
    sum(tls_us) filter (where ok and not held) as tls_sum,
    sum(auth_us) filter (where ok and not held) as auth_sum,
    sum(query_us) filter (where ok and not held) as query_sum,
    count(*)::int4 as checks,
    (count(*) filter (where not ok))::int4 as failures,
    nullif(count(round_trip_us) filter (where ok), 0)::int4 as round_trip_count,
    min(round_trip_us) filter (where ok) as round_trip_min,
    max(round_trip_us) filter (where ok) as round_trip_max,
    nullif(count(total_us) filter (where ok and not held), 0)::int4 as total_count,
    min(total_us) filter (where ok and not held) as total_min,
    max(total_us) filter (where ok and not held) as total_max,
    nullif(count(dns_us) filter (where ok and not held), 0)::int4 as dns_count,
    min(dns_us) filter (where ok and not held) as dns_min,
    max(dns_us) filter (where ok and not held) as dns_max,
    nullif(count(tcp_us) filter (where ok and not held), 0)::int4 as tcp_count,
    min(tcp_us) filter (where ok and not held) as tcp_min,
    max(tcp_us) filter (where ok and not held) as tcp_max,
    nullif(count(tls_us) filter (where ok and not held), 0)::int4 as tls_count,
    min(tls_us) filter (where ok and not held) as tls_min,
    max(tls_us) filter (where ok and not held) as tls_max,
    nullif(count(auth_us) filter (where ok and not held), 0)::int4 as auth_count,
    min(auth_us) filter (where ok and not held) as auth_min,
    max(auth_us) filter (where ok and not held) as auth_max,
    nullif(count(query_us) filter (where ok and not held), 0)::int4 as query_count,
    min(query_us) filter (where ok and not held) as query_min,
    max(query_us) filter (where ok and not held) as query_max,
    dashboard.histogram(round_trip_us) filter (where ok) as round_trip_histogram,
    dashboard.histogram(total_us) filter (where ok and not held) as total_histogram
from dashboard.checks
group by 1, 2
with no data;

create materialized view dashboard.health_rollups_5m
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '5 minutes', checked_at) as bucket,
    count(*)::int4 as readings,
    (count(*) filter (where status = 'down'))::int4 as failures,
    array[count(cache_hit_ratio)::int4, count(active_connections)::int4, count(idle_connections)::int4,
        count(idle_in_transaction_connections)::int4, count(total_connections)::int4,
        count(max_connections)::int4, count(reserved_connections)::int4, count(database_size_bytes)::int4,
        count(transactions_per_s)::int4, count(rollback_ratio)::int4, count(deadlocks)::int4,
        count(temp_bytes_per_s)::int4, count(replication_lag_s)::int4, count(replication_lag_bytes)::int4,
        count(oldest_xid_age)::int4, count(longest_transaction_s)::int4, count(waiting_locks)::int4,
        count(wal_bytes_per_s)::int4] as counts,
    array[sum(cache_hit_ratio)::float8, sum(active_connections)::float8, sum(idle_connections)::float8,
        sum(idle_in_transaction_connections)::float8, sum(total_connections)::float8,
        sum(max_connections)::float8, sum(reserved_connections)::float8, sum(database_size_bytes)::float8,
        sum(transactions_per_s)::float8, sum(rollback_ratio)::float8, sum(deadlocks)::float8,
        sum(temp_bytes_per_s)::float8, sum(replication_lag_s)::float8, sum(replication_lag_bytes)::float8,
        sum(oldest_xid_age)::float8, sum(longest_transaction_s)::float8, sum(waiting_locks)::float8,
        sum(wal_bytes_per_s)::float8] as sums,
    array[min(cache_hit_ratio)::float8, min(active_connections)::float8, min(idle_connections)::float8,
        min(idle_in_transaction_connections)::float8, min(total_connections)::float8,
        min(max_connections)::float8, min(reserved_connections)::float8, min(database_size_bytes)::float8,
        min(transactions_per_s)::float8, min(rollback_ratio)::float8, min(deadlocks)::float8,
        min(temp_bytes_per_s)::float8, min(replication_lag_s)::float8, min(replication_lag_bytes)::float8,
        min(oldest_xid_age)::float8, min(longest_transaction_s)::float8, min(waiting_locks)::float8,
        min(wal_bytes_per_s)::float8] as minima,
    array[max(cache_hit_ratio)::float8, max(active_connections)::float8, max(idle_connections)::float8,
        max(idle_in_transaction_connections)::float8, max(total_connections)::float8,
        max(max_connections)::float8, max(reserved_connections)::float8, max(database_size_bytes)::float8,
        max(transactions_per_s)::float8, max(rollback_ratio)::float8, max(deadlocks)::float8,
        max(temp_bytes_per_s)::float8, max(replication_lag_s)::float8, max(replication_lag_bytes)::float8,
        max(oldest_xid_age)::float8, max(longest_transaction_s)::float8, max(waiting_locks)::float8,
        max(wal_bytes_per_s)::float8] as maxima
from dashboard.health_samples
group by 1, 2
with no data;
