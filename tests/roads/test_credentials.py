"""Two proxies, two users, two authorities: what is one's is never used for the other, nor for a server."""

import base64

import pytest
from roads.proxies import Peer, proxy

from intermodal import TLS, CertificateError, Client, Proxy


def basic(user):
    return b"Proxy-Authorization: Basic " + base64.b64encode(user.encode())


def authorizations(peer):
    """The Proxy-Authorization fields in all that a peer received, over all of its connections."""
    lines = b"\r\n".join(peer.received).split(b"\r\n")
    return [line for line in lines if line.lower().startswith(b"proxy-authorization")]


def test_each_proxy_sees_its_own_user_alone(name, secure, ca):
    """By turns, in clear and in tunnels, with and without a user, new and used again: each is told its own, a server nothing."""
    with Peer(proxy) as first, Peer(proxy) as second, Peer(proxy) as third, Client(name, verify=ca) as client:
        ways = {
            first: f"http://ann:one@127.0.0.1:{first.port}",
            second: f"http://bob:two@127.0.0.1:{second.port}",
            third: f"http://127.0.0.1:{third.port}",
        }
        for _ in range(2):
            for way in ways.values():
                assert client.get("http://origin.test/", proxies={"all": way}).content == b"forwarded"
                assert client.get(f"{secure.url}/get", proxies={"all": way}).ok
            assert client.get(f"{secure.url}/get").ok
        assert [len(peer.talks) for peer in ways] == [2, 2, 2]
        # Two requests that were forwarded, and one tunnel.
        assert authorizations(first) == [basic("ann:one")] * 3
        assert authorizations(second) == [basic("bob:two")] * 3
        assert authorizations(third) == []
        assert [request.field_values("Proxy-Authorization") for request in secure.requests] == [[]] * 8


def test_each_user_has_connections_of_its_own(name, secure, ca):
    """One proxy, two users: neither's connection serves the other, who might be let through where it should not be."""
    with Peer(proxy) as peer, Client(name, verify=ca) as client:
        users = ("ann:one@", "bob:two@", "ann:two@", "")
        for _ in range(2):
            for user in users:
                way = {"all": f"http://{user}127.0.0.1:{peer.port}"}
                assert client.get("http://origin.test/", proxies=way).content == b"forwarded"
                assert client.get(f"{secure.url}/get", proxies=way).ok
        told = [set(authorizations_of(talk)) for talk in peer.talks]
        assert sorted(told, key=str) == sorted([{basic(user[:-1])} if user else set() for user in users] * 2, key=str)
        assert len(secure.connections) == 4


def authorizations_of(talk):
    return [line for line in bytes(talk.received).split(b"\r\n") if line.lower().startswith(b"proxy-authorization")]


def test_each_authority_vouches_for_its_own_alone(name, secure, ca, server_tls, proxy_tls, proxies_authority):
    """Two https proxies that two authorities vouch for: with the right one each, both serve; crossed, neither is told its user."""
    with Peer(proxy, tls=proxy_tls) as first, Peer(proxy, tls=server_tls) as second, Client(name, verify=ca) as client:
        own = {first: proxies_authority.file, second: ca}
        crossed = {first: ca, second: proxies_authority.file}
        for url in ("http://origin.test/", f"{secure.url}/get"):
            for peer in (first, second):
                way = f"https://ann:secret@127.0.0.1:{peer.port}"
                assert client.get(url, proxies={"all": Proxy(way, tls=TLS(verify=own[peer]))}).ok
                so_far = len(peer.talks)
                with pytest.raises(CertificateError, match="the proxy"):
                    client.get(url, proxies={"all": Proxy(way, tls=TLS(verify=crossed[peer]))})
                assert [bytes(talk.received) for talk in peer.talks[so_far:]] == [b""]
