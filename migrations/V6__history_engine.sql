-- How far each writer of the history has come: a batch that is sent again changes nothing.
create table dashboard.history_writers (
    writer bigint primary key,
    up_to bigint not null,
    at timestamptz not null default now()
);
