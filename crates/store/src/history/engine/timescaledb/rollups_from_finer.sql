-- An hour or a day, from the next finer ones.

create materialized view dashboard.check_rollups_{r}
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '{width}', bucket) as bucket,
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
from dashboard.check_rollups_{finer}
group by 1, 2
with no data;

create materialized view dashboard.health_rollups_{r}
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select connection_id,
    time_bucket(interval '{width}', bucket) as bucket,
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
from dashboard.health_rollups_{finer}
group by 1, 2
with no data;
