"""Whom ``verify=True`` trusts: the system's store, wherever OpenSSL was built to look, whatever the environment says."""

import ssl
import sys

import pytest
import trustme
import truststore

from intermodal import TLS, CertificateError, Client
from intermodal.net.tls import context_for, system_store
from intermodal.testing.origin import Origin

on_openssl = pytest.mark.skipif(
    sys.platform in {"darwin", "win32"}, reason="the system's trust store is not OpenSSL's here"
)


@pytest.fixture
def authority():
    """An authority that no system knows."""
    return trustme.CA()


@pytest.fixture
def origin(authority):
    """A server that it vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Origin(tls=context) as made:
        yield made


@pytest.fixture
def store(monkeypatch, tmp_path):
    """Let OpenSSL look for its store in a place of this test's own; nothing that was loaded before counts."""
    file, folder = tmp_path / "cert.pem", tmp_path / "certs"
    real = ssl.get_default_verify_paths()
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: real._replace(openssl_cafile=str(file), openssl_capath=str(folder))
    )
    context_for.cache_clear()
    yield file, folder
    context_for.cache_clear()


@on_openssl
def test_the_system_s_store_is_believed(store, authority, origin):
    """A certificate by an authority in the store is accepted, and any other is not."""
    authority.cert_pem.write_to_path(str(store[0]))
    with Client() as client:
        assert client.get(f"{origin.url}/get").ok
    trustme.CA().cert_pem.write_to_path(str(store[0]))
    context_for.cache_clear()
    with Client() as client, pytest.raises(CertificateError):
        client.get(f"{origin.url}/get")


@on_openssl
def test_without_the_environment_no_variable_counts(store, authority, origin, monkeypatch, tmp_path):
    """SSL_CERT_FILE, which OpenSSL would read by itself, is believed with trust_env alone."""
    trustme.CA().cert_pem.write_to_path(str(store[0]))
    authority.cert_pem.write_to_path(str(tmp_path / "mine.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "mine.pem"))
    with Client() as client:
        assert client.get(f"{origin.url}/get").ok
    with Client(trust_env=False) as client, pytest.raises(CertificateError):
        client.get(f"{origin.url}/get")


@on_openssl
def test_the_store_is_loaded_once(store, authority):
    """All connections have one context, with the store in it: to load it takes tens of milliseconds."""
    authority.cert_pem.write_to_path(str(store[0]))
    context = context_for(TLS())
    assert context is context_for(TLS())
    assert context.cert_store_stats()["x509_ca"] == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@on_openssl
def test_a_folder_counts_where_it_is_one_by_hash(store):
    """A folder is a store where OpenSSL would find something in it."""
    file, folder = store
    assert system_store() is None
    folder.mkdir()
    (folder / "README").write_text("no certificate")
    assert system_store() is None
    (folder / "0a1b2c3d.0").write_text("a certificate")
    assert system_store() == (None, str(folder))
    file.write_text("certificates")
    assert system_store() == (str(file), str(folder))


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_where_openssl_has_none_truststore_finds_it(platform, store, authority, monkeypatch):
    """On macOS and Windows, whatever lies in OpenSSL's own place, and elsewhere where that is empty, truststore decides."""
    if platform != "linux":
        authority.cert_pem.write_to_path(str(store[0]))
    monkeypatch.setattr(sys, "platform", platform)
    assert isinstance(context_for(TLS()), truststore.SSLContext)
