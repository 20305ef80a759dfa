internal import Bytes
internal import Domain
internal import Store

/// A member by the token of a login.
struct SignedIn: Sendable {
    let member: Member
    let claims: LoginTokens.Claims
}

/// A member, by what it showed.
struct CredentialHolder: Sendable {
    let member: Member
    /// The name it signed in with; of an API key, the member's handle or id.
    let name: String
    /// In how many milliseconds the credential ends by itself; nil: it doesn't, or not soon.
    let expiresIn: Int64?
}

extension Authenticator {
    /// The member that a login's token speaks for. The login must still be there, be enabled, and be in the epoch that
    /// the token is of.
    func signedIn(_ call: Call, _ token: String, _ digest: [UInt8]) async throws -> SignedIn {
        let tokens = dependencies.signIn.tokens
        let signedIn = try await known(call, logins, key: digest) { [dependencies] () -> SignedIn? in
            guard let claims = await tokens.verify(token) else { return nil }
            let member = try await dependencies.database.read { try $0.member(claims) }
            return member.map { SignedIn(member: $0, claims: claims) }
        }
        guard tokens.isAlive(signedIn.claims) else {
            logins.forget(digest)
            throw try refusal(call)
        }
        return signedIn
    }
}

extension Transaction {
    fileprivate func member(_ claims: LoginTokens.Claims) throws -> Member? {
        let named = claims.member.map { MemberID($0) }
        if let issuer = claims.idp {
            return try named.flatMap { try member($0, issuer: issuer, epochs: claims.epochs) }
        }
        guard let username = Usernames.normalised(claims.sub),
            let member = try member(username: username, epochs: claims.epochs), named ?? member.id == member.id
        else { return nil }
        return member
    }
}
