"""Many events are appended by one statement, as if each had been appended by itself, in their order."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Ids and counters are taken in their own order, so that two that append the same ones cannot deadlock. An id that is
# given twice counts where it stands first. `announce` comes before the positions are taken, as in `append`.
APPEND_ALL = """
create function events.append_all(envelopes json, event_recorded_at timestamptz) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, events as $$
declare
    asked text[];
    fresh text[];
    taken bigint[];
begin
    select array_agg(one ->> 'id' order by place) into asked
        from json_array_elements(envelopes) with ordinality as given (one, place);
    with new as (
        insert into events.dedupe (id, recorded_at)
            select distinct one, event_recorded_at from unnest(asked) as one order by one
            on conflict do nothing returning id
    )
    select array_agg(id) into fresh from new;
    if fresh is null then
        return array_fill(null::bigint, array[cardinality(asked)]);
    end if;
    perform events.announce();
    with given as (
        select distinct on (id) *
            from rows from (
                json_to_recordset(envelopes) as (
                    id text, source text, type text, subject text, time timestamptz, legalentity text,
                    traceparent text, correlationid text, dataschema text, data jsonb
                )
            ) with ordinality as one (
                id, source, type, subject, time, legal_entity, trace_parent, correlation_id, data_schema, data, place
            )
            where id = any (fresh)
            order by id, place
    ), counted as (
        insert into events.sequences as counter (source, subject, last)
            select source, subject, count(*) from given group by source, subject order by source, subject
            on conflict (source, subject) do update set last = counter.last + excluded.last
            returning source, subject, last
    ), numbered as (
        select given.*, counted.last - count(*) over mine + row_number() over (mine order by given.place) as number
            from given join counted using (source, subject)
            window mine as (partition by source, subject)
    ), written as (
        insert into events.log (
            recorded_at, id, source, type, subject, sequence, time,
            legal_entity, trace_parent, correlation_id, data_schema, data
        )
            select event_recorded_at, id, source, type, subject, number, time,
                legal_entity, trace_parent, correlation_id, data_schema, data
            from numbered order by place
            returning position, id
    )
    select array_agg(written.position order by wanted.place) into taken
        from unnest(asked) with ordinality as wanted (id, place)
        left join given on given.place = wanted.place
        left join written on written.id = given.id;
    return taken;
end
$$;
"""


def upgrade() -> None:
    op.execute(APPEND_ALL)
    op.execute("revoke all on all functions in schema events from public")


def downgrade() -> None:
    op.execute("drop function events.append_all")
