"""The benchmark: every transport, the library below it, and their peers, side by side in one run."""
