internal import Dispatch
internal import Glibc

/// Cleanup on Ctrl-C or SIGTERM.
enum Interruption {
    /// Runs `clean` and exits on a signal, until the returned closure is called.
    static func handle(_ clean: @escaping @Sendable () -> Void) -> () -> Void {
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
