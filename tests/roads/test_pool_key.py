"""What a connection may be used for again: settings that differ in anything but their timeouts never share one, nor its secrets."""

import ssl
from contextlib import ExitStack

import pytest
from fleet import make_transport
from hypothesis import given, settings
from hypothesis import strategies as st
from roads.proxies import Peer, proxy

from intermodal import TLS, Dial, Options, Proxy, Request, Timeouts

#: How many drawn cases each transport has: each is a dozen connections or more.
EXAMPLES = 8


class Roads:
    """Servers and proxies of this module, what they may be reached with, and the values of each field of the settings."""

    def __init__(self, stack, authority, proxies_authority):
        context = ssl.create_default_context(cafile=authority.file)
        same = ssl.create_default_context(cafile=authority.file)
        self.plain = stack.enter_context(Peer(proxy))
        self.secure = stack.enter_context(Peer(proxy, tls=authority.server()))
        self.proxies = {
            "http": stack.enter_context(Peer(proxy)),
            "https": stack.enter_context(Peer(proxy, tls=proxies_authority.server())),
        }
        #: Of the server's TLS. Two contexts that are alike are still two: either may be changed by its owner.
        self.verify = (authority.file, False, context, same)
        self.cert = (None, authority.certificate("ann"), authority.certificate("bob"))
        self.versions = ("TLSv1.2", "TLSv1.3")
        #: Of a proxy's.
        self.proxy_verify = (proxies_authority.file, False)

    def fields(self, scheme):
        """The values of each field, by its name, that make a difference to a road to a server."""
        fields = {
            "proxy": ("http", "https", None),
            "user": ("", "ann:one@", "ann:two@", "bob:one@"),
            "host": ("127.0.0.1", "localhost"),
            "proxy_verify": self.proxy_verify,
            "proxy_cert": self.cert,
            "proxy_version": self.versions,
            "source": (None, "127.0.0.2", "127.0.0.3"),
        }
        return (
            fields
            if scheme == "http"
            else {**fields, "verify": self.verify, "cert": self.cert, "version": self.versions}
        )

    def options(self, timeouts, *, proxy, user, host, proxy_verify, proxy_cert, proxy_version, source, **tls):
        """Make the settings of the values of their fields."""
        through = None
        if proxy is not None:
            url = f"{proxy}://{user}{host}:{self.proxies[proxy].port}"
            through = Proxy(url, tls=TLS(verify=proxy_verify, cert=proxy_cert, minimum_version=proxy_version))
        server = TLS()
        if tls:
            context = isinstance(tls["verify"], ssl.SSLContext)  # which has a certificate and a version of its own
            server = TLS(
                verify=tls["verify"],
                cert=None if context else tls["cert"],
                minimum_version=TLS().minimum_version if context else tls["version"],
            )
        return Options(Timeouts(**timeouts), server, through, Dial(source_address=source))

    def talks(self):
        """The connections so far, to whomever."""
        return [talk for peer in (self.plain, self.secure, *self.proxies.values()) for talk in peer.talks]


@pytest.fixture(scope="module")
def roads(authority, proxies_authority):
    with ExitStack() as stack:
        yield Roads(stack, authority, proxies_authority)


timeouts = st.fixed_dictionaries(
    {name: st.sampled_from([5, 10, 20, None]) for name in ("connect", "read", "write", "pool", "total")}
)


def distinct(fields, values):
    """What of the values of the fields a road is to be told apart by: what is the proxy's counts where there is one."""
    irrelevant = () if values["proxy"] else ("user", "host", "proxy_verify", "proxy_cert", "proxy_version")
    told = {field: value for field, value in values.items() if field not in irrelevant}
    if isinstance(told.get("verify"), ssl.SSLContext):
        told["cert"] = told["version"] = None
    return tuple(told.get(field) for field in fields)


@pytest.mark.parametrize("scheme", ["http", "https"])
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_connection_is_for_one_kind_of_settings(name, scheme, roads, data):
    """One set of settings, and each that differs from it in one field, have a connection each, with other timeouts the same; nor is TLS resumed."""
    fields = roads.fields(scheme)
    base = {field: data.draw(st.sampled_from(values), field) for field, values in fields.items()}
    asked = {distinct(fields, base): base}
    for field, values in fields.items():
        other = {**base, field: data.draw(st.sampled_from([each for each in values if each is not base[field]]), field)}
        asked.setdefault(distinct(fields, other), other)
    order = data.draw(st.permutations(list(asked.values())), "order")
    server = roads.plain if scheme == "http" else roads.secure
    transport = make_transport(name)
    try:
        for values in order:
            for new in (True, False):
                before = roads.talks()
                bounds = data.draw(timeouts, "timeouts")
                response = transport.send(Request("GET", server.url), roads.options(bounds, **values))
                assert response.content == b"forwarded"
                opened = [talk for talk in roads.talks() if talk not in before]
                assert bool(opened) is new, values
                assert not any(talk.resumed for talk in opened), values
    finally:
        transport.close()
