"""TLS servers that no one here wrote, on free ports: ``openssl s_server``, and nginx; and the certificates that they show."""

import contextlib
from datetime import datetime, timedelta, timezone

import trustme
from cryptography.hazmat.primitives import serialization
from peers.programs import free_port, nginx_serving, program, serving

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


class Files:
    """Writes certificates to files of one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = trustme.CA()
        self.trusted = self.authority("ca", self.ca)

    def authority(self, name, ca):
        """The file of an authority's certificate, to be given as ``verify``."""
        path = self.folder / f"{name}.pem"
        ca.cert_pem.write_to_path(str(path))
        return str(path)

    def issued(self, name, *names, by=None, **keywords):
        """The file of a certificate with its key; trustme calls each of its subjects otherwise."""
        path = self.folder / f"{name}.pem"
        (by or self.ca).issue_cert(*names, **keywords).private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    def self_signed(self, name):
        """The file of a certificate that nobody else vouches for, with its key."""
        path, ca = self.folder / f"{name}.pem", trustme.CA()
        path.write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
        return str(path)

    def client(self, name, password=None, by=None):
        """The files of a client's certificate and of its key, which may be encrypted."""
        issued = (by or self.ca).issue_cert(f"{name}@example.org", common_name=name)
        cert, key = self.folder / f"{name}-cert.pem", self.folder / f"{name}-key.pem"
        cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        private = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        key.write_bytes(
            private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return str(cert), str(key)


@contextlib.contextmanager
def s_server(certificate, *options):
    """The port of an ``openssl s_server`` that shows a certificate, and answers with a page about the session."""
    port = free_port()
    command = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", *options]
    with serving([*command, "-cert", certificate, "-key", certificate], port):
        yield port


@contextlib.contextmanager
def nginx(folder, certificate, trusted):
    """The ports of nginx, by what is spoken there; each answers whether the session was resumed ("r"), and what else it knows.

    "1.3" and "1.2" give tickets, "cache" (1.2) none but remembers, "none" (1.3) neither; "plain" is without TLS.
    """
    ports = {name: free_port() for name in ("1.3", "1.2", "cache", "none", "plain")}
    kinds = {
        "1.3": "ssl_protocols TLSv1.3;",
        "1.2": "ssl_protocols TLSv1.2;",
        "cache": "ssl_protocols TLSv1.2; ssl_session_tickets off; ssl_session_cache builtin;",
        "none": "ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;",
    }
    known = "$ssl_session_reused|$ssl_protocol|$ssl_server_name|$ssl_alpn_protocol|$ssl_client_s_dn"
    servers = "".join(
        f'server {{ listen 127.0.0.1:{ports[name]} ssl; listen [::1]:{ports[name]} ssl; {kind} return 200 "{known}"; }}\n'
        for name, kind in kinds.items()
    )
    http = f"""
          ssl_certificate {certificate}; ssl_certificate_key {certificate};
          ssl_verify_client optional; ssl_client_certificate {trusted};
          server {{ listen 127.0.0.1:{ports["plain"]}; return 200 "plain"; }}
          {servers}
    """
    with nginx_serving(folder, ports["plain"], http):
        yield ports
