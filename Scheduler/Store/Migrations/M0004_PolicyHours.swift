extension Migration {
    /// The hours of a policy where a claim can read them: bit 0 is midnight's, NULL allows all. They are told in
    /// `timezone`, or in UTC.
    static let policyHours = Migration(name: "0004_policy_hours") { dialect in
        [
            "ALTER TABLE policies ADD COLUMN allowed_hours BIGINT",
            "ALTER TABLE policies ADD COLUMN timezone \(.text)",
            dialect == .sqlite ? sqliteHours : postgresHours,
        ]
    }

    /// What older policies say in their rules.
    private static let sqliteHours: SQL = """
        UPDATE policies SET timezone = json_extract(rules, '$.timezone'),
            allowed_hours = CASE json_type(rules, '$.allowed_hours') WHEN 'array' THEN
                (SELECT COALESCE(SUM(DISTINCT 1 << value), 0) FROM json_each(rules, '$.allowed_hours')) END
        """

    private static let postgresHours: SQL = """
        UPDATE policies SET timezone = rules::json ->> 'timezone',
            allowed_hours = CASE json_typeof(rules::json -> 'allowed_hours') WHEN 'array' THEN
                (SELECT CAST(COALESCE(SUM(DISTINCT 1 << CAST(hour AS INT)), 0) AS BIGINT)
                    FROM json_array_elements_text(rules::json -> 'allowed_hours') AS hour) END
        """
}
