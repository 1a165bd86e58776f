"""HTTP/1.1 without I/O: bytes in, meaning out. It knows no socket, no clock and no transport."""
