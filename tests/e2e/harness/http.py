"""HTTP clients for what listens on this machine without TLS."""

import ssl

import httpx

# A client of its own would load all certificate authorities, which takes longer than most tests.
_KNOWS_NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain(**more: object) -> httpx.Client:
    """A client of plain HTTP that heeds no proxy settings of this machine."""
    return httpx.Client(trust_env=False, verify=_KNOWS_NO_AUTHORITY, **more)
