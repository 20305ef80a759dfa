internal import Dispatch
internal import Glibc

/// Ctrl-C or SIGTERM in the middle of work that leaves things behind.
enum Interruption {
    /// Runs `clean` and exits when a signal comes, until the returned closure is called.
    static func before(_ clean: @escaping @Sendable () -> Void) -> () -> Void {
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                clean()
                exit(Failure.interrupted)
            }
            source.resume()
            return source
        }
        return {
            for source in sources { source.cancel() }
            for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        }
    }
}
