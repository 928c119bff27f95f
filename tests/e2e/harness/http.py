"""HTTP clients for what listens on this machine, mostly without TLS."""

import ssl

import httpx

# A client of its own would load all certificate authorities, which takes longer than most tests.
_KNOWS_NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain(tls: ssl.SSLContext | None = None, **more: object) -> httpx.Client:
    """A client that heeds no proxy settings of this machine."""
    verify = _KNOWS_NO_AUTHORITY if tls is None else tls
    return httpx.Client(trust_env=False, verify=verify, **more)
