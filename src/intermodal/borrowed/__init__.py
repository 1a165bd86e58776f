"""What a transport needs where a library speaks for itself: over the user's own object, or because a hook answered.

No reader and no dialer of ours is below the library there. What it parsed is judged again, its body is counted, a
connection that must not serve again is taken from it, and what cannot be known is left open: ``maybe_sent``, no trailers.
"""
