"""What travels to another process is settings, never a connection: of transports and of clients."""

import copy
import multiprocessing
import pickle
import ssl

import pytest
from backends.own import NAMES, make_own
from fleet import make_transport
from safety.elsewhere import ask

from intermodal import Client, Limits, Options, PoolTimeout, Request, Timeouts, TransportClosed
from intermodal.testing import MockTransport

ONE = Limits(connections=1)

#: The ways to get another of the same kind: by each protocol of pickle, and by copying.
WAYS = {
    **{
        f"pickle protocol {n}": lambda it, n=n: pickle.loads(pickle.dumps(it, n))
        for n in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_transport_travels_as_its_settings(name, way, origin):
    """The other one has the name and the limits, opens connections of its own, and neither closes the other's."""
    transport = make_transport(name, limits=ONE)
    request = Request("GET", f"{origin.url}/get")
    transport.send(request, Options()).content  # noqa: B018
    other = WAYS[way](transport)
    assert (type(other), other.info) == (type(transport), transport.info)
    with other.send(Request("GET", f"{origin.url}/bytes/3000000"), Options()), pytest.raises(PoolTimeout):
        other.send(request, Options(Timeouts(pool=0.01)))
    assert len(origin.connections) == 2
    other.close()
    transport.send(request, Options()).content  # noqa: B018
    assert len(origin.connections) == 2
    transport.close()


def test_a_transport_travels_in_the_middle_of_a_response(name, origin):
    """A response that is being read stays where it is."""
    transport = make_transport(name)
    response = transport.send(Request("GET", f"{origin.url}/bytes/300000"), Options())
    other = pickle.loads(pickle.dumps(transport))
    other.close()
    assert len(response.content) == 300_000
    transport.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_transport_over_an_object_of_the_users_does_not(name):
    """It is refused by a sentence that says what to do; the object itself stays as it was."""
    own = make_own(name)
    with pytest.raises(TypeError, match="an object of your own"):
        pickle.dumps(own.transport)
    with pytest.raises(TypeError, match="an object of your own"):
        pickle.dumps(Client(own.transport))
    own.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_client_travels_as_its_settings(name, way, origin):
    """Every setting arrives, the transport by its name; each of the two closes its own."""
    settings = {
        "base_url": origin.url,
        "headers": {"X-A": "1", "Accept": None},
        "params": {"k": ["1", "2"]},
        "timeout": Timeouts(pool=0.01),
        "proxies": {"http://other.test": f"http://ann:secret@{origin.host}:{origin.port}"},
        "limits": ONE,
    }
    with Client(name, **settings) as client:
        expected = shown(client, origin)
        other = WAYS[way](client)
        assert shown(other, origin) == expected
        assert other.transport is not client.transport
        assert other.transport.info == client.transport.info
        with other.get("/bytes/300000", stream=True), pytest.raises(PoolTimeout):
            other.get("/get")
        other.close()
        with pytest.raises(TransportClosed):
            other.get("/get")
        assert client.get("/get").ok


def shown(client, origin):
    """What the server is sent by a client, through its proxy too."""
    before = len(origin.requests)
    client.get("/anything")
    client.get("http://other.test/anything")
    return [received.raw for received in origin.requests[before:]]


def test_a_client_travels_with_the_certificates_it_trusts(name, secure, ca):
    """TLS settings that are files travel; a context is the process's own, and is refused by the ssl module."""
    with pickle.loads(pickle.dumps(Client(name, verify=ca))) as client:
        assert client.get(f"{secure.url}/get").ok
    with pytest.raises(TypeError, match="SSLContext"):
        pickle.dumps(Client(name, verify=ssl.create_default_context()))


def test_a_client_over_an_instance_travels_with_it(name, origin):
    """The instance is pickled as it pickles itself, and the other client leaves it open, as the first does."""
    transport = make_transport(name, limits=ONE)
    other = pickle.loads(pickle.dumps(Client(transport)))
    with other:
        assert other.get(f"{origin.url}/get").ok
        given = other.transport
    assert given is not transport
    assert given._dialer.limits == ONE
    assert given.send(Request("GET", f"{origin.url}/get"), Options()).ok
    given.close()
    transport.close()


def test_a_client_over_a_factory_travels_with_what_it_made(name, origin):
    """What the factory made is pickled as it pickles itself, and the other client closes its own, as the first does."""
    with Client(type(make_transport(name)), limits=ONE) as client:
        with pickle.loads(pickle.dumps(client)) as other:
            assert other.get(f"{origin.url}/get").ok
            made = other.transport
        with pytest.raises(TransportClosed):
            made.send(Request("GET", origin.url), Options())
        assert client.get(f"{origin.url}/get").ok


def test_what_does_not_pickle_says_so_itself():
    """A client over a transport that is nobody's to pickle fails as that does."""
    mock = MockTransport(lambda request: 200)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(Client(mock))


def test_a_client_works_in_another_process(name, origin):
    """Sent to a process that was started anew, after it has sent here, a client asks from there on a connection of its own."""
    with Client(name, headers={"X-A": "1"}, limits=ONE, timeout=20) as client:
        client.get(f"{origin.url}/headers")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            headers, transport, limits = pool.apply(ask, (client, f"{origin.url}/headers"))
        assert ["X-A", "1"] in headers
        assert (transport, limits) == (name, ONE)
        client.get(f"{origin.url}/headers")
    assert [len(connection.requests) for connection in origin.connections] == [2, 1]
