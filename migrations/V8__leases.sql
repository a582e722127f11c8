-- Who watches what, where several dashboards share this database.
--
-- A dashboard says that it lives by moving its row's expiry on, by this database's clock; its leases are good for as long.
-- No session is needed for that (a transaction pooler would not keep one), and renewing a thousand leases is one row.

create table dashboard.watchers (
    -- Random, drawn anew at each start of a dashboard.
    id bigint primary key,
    expires_at timestamptz not null
) with (fillfactor = 50);

create table dashboard.leases (
    connection_id bigint primary key references dashboard.connections on delete cascade,
    -- Of a watcher that has expired, or is not there: free.
    watcher_id bigint not null,
    -- Grows each time the lease changes hands: who held an older one has lost it.
    epoch bigint not null default 1
);
