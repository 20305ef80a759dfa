/// The topics on the bus that are about a device.
package enum DeviceTopic {
    /// For its own sockets: a command may be claimed, or the device is not what it was.
    package static func device(_ id: DeviceID) -> String { "device:\(id.text)" }
    /// For those who watch it.
    package static func updates(of id: DeviceID) -> String { updatesPrefix + id.text }

    /// The device of a topic that `updates` made; nil for any other.
    package static func device(ofUpdates topic: String) -> DeviceID? {
        topic.hasPrefix(updatesPrefix) ? DeviceID(String(topic.dropFirst(updatesPrefix.count))) : nil
    }

    private static let updatesPrefix = "device_updates:"
}
