"""What of a user's own object would be silently ignored is refused when the transport is made (never T4's silence)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intermodal.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_kind(name: str, given: object, kind: type) -> None:
    """Refuse what is not the object the transport is made for."""
    if not isinstance(given, kind):
        raise InvalidRequest(
            f"{name}={given!r:.80} is a {type(given).__name__}: expected a {kind.__module__.partition('.')[0]}.{kind.__name__}"
        )


def refuse_ignored(name: str, settings: Iterable[tuple[str, object, str]]) -> None:
    """Refuse settings that the transport would not use; each with its value and the keyword that does the same.

    Raises:
        InvalidRequest: naming every setting that is there, and its keyword.
    """
    found = [(setting, keyword) for setting, value, keyword in settings if value]
    if found:
        raise InvalidRequest(
            f"of this {name} only the transport part is used, and its {', '.join(setting for setting, _ in found)} would"
            f" be ignored: leave that out and give {', '.join(f'intermodal.{keyword}' for _, keyword in found)}"
        )


def refuse_resolver(name: str, resolver: object) -> None:
    """Refuse a resolver beside an object of the user's own, whose library looks names up by itself.

    Raises:
        InvalidRequest: there is one.
    """
    if resolver is not None:
        raise InvalidRequest(
            f"resolver and {name} were both given: over a {name} of yours its library looks names up, and the resolver would"
            " be ignored; leave one of them out"
        )


def refuse_overridden(given: object, kind: type, names: Iterable[str], instead: str) -> None:
    """Refuse a subclass with methods of its own that the transport would not call.

    Raises:
        InvalidRequest: naming them, and what to do instead.
    """
    own = [name for name in names if getattr(type(given), name) is not getattr(kind, name)]
    if own:
        raise InvalidRequest(
            f"{type(given).__name__} has its own {', '.join(f'{name}()' for name in own)}, which would not be called:"
            f" {instead}"
        )
