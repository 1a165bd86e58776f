"""What the numbers were taken on."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from pathlib import Path


def describe(nginx: str) -> dict[str, str]:
    """Describe the machine and the programs on it."""
    version = subprocess.run([nginx, "-v"], check=True, capture_output=True, text=True).stderr
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "OpenSSL": ssl.OPENSSL_VERSION,
        "nginx": version.strip().rpartition("/")[2],
    }


def cores() -> tuple[int | None, int | None]:
    """Give the client's core and the server's, or None where they cannot be kept apart."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None, None
    ordered = sorted(os.sched_getaffinity(0))
    return ordered[0], ordered[1]


def load() -> float:
    """Give the part of the cores that was busy in the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
