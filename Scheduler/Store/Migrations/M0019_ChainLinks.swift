extension Migration {
    /// The audit chains are sealed by inserts (decision 21): links beside the events, and a list of what waits for one.
    ///
    /// Chains that exist become links of 128 events, of which the events are read once, in the order of an index. Their
    /// columns `position`, `prev_hash` and `hash` stay behind, and no statement reads or writes them any more: to take
    /// them away would write a large table anew.
    static let chainLinks = Migration(name: "0019_chain_links") { dialect in
        // Nobody records an event in between.
        (dialect == .postgres ? ["LOCK TABLE events IN ACCESS EXCLUSIVE MODE"] : [])
            + tables + filled(dialect) + renamed + (dialect == .postgres ? recordedByOthers : [])
    }

    private static let tables: [SQL] = [
        // `position` is that of the last event, `hash` is its hash; `numbers` are what `EventNumbers` writes.
        """
        CREATE TABLE chain_links (
            owner_id \(.text) NOT NULL,
            position BIGINT NOT NULL,
            events BIGINT NOT NULL CHECK (events BETWEEN 1 AND 128 AND events <= position),
            numbers \(.text) NOT NULL,
            hash \(.text) NOT NULL,
            PRIMARY KEY (owner_id, position))
        """,
        // Two who go on from the same end can't both, whatever each of them adds.
        "CREATE UNIQUE INDEX chain_links_by_start ON chain_links (owner_id, (position - events))",
        // `seq` is the lowest of `numbers`.
        """
        CREATE TABLE unsealed_events (
            seq BIGINT PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            events BIGINT NOT NULL CHECK (events BETWEEN 1 AND 128),
            numbers \(.text) NOT NULL)
        """,
        "CREATE INDEX unsealed_events_by_owner ON unsealed_events (owner_id, seq) WHERE owner_id IS NOT NULL",
    ]

    private static func filled(_ dialect: Dialect) -> [SQL] {
        let gather: StaticString = dialect == .postgres ? "string_agg" : "group_concat"
        return [
            """
            INSERT INTO chain_links (owner_id, position, events, numbers, hash)
            SELECT owner_id, position, events, numbers, hash
            FROM (SELECT owner_id, position, hash, COUNT(*) OVER part AS events,
                    \(raw: gather)(CAST(seq AS TEXT), ',') OVER part AS numbers, LEAD(position) OVER part AS following
                FROM events WHERE position IS NOT NULL
                WINDOW part AS (PARTITION BY owner_id, (position - 1) / 128 ORDER BY position)) AS sealed
            WHERE following IS NULL
            """,
            """
            INSERT INTO unsealed_events (seq, owner_id, events, numbers)
            SELECT seq, owner_id, 1, CAST(seq AS TEXT) FROM events WHERE position IS NULL
            """,
        ]
    }

    private static let renamed: [SQL] = [
        "DROP INDEX events_to_seal",
        "DROP INDEX events_by_position",
        "ALTER TABLE events RENAME TO recorded_events",
        """
        CREATE VIEW events AS
        SELECT seq, id, owner_id, type, actor, object_id, metadata, created_at FROM recorded_events
        """,
    ]

    /// Servers of the version before may still run beside: what they record comes into the chains too. They neither
    /// seal nor read any, as the view has no places.
    private static let recordedByOthers: [SQL] = [
        """
        CREATE FUNCTION list_recorded_event() RETURNS trigger LANGUAGE plpgsql AS '
        BEGIN
            INSERT INTO recorded_events (id, owner_id, type, actor, object_id, metadata, created_at)
            VALUES (NEW.id, NEW.owner_id, NEW.type, NEW.actor, NEW.object_id, NEW.metadata, NEW.created_at)
            RETURNING seq INTO NEW.seq;
            INSERT INTO unsealed_events (seq, owner_id, events, numbers)
            VALUES (NEW.seq, NEW.owner_id, 1, CAST(NEW.seq AS TEXT));
            RETURN NEW;
        END'
        """,
        """
        CREATE TRIGGER list_recorded_event INSTEAD OF INSERT ON events
        FOR EACH ROW EXECUTE FUNCTION list_recorded_event()
        """,
    ]
}
