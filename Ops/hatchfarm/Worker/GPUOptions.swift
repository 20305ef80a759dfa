internal import ArgumentParser
internal import Sandbox
internal import Wire

/// Which GPUs a machine lends.
struct GPUOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A GPU to lend: its device files, separated by commas.", valueName: "devices"))
    var gpu: [String] = []
    @Option(help: ArgumentHelp("Device files for every job that has a GPU.", valueName: "devices"))
    var gpuShared: [String] = []

    /// Each GPU's device files.
    var devices: [[String]] { gpu.map { Self.paths($0) } }
    /// Those that every job with a GPU gets.
    var shared: [String] { gpuShared.flatMap { Self.paths($0) } }

    private static func paths(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
    }

    private var all: [(option: String, path: String)] {
        let own = devices.joined().map { (option: "--gpu", path: $0) }
        return own + shared.map { (option: "--gpu-shared", path: $0) }
    }

    /// Looks at the options alone.
    /// - Throws: `ValidationError`.
    func check(isCluster: Bool) throws {
        guard !isCluster || gpu.isEmpty && gpuShared.isEmpty else {
            throw ValidationError(
                "--gpu and --gpu-shared have no effect with --executor slurm, where Slurm gives jobs their GPUs.")
        }
        guard gpuShared.isEmpty || !gpu.isEmpty else { throw ValidationError("--gpu-shared needs --gpu.") }
        guard WireLimits.gpus.contains(gpu.count) else {
            throw ValidationError("--gpu may be given at most \(WireLimits.gpus.upperBound) times.")
        }
        var known: Set<String> = []
        for (option, path) in all {
            guard DeviceFile.isPath(path) else {
                throw ValidationError(
                    "\(option) \"\(Text.sanitized(path))\" must be an absolute path without empty, '.' or '..' parts, "
                        + "such as /dev/nvidia0; commas separate several.")
            }
            guard known.insert(path).inserted else {
                throw ValidationError(
                    "\(option) \(Text.sanitized(path)) is given twice: name a device once, "
                        + "with --gpu-shared if all GPUs need it.")
            }
        }
    }

    /// Looks at the devices.
    /// - Throws: `.misconfigured` when jobs can't be given one, with the remedy.
    func requireDevices() throws(Failure) {
        var known: [UInt64: String] = [:]
        for (option, path) in all {
            let device: DeviceFile
            do {
                device = try DeviceFile(path)
            } catch {
                throw .misconfigured("\(option) \(Text.sanitized(path)) \(error.message): \(error.remedy)")
            }
            if let other = known.updateValue(path, forKey: device.number) {
                throw .misconfigured(
                    "\(option) \(Text.sanitized(path)) is the same device as \(Text.sanitized(other)): "
                        + "name it once, with --gpu-shared if all GPUs need it")
            }
        }
    }
}
