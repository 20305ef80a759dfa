import CLibPQ

/// What became of a transaction whose statement failed.
enum LinkHealth {
    case fine
    /// Another transaction was in the way: the same again may succeed.
    case collided
    /// The connection is of no more use; what was not committed has not happened.
    case lost
    /// The server said nothing for longer than any statement may take; the connection is given up.
    case stalled
}

extension PostgresResult {
    /// What an error of the server means to a caller, and to the transaction.
    func failure(mayWrite: Bool) -> (error: DatabaseError, health: LinkHealth) {
        let message = field(.message) ?? "no words"
        let state = field(.state) ?? "08006"
        switch state {
        case "23505", "23503", "23P01": return (.conflict(constraint: columns), .fine)
        case "23514": return (.checkFailed(field(.constraint) ?? message), .fine)
        case "23502":
            let table = field(.table) ?? ""
            return (.checkFailed("\(table).\(field(.column) ?? "")"), .fine)
        case "40001", "40P01": return (.busy(message), .collided)
        case "55P03", "57014": return (.busy(message), .fine)
        case "53100": return (.full, .fine)
        case "22021": return (.invalidText, .fine)
        // A standby, or a primary that became one: the next connection may find the new primary.
        case "25006" where mayWrite: return (.unavailable(message), .lost)
        case "57P01", "57P02", "57P03", "57P05", "25P03", "53300": return (.unavailable(message), .lost)
        // The schema changed under a prepared statement, or a proxy gave us another's connection.
        case "0A000" where field(.function) == "RevalidateCachedQuery", "26000":
            return (.unavailable(message), .lost)
        case let state where state.hasPrefix("08"): return (.unavailable(message), .lost)
        default: return (.failed(code: state, message: message), .fine)
        }
    }

    /// The columns of the violated index as SQLite names them; its own name if it is over an expression.
    private var columns: String {
        let name = field(.constraint) ?? ""
        // "Key (owner, key)=(a, b) already exists."
        guard field(.state) == "23505", let detail = field(.detail),
            let table = field(.table), let start = detail.firstIndex(of: "("),
            let end = detail.firstRange(of: ")=(")
        else { return name }
        let columns = detail[detail.index(after: start)..<end.lowerBound]
        guard !columns.contains("(") else { return "index '\(name)'" }
        return columns.split(separator: ", ").map { "\(table).\($0)" }.joined(separator: ", ")
    }

    /// libpq's `PG_DIAG_…` codes, which are macros that Swift can't see.
    private enum Field: UnicodeScalar {
        case state = "C"
        case message = "M"
        case detail = "D"
        case table = "t"
        case column = "c"
        case constraint = "n"
        case function = "R"
    }

    private func field(_ field: Field) -> String? {
        PQresultErrorField(handle, Int32(field.rawValue.value)).map { String(cString: $0) }
    }
}
