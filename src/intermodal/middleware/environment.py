"""The environment: proxies, where there is to be none, whom to trust and logins, read in this one place.

It is read once, when a client is made; what it says is applied to each request by its URL (``route.py``). Each value
keeps the name of the variable that it came from, so that what was chosen can be explained.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from intermodal.errors import InvalidRequest, InvalidURL
from intermodal.middleware.logins import Logins
from intermodal.middleware.no_proxy import NoProxy
from intermodal.model.options import Proxy

if TYPE_CHECKING:
    from intermodal.model.url import URL

_NO_LOGINS = Logins({})


class NamedProxy(NamedTuple):
    """A proxy with its variable; or what is wrong with the value, to be said where it would be used."""

    variable: str
    proxy: Proxy | None
    fault: str = ""


class NamedNoProxy(NamedTuple):
    """Where there is to be no proxy, with its variable."""

    variable: str
    no_proxy: NoProxy


class NamedCA(NamedTuple):
    """A CA file or folder with its variable."""

    variable: str
    path: str

    def found(self) -> str | None:
        """Give the path, or None where nothing is there."""
        return self.path if os.path.exists(self.path) else None  # noqa: PTH110 - a pathlib.Path would be for this only

    def needed(self) -> str:
        """Give the path.

        Raises:
            InvalidRequest: there is no such file or folder.
        """
        path = self.found()
        if path is not None:
            return path
        raise InvalidRequest(
            f"{self.variable} of the environment is {self.path!r}, and there is no such file or folder: correct it,"
            " or give verify=..., or Client(trust_env=False)"
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says.

    Attributes:
        proxies: by ``"http"``, ``"https"`` and ``"all"``.
        no_proxy: which hosts go without.
        ca: the CA file or folder that stands for ``verify=True``.
        logins: those of the netrc file.
    """

    proxies: dict[str, NamedProxy] = field(default_factory=dict)
    no_proxy: NamedNoProxy | None = None
    ca: NamedCA | None = None
    logins: Logins = _NO_LOGINS

    @classmethod
    def read(cls) -> Environment:
        """Read the environment of this process, as it is now."""
        proxies = {}
        for key, name in (("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY"), ("all", "ALL_PROXY")):
            found = _either_case(name)
            if found is not None:
                proxies[key] = _proxy(*found)
        no_proxy = _either_case("NO_PROXY")
        return cls(
            proxies,
            None if no_proxy is None else NamedNoProxy(no_proxy[0], NoProxy(no_proxy[1])),
            _ca(),
            _logins(),
        )

    def explain(self, url: URL, *, anywhere: bool = False) -> tuple[Proxy | None, str] | None:
        """Give the proxy for a URL with the name of its variable, or the entry that lets it go without one.

        Args:
            url: where the request goes.
            anywhere: whether ``NO_PROXY`` is to be left out of account.

        Returns:
            None where the environment has nothing to say.

        Raises:
            InvalidURL: the variable that counts holds no proxy.
        """
        named = self.proxies.get(url.scheme) or self.proxies.get("all")
        if named is None:
            return None
        if self.no_proxy is not None and not anywhere:
            entry = self.no_proxy.no_proxy.entry_for(url)
            if entry is not None:
                return None, f"{self.no_proxy.variable} entry {entry!r}"
        if named.fault:
            raise InvalidURL(f"{named.variable} of the environment: {named.fault}")
        return named.proxy, named.variable


def _either_case(name: str) -> tuple[str, str] | None:
    """Give a variable and its value; lower case wins, even where it is empty, which is to have none."""
    environ = os.environ
    # In a CGI script the request's own "Proxy" field arrives as HTTP_PROXY (httpoxy). Windows tells no case apart.
    forged = name == "HTTP_PROXY" and "REQUEST_METHOD" in environ
    for variable in (name.lower(), name):
        if variable in environ and not (forged and (variable == name or os.name == "nt")):
            value = environ[variable].strip()
            return (variable, value) if value else None
    return None


def _proxy(variable: str, value: str) -> NamedProxy:
    try:
        return NamedProxy(variable, Proxy(value))
    except InvalidRequest as error:
        return NamedProxy(variable, None, str(error))


def _ca() -> NamedCA | None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        if os.environ.get(variable):
            return NamedCA(variable, os.environ[variable])
    return None


def _logins() -> Logins:
    given = os.environ.get("NETRC")
    for path in ("~/.netrc", "~/_netrc") if given is None else (given,):
        path = os.path.expanduser(path)  # noqa: PTH111, PLW2901 - as above
        if os.path.exists(path):  # noqa: PTH110 - as above
            return Logins.read(path)
    return _NO_LOGINS
