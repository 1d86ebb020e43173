"""An OpenID Connect issuer for one machine: whoever clicks a name in its list is signed in as that person, without a password.

It serves `lianyun up` and the demo, where every party and every person is made up. It is no issuer for anything else: it listens on
loopback addresses only and answers no other name, and no deployment image holds it. What a client of an issuer relies on it does
properly: exact redirect addresses, PKCE with S256, codes that are used once, ES256, end of session.
"""
