"""What a scanner of TLS finds at a port."""

from pathlib import Path

from sslyze import (
    ClientAuthenticationCredentials,
    ScanCommand,
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
)


def scan(port: int, files: tuple[str, str] | None = None) -> dict[str, list[str]]:
    """What `sslyze` finds: the suites of each version, and what else is wrong.

    `files` are a client's certificate and key, for a port that wants one.
    """
    versions = {
        "ssl2": ScanCommand.SSL_2_0_CIPHER_SUITES,
        "ssl3": ScanCommand.SSL_3_0_CIPHER_SUITES,
        "1.0": ScanCommand.TLS_1_0_CIPHER_SUITES,
        "1.1": ScanCommand.TLS_1_1_CIPHER_SUITES,
        "1.2": ScanCommand.TLS_1_2_CIPHER_SUITES,
        "1.3": ScanCommand.TLS_1_3_CIPHER_SUITES,
    }
    others = {ScanCommand.HEARTBLEED, ScanCommand.TLS_COMPRESSION}
    scanner = Scanner()
    location = ServerNetworkLocation("127.0.0.1", port)
    commands = set(versions.values()) | others
    own = files and ClientAuthenticationCredentials(Path(files[0]), Path(files[1]))
    network = ServerNetworkConfiguration("localhost", tls_client_auth_credentials=own or None)
    scanner.queue_scans([ServerScanRequest(location, network, scan_commands=commands)])
    (result,) = scanner.get_results()
    assert result.scan_result is not None, result.connectivity_error_trace
    found = result.scan_result
    suites = {}
    for version, command in versions.items():
        attempt = getattr(found, command.value)
        assert attempt.result is not None, (version, attempt.error_reason)
        suites[version] = [s.cipher_suite.name for s in attempt.result.accepted_cipher_suites]
    assert not found.heartbleed.result.is_vulnerable_to_heartbleed
    assert not found.tls_compression.result.supports_compression
    return suites
