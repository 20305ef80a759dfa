extension APISystem {
    /// Every system that the program serves.
    package static let all: [APISystem] = [
        .jobs, .hatchFarm, .steelThread, .steelThreadAPI, .beeHack, .gateway, .gatewaySockets, .inkling,
        .inklingSocket,
    ]
}
