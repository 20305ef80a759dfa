import Bytes
import Glibc
@testable import Sandbox
import Support
import Testing

@Suite("The limit of the disk", .timeLimit(.minutes(1)))
struct DiskLimitTests {
    private func make(_ folder: String, _ files: [String]) throws {
        mkdir(folder, 0o755)
        for file in files { _ = try Descriptor("\(folder)/\(file)", O_WRONLY | O_CREAT) }
    }

    @Test("with version 2 it is a line of io.max, beside a low weight")
    func versionTwo() throws {
        let root = Scratch.path("unified")
        let tree = ControlGroupTree.unified(folder: root, controllers: [.io])
        try make(root, [])
        try make("\(root)/all", ["io.max", "io.weight"])
        let group = ControlGroup(tree: tree, name: "all")
        let limit = DiskLimit(megabytes: 50, device: "8:0")
        #expect(!group.holds(limit))
        try group.limit(HostShare.whole)
        try group.limit(limit)
        #expect(ControlFile.read("\(root)/all/io.weight") == "10")
        #expect(ControlFile.read("\(root)/all/io.max") == "8:0 rbps=50000000 wbps=50000000")
        #expect(group.holds(limit) && !group.holds(DiskLimit(megabytes: 5, device: "8:0")))
        // As the kernel says it.
        let said = "7:0 rbps=1 wbps=1\n8:0 rbps=50000000 wbps=50000000 riops=max wiops=max\n"
        try ControlFile.write(said, to: "\(root)/all/io.max")
        #expect(group.holds(limit))
        #expect(ControlGroup(tree: tree, name: "all/job").processFiles == ["\(root)/all/job/cgroup.procs"])
    }

    @Test("with version 1 it is two files of the group of all, in which jobs' I/O stays")
    func versionOne() throws {
        let (disk, memory) = (Scratch.path("blkio"), Scratch.path("memory"))
        let tree = ControlGroupTree.separate(folders: [.io: disk, .memory: memory])
        let files = ["read", "write"].map { "blkio.throttle.\($0)_bps_device" }
        for folder in [disk, memory] { try make(folder, []) }
        let group = ControlGroup(tree: tree, name: "all")
        try group.make()
        try make("\(disk)/all", files + ["blkio.bfq.weight"])
        let limit = DiskLimit(megabytes: 7, device: "8:16")
        try group.limit(HostShare.whole)
        try group.limit(limit)
        #expect(ControlFile.read("\(disk)/all/blkio.bfq.weight") == "10")
        for file in files { #expect(ControlFile.read("\(disk)/all/\(file)") == "8:16 7000000") }
        #expect(group.holds(limit))
        let job = ControlGroup(tree: tree, name: "all/job")
        try job.make()
        #expect(fileNames(in: "\(disk)/all").sorted() == (files + ["blkio.bfq.weight"]).sorted())
        #expect(job.processFiles == ["\(memory)/all/job/cgroup.procs", "\(disk)/all/cgroup.procs"])
    }

    @Test("trees without the controller are as ever, and one of it alone is none")
    func without() throws {
        let tree = ControlGroupTree.separate(folders: [.pids: Scratch.path("pids")])
        let group = ControlGroup(tree: tree, name: "all/job")
        #expect(group.folders.count == 1 && group.processFiles.count == 1)
        try group.limit(DiskLimit(megabytes: 1, device: "8:0"))
        #expect(!group.holds(DiskLimit(megabytes: 1, device: "8:0")))
        let (proc, disk) = (Scratch.path("proc"), Scratch.path("blkio"))
        try make(proc, [])
        try make(disk, [])
        let line = "30 23 0:26 / \(disk) rw shared:4 - cgroup cgroup rw,blkio\n"
        try Descriptor("\(proc)/mountinfo", O_WRONLY | O_CREAT).write(Array(line.utf8))
        #expect(ControlGroupTree.find(proc: proc) == nil)
    }

    @Test("a partition's limit is its disk's; what is no disk has none")
    func partitions() throws {
        let sys = Scratch.path("sys")
        for folder in ["", "/dev", "/dev/block", "/disk", "/disk/part"] { try make("\(sys)\(folder)", []) }
        try make("\(sys)/disk/part", ["partition"])
        try Descriptor("\(sys)/disk/dev", O_WRONLY | O_CREAT).write(Array("8:0\n".utf8))
        #expect(symlink("../../disk/part", "\(sys)/dev/block/8:1") == 0)
        #expect(symlink("../../disk", "\(sys)/dev/block/8:0") == 0)
        #expect(DiskLimit.disk("8:1", sys: sys) == "8:0" && DiskLimit.disk("8:0", sys: sys) == "8:0")
        #expect(DiskLimit.disk("0:27", sys: sys) == nil)
        #expect(DiskLimit(megabytes: 1, folder: "/proc") == nil && DiskLimit(megabytes: 1, folder: "/nowhere") == nil)
        #expect(DiskLimit.name(of: 0x801) == "8:1" && DiskLimit.name(of: 0xFE00) == "254:0")
        #expect(DiskLimit(megabytes: 0, device: "8:0").bytes == 1_000_000)
        #expect(DiskLimit(megabytes: .max, device: "8:0").bytes == 100_000_000_000)
    }

    @Test("the kernel has taken it")
    func real() throws {
        guard let tree = ControlGroupTree.find(), tree.controllers.contains(.io),
            let limit = DiskLimit(megabytes: 321, folder: "/")
        else { return }
        let share = HostShare(cpuPercent: 100, diskMegabytes: 321)
        let groups = try ControlGroups(in: tree, instance: "disk", share: share, disk: limit, world: .live)
        #expect(groups.holdsDiskLimit)
        let group = try #require(ControlGroups.leftovers(of: "disk", in: tree).first)
        var isUnified = false
        if case .unified = tree { isUnified = true }
        let names = limit.files(isUnified: isUnified).map { $0.name }
        let said = group.folders.flatMap { folder in names.compactMap { ControlFile.read("\(folder)/\($0)") } }
        #expect(said.count == names.count)
        for text in said { #expect(text.contains("\(limit.device) ") && text.contains("321000000"), "\(text)") }
        withExtendedLifetime(groups) {}
    }

    @Test("asked for where it can't be had, there is no sandbox, and the remedy is said")
    func refused() async throws {
        let state = try StateFolder(at: Scratch.path("state"))
        let probe = await Sandbox.probe(in: state, share: HostShare(cpuPercent: 100, diskMegabytes: 50))
        let layer = try #require(probe.layers.first { $0.name == "disk limit" })
        #expect(layer.isRequired && layer.works == (probe.sandbox != nil))
        if !layer.works { #expect(probe.missing.first?.contains("--max-disk-mb") == true, "\(probe.missing)") }
        let usual = await Sandbox.probe(in: state)
        #expect(!usual.layers.contains { $0.name == "disk limit" })
    }
}
