internal import Domain

extension Capacity {
    /// What is left of it beside jobs that need this.
    func less(_ needs: some Sequence<Capacity>) -> Capacity {
        var free = self
        for needs in needs {
            free.milliCores = free.milliCores.map { max(0, $0 - (needs.milliCores ?? 0)) }
            free.memoryMiB = free.memoryMiB.map { max(0, $0 - (needs.memoryMiB ?? 0)) }
            free.gpus = max(0, free.gpus - needs.gpus)
        }
        return free
    }

    /// Whether a job that needs this fits in.
    func holds(_ needs: Capacity) -> Bool {
        needs.milliCores ?? 0 <= milliCores ?? .max && needs.memoryMiB ?? 0 <= memoryMiB ?? .max && needs.gpus <= gpus
    }
}
