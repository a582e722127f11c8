-- What history needs whichever engine keeps its rows. The tables and views of the engine itself are made right after the
-- migrations, by the dashboard: they depend on what the server offers and on how it is configured.

-- How far each writer of the history has come: a batch that is sent again changes nothing.
create table dashboard.history_writers (
    writer bigint primary key,
    up_to bigint not null,
    at timestamptz not null default now()
);

-- Which engine keeps the raw rows. Chosen once, at the first start.
create table dashboard.history_engine (
    one boolean primary key default true check (one),
    engine text not null,
    chosen_at timestamptz not null default now()
);

-- Up to where raw rows are rolled up. A writer holds the row FOR SHARE until it commits: whoever moves the mark waits for
-- it, and later ones see the mark and say what came late.
create table dashboard.history_rollup (
    one boolean primary key default true check (one),
    rolled_up_to timestamptz not null default '1970-01-01 00:00:00+00',
    -- When what is too old was last removed.
    swept_at timestamptz not null default '1970-01-01 00:00:00+00'
);
insert into dashboard.history_rollup default values;

-- What must be rolled up (again), in whole buckets of 5 minutes. Without a connection: of all.
create table dashboard.history_stale (
    id bigint generated always as identity primary key,
    connection_id bigint,
    from_at timestamptz not null,
    to_at timestamptz not null
);

-- The bucket of a time in microseconds: `common::histogram` says the layout, and a test that both are equal.
create function dashboard.latency_bucket(us integer) returns integer
    language sql immutable strict parallel safe
    return 32 * width_bucket(us,
            '{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152,
              4194304, 8388608, 16777216, 33554432, 67108864, 134217728, 268435456, 536870912, 1073741824}'::integer[])
        + (greatest(us, 0) >> width_bucket(us,
            '{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152,
              4194304, 8388608, 16777216, 33554432, 67108864, 134217728, 268435456, 536870912, 1073741824}'::integer[]));

-- A histogram is an array: for each bucket that holds any, in order, its number (10 bits) and how many (21 bits).
create function dashboard.histogram_of(times_us integer[]) returns integer[]
    language sql immutable strict parallel safe
    return (
        select array_agg((bucket << 21) + least(times, 2097151)::integer order by bucket)
        from (
            select dashboard.latency_bucket(us) as bucket, count(*) as times
            from unnest(times_us) as us
            where us is not null
            group by 1
        ) counted
    );

create aggregate dashboard.histogram(integer) (
    sfunc = array_append, stype = integer[], finalfunc = dashboard.histogram_of
);

create function dashboard.histogram_sum(histograms integer[]) returns integer[]
    language sql immutable strict parallel safe
    return (
        select array_agg((bucket << 21) + least(times, 2097151)::integer order by bucket)
        from (
            select entry >> 21 as bucket, sum(entry & 2097151) as times
            from unnest(histograms) as entry
            group by 1
        ) counted
    );

create aggregate dashboard.merged_histogram(integer[]) (
    sfunc = array_cat, stype = integer[], finalfunc = dashboard.histogram_sum
);
