-- The last load tests of each connection, whole: what a new one is compared with.

create table dashboard.load_reports (
    connection_id bigint not null references dashboard.connections on delete cascade,
    started_at timestamptz not null,
    mode text not null check (mode in ('closed', 'open')),
    report jsonb not null,
    primary key (connection_id, started_at)
);
