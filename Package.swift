// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func room(_ name: String, _ path: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, swiftSettings: settings)
}

func library(_ name: String, apt package: String, pkgConfig: String? = nil) -> Target {
    .systemLibrary(name: name, path: "Scheduler/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

let hummingbird: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
    name: "HatchFarm",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "hatchfarm", targets: ["hatchfarm"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        library("CLibPQ", apt: "libpq-dev", pkgConfig: "libpq"),
        library("CHiredis", apt: "libhiredis-dev"),
        library("CSodium", apt: "libsodium-dev"),
        library("CZstd", apt: "libzstd-dev"),
        library("CZlib", apt: "zlib1g-dev"),
        .systemLibrary(name: "CQuota", path: "Scheduler/C/CQuota"),

        room("Domain", "Scheduler/Domain"),
        room("Bytes", "Scheduler/Bytes", ["CSodium", "CZstd", "CZlib"]),
        room(
            "Store", "Scheduler/Store",
            [
                "Domain", "Bytes", "CLibPQ", logging,
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        room("Bus", "Scheduler/Bus", ["Domain", "CHiredis", logging]),
        room("Engine", "Scheduler/Engine", ["Domain", "Bytes", "Store", "Bus", logging]),

        room("Wire", "Workers/Wire", ["Domain", "Bytes"]),
        room("Runtime", "Workers/Runtime", ["Domain", "Bytes", "Wire", httpClient, nioCore, logging]),
        room("Sandbox", "Workers/Sandbox", ["Bytes", "CQuota", subprocess, logging]),
        room(
            "Egress", "Workers/Egress",
            [
                nioCore, .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        room(
            "Executors", "Workers/Executors",
            ["Domain", "Bytes", "Wire", "Runtime", "Sandbox", "Egress", subprocess, logging]),

        room(
            "API", "API",
            [
                "Domain", "Bytes", "Store", "Bus", "Engine", "Wire", hummingbird, httpClient, jwtKit, nioCore,
                logging,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ]),

        .executableTarget(
            name: "hatchfarm",
            dependencies: [
                "Domain", "Bytes", "Store", "Bus", "Engine", "Wire", "Runtime", "Sandbox", "Egress", "Executors",
                "API",
                httpClient, nioCore, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Ops/hatchfarm",
            swiftSettings: settings),

        .target(
            name: "Support",
            dependencies: ["Domain", "Bytes", "Store", "Bus", "Engine", "Wire", httpClient, nioCore],
            path: "Tests/Support", swiftSettings: settings),
        tests("DomainTests", ["Domain", "Bytes"]),
        tests("StoreTests", ["Domain", "Bytes", "Store", "Support"]),
        tests("EngineTests", ["Domain", "Bytes", "Store", "Bus", "Engine", "Support"]),
        tests(
            "WorkerTests",
            ["Domain", "Bytes", "Wire", "Runtime", "Sandbox", "Egress", "Executors", "Support", nioCore]),
        tests(
            "APITests", ["Domain", "Bytes", "Store", "Bus", "Engine", "API", "Support", httpClient, jwtKit],
            exclude: ["Inkling/Vectors"]),
        tests(
            "ProcessTests",
            [
                "Domain", "Bytes", "Store", "Wire", "Runtime", "API", "Support", "hatchfarm",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], exclude: ["Inkling/Clients"]),
        .testTarget(name: "Tidy", path: "Tests/Tidy", exclude: ["migrations.lock"], swiftSettings: settings),
    ]
)
