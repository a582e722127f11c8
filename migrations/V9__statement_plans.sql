-- Plans: how the statements of a monitored database's load were planned when they were looked at last.

-- When somebody last looked; whoever writes it first has the turn.
create table dashboard.plan_looks (
    connection_id bigint primary key references dashboard.connections on delete cascade,
    looked_at timestamptz not null
);

create table dashboard.statement_plans (
    connection_id bigint not null references dashboard.connections on delete cascade,
    query_id bigint not null,
    -- Under one id, users with different search paths have texts of their own.
    text_hash bytea not null,
    looked_at timestamptz not null,
    -- Which nodes over which relations by which indexes; neither costs nor estimates.
    shape text not null,
    primary key (connection_id, query_id, text_hash)
);
