-- Anew, from the raw rows. $1 connections, $2 from and $3 to, in whole buckets that do not overlap.
insert into dashboard.health_rollups_5m (
    connection_id, bucket,
    readings, failures, counts, sums, minima, maxima
)
select stale.connection_id, rolled.*
from unnest($1::int8[], $2::timestamptz[], $3::timestamptz[]) as stale (connection_id, from_at, to_at)
cross join lateral (
    select date_bin(interval '5 minutes', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
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
    where connection_id = stale.connection_id and checked_at >= stale.from_at and checked_at < stale.to_at
    group by 1
) rolled
on conflict (connection_id, bucket) do update
set readings = excluded.readings, failures = excluded.failures, counts = excluded.counts, sums = excluded.sums,
    minima = excluded.minima, maxima = excluded.maxima
