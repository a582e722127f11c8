-- Native partitions instead of two plain tables.
--
-- Times in the names of partitions are theirs in UTC, to the hour. There is no default partition: what it took in would
-- keep others from being made. Rows that no partition takes wait for one to be made.

lock table dashboard.checks, dashboard.health_samples in access exclusive mode;

alter table dashboard.checks rename to checks_before;
alter index dashboard.checks_pkey rename to checks_before_pkey;
alter index dashboard.checks_by_time rename to checks_before_by_time;

create table dashboard.checks (
    connection_id bigint not null,
    checked_at timestamptz not null,
    -- Null where it is the round trip: on a session that was held.
    total_us integer,
    round_trip_us integer,
    dns_us integer,
    tcp_us integer,
    tls_us integer,
    auth_us integer,
    query_us integer,
    ok boolean not null,
    held boolean not null,
    degraded boolean not null,
    error_kind text,
    error_phase text,
    address text,
    primary key (connection_id, checked_at)
) partition by range (checked_at);

create index checks_by_time on dashboard.checks using brin (checked_at)
    with (pages_per_range = 16, autosummarize = on);
create index checks_failed_by_time on dashboard.checks (checked_at, connection_id) where not ok;
create index checks_failed on dashboard.checks (connection_id, checked_at) where not ok;

alter table dashboard.health_samples rename to health_samples_before;
alter index dashboard.health_samples_pkey rename to health_samples_before_pkey;
alter index dashboard.health_samples_by_time rename to health_samples_before_by_time;

create table dashboard.health_samples (
    like dashboard.health_samples_before,
    primary key (connection_id, checked_at)
) partition by range (checked_at);
