-- $1: for how many days raw rows are kept, $2: how many hours one chunk covers. What is refreshed must still be there: a refresh
-- of times whose rows are gone would remove their rollups. So each begins an hour or a day after what it is made from may end.
select remove_retention_policy('dashboard.checks', if_exists => true),
    remove_retention_policy('dashboard.health_samples', if_exists => true),
    remove_compression_policy('dashboard.checks', if_exists => true),
    remove_compression_policy('dashboard.health_samples', if_exists => true),
    remove_continuous_aggregate_policy('dashboard.check_rollups_5m', if_exists => true),
    remove_continuous_aggregate_policy('dashboard.health_rollups_5m', if_exists => true),
    set_chunk_time_interval('dashboard.checks', $2 * interval '1 hour'),
    set_chunk_time_interval('dashboard.health_samples', $2 * interval '1 hour'),
    add_retention_policy('dashboard.checks', $1 * interval '1 day'),
    add_retention_policy('dashboard.health_samples', $1 * interval '1 day'),
    add_compression_policy('dashboard.checks', interval '7 days'),
    add_compression_policy('dashboard.health_samples', interval '7 days'),
    add_continuous_aggregate_policy('dashboard.check_rollups_5m', $1 * interval '1 day' - interval '1 hour',
        interval '1 minute', interval '5 minutes'),
    add_continuous_aggregate_policy('dashboard.health_rollups_5m', $1 * interval '1 day' - interval '1 hour',
        interval '1 minute', interval '5 minutes')
