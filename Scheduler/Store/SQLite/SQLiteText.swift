/// How SQLite is told a statement.
extension SQL {
    /// Under which the prepared statement is kept: the text, and the places that its lists have.
    var sqliteKey: String {
        parameters.reduce(text) { key, parameter in
            parameter.isList ? "\(key)/\(parameter.places)" : key
        }
    }

    /// The text with SQLite's numbers: a list has a place for each item.
    var sqliteText: String {
        var firsts: [Int] = []
        var next = 1
        for parameter in parameters {
            firsts.append(next)
            next += parameter.places
        }
        var numbered = ""
        var rest = Substring(SQLEngine.sqlite.resolve(text))
        while let dollar = rest.firstIndex(of: "$") {
            numbered += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits), parameters.indices.contains(number - 1) else {
                numbered += "$"
                continue
            }
            rest = rest[digits.endIndex...]
            let (first, parameter) = (firsts[number - 1], parameters[number - 1])
            if parameter.isList, rest.first == "*" { rest = rest.dropFirst() }
            numbered += (0..<parameter.places).map { "?\(first + $0)" }.joined(separator: ", ")
        }
        return numbered + rest
    }

    /// Lists of many lengths share few texts: what is left of the places repeats the last item.
    static func places(for count: Int) -> Int {
        count <= 4 ? count : sizes.first { $0 >= count } ?? count
    }

    private static let sizes = (3...14).flatMap { [1 << $0 - 1 << ($0 - 2), 1 << $0] }
}

extension SQL.Parameter {
    var isList: Bool {
        switch self {
        case .texts, .integers: true
        case .value, .column: false
        }
    }

    /// How many values SQLite is given for it.
    var places: Int {
        switch self {
        case .texts(let texts): SQL.places(for: texts.count)
        case .integers(let numbers): SQL.places(for: numbers.count)
        case .value, .column: 1
        }
    }
}
