"""What is asked of the database, each statement made once, so that it is prepared once. No I/O.

Whether a lease has run out is told by ``clock_timestamp()``, the server's own clock.
"""

from sqlalchemy import text

# Library

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
"""Wait until no other transaction has the lock of that name; it ends with the transaction."""

BATCH = text("SELECT document FROM daily_papers.batches WHERE source = :source AND day = :day")

BATCHES = text("""
    SELECT document FROM daily_papers.batches WHERE day >= :since
    ORDER BY day DESC, source LIMIT :limit
""")

BATCHES_OF = text("""
    SELECT document FROM daily_papers.batches WHERE source = ANY(:sources) AND day >= :since
    ORDER BY day DESC, source LIMIT :limit
""")

SAVE_BATCH = text("""
    INSERT INTO daily_papers.batches (source, day, document) VALUES (:source, :day, :document)
    ON CONFLICT (source, day) DO UPDATE SET document = excluded.document
""")

ALL_PAPERS = text("SELECT document FROM daily_papers.papers")

PAPERS = text("SELECT document FROM daily_papers.papers WHERE id = ANY(:ids)")

SAVE_PAPER = text("""
    INSERT INTO daily_papers.papers (id, document) VALUES (:id, :document)
    ON CONFLICT (id) DO UPDATE SET document = excluded.document
""")

# Subscriptions

SUBSCRIPTIONS = text("SELECT document FROM daily_papers.subscriptions")

SUBSCRIPTION = text("SELECT document FROM daily_papers.subscriptions WHERE channel = :channel")

SAVE_SUBSCRIPTION = text("""
    INSERT INTO daily_papers.subscriptions (channel, document) VALUES (:channel, :document)
    ON CONFLICT (channel) DO UPDATE SET document = excluded.document
""")

REMOVE_SUBSCRIPTION = text("""
    DELETE FROM daily_papers.subscriptions WHERE channel = :channel RETURNING channel
""")

# Leases

CLAIM_SLOT = text("""
    WITH free AS MATERIALIZED (
        SELECT channel, day FROM daily_papers.slots
        WHERE channel = :channel AND day = :day
        AND (worker = :me OR leased_until IS NULL OR leased_until <= clock_timestamp())
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE daily_papers.slots SET worker = :me, leased_until = clock_timestamp() + :lease
        FROM free WHERE slots.channel = free.channel AND slots.day = free.day
        RETURNING slots.day
    )
    SELECT EXISTS (SELECT FROM taken) OR EXISTS (
        SELECT FROM daily_papers.slots
        WHERE channel = :channel AND day = :day
        AND worker = :me AND leased_until > clock_timestamp()
    )
""")
"""Never waits: whoever has the row is about to have the lease. If it is ours, an advance of our own
has the row, and renews the lease."""

RENEW_SLOT = text("""
    UPDATE daily_papers.slots SET leased_until = clock_timestamp() + :lease
    WHERE channel = :channel AND day = :day
    AND worker = :me AND leased_until > clock_timestamp()
    RETURNING day
""")

RELEASE_SLOT = text("""
    UPDATE daily_papers.slots SET leased_until = clock_timestamp() + :wait
    WHERE channel = :channel AND day = :day
    AND worker = :me AND leased_until > clock_timestamp()
""")
"""The owner stays, and may claim it again during the wait."""

CLAIM_NAME = text("""
    INSERT INTO daily_papers.leases (name, worker, leased_until)
    VALUES (:name, :me, clock_timestamp() + :lease)
    ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, leased_until = excluded.leased_until
    WHERE leases.worker = excluded.worker OR leases.leased_until <= clock_timestamp()
    RETURNING name
""")

RELEASE_NAME = text("""
    UPDATE daily_papers.leases SET leased_until = clock_timestamp() + :wait
    WHERE name = :name AND worker = :me AND leased_until > clock_timestamp()
""")

# Ledger

TAKE_SLOT = text("""
    INSERT INTO daily_papers.slots (channel, day, deliveries, worker, leased_until)
    SELECT :channel, :day, ARRAY(
        SELECT key FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS planned (key, n)
        WHERE NOT EXISTS (SELECT FROM daily_papers.deliveries AS kept WHERE kept.key = planned.key)
        ORDER BY n
    ), :me, clock_timestamp() + :lease
    ON CONFLICT (channel, day) DO NOTHING
    RETURNING deliveries AS added
""")
"""What was planned in an earlier slot stays there."""

EXTEND_SLOT = text("""
    WITH added AS (
        SELECT ARRAY(
            SELECT key FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS planned (key, n)
            WHERE NOT EXISTS (
                SELECT FROM daily_papers.deliveries AS kept WHERE kept.key = planned.key
            )
            ORDER BY n
        ) AS keys
    )
    UPDATE daily_papers.slots
    SET deliveries = deliveries || added.keys, leased_until = clock_timestamp() + :lease
    FROM added
    WHERE channel = :channel AND day = :day AND worker = :me AND leased_until > clock_timestamp()
    RETURNING added.keys AS added
""")

