"""An issuer of tokens, and an authority of certificates: their keys are made anew for each run."""

import base64
import datetime
import ipaddress
import json
import socket
import ssl
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

ISSUER, AUDIENCE = "https://id.test", "ark"


class Issuer:
    """Signs tokens, and serves its public keys at `url` while it is up."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.keys = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }
        self.algorithms = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
        self.served = list(self.keys)
        self.is_up, self.asked = True, 0
        self._scheme = "http" if tls is None else "https"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = protected(self._server.socket, tls)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where its keys are."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/keys"

    def add(self, kid: str) -> None:
        """Makes another key, which is not served yet."""
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.algorithms[kid] = "RS256"

    def jwk(self, kid: str) -> dict:
        """A public key."""
        algorithm = jwt.get_algorithm_by_name(self.algorithms[kid])
        made = algorithm.to_jwk(self.keys[kid].public_key(), as_dict=True)
        return made | {"kid": kid, "use": "sig"}

    def public_pem(self, kid: str) -> bytes:
        """A public key as PEM: what an attacker signs with when algorithms are confused."""
        return self.keys[kid].public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, kid: str = "rsa", head: dict | None = None, **claims: object) -> str:
        """A token that lasts a minute, unless `claims` say otherwise; `None` leaves a claim out."""
        return jwt.encode(
            payload(**claims),
            self.keys[kid],
            algorithm=self.algorithms[kid],
            headers={"kid": kid} | (head or {}),
        )

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                if issuer.is_up:
                    body = json.dumps({"keys": [issuer.jwk(kid) for kid in issuer.served]})
                    self.send_response(200)
                else:
                    body = "gone"
                    self.send_response(503)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def protected(wire: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """A listening socket by TLS, where each connection greets in its own thread."""
    return tls.wrap_socket(wire, server_side=True, do_handshake_on_connect=False)


def payload(**claims: object) -> dict:
    """The claims of a good token, with these instead."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "org": "acme", "iat": now}
    good |= {"exp": now + 300} | claims
    return {name: value for name, value in good.items() if value is not None}


def part(content: bytes | dict) -> str:
    """One part of a token: base64url without padding."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.cert = self._sign(self._name, self._key.public_key(), None, is_ca=True)

    def issue(self, name: str, san: list[x509.GeneralName] | None = None, **more: int) -> tuple:
        """PEM of a certificate and of its key; `more` is for `days`, how long it is good."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(_named(name), key.public_key(), san, **more)
        return (
            cert.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def server(self, **more: int) -> tuple:
        """The same for a server on this machine."""
        san = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self.issue("ark", san, **more)

    def context(self) -> ssl.SSLContext:
        """A server on this machine, for those who trust this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("crt", "key")]
            for file, content in zip(files, self.server(), strict=True):
                file.write_bytes(content)
            context.load_cert_chain(*files)
        return context

    def client(self, folder: Path, name: str, uri: str | None = None) -> tuple[str, str]:
        """Files of a client's certificate and key."""
        san = [x509.UniformResourceIdentifier(uri)] if uri else None
        cert, key = self.issue(name, san)
        files = folder / f"{name}.crt", folder / f"{name}.key"
        files[0].write_bytes(cert)
        files[1].write_bytes(key)
        return str(files[0]), str(files[1])

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePublicKey,
        san: list[x509.GeneralName] | None,
        is_ca: bool = False,
        days: int = 30,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        start = now + datetime.timedelta(days=min(days, 0) - 2)
        end = now + datetime.timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
