-- Anew, from the raw rows. $1 connections, $2 from and $3 to, in whole buckets that do not overlap.
-- Histograms are counted by grouping twice: the aggregates that the views use take several times as long.
insert into dashboard.check_rollups_5m (
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
        select date_bin(interval '5 minutes', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
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
            max(query_us) filter (where ok and not held) as query_max
        from dashboard.checks
        where connection_id = stale.connection_id and checked_at >= stale.from_at and checked_at < stale.to_at
        group by 1
    ) counts
    left join (
        select bucket, array_agg((place << 21) + least(times, 2097151)::integer order by place) as histogram
        from (
                select date_bin(interval '5 minutes', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
                    dashboard.latency_bucket(round_trip_us) as place, count(*) as times
                from dashboard.checks
                where connection_id = stale.connection_id and checked_at >= stale.from_at and checked_at < stale.to_at
                    and ok and round_trip_us is not null
                group by 1, 2
        ) counted
        group by 1
    ) round_trip using (bucket)
    left join (
        select bucket, array_agg((place << 21) + least(times, 2097151)::integer order by place) as histogram
        from (
                select date_bin(interval '5 minutes', checked_at, timestamptz '1970-01-01 00:00:00+00') as bucket,
                    dashboard.latency_bucket(total_us) as place, count(*) as times
                from dashboard.checks
                where connection_id = stale.connection_id and checked_at >= stale.from_at and checked_at < stale.to_at
                    and ok and not held and total_us is not null
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
