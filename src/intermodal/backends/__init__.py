"""The transports: one file each; none imports another."""
