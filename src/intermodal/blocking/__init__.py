"""The blocking side of every sync transport: a socket with bounds, a dialer, a pool with a lock, an exchange.

Written once, above ``net`` and below both the hand-written transport and the guard of the borrowed ones.
"""
