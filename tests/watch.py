"""Writes down every network address that a process and its children ask for, with strace.

The kernel's own word: no library can go around it, in whatever language it is written. Only the few calls that name
an address stop the process (--seccomp-bpf), so watching costs next to nothing.
"""

import ipaddress
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CALLS = "connect,sendto,sendmsg,sendmmsg"
_IPV4 = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_IPV6 = re.compile(r'sin6_port=htons\((\d+)\),.*?inet_pton\(AF_INET6, "([^"]+)"')
_RESOLVER = re.compile(r'sun_path="(/run/systemd/resolve/[^"]+|/run/nscd/[^"]+)".*? = 0')
NAME_SERVICE = 53


@dataclass(frozen=True)
class Connection:
    """A place that a process asked to talk to."""

    address: str
    port: int
    line: str

    @property
    def leaves_this_machine(self) -> bool:
        """Whether this is more than talk among our own processes. Asking for a name's address is a way out too."""
        if self.port == NAME_SERVICE:
            return True
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return not (mapped or address).is_loopback


@cache
def can_watch() -> bool:
    """Whether strace is here and may be used."""
    if not shutil.which("strace"):
        return False
    trial = watched(["true"], Path("/dev/null"))
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def watched(command: list[str], record: Path) -> list[str]:
    """The command that runs `command` and writes its connections into `record`."""
    options = ["-f", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(record)]
    return ["strace", *options, *command]


def read_connections(record: Path) -> list[Connection]:
    """The connections in a record."""
    return [found for line in record.read_text(errors="replace").splitlines() if (found := read_line(line))]


def read_line(line: str) -> Connection | None:
    """The connection in one line of a record, if there is one."""
    if found := _IPV4.search(line) or _IPV6.search(line):
        return Connection(found[2], int(found[1]), line)
    if found := _RESOLVER.search(line):  # a local service that asks the outside for us
        return Connection("::1", NAME_SERVICE, line)
    return None
