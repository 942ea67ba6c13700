"""The event log: tables that nobody touches but the functions beside them."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table events.log (
    position bigint generated always as identity,
    recorded_at timestamptz not null,
    id text not null,
    source text not null,
    type text not null,
    subject text not null,
    sequence bigint not null,
    time timestamptz not null,
    legal_entity text,
    trace_parent text,
    correlation_id text,
    data_schema text,
    data jsonb not null,
    primary key (position, recorded_at)
) partition by range (recorded_at);
create index log_by_subject on events.log (subject, position);
create index log_by_id on events.log (id);
create table events.log_other partition of events.log default;
create table events.dedupe (id text primary key, recorded_at timestamptz not null);
create table events.sequences (source text, subject text, last bigint not null, primary key (source, subject));
create table events.groups (
    name text primary key,
    position bigint not null,
    updated_at timestamptz not null
);
create table events.dead_letters (
    group_name text,
    position bigint,
    id text not null,
    reason text not null,
    at timestamptz not null,
    primary key (group_name, position)
);
"""

# How no late commit is skipped. A position is taken before its transaction commits, so a lower one may become visible
# after a higher one. Each appending transaction therefore first takes a shared advisory lock that carries the highest
# position taken so far (all of its own will be above it) and keeps it until it ends. A reader stops at the lowest such
# bound. `xid < pg_snapshot_xmin(...)` alone is not enough: a transaction may take its position before, and its number
# after, one that is already finished, and a reader that resumes by position would pass it by.
# Lock classes: 0x5C000000 and up, bound in 24 + 32 bits; 0x5B000000, held by a relay that sleeps.
ANNOUNCE = """
create function events.announce() returns void language plpgsql as $$
declare
    work text := pg_catalog.pg_current_xact_id()::text;
    bound bigint;
begin
    if current_setting('syncline.appending', true) is not distinct from work then
        return;
    end if;
    select case when is_called then last_value else last_value - 1 end into bound from events.log_position_seq;
    perform pg_advisory_xact_lock_shared(1543503872 + (bound >> 32)::int, bound::bit(32)::int);
    -- Waking costs a lock on all commits of the database, so only a relay that sleeps is woken. One that is awake does
    -- not go to sleep while this lock is held.
    if not pg_try_advisory_xact_lock_shared(1526726656, 0) then
        perform pg_notify('syncline_events', '');
    end if;
    perform set_config('syncline.appending', work, true);
end
$$;
"""

APPEND = """
create function events.append(
    event_id text, event_source text, event_type text, event_subject text, event_time timestamptz,
    event_legal_entity text, event_trace_parent text, event_correlation_id text, event_data_schema text,
    event_data jsonb, event_recorded_at timestamptz
) returns bigint language plpgsql security definer set search_path = pg_catalog, events as $$
declare
    number bigint;
    taken bigint;
begin
    insert into events.dedupe (id, recorded_at) values (event_id, event_recorded_at) on conflict do nothing;
    if not found then
        return null;
    end if;
    insert into events.sequences as counter (source, subject, last) values (event_source, event_subject, 1)
        on conflict (source, subject) do update set last = counter.last + 1
        returning counter.last into number;
    perform events.announce();
    insert into events.log (
        recorded_at, id, source, type, subject, sequence, time,
        legal_entity, trace_parent, correlation_id, data_schema, data
    ) values (
        event_recorded_at, event_id, event_source, event_type, event_subject, number, event_time,
        event_legal_entity, event_trace_parent, event_correlation_id, event_data_schema, event_data
    ) returning position into taken;
    return taken;
end
$$;
"""

READ = """
create function events.read(after_position bigint, at_most int) returns setof events.log
language plpgsql security definer set search_path = pg_catalog, events as $$
declare
    ceiling bigint;
begin
    -- Each statement below needs a view of its own, in this order: positions taken, who is at work, rows.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'events.read needs READ COMMITTED';
    end if;
    select case when is_called then last_value else last_value - 1 end into ceiling from events.log_position_seq;
    select least(ceiling, min(((classid::bigint - 1543503872) << 32) | objid::bigint)) into ceiling
        from pg_locks
        where locktype = 'advisory' and objsubid = 2 and classid::bigint between 1543503872 and 1543503872 + 16777215
            and database = (select oid from pg_database where datname = current_database());
    return query select * from events.log where position > after_position and position <= ceiling
        order by position limit at_most;
end
$$;
"""

