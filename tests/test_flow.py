"""Flows: generators driven in both colours, with errors thrown into them and nothing left suspended."""

import asyncio

import pytest

from intermodal import AsyncResponse, Options, ReadTimeout, Request, Response
from intermodal.flow import adrive, drain, drive, send, sleep

REQUEST = Request("GET", "http://h/")


def patient(request, options, inner=send):
    """Try once more after a 503 or a ReadTimeout."""
    try:
        response = yield from inner(request, options)
    except ReadTimeout:
        response = None
    if response is None or response.status_code == 503:
        if response is not None:
            yield from drain(response)
        yield from sleep(7)
        response = yield from inner(request, options)
    return response


def in_turn(*answers):
    """Carry by giving these answers, one after another."""
    left = list(answers)

    def carry(request, options):
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return carry


@pytest.mark.parametrize("first", [Response(503, body=b"x"), ReadTimeout("slow")])
def test_a_flow_is_driven_to_its_response(first):
    """Ops are performed, results and errors sent back; sleeping takes no time in a test."""
    slept = []
    response = drive(patient(REQUEST, Options()), in_turn(first, Response(200)), slept.append)

    assert (response.status_code, slept) == (200, [7])


def test_the_same_flow_is_driven_by_awaiting():
    """The other colour drives the very same generator."""
    slept = []
    carry = in_turn(AsyncResponse(503), AsyncResponse(200))

    async def acarry(request, options):
        return carry(request, options)

    async def arest(seconds):
        slept.append(seconds)

    response = asyncio.run(adrive(patient(REQUEST, Options()), acarry, arest))

    assert (response.status_code, slept) == (200, [7])


def test_an_error_that_the_flow_does_not_want_comes_out():
    """What a flow does not catch is raised to the caller, and the flow is closed."""
    ended = []

    def flow():
        try:
            return (yield from send(REQUEST, Options()))
        finally:
            ended.append(True)

    with pytest.raises(KeyError):
        drive(flow(), in_turn(KeyError("x")))
    assert ended == [True]


def test_an_interrupt_closes_the_flow():
    """A KeyboardInterrupt while carrying is not given to the flow, which is closed all the same."""
    ended = []

    def flow():
        try:
            yield from send(REQUEST, Options())
        except Exception:
            ended.append("caught")
            raise
        finally:
            ended.append("closed")

    def interrupted(request, options):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(flow(), interrupted)
    assert ended == ["closed"]
