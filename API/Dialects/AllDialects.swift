extension DialectTable {
    /// Every dialect that the program serves.
    package static let all: [DialectTable] = [.jobs, .hatchFarm, .steelThread]
}
