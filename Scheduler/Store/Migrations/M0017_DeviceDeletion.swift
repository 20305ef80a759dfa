extension Migration {
    /// Devices can be deleted, and those that never registered are; a device's sockets see that it was suspended, also
    /// when it has been resumed since (CONTRACT 6).
    static let deviceDeletion = Migration(name: "0017_device_deletion") { _ in
        [
            "ALTER TABLE devices ADD COLUMN suspensions BIGINT NOT NULL DEFAULT 0",
            // When what is left of a deleted device is looked at next.
            "ALTER TABLE devices ADD COLUMN erase_at BIGINT",
            "CREATE INDEX devices_to_erase ON devices (erase_at) WHERE erase_at IS NOT NULL",
            "CREATE INDEX devices_by_activation ON devices (activation_expires) WHERE state = 'provisioned'",
        ]
    }
}