GROUPS = """
create function events.join_group(group_name text, start_after bigint, joined_at timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, events as $$
begin
    insert into events.groups (name, position, updated_at) values (group_name, start_after, joined_at)
        on conflict do nothing;
    return (select position from events.groups where name = group_name);
end
$$;
create function events.leave_group(group_name text) returns void
language sql security definer set search_path = pg_catalog, events
begin atomic
    delete from events.groups where name = group_name;
end;
create function events.acknowledge(group_name text, reached bigint, reached_at timestamptz) returns void
language sql security definer set search_path = pg_catalog, events
begin atomic
    update events.groups set position = reached, updated_at = reached_at
        where name = group_name and position < reached;
end;
create function events.group_positions() returns table (name text, "position" bigint, updated_at timestamptz)
language sql stable security definer set search_path = pg_catalog, events
begin atomic
    select name, position, updated_at from events.groups order by name;
end;
create function events.bounds() returns table (lowest bigint, head bigint)
language sql security definer set search_path = pg_catalog, events
begin atomic
    -- Without any group the lowest is the head: whoever joins later reads what came before from the log itself.
    select coalesce((select min(position) from events.groups), taken.last), taken.last
        from (select case when is_called then last_value else last_value - 1 end as last
            from events.log_position_seq) as taken;
end;
"""

DEAD_LETTERS = """
create function events.bury(in_group text, at_position bigint, event_id text, why text, buried_at timestamptz)
returns void language sql security definer set search_path = pg_catalog, events
begin atomic
    insert into events.dead_letters (group_name, position, id, reason, at)
        values (in_group, at_position, event_id, why, buried_at)
        on conflict (group_name, position) do update set reason = excluded.reason, at = excluded.at;
end;
create function events.unbury(in_group text, at_position bigint) returns boolean
language sql security definer set search_path = pg_catalog, events
begin atomic
    with gone as (delete from events.dead_letters where group_name = in_group and position = at_position returning 1)
    select exists (select from gone);
end;
create function events.buried(in_group text, at_most int) returns setof events.dead_letters
language sql stable security definer set search_path = pg_catalog, events
begin atomic
    select * from events.dead_letters where in_group is null or group_name = in_group
        order by at desc, position desc limit at_most;
end;
create function events.find(
    of_id text, of_type text, of_subject text, from_moment timestamptz, to_moment timestamptz,
    after_position bigint, at_most int
) returns setof events.log language sql stable security definer set search_path = pg_catalog, events
begin atomic
    select * from events.log
        where position > after_position
            and (of_id is null or id = of_id) and (of_type is null or type = of_type)
            and (of_subject is null or subject = of_subject)
            and (from_moment is null or recorded_at >= from_moment)
            and (to_moment is null or recorded_at < to_moment)
        order by position limit at_most;
end;
"""

UPKEEP = """
create function events.keep_partitions(at_moment timestamptz, months_ahead int) returns int
language plpgsql security definer set search_path = pg_catalog, events set timezone = 'UTC' as $$
declare
    first timestamptz;
    next timestamptz;
    name text;
    made int := 0;
begin
    perform pg_advisory_xact_lock(1526726656, 1);
    for step in 0..months_ahead loop
        first := date_trunc('month', at_moment) + make_interval(months => step);
        next := first + interval '1 month';
        name := 'log_' || to_char(first, 'YYYY_MM');
        -- Rows that came before their month's partition stay in the default one; that month then has no other.
        if to_regclass('events.' || name) is null
            and not exists (select from events.log_other where recorded_at >= first and recorded_at < next) then
            execute 'create table events.' || quote_ident(name) || ' partition of events.log for values from ('
                || quote_literal(first) || ') to (' || quote_literal(next) || ')';
            made := made + 1;
        end if;
    end loop;
    return made;
end
$$;
create function events.prune(before_moment timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, events set timezone = 'UTC' as $$
declare
    part record;
    month timestamptz;
    unread boolean;
    dropped int := 0;
begin
    for part in select inhrelid::regclass::text as name, relname
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = 'events.log'::regclass and relname ~ '^log_[0-9]{4}_[0-9]{2}$'
    loop
        month := to_timestamp(substr(part.relname, 5), 'YYYY_MM');
        execute 'select exists (select from ' || part.name || ' where position > $1)'
            into unread using (select lowest from events.bounds());
        if month + interval '1 month' <= before_moment and not unread then
            execute 'drop table ' || part.name;
            dropped := dropped + 1;
        end if;
    end loop;
    delete from events.dedupe where recorded_at < before_moment;
    return dropped;
end
$$;
"""


def upgrade() -> None:
    for script in (TABLES, ANNOUNCE, APPEND, READ, GROUPS, DEAD_LETTERS, UPKEEP):
        op.execute(script)
    op.execute("revoke all on all functions in schema events from public")
    op.execute("select events.keep_partitions(now(), 3)")


def downgrade() -> None:
    op.execute("drop table events.log, events.dedupe, events.sequences, events.groups, events.dead_letters cascade")
    names = (
        "announce append bounds join_group leave_group acknowledge group_positions bury unbury keep_partitions prune"
    )
    for name in names.split():
        op.execute(f"drop function if exists events.{name}")
