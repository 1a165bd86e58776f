"""What one run of the reader is given: bytes, how they end, the request they answer, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, fields

from intermodal.model.options import Limits

DEFAULT = Limits()

#: The limits that the reader knows; the others are the pool's.
BOUNDS = ("head_bytes", "fields", "interim", "chunk_line")


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        data: what the server sends.
        end: "fin" closes in order, "cut" ends a TLS connection without close_notify, "keep" leaves it open.
        method, upgrade, close: what the reader is told of the request.
        limits: ``(head_bytes, fields, interim, chunk_line)``.
        cuts: the seed of the places at which the bytes are cut, and of how they are asked for.
        made: the steps that made the bytes, for the statistics.
    """

    data: bytes
    end: str = "fin"
    method: str = "GET"
    upgrade: bool = False
    close: bool = False
    limits: tuple[int, int, int, int] = tuple(getattr(DEFAULT, name) for name in BOUNDS)
    cuts: int = 0
    made: tuple[str, ...] = ()

    @property
    def bounds(self) -> Limits:
        """The limits as the reader wants them."""
        return Limits(**dict(zip(BOUNDS, self.limits, strict=True)))

    def __repr__(self) -> str:
        """Write the case as ``found.py`` would hold it."""
        shown = [repr(self.data)]
        for field in fields(self)[1:-1]:
            value = getattr(self, field.name)
            if value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"Case({', '.join(shown)})"
