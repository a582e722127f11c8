-- What readers see.

create view dashboard.check_series_{r} as
select
    connection_id, bucket, round_trip_sum, total_sum, dns_sum, tcp_sum, tls_sum, auth_sum, query_sum, checks,
    failures, round_trip_count, round_trip_min, round_trip_max, total_count, total_min, total_max, dns_count,
    dns_min, dns_max, tcp_count, tcp_min, tcp_max, tls_count, tls_min, tls_max, auth_count, auth_min, auth_max,
    query_count, query_min, query_max, round_trip_histogram, total_histogram
from dashboard.check_rollups_{r};

create view dashboard.health_series_{r} as
select
    connection_id, bucket, readings, failures, counts, sums, minima, maxima
from dashboard.health_rollups_{r};
