"""Signing in to the console: OpenID Connect Core 1.0, authorization code with PKCE, as a confidential client of one issuer.

``provider`` speaks with the issuer and proves its tokens; ``sessions`` stores sign-ins under way and sessions (lianyun.console_sign_in,
lianyun.console_session), each under the digest of what the browser holds; ``sign_in`` joins them and finds who looks at a page. JOSE is
joserfc's and HTTP is httpx's, which the API uses as well: authlib would add its own store of states in a signed cookie, and sessions
here end on the server.

Rules (OWASP ASVS 4.0.3 level 2, chapters 3, 4 and 13 where they concern a browser):

- A session id is 32 random bytes in a cookie ``__Host-lianyun`` (Secure, HttpOnly, SameSite=Lax); the database holds its SHA-256. It
  is new at every sign-in, and the session before it ends. On a loopback address without TLS the cookie is ``lianyun-local``, without Secure.
- A session ends after ``signin_idle`` without a request and after ``signin_lifetime`` in any case (``signin_screen_lifetime`` for a
  person who may only see boards), at sign-out, by the issuer's back-channel logout, and when the person has ended.
- Every form that a signed-in person posts carries a token derived from the session id, beside the check of where it was posted from.
- State, nonce, code verifier and return address of a sign-in wait on the server for ten minutes, for the browser that began it, once.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
