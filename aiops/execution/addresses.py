"""Which addresses outside may be called: the names that people write, and what they resolve to.

What a tenant may write must not make this system call its own network: every address of a name is
judged, and the call goes to an address that was judged, never to the name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx2
from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Ports that the schemes stand for.
PORTS = {"https": 443, "http": 80}

#: What is not to be called although it is global by the registries, or not by every Python's.
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",  # a cloud's metadata, at a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "2001::/23",  # Teredo and other tunnels
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
    )
)
#: Of IPv6, only what is handed out to the world.
_UNICAST = ipaddress.ip_network("2000::/3")
#: A name, or an address as a URL has it.
_HOST = re.compile(r"[a-z0-9._-]{1,253}|\[?[0-9a-f:.]{2,45}\]?")
#: Prefixes behind which a gateway calls the IPv4 address that ends them.
_NAT64: tuple[IPv6Network, ...] = (IPv6Network("64:ff9b::/96"),)


class Refused(Exception):
    """An address that is not to be called. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be called."""

    allow_http: bool = False
    ports: frozenset[int] = frozenset({443})
    #: Networks and names that are allowed wherever they lie, at any port.
    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def names(self, host: str) -> bool:
        return host in self.hosts

    def holds(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def rules() -> Rules:
    """The rules of the settings. An entry that is neither a network nor a name allows nothing."""
    networks, hosts = _read(settings.AIOPS_WEBHOOKS_ALLOW)
    return Rules(
        allow_http=settings.AIOPS_WEBHOOKS_ALLOW_HTTP,
        ports=frozenset(settings.AIOPS_WEBHOOKS_PORTS),
        networks=tuple(networks),
        hosts=frozenset(hosts),
    )


def wrong(entries: Iterable[str]) -> list[str]:
    """Entries of AIOPS_WEBHOOKS_ALLOW that mean nothing, as sentences that say what to do. Pure."""
    return [
        f"AIOPS_WEBHOOKS_ALLOW names {entry!r}, which is neither a network (10.0.0.0/8) nor a host."
        for entry in entries
        if "/" in entry and _network(entry) is None
    ]


def _read(entries: Iterable[str]) -> tuple[list[Network], list[str]]:
    networks, hosts = [], []
    for entry in entries:
        if (network := _network(entry)) is not None:
            networks.append(network)
        elif "/" not in entry:
            hosts.append(entry.lower().rstrip("."))
    return networks, hosts


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


# The URL, as it is written


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, as far as that can be seen from it."""

    url: httpx2.URL
    host: str
    port: int


def target(url: str, rules: Rules | None) -> Target:
    """Read a URL; raises Refused. Without rules, whatever can be called at all. Pure."""
    try:
        read = httpx2.URL(url.strip()).copy_with(fragment=None)
        host, port = _host(read), read.port
    except (httpx2.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise Refused(f"It is no URL: {error}. Write it as https://host/path.") from None
    if read.scheme not in PORTS or not _HOST.fullmatch(host):
        raise Refused("It is no URL that can be called: write it as https://host/path.")
    port = port or PORTS[read.scheme]
    if port > 65535:
        raise Refused(f"There is no port {port}: leave it out, or give one up to 65535.")
    if rules is not None:
        _refuse_unfit(read, host, port, rules)
    return Target(read, host, port)


def _host(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


def _refuse_unfit(url: httpx2.URL, host: str, port: int, rules: Rules) -> None:
    if url.userinfo:
        raise Refused(
            "It has a user name or a password in it: leave them out. Messages are signed; that is "
            "how a receiver knows them."
        )
    if url.scheme == "http" and not rules.allow_http:
        raise Refused("It is not encrypted: only https is called. Write https:// instead.")
    if _is_named_here(host, rules):
        return
    if port not in rules.ports and not (url.scheme == "http" and port == PORTS["http"]):
        allowed = ", ".join(str(one) for one in sorted(rules.ports))
        raise Refused(
            f"Its port {port} is not allowed: use {allowed}, or let an administrator add it to "
            "AIOPS_WEBHOOKS_PORTS."
        )


def _is_named_here(host: str, rules: Rules) -> bool:
    address = _literal(host)
    return rules.names(host) or (address is not None and rules.holds(address))


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


# What it resolves to


def judged(found: Target, rules: Rules | None, *, within_s: float) -> list[str]:
    """The addresses to call for a target, each of them judged; raises Refused. Asks the resolver."""
    addresses = resolve(found.host, found.port, within_s=within_s)
    if rules is not None and not rules.names(found.host):
        for address in addresses:
            if why := refusal(address, rules):
                raise Refused(f"{found.host} leads to {address}, {why}")
    return [str(address) for address in addresses]


def resolve(host: str, port: int, *, within_s: float) -> list[Address]:
    """All addresses of a name, once; raises Refused when it has none, or none in time.

    The resolver knows no deadline: it is asked in a thread that nobody waits for any longer.
    """
    answers: list[list[Address] | OSError | UnicodeError] = []
    asked = threading.Thread(target=_ask, args=(host, port, answers), daemon=True)
    asked.start()
    asked.join(within_s)
    found = answers[0] if answers else TimeoutError("the name service does not answer")
    if isinstance(found, Exception) or not found:
        raise Refused(f"{host} has no address: {found or 'the name is not known'}")
    return found


def _ask(host: str, port: int, answers: list[list[Address] | OSError | UnicodeError]) -> None:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        # A scope ("fe80::1%eth0") names an interface of this machine.
        texts = [str(place[0]).partition("%")[0] for *_, place in found]
        answers.append([ipaddress.ip_address(text) for text in dict.fromkeys(texts)])
    except (OSError, UnicodeError) as error:
        answers.append(error)


def refusal(address: Address, rules: Rules) -> str:
    """Why an address is not called; "" when it is. Pure."""
    inner = _inner(address)
    if rules.holds(address) or rules.holds(inner):
        return ""
    if _is_public(inner):
        return ""
    return (
        "which is not an address of the public Internet. An administrator may allow it with "
        "AIOPS_WEBHOOKS_ALLOW."
    )


def _inner(address: Address) -> Address:
    """The IPv4 address that is called in the end, where an IPv6 address only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if any(address in network for network in _NEVER):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )
