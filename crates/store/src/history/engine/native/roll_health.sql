-- Anew, from the next finer rollup. $1 connections, $2 from and $3 to, in whole buckets that do not overlap.
insert into dashboard.health_rollups_{r} (
    connection_id, bucket,
    readings, failures, counts, sums, minima, maxima
)
select stale.connection_id, rolled.*
from unnest($1::int8[], $2::timestamptz[], $3::timestamptz[]) as stale (connection_id, from_at, to_at)
cross join lateral (
    select date_bin(interval '{width}', bucket, timestamptz '1970-01-01 00:00:00+00') as bucket,
        sum(readings)::int4,
        sum(failures)::int4,
        array[sum(counts[1])::int4, sum(counts[2])::int4, sum(counts[3])::int4, sum(counts[4])::int4,
            sum(counts[5])::int4, sum(counts[6])::int4, sum(counts[7])::int4, sum(counts[8])::int4,
            sum(counts[9])::int4, sum(counts[10])::int4, sum(counts[11])::int4, sum(counts[12])::int4,
            sum(counts[13])::int4, sum(counts[14])::int4, sum(counts[15])::int4, sum(counts[16])::int4,
            sum(counts[17])::int4, sum(counts[18])::int4],
        array[sum(sums[1]), sum(sums[2]), sum(sums[3]), sum(sums[4]), sum(sums[5]), sum(sums[6]), sum(sums[7]),
            sum(sums[8]), sum(sums[9]), sum(sums[10]), sum(sums[11]), sum(sums[12]), sum(sums[13]),
            sum(sums[14]), sum(sums[15]), sum(sums[16]), sum(sums[17]), sum(sums[18])],
        array[min(minima[1]), min(minima[2]), min(minima[3]), min(minima[4]), min(minima[5]), min(minima[6]),
            min(minima[7]), min(minima[8]), min(minima[9]), min(minima[10]), min(minima[11]), min(minima[12]),
            min(minima[13]), min(minima[14]), min(minima[15]), min(minima[16]), min(minima[17]), min(minima[18])],
        array[max(maxima[1]), max(maxima[2]), max(maxima[3]), max(maxima[4]), max(maxima[5]), max(maxima[6]),
            max(maxima[7]), max(maxima[8]), max(maxima[9]), max(maxima[10]), max(maxima[11]), max(maxima[12]),
            max(maxima[13]), max(maxima[14]), max(maxima[15]), max(maxima[16]), max(maxima[17]), max(maxima[18])]
    from dashboard.health_rollups_{finer}
    where connection_id = stale.connection_id and bucket >= stale.from_at and bucket < stale.to_at
    group by 1
) rolled
on conflict (connection_id, bucket) do update
set readings = excluded.readings, failures = excluded.failures, counts = excluded.counts, sums = excluded.sums,
    minima = excluded.minima, maxima = excluded.maxima
