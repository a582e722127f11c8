-- What the native engine kept steps aside: raw rows are moved later, partition by partition; rollups of times whose raw rows
-- are gone already stay as they are until they are too old.

lock table dashboard.checks, dashboard.health_samples in access exclusive mode;

drop view dashboard.check_series_5m, dashboard.check_series_1h, dashboard.check_series_1d,
    dashboard.health_series_5m, dashboard.health_series_1h, dashboard.health_series_1d;

-- From here on everything is reckoned from raw rows: from the first day that has all of them, or, where nothing is older than
-- the raw rows, from their first day.
create table dashboard.history_before (cut timestamptz not null);
insert into dashboard.history_before
with raw as (
    select coalesce(least((select min(checked_at) from dashboard.checks),
        (select min(checked_at) from dashboard.health_samples)), now()) as oldest
),
rolled as (
    select least((select min(bucket) from dashboard.check_rollups_5m), (select min(bucket) from dashboard.health_rollups_5m))
        < date_bin(interval '5 minutes', oldest, timestamptz '1970-01-01 00:00:00+00')
        or least((select min(bucket) from dashboard.check_rollups_1h), (select min(bucket) from dashboard.health_rollups_1h))
            < date_bin(interval '1 hour', oldest, timestamptz '1970-01-01 00:00:00+00')
        or least((select min(bucket) from dashboard.check_rollups_1d), (select min(bucket) from dashboard.health_rollups_1d))
            < date_bin(interval '1 day', oldest, timestamptz '1970-01-01 00:00:00+00') as is_older
    from raw
)
select date_bin(interval '1 day', oldest, timestamptz '1970-01-01 00:00:00+00')
    + case when is_older then interval '1 day' else interval '0' end
from raw, rolled;

alter table dashboard.checks rename to checks_native;
alter index dashboard.checks_pkey rename to checks_native_pkey;
alter index dashboard.checks_by_time rename to checks_native_by_time;
alter index dashboard.checks_failed_by_time rename to checks_native_failed_by_time;
alter index dashboard.checks_failed rename to checks_native_failed;
create table dashboard.checks (like dashboard.checks_native);

alter table dashboard.health_samples rename to health_samples_native;
alter index dashboard.health_samples_pkey rename to health_samples_native_pkey;
create table dashboard.health_samples (like dashboard.health_samples_native);

alter table dashboard.check_rollups_5m rename to check_rollups_5m_before;
alter table dashboard.check_rollups_1h rename to check_rollups_1h_before;
alter table dashboard.check_rollups_1d rename to check_rollups_1d_before;
alter table dashboard.health_rollups_5m rename to health_rollups_5m_before;
alter table dashboard.health_rollups_1h rename to health_rollups_1h_before;
alter table dashboard.health_rollups_1d rename to health_rollups_1d_before;
delete from dashboard.check_rollups_5m_before where bucket >= (select cut from dashboard.history_before);
delete from dashboard.check_rollups_1h_before where bucket >= (select cut from dashboard.history_before);
delete from dashboard.check_rollups_1d_before where bucket >= (select cut from dashboard.history_before);
delete from dashboard.health_rollups_5m_before where bucket >= (select cut from dashboard.history_before);
delete from dashboard.health_rollups_1h_before where bucket >= (select cut from dashboard.history_before);
delete from dashboard.health_rollups_1d_before where bucket >= (select cut from dashboard.history_before);

delete from dashboard.history_stale;
delete from dashboard.history_engine;
