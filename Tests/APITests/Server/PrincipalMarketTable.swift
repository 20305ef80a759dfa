extension PrincipalTable {
    /// Whoever knows a password may sign in, whatever else it presents. No issuer is configured.
    static let signIn = PrincipalTable(
        "sign-in", base: "",
        """
        #                             none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /auth/login               200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /ws                        426 426 426 426 426 426 426 426 426 426 426 426 426 426 426 426
        GET /auth/oidc                 404 404 404 404 404 404 404 404 404 404 404 404 404 404 404 404
        GET /auth/oidc/{name}/start    404 404 404 404 404 404 404 404 404 404 404 404 404 404 404 404
        GET /auth/oidc/{name}/callback 404 404 404 404 404 404 404 404 404 404 404 404 404 404 404 404
        """)

    /// Who withdraws does it from what is its own: only `own` has money, and others' money is none: 400.
    static let wallet = PrincipalTable(
        "wallet",
        """
        #                                            none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /wallet/balance                           401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /wallet/transactions                      401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        POST /wallet/deposits                         401 401 401 401 401 403 403 201 403 201 201 201 401 401 401 403
        POST /wallet/withdraw                         401 401 401 401 401 400 201 400 400 400 201 400 401 401 401 403
        GET /wallet/withdrawals                       401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /wallet/withdrawals/{withdrawal}          401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        POST /wallet/withdrawals/{withdrawal}/approve 401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        POST /wallet/withdrawals/{withdrawal}/reject  401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        POST /wallet/withdrawals/{withdrawal}/paid    401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        GET /admin/withdrawals                        401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        """)

    /// The forum is read by all.
    static let market = PrincipalTable(
        "resources and forum",
        """
        #                                none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /resources                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /resources/prices             401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /forum/posts                  200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /forum/posts                 401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        GET /forum/posts/{post}           200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /forum/posts/{post}/comments  200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /forum/posts/{post}/comments 401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        """)
}
