-- Keys and indexes of the raw tables, before they become hypertables: their chunks get the same ones.

alter table dashboard.checks add primary key (connection_id, checked_at);
create index checks_by_time on dashboard.checks using brin (checked_at)
    with (pages_per_range = 16, autosummarize = on);
create index checks_failed_by_time on dashboard.checks (checked_at, connection_id) where not ok;
create index checks_failed on dashboard.checks (connection_id, checked_at) where not ok;

alter table dashboard.health_samples add primary key (connection_id, checked_at);
