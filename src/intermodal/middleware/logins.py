"""Logins of a netrc file: the user name and password for a host, as curl and requests take them from there."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from intermodal.callers import callers_level
from intermodal.model.basic import basic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intermodal.model.url import URL


class Logins:
    """The value of ``Authorization`` by host; the port plays no part. What is in it does not show.

    >>> logins = Logins({"example.com": ("ann", "secret")})
    >>> from intermodal.model.url import URL
    >>> logins, logins.authorization(URL("http://Example.com:8080/")), logins.authorization(URL("http://a.example.com/"))
    (<Logins for 1 host>, 'Basic YW5uOnNlY3JldA==', None)
    """

    __slots__ = ("_by_host",)

    def __init__(self, logins: Mapping[str, tuple[str, str]]) -> None:
        self._by_host = {host.lower(): basic(*login) for host, login in logins.items()}

    @classmethod
    def read(cls, path: str) -> Logins:
        """Read a netrc file; one that cannot be read is none, with a warning that says where it is wrong."""
        import netrc  # noqa: PLC0415 - only where there is such a file

        try:
            if Path(path).is_fifo():  # which may be waited for in vain
                raise OSError(errno.EINVAL, "not a file")
            hosts = netrc.netrc(path).hosts
        except netrc.NetrcParseError as error:
            wrong = f"is wrong in line {error.lineno}"  # and no word of it: it may be a password
        except UnicodeDecodeError:
            wrong = "is not text"
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        else:
            return cls(
                {host: (entry[0] or entry[1] or "", entry[2] or "") for host, entry in hosts.items() if any(entry)}
            )
        warnings.warn(
            f"the netrc file {path!r} {wrong}: no login is taken from it", UserWarning, stacklevel=callers_level()
        )
        return cls({})

    def authorization(self, url: URL, *, default: bool = True) -> str | None:
        """Give what to send to this URL's host; or, with ``default``, the file's ``default`` for any other."""
        return self._by_host.get(url.host) or (self._by_host.get("default") if default else None)

    def __bool__(self) -> bool:
        return bool(self._by_host)

    def __repr__(self) -> str:
        return f"<Logins for {len(self._by_host)} host{'s' * (len(self._by_host) != 1)}>"