ADD_DELIVERY = text("""
    INSERT INTO daily_papers.deliveries
        (key, channel, day, position, state, attempted_at, document)
    VALUES (:key, :channel, :day, :position, :state, :attempted_at, :document)
""")

DELIVERY = text("SELECT document FROM daily_papers.deliveries WHERE key = :key")

DELIVERY_TO_CHANGE = text(
    "SELECT document FROM daily_papers.deliveries WHERE key = :key FOR UPDATE"
)

DELIVERIES = text("""
    SELECT document FROM daily_papers.deliveries WHERE channel = :channel AND day = :day
    ORDER BY position, key
""")

UNFINISHED = text("""
    SELECT DISTINCT channel, day FROM daily_papers.deliveries
    WHERE state IN ('planned', 'sending', 'ambiguous')
""")

UNFINISHED_OF = text("""
    SELECT DISTINCT channel, day FROM daily_papers.deliveries
    WHERE state IN ('planned', 'sending', 'ambiguous') AND channel = :channel
""")

CHANGE_DELIVERY = text("""
    UPDATE daily_papers.deliveries
    SET state = :state, attempted_at = :attempted_at, document = :document
    WHERE key = :key
""")

STAND = text("""
    INSERT INTO daily_papers.messages (message, delivery) VALUES (:message, :delivery)
    ON CONFLICT (message) DO UPDATE SET delivery = excluded.delivery
""")

DELIVERY_AT = text("""
    SELECT document FROM daily_papers.messages JOIN daily_papers.deliveries ON key = delivery
    WHERE message = :message
""")

LATEST_SLOT = text("""
    SELECT day FROM daily_papers.deliveries WHERE channel = :channel AND state = 'sent'
    ORDER BY day DESC LIMIT 1
""")

SENT_SINCE = text("""
    SELECT document FROM daily_papers.deliveries
    WHERE state = 'sent' AND attempted_at >= :moment
    ORDER BY attempted_at, key
""")

SEEN = text("""
    SELECT paper, document FROM daily_papers.seen WHERE channel = :channel AND paper = ANY(:ids)
""")

SHOW = text("""
    INSERT INTO daily_papers.seen (channel, paper, day, document)
    VALUES (:channel, :paper, :day, :document)
    ON CONFLICT (channel, paper) DO UPDATE SET day = excluded.day, document = excluded.document
    WHERE seen.day <= excluded.day
""")
"""A digest that was held up does not turn time back."""

SAVE_RECEIPT = text("""
    INSERT INTO daily_papers.receipts (channel, day, document) VALUES (:channel, :day, :document)
    ON CONFLICT (channel, day) DO UPDATE SET document = excluded.document
""")

RECEIPT = text("SELECT document FROM daily_papers.receipts WHERE channel = :channel AND day = :day")

RECEIPTS = text("""
    SELECT document FROM daily_papers.receipts WHERE channel = :channel
    ORDER BY day DESC LIMIT :limit
""")

# Votes

CAST = text("""
    INSERT INTO daily_papers.votes (channel, paper, kind, origin, person)
    VALUES (:channel, :paper, :kind, :origin, :person)
    ON CONFLICT DO NOTHING
""")

WITHDRAW = text("""
    DELETE FROM daily_papers.votes
    WHERE channel = :channel AND paper = :paper AND kind = :kind
    AND origin = :origin AND person = :person
""")

CLEAR_MARKS = text("""
    DELETE FROM daily_papers.votes
    WHERE channel = :channel AND starts_with(origin, :prefix)
    AND (paper, kind, origin, person) NOT IN (
        SELECT * FROM unnest(
            CAST(:papers AS text[]), CAST(:kinds AS text[]),
            CAST(:origins AS text[]), CAST(:people AS text[])
        )
    )
""")

MARKS = text("""
    SELECT origin FROM daily_papers.votes
    WHERE channel = :channel AND paper = :paper AND kind = :kind AND person = :person
""")

TALLIES = text("""
    SELECT paper, kind, count(DISTINCT person) AS people FROM daily_papers.votes
    WHERE channel = :channel
    GROUP BY paper, kind
""")

TALLIES_OF = text("""
    SELECT paper, kind, count(DISTINCT person) AS people FROM daily_papers.votes
    WHERE channel = :channel AND paper = ANY(:ids)
    GROUP BY paper, kind
""")

VOTED = text("""
    SELECT DISTINCT channel, paper FROM daily_papers.votes WHERE person = :person AND kind = :kind
""")

PING = text("SELECT 1")

# Writings

WRITING = text("SELECT document FROM daily_papers.writings WHERE key = :key")

SAVE_WRITING = text("""
    INSERT INTO daily_papers.writings (key, document) VALUES (:key, :document)
    ON CONFLICT (key) DO UPDATE SET document = excluded.document
""")

SPEND = text("""
    INSERT INTO daily_papers.spending (day, channel, tokens) VALUES (:day, :channel, :tokens)
    ON CONFLICT (day, channel) DO UPDATE SET tokens = spending.tokens + excluded.tokens
""")

SPENT = text("SELECT channel, tokens FROM daily_papers.spending WHERE day = :day")
