-- Rollups are kept for 90 days, a year and five years, whatever the settings say.
select add_retention_policy('dashboard.check_rollups_5m', interval '90 days'),
    add_retention_policy('dashboard.check_rollups_1h', interval '365 days'),
    add_retention_policy('dashboard.check_rollups_1d', interval '1825 days'),
    add_retention_policy('dashboard.health_rollups_5m', interval '90 days'),
    add_retention_policy('dashboard.health_rollups_1h', interval '365 days'),
    add_retention_policy('dashboard.health_rollups_1d', interval '1825 days'),
    add_continuous_aggregate_policy('dashboard.check_rollups_1h', interval '89 days', interval '1 minute',
        interval '30 minutes'),
    add_continuous_aggregate_policy('dashboard.health_rollups_1h', interval '89 days', interval '1 minute',
        interval '30 minutes'),
    add_continuous_aggregate_policy('dashboard.check_rollups_1d', interval '364 days', interval '1 minute',
        interval '2 hours'),
    add_continuous_aggregate_policy('dashboard.health_rollups_1d', interval '364 days', interval '1 minute',
        interval '2 hours'),
    -- Small enough for a retention that is near to what it says.
    (
        select count(set_chunk_time_interval(
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass,
            case when view_name like '%_5m' then interval '7 days' when view_name like '%_1h' then interval '30 days'
                else interval '180 days' end))
        from timescaledb_information.continuous_aggregates
        where view_schema = 'dashboard'
    )
