"""Transports that break a clause on purpose: the kit is worth what it rejects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intermodal.backends.socket import SocketTransport
from intermodal.model.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Broken:
    """A transport that breaks a clause.

    Attributes:
        name: what it does wrong.
        clause: the clause that it breaks.
        make: makes it, as the factory of ``run``.
        caught_by: names of cases of that clause, each of which rejects it.
        how: keywords for ``run``.
    """

    name: str
    clause: str
    make: Callable
    caught_by: tuple[str, ...]
    how: dict = field(default_factory=dict)


class Shelf(list):
    """The broken transports of one clause; called, it is a decorator of factories."""

    def __init__(self, clause):
        super().__init__()
        self.clause = clause

    def __call__(self, name, *caught_by, **how):
        """Add the decorated class or function as the broken transport of that name."""
        assert caught_by, f"{name}: no case is named that rejects it"

        def add(make):
            self.append(Broken(name, self.clause, make, caught_by, how))
            return make

        return add


class Wrapped:
    """A transport that does everything right, by handing it on to a right one; broken ones derive from it."""

    inner_type = SocketTransport

    def __init__(self, *, limits=None):
        self.inner = self.inner_type() if limits is None else self.inner_type(limits=limits)

    @property
    def info(self):
        return self.inner.info

    def send(self, request, options, /):
        return self.inner.send(request, options)

    def close(self):
        self.inner.close()


class WrappedBody:
    """The body of a response, handed on; broken ones derive from it."""

    def __init__(self, body):
        self.body = body

    def read(self, n, /):
        return self.body.read(n)

    @property
    def trailers(self):
        return getattr(self.body, "trailers", None)

    def close(self):
        self.body.close()


def changed(response, **changes):
    """Give the response anew with other attributes; ``body`` among them."""
    kept = {
        "status_code": response.status_code,
        "headers": response.headers,
        "body": WrappedBody(response._body),
        "reason": response.reason,
        "http_version": response.http_version,
        "request": response.request,
        "informational": response.informational,
    } | changes
    made = Response(kept.pop("status_code"), kept.pop("headers"), kept.pop("body"), **kept)
    made._exchange = response._exchange
    return made
