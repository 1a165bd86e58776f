"""The undecoded body of a response as a file, in both colours."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from intermodal.errors import UnsupportedFeature
from intermodal.model.bodies import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable

    from intermodal.model.response import AsyncResponse, Response


class Raw(io.RawIOBase):
    """The undecoded body as a binary file that is read once, from start to end."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._response = response

    def __del__(self) -> None:
        """Close nothing: a file would when it is collected, and the response may still be wanted."""

    @property
    def decode_content(self) -> bool:
        """Always False: this is the body as it came; ``iter_content`` decodes.

        Raises:
            UnsupportedFeature: it is set to True, as urllib3's responses allow; nothing would come of it.
        """
        return False

    @decode_content.setter
    def decode_content(self, value: object) -> None:
        if value:
            raise UnsupportedFeature("response.raw is the body as it came: response.iter_content() decodes it")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes, as soon as any are there; all of them for -1; ``b""`` at the end."""
        if size is None or size < 0:
            return self.readall()
        if size == 0 or self.closed:
            return b""
        response = self._response
        try:
            data = response._body.read(size)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise response._failed(error)  # noqa: B904 - it has its cause
        if not data:
            response.close()
        return data

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(CHUNK):
            pieces.append(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any, /) -> int:
        """Read into a writable buffer; the number of bytes read, 0 at the end.

        Large bodies go from the connection into the buffer without a copy between, where the transport can.
        """
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError(
                f"readinto() was given a {type(buffer).__name__}, which cannot be written: expected a bytearray"
            )
        response = self._response
        readinto: Callable[[memoryview], int] | None = getattr(response._body, "readinto", None)
        if readinto is None:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        if not len(view) or self.closed:
            return 0
        try:
            count = readinto(view)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise response._failed(error)  # noqa: B904 - it has its cause
        if not count:
            response.close()
        return count

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


class AsyncRaw:
    """The undecoded body, awaited, that is read once, from start to end."""

    def __init__(self, response: AsyncResponse) -> None:
        self._response = response

    async def read(self, size: int = -1, /) -> bytes:
        """Read at most ``size`` bytes, as soon as any are there; all of them for -1; ``b""`` at the end."""
        if size < 0:
            pieces = []
            while piece := await self.read(CHUNK):
                pieces.append(piece)
            return b"".join(pieces)
        if size == 0:
            return b""
        response = self._response
        try:
            data = await response._body.read(size)
        except Exception as error:  # noqa: BLE001 - named, and raised again
            raise response._failed(error)  # noqa: B904 - it has its cause
        if not data:
            await response.aclose()
        return data

    async def aclose(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        await self._response.aclose()
