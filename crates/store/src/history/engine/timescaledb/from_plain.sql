-- The two tables of the migrations, on their way to hypertables.

lock table dashboard.checks, dashboard.health_samples in access exclusive mode;

-- Null where it is the round trip: on a session that was held.
alter table dashboard.checks alter column total_us drop not null, drop constraint checks_pkey;
drop index dashboard.checks_by_time;
alter table dashboard.health_samples drop constraint health_samples_pkey;
drop index dashboard.health_samples_by_time;
