"""T11, of every step: an exchange is cancelled at each of its waits in turn, and many are cancelled at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from intermodal.conformance.case import Chapter
from intermodal.conformance.chapters.cancellation import ask, ended, goes_on, has_its_own, is_cancelled, request, run
from intermodal.model.options import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from intermodal.conformance.stage import Stage

    Asking = Coroutine[Any, Any, bytes]

CHAPTER = Chapter()

#: The most steps of an exchange at which it is cancelled.
_STEPS: Final = 60


class _AtStep:
    """Runs a coroutine, and cancels its task at the n-th time at which it waits: as it begins to, or as it is woken."""

    def __init__(self, asking: Asking, step: int, woken: bool) -> None:
        self._asking = asking
        self._step = step
        self._woken = woken
        #: Whether it came to so many steps.
        self.came = False

    def __await__(self) -> Generator[Any, Any, bytes]:
        steps = self._asking.__await__()
        task = asyncio.current_task()
        assert task is not None
        count = 0
        send: Callable[[], Any] = lambda: next(steps)  # noqa: E731 - it is replaced by what throws
        while True:
            try:
                awaited = send()
            except StopIteration as over:
                result: bytes = over.value
                return result
            if count == self._step:
                self.came = True
                if self._woken and awaited is not None:
                    awaited.add_done_callback(lambda _: task.cancel())
                else:
                    task.cancel()
            count += 1
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                send = _throwing(steps, error)
            else:
                send = lambda: next(steps)  # noqa: E731 - as above


def _throwing(steps: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


_MOMENTS: Final = {"as it begins to wait": False, "as it is woken": True}


def _cancelled_at(stage: Stage, step: int, woken: bool) -> bool:
    """Cancel an exchange at one of its steps; False where it has no such step, and has its own answer."""
    mark = f"step-{step}"

    async def scenario() -> bool:
        steps = _AtStep(ask(stage, request(stage, f"/anything/{mark}", b"content")), step, woken)

        async def asked() -> bytes:
            return await steps

        task = asyncio.ensure_future(asked())
        await ended(task)
        if steps.came:
            await is_cancelled(task)
        else:
            has_its_own(stage, mark, task.result())
        return steps.came

    return run(stage, scenario())


@CHAPTER.rows(_MOMENTS, colour="async", limits=True)
def cancelled_at_every_step(stage: Stage, woken: bool) -> None:
    """T11: cancelled at each of its steps in turn, {row}, an exchange loses no slot, and the next has its own answer."""
    stage.open(Limits(connections=1))
    steps = 0
    while steps < _STEPS and _cancelled_at(stage, steps, woken):
        steps += 1
    stage.demand(steps >= 1, "an exchange that waits at some step", f"{steps} steps")
    goes_on(stage)


@CHAPTER.rows(_MOMENTS, colour="async", limits=True)
def cancelled_at_every_step_on_a_kept_connection(stage: Stage, woken: bool) -> None:
    """T11: cancelled at each of its steps in turn, {row}, on a connection that had served, an exchange loses no slot, as on a new one."""
    stage.open(Limits(connections=1))
    steps = 0
    while steps < _STEPS:
        run(stage, ask(stage, request(stage, "/anything/before")))
        if not _cancelled_at(stage, steps, woken):
            break
        steps += 1
    stage.demand(steps >= 1, "an exchange that waits at some step", f"{steps} steps")
    goes_on(stage)


# --- many at once ---------------------------------------------------------------------------------------------------


@CHAPTER.case(colour="async")
def many_tasks_get_their_own_answers(stage: Stage) -> None:
    """T11: of tasks that send at once, each gets the answer to its own request."""

    async def scenario() -> list[bytes]:
        return list(await asyncio.gather(*(ask(stage, request(stage, f"/anything/{index}")) for index in range(10))))

    stage.open()
    for index, body in enumerate(run(stage, scenario())):
        has_its_own(stage, str(index), body)


@CHAPTER.case(colour="async", wire=False)
def many_tasks_at_once(stage: Stage) -> None:
    """T11: of the answers that are given to tasks which send at once, none is lost and none is given twice."""

    async def scenario() -> list[bytes]:
        return list(await asyncio.gather(*(ask(stage, request(stage, f"/{index}")) for index in range(10))))

    stage.open()
    for index in range(10):
        stage.answer(200, [], b"answer %d" % index)
    stage.same("the bodies", sorted(run(stage, scenario())), sorted(b"answer %d" % index for index in range(10)))


@CHAPTER.case(colour="async", limits=True)
def some_of_many_are_cancelled(stage: Stage) -> None:
    """T11: of many tasks on few connections every other is cancelled, and those that are left get their own answers."""

    async def scenario() -> list[Any]:
        tasks = [asyncio.ensure_future(ask(stage, request(stage, f"/anything/{index}"))) for index in range(12)]
        while not stage.connections and not any(task.done() for task in tasks):  # noqa: ASYNC110 - no time may pass
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        for task in tasks:
            await ended(task)
        return [task.result() for task in tasks[1::2]]

    stage.open(Limits(connections=2))
    for index, body in enumerate(run(stage, scenario())):
        has_its_own(stage, str(2 * index + 1), body)
    goes_on(stage)
