"""Every transport here passes the conformance kit."""

from __future__ import annotations

from conformance import subjects
from fleet import make_transport

from intermodal.conformance import TransportConformance
from intermodal.testing import ASGITransport, MockTransport, WSGITransport


class TestSocket(TransportConformance):
    def make_transport(self, **limits):
        return make_transport("socket", **limits)


class TestRequests(TransportConformance):
    def make_transport(self, **limits):
        return make_transport("requests", **limits)


class TestUrllib3(TransportConformance):
    def make_transport(self, **limits):
        return make_transport("urllib3", **limits)


class TestHttpx(TransportConformance):
    def make_transport(self, **limits):
        return make_transport("httpx", **limits)


class TestSession(TransportConformance):
    make_transport = staticmethod(subjects.session)


class TestClient(TransportConformance):
    make_transport = staticmethod(subjects.client)


class TestPoolManager(TransportConformance):
    make_transport = staticmethod(subjects.pool_manager)


class TestTemplate(TransportConformance):
    make_transport = staticmethod(subjects.template)


class TestMock(TransportConformance):
    application = "handler"

    def make_transport(self, handler):
        return MockTransport(handler)


class TestAsynchronousMock(TestMock):
    asynchronous = True


class TestWSGI(TransportConformance):
    application = "wsgi"

    def make_transport(self, application):
        return WSGITransport(application)


class TestASGI(TransportConformance):
    application = "asgi"

    def make_transport(self, application):
        return ASGITransport(application)
