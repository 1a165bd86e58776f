"""The version; read by the build, and free to import."""

__version__ = "0.1.0"
