"""What makes borrowed libraries agree: our dialer below their connect, our reader below their parser.

The library keeps its pool and its place in its ecosystem; what it gets to parse is already canonical, and
an error of ours raised below it passes through it, because it derives from none of the classes it catches.
"""
