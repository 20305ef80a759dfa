import Bytes
import Domain
import Testing

@Suite("Passwords")
struct PasswordTests {
    @Test("a hash is argon2id at its limits, salted, and only its password verifies")
    func hashes() throws {
        let hash = try #require(Password.hash("correct horse"))
        #expect(hash.hasPrefix("$argon2id$v=19$m=65536,t=2,p=1$"))
        #expect(Password.hash("correct horse") != hash)
        #expect(Password.verify("correct horse", against: hash))
        for wrong in ["", "correct horse ", "Correct horse", "correct\0horse", "correct horse\0"] {
            #expect(!Password.verify(wrong, against: hash))
        }
    }

    @Test("any text may be a password")
    func anyText() throws {
        for password in ["", "pässwörd 🐎", "a\0b", String(repeating: "x", count: 1_024)] {
            let hash = try #require(Password.hash(password))
            #expect(Password.verify(password, against: hash))
            #expect(!Password.verify(password + "x", against: hash))
        }
    }

    @Test("what is no hash verifies nothing")
    func broken() {
        for hash in ["", "$argon2id$", "secret", String(repeating: "$", count: 500), Password.ofNobody] {
            #expect(!Password.verify("secret", against: hash))
        }
    }

    @Test("nobody's hash costs as much as another")
    func nobody() throws {
        let hash = try #require(Password.hash("x"))
        let limits = { (hash: String) in hash.split(separator: "$").prefix(3).joined(separator: "$") }
        #expect(limits(Password.ofNobody) == limits(hash))
        #expect(Password.ofNobody.count == hash.count)
    }

    @Test("names are 1 to 64 of their characters, without regard to case")
    func names() {
        #expect(Usernames.normalised("Ann.B+c@example-1.org_") == "ann.b+c@example-1.org_")
        #expect(Usernames.normalised("admin") == "admin")
        #expect(Usernames.normalised(String(repeating: "a", count: 64)) != nil)
        for wrong in ["", String(repeating: "a", count: 65), "a b", "ä", "a\u{212A}", "a:b", "a,b", "a\0"] {
            #expect(Usernames.normalised(wrong) == nil, "\(wrong)")
        }
    }
}
