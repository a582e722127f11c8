-- The rows that were there, once there are partitions for them.
insert into dashboard.checks
select connection_id, checked_at, case when not held or total_us is distinct from round_trip_us then total_us end,
    round_trip_us, dns_us, tcp_us, tls_us, auth_us, query_us, ok, held, degraded, error_kind, error_phase, address
from dashboard.checks_before;
insert into dashboard.health_samples select * from dashboard.health_samples_before;
drop table dashboard.checks_before;
drop table dashboard.health_samples_before;
