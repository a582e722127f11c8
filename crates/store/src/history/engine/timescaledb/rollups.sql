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

create materialized view dashboard.check_rollups_1h
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '1 hour', bucket) as bucket,
    sum(round_trip_sum)::int8 as round_trip_sum,
    sum(total_sum)::int8 as total_sum,
    sum(dns_sum)::int8 as dns_sum,
    sum(tcp_sum)::int8 as tcp_sum,
    sum(tls_sum)::int8 as tls_sum,
    sum(auth_sum)::int8 as auth_sum,
    sum(query_sum)::int8 as query_sum,
    sum(checks)::int4 as checks,
    sum(failures)::int4 as failures,
    sum(round_trip_count)::int4 as round_trip_count,
    min(round_trip_min) as round_trip_min,
    max(round_trip_max) as round_trip_max,
    sum(total_count)::int4 as total_count,
    min(total_min) as total_min,
    max(total_max) as total_max,
    sum(dns_count)::int4 as dns_count,
    min(dns_min) as dns_min,
    max(dns_max) as dns_max,
    sum(tcp_count)::int4 as tcp_count,
    min(tcp_min) as tcp_min,
    max(tcp_max) as tcp_max,
    sum(tls_count)::int4 as tls_count,
    min(tls_min) as tls_min,
    max(tls_max) as tls_max,
    sum(auth_count)::int4 as auth_count,
    min(auth_min) as auth_min,
    max(auth_max) as auth_max,
    sum(query_count)::int4 as query_count,
    min(query_min) as query_min,
    max(query_max) as query_max,
    dashboard.merged_histogram(round_trip_histogram) as round_trip_histogram,
    dashboard.merged_histogram(total_histogram) as total_histogram
from dashboard.check_rollups_5m
group by 1, 2
with no data;

create materialized view dashboard.check_rollups_1d
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '1 day', bucket) as bucket,
    sum(round_trip_sum)::int8 as round_trip_sum,
    sum(total_sum)::int8 as total_sum,
    sum(dns_sum)::int8 as dns_sum,
    sum(tcp_sum)::int8 as tcp_sum,
    sum(tls_sum)::int8 as tls_sum,
    sum(auth_sum)::int8 as auth_sum,
    sum(query_sum)::int8 as query_sum,
    sum(checks)::int4 as checks,
    sum(failures)::int4 as failures,
    sum(round_trip_count)::int4 as round_trip_count,
    min(round_trip_min) as round_trip_min,
    max(round_trip_max) as round_trip_max,
    sum(total_count)::int4 as total_count,
    min(total_min) as total_min,
    max(total_max) as total_max,
    sum(dns_count)::int4 as dns_count,
    min(dns_min) as dns_min,
    max(dns_max) as dns_max,
    sum(tcp_count)::int4 as tcp_count,
    min(tcp_min) as tcp_min,
    max(tcp_max) as tcp_max,
    sum(tls_count)::int4 as tls_count,
    min(tls_min) as tls_min,
    max(tls_max) as tls_max,
    sum(auth_count)::int4 as auth_count,
    min(auth_min) as auth_min,
    max(auth_max) as auth_max,
    sum(query_count)::int4 as query_count,
    min(query_min) as query_min,
    max(query_max) as query_max,
    dashboard.merged_histogram(round_trip_histogram) as round_trip_histogram,
    dashboard.merged_histogram(total_histogram) as total_histogram
from dashboard.check_rollups_1h
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

create materialized view dashboard.health_rollups_1h
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '1 hour', bucket) as bucket,
    sum(readings)::int4 as readings,
    sum(failures)::int4 as failures,
    array[sum(counts[1])::int4, sum(counts[2])::int4, sum(counts[3])::int4, sum(counts[4])::int4,
        sum(counts[5])::int4, sum(counts[6])::int4, sum(counts[7])::int4, sum(counts[8])::int4,
        sum(counts[9])::int4, sum(counts[10])::int4, sum(counts[11])::int4, sum(counts[12])::int4,
        sum(counts[13])::int4, sum(counts[14])::int4, sum(counts[15])::int4, sum(counts[16])::int4,
        sum(counts[17])::int4, sum(counts[18])::int4] as counts,
    array[sum(sums[1]), sum(sums[2]), sum(sums[3]), sum(sums[4]), sum(sums[5]), sum(sums[6]), sum(sums[7]),
        sum(sums[8]), sum(sums[9]), sum(sums[10]), sum(sums[11]), sum(sums[12]), sum(sums[13]),
        sum(sums[14]), sum(sums[15]), sum(sums[16]), sum(sums[17]), sum(sums[18])] as sums,
    array[min(minima[1]), min(minima[2]), min(minima[3]), min(minima[4]), min(minima[5]), min(minima[6]),
        min(minima[7]), min(minima[8]), min(minima[9]), min(minima[10]), min(minima[11]), min(minima[12]),
        min(minima[13]), min(minima[14]), min(minima[15]), min(minima[16]), min(minima[17]), min(minima[18])] as minima,
    array[max(maxima[1]), max(maxima[2]), max(maxima[3]), max(maxima[4]), max(maxima[5]), max(maxima[6]),
        max(maxima[7]), max(maxima[8]), max(maxima[9]), max(maxima[10]), max(maxima[11]), max(maxima[12]),
        max(maxima[13]), max(maxima[14]), max(maxima[15]), max(maxima[16]), max(maxima[17]), max(maxima[18])] as maxima
from dashboard.health_rollups_5m
group by 1, 2
with no data;

create materialized view dashboard.health_rollups_1d
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '1 day', bucket) as bucket,
    sum(readings)::int4 as readings,
    sum(failures)::int4 as failures,
    array[sum(counts[1])::int4, sum(counts[2])::int4, sum(counts[3])::int4, sum(counts[4])::int4,
        sum(counts[5])::int4, sum(counts[6])::int4, sum(counts[7])::int4, sum(counts[8])::int4,
        sum(counts[9])::int4, sum(counts[10])::int4, sum(counts[11])::int4, sum(counts[12])::int4,
        sum(counts[13])::int4, sum(counts[14])::int4, sum(counts[15])::int4, sum(counts[16])::int4,
        sum(counts[17])::int4, sum(counts[18])::int4] as counts,
    array[sum(sums[1]), sum(sums[2]), sum(sums[3]), sum(sums[4]), sum(sums[5]), sum(sums[6]), sum(sums[7]),
        sum(sums[8]), sum(sums[9]), sum(sums[10]), sum(sums[11]), sum(sums[12]), sum(sums[13]),
        sum(sums[14]), sum(sums[15]), sum(sums[16]), sum(sums[17]), sum(sums[18])] as sums,
    array[min(minima[1]), min(minima[2]), min(minima[3]), min(minima[4]), min(minima[5]), min(minima[6]),
        min(minima[7]), min(minima[8]), min(minima[9]), min(minima[10]), min(minima[11]), min(minima[12]),
        min(minima[13]), min(minima[14]), min(minima[15]), min(minima[16]), min(minima[17]), min(minima[18])] as minima,
    array[max(maxima[1]), max(maxima[2]), max(maxima[3]), max(maxima[4]), max(maxima[5]), max(maxima[6]),
        max(maxima[7]), max(maxima[8]), max(maxima[9]), max(maxima[10]), max(maxima[11]), max(maxima[12]),
        max(maxima[13]), max(maxima[14]), max(maxima[15]), max(maxima[16]), max(maxima[17]), max(maxima[18])] as maxima
from dashboard.health_rollups_1h
group by 1, 2
with no data;
