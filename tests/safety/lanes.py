"""All four transports at once, for exchanges of which most is waiting."""

from concurrent.futures import ThreadPoolExecutor

from fleet import TRANSPORTS


def over_all(exchange):
    """Carry an exchange, a function of a transport's name, over each: name by name what came of it."""
    with ThreadPoolExecutor(len(TRANSPORTS)) as pool:
        return dict(zip(TRANSPORTS, pool.map(exchange, TRANSPORTS), strict=True))
