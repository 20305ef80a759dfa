extension Migration {
    /// Accounts, transfers and holds, and what jobs say of their money (decision 0014).
    static let ledger = Migration(name: "0005_ledger") { dialect in
        books + immutable(dialect) + jobMoney + bonuses
    }

    private static let books: [SQL] = [
        """
        CREATE TABLE ledger_accounts (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            asset \(.text) NOT NULL CHECK (asset IN ('USDT', 'POINTS')),
            kind \(.text) NOT NULL CHECK (kind IN ('available', 'held', 'external')),
            balance BIGINT NOT NULL DEFAULT 0,
            lines BIGINT NOT NULL DEFAULT 0 CHECK (lines >= 0),
            CHECK (kind = 'external' OR balance >= 0),
            CHECK (balance BETWEEN -5000000000000000000 AND 5000000000000000000))
        """,
        "CREATE INDEX ledger_accounts_by_owner ON ledger_accounts (owner_id)",
        """
        CREATE TABLE ledger_transfers (
            id \(.text) PRIMARY KEY,
            asset \(.text) NOT NULL,
            debit \(.text) NOT NULL,
            credit \(.text) NOT NULL,
            amount BIGINT NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
            debit_after BIGINT NOT NULL,
            credit_after BIGINT NOT NULL,
            debit_line BIGINT NOT NULL,
            credit_line BIGINT NOT NULL,
            reason \(.text) NOT NULL,
            reference \(.text),
            created_at BIGINT NOT NULL,
            CHECK (debit <> credit))
        """,
        "CREATE UNIQUE INDEX ledger_transfers_by_debit ON ledger_transfers (debit, debit_line)",
        "CREATE UNIQUE INDEX ledger_transfers_by_credit ON ledger_transfers (credit, credit_line)",
        """
        CREATE TABLE holds (
            id \(.text) PRIMARY KEY,
            owner_id \(.text) NOT NULL,
            asset \(.text) NOT NULL,
            amount BIGINT NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
            posted BIGINT NOT NULL DEFAULT 0 CHECK (posted BETWEEN 0 AND amount),
            state \(.text) NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
            purpose \(.text) NOT NULL,
            reference \(.text) NOT NULL,
            expires_at BIGINT,
            created_at BIGINT NOT NULL,
            ended_at BIGINT,
            CHECK ((state = 'pending') = (ended_at IS NULL)),
            CHECK (state NOT IN ('voided', 'expired') OR posted = 0))
        """,
        "CREATE INDEX holds_pending ON holds (owner_id) WHERE state = 'pending'",
        "CREATE INDEX holds_to_expire ON holds (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL",
    ]

    private static func immutable(_ dialect: Dialect) -> [SQL] {
        switch dialect {
        case .sqlite:
            [
                """
                CREATE TRIGGER ledger_transfers_stay BEFORE UPDATE ON ledger_transfers
                BEGIN SELECT RAISE(ABORT, 'a transfer is immutable'); END
                """,
                """
                CREATE TRIGGER ledger_transfers_are_kept BEFORE DELETE ON ledger_transfers
                BEGIN SELECT RAISE(ABORT, 'a transfer is immutable'); END
                """,
            ]
        case .postgres:
            [
                """
                CREATE FUNCTION ledger_transfer_is_immutable() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''a transfer is immutable''; END'
                """,
                """
                CREATE TRIGGER ledger_transfers_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
                FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_is_immutable()
                """,
            ]
        }
    }

    /// What is still held for a job, in the row that dies with it: so an ending that moves no money reads no ledger.
    /// `hold_number` is the fence at which the hold was made: a job that is tried again gets another hold. `pay` is
    /// what one attempt earned.
    private static let jobMoney: [SQL] = [
        "ALTER TABLE live_jobs ADD COLUMN held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0)",
        "ALTER TABLE live_jobs ADD COLUMN hold_number BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE ended_jobs ADD COLUMN pay BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN pay BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX live_jobs_with_money ON live_jobs (id) WHERE held > 0",
    ]

    /// The points of those who were members before there were any.
    private static let bonuses: [SQL] = [
        """
        INSERT INTO ledger_accounts (id, owner_id, asset, kind, balance, lines)
        SELECT id || '/POINTS/available', id, 'POINTS', 'available', 100, 1 FROM members
        """,
        """
        INSERT INTO ledger_accounts (id, owner_id, asset, kind, balance, lines)
        SELECT 'system/POINTS/external', 'system', 'POINTS', 'external', -100 * COUNT(*), COUNT(*) FROM members
        """,
        """
        INSERT INTO ledger_transfers (id, asset, debit, credit, amount, debit_after, credit_after, debit_line,
            credit_line, reason, reference, created_at)
        SELECT 'bonus:' || id, 'POINTS', 'system/POINTS/external', id || '/POINTS/available', 100,
            -100 * place, 100, place, 1, 'registration_bonus', NULL, created_at
        FROM (SELECT id, created_at, ROW_NUMBER() OVER (ORDER BY id) AS place FROM members) AS numbered
        """,
    ]
}
