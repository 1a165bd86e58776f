"""A body that can be read once, and was, is refused before its head leaves, and before a connection is made for it."""

import pytest

from intermodal.errors import BodyNotReplayable
from intermodal.model.options import Options
from intermodal.model.request import Request


def test_a_spent_body_is_refused_before_a_byte_leaves(transport, origin):
    """Sent a second time it is BodyNotReplayable, not_sent, of this request and transport; the kept connection is not touched."""
    request = Request("POST", f"{origin.url}/post", body=iter([b"once"]))
    transport.send(request, Options()).content  # noqa: B018 - read to its end
    with pytest.raises(BodyNotReplayable) as caught:
        transport.send(request, Options())
    error = caught.value
    assert (error.delivery, error.reused, error.transport) == ("not_sent", False, transport.info.name)
    assert error.request is request
    assert transport.send(Request("GET", f"{origin.url}/get"), Options()).ok
    assert [each.target for each in origin.requests] == ["/post", "/get"]
    assert len(origin.connections) == 1
