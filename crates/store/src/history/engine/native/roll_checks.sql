-- Anew, from the next finer rollup. $1 connections, $2 from and $3 to, in whole buckets that do not overlap.
-- Histograms are counted by grouping twice: the aggregates that the views use take several times as long.
insert into dashboard.check_rollups_{r} (
    connection_id, bucket,
    round_trip_sum, total_sum, dns_sum, tcp_sum, tls_sum, auth_sum, query_sum, checks, failures,
    round_trip_count, round_trip_min, round_trip_max, total_count, total_min, total_max, dns_count, dns_min,
    dns_max, tcp_count, tcp_min, tcp_max, tls_count, tls_min, tls_max, auth_count, auth_min, auth_max,
    query_count, query_min, query_max, round_trip_histogram, total_histogram
)
select stale.connection_id, rolled.*
from unnest($1::int8[], $2::timestamptz[], $3::timestamptz[]) as stale (connection_id, from_at, to_at)
cross join lateral (
    select counts.*, round_trip.histogram as round_trip_histogram, total.histogram as total_histogram
    from (
        select date_bin(interval '{width}', bucket, timestamptz '1970-01-01 00:00:00+00') as bucket,
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
            max(query_max) as query_max
        from dashboard.check_rollups_{finer}
        where connection_id = stale.connection_id and bucket >= stale.from_at and bucket < stale.to_at
        group by 1
    ) counts
    left join (
        select bucket, array_agg((place << 21) + least(times, 2097151)::integer order by place) as histogram
        from (
                select date_bin(interval '{width}', bucket, timestamptz '1970-01-01 00:00:00+00') as bucket,
                    entry >> 21 as place, sum(entry & 2097151) as times
                from dashboard.check_rollups_{finer}, unnest(round_trip_histogram) as entry
                where connection_id = stale.connection_id and bucket >= stale.from_at and bucket < stale.to_at
                group by 1, 2
        ) counted
        group by 1
    ) round_trip using (bucket)
    left join (
        select bucket, array_agg((place << 21) + least(times, 2097151)::integer order by place) as histogram
        from (
                select date_bin(interval '{width}', bucket, timestamptz '1970-01-01 00:00:00+00') as bucket,
                    entry >> 21 as place, sum(entry & 2097151) as times
                from dashboard.check_rollups_{finer}, unnest(total_histogram) as entry
                where connection_id = stale.connection_id and bucket >= stale.from_at and bucket < stale.to_at
                group by 1, 2
        ) counted
        group by 1
    ) total using (bucket)
) rolled
on conflict (connection_id, bucket) do update
set round_trip_sum = excluded.round_trip_sum, total_sum = excluded.total_sum, dns_sum = excluded.dns_sum,
    tcp_sum = excluded.tcp_sum, tls_sum = excluded.tls_sum, auth_sum = excluded.auth_sum,
    query_sum = excluded.query_sum, checks = excluded.checks, failures = excluded.failures,
    round_trip_count = excluded.round_trip_count, round_trip_min = excluded.round_trip_min,
    round_trip_max = excluded.round_trip_max, total_count = excluded.total_count,
    total_min = excluded.total_min, total_max = excluded.total_max, dns_count = excluded.dns_count,
    dns_min = excluded.dns_min, dns_max = excluded.dns_max, tcp_count = excluded.tcp_count,
    tcp_min = excluded.tcp_min, tcp_max = excluded.tcp_max, tls_count = excluded.tls_count,
    tls_min = excluded.tls_min, tls_max = excluded.tls_max, auth_count = excluded.auth_count,
    auth_min = excluded.auth_min, auth_max = excluded.auth_max, query_count = excluded.query_count,
    query_min = excluded.query_min, query_max = excluded.query_max,
    round_trip_histogram = excluded.round_trip_histogram, total_histogram = excluded.total_histogram
