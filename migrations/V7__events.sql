-- What happened just now: rows, written in the transaction of what they tell, so that an event is there exactly when its
-- subject is. Every dashboard on this database reads them.

create table dashboard.events (
    -- In the order of writing. Transactions commit in another order: nobody may remember how far he read by it.
    seq bigint generated always as identity,
    -- In the order of telling: drawn after the commit, one dashboard at a time, so that whoever has read up to an id has
    -- read everything below it.
    id bigint,
    -- By this database's clock.
    written_at timestamptz not null default now(),
    at timestamptz not null,
    kind text not null,
    -- No reference: a deletion is told of what is gone.
    connection_id bigint,
    details jsonb not null
);

create unique index events_told on dashboard.events (id) where id is not null;

create index events_untold on dashboard.events (seq) where id is null;

create sequence dashboard.event_ids;

-- Wakes those who read. It carries nothing: a notification is lost where nobody listens, and a row is not.
create function dashboard.wake_readers_of_events() returns trigger
language plpgsql
as $$
begin
    perform pg_notify('pg_dashboard_events', '');
    return null;
end
$$;

create trigger wake_readers after insert on dashboard.events
for each statement execute function dashboard.wake_readers_of_events();
