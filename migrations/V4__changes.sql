-- What changed on the monitored databases, noticed between two readings.

create table dashboard.changes (
    id bigint generated always as identity,
    connection_id bigint not null references dashboard.connections on delete cascade,
    -- When it was noticed, by the reading: the same reading recorded twice is the same change.
    at timestamptz not null,
    kind text not null,
    subject text,
    before text,
    after text,
    -- The timeline of one connection is read from it too.
    unique nulls not distinct (connection_id, at, kind, subject)
);

-- The timeline of all connections, and what is too old to keep.
create index changes_by_time on dashboard.changes (at, id);

-- Since when the password has been what it is; null where there is none, or nobody knows. PostgreSQL does not tell.
alter table dashboard.connections add column password_set_at timestamptz;

-- Of those that are there it is only known that they are no younger than the last edit.
update dashboard.connections set password_set_at = updated_at where password_token is not null;
