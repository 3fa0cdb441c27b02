"""Which addresses may be called: judged one by one, and called as they were judged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from aiops.execution import addresses
from aiops.execution.addresses import Refused, Rules, judged, refusal, target

PLAIN = Rules()
HTTP = Rules(allow_http=True)

#: How a resolver answers: host -> addresses.
Resolver = Callable[[dict[str, list[str]]], list[str]]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """A name service that knows what it is told; the names it was asked for are returned."""

    def knows(names: dict[str, list[str]]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            if host not in names:
                raise socket.gaierror(-2, "Name or service not known")
            kind = socket.SOCK_STREAM
            return [(socket.AF_INET, kind, 6, "", (one, port)) for one in names[host]]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return knows


@pytest.mark.parametrize(
    "address",
    [
        *("0.1.2.3", "10.0.0.1", "127.0.0.1", "127.255.0.1", "172.16.0.1"),
        *("172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
        *("240.0.0.1", "255.255.255.255"),
        "0.0.0.0",  # noqa: S104  # nothing is bound to it
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1"),
        *("2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert "AIOPS_WEBHOOKS_ALLOW" in refusal(ip_address(address), PLAIN)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.215.14",
        "172.32.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ],
)
def test_a_public_address_is_called(address: str) -> None:
    assert refusal(ip_address(address), PLAIN) == ""


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::5"])
def test_a_network_of_the_settings_is_allowed(address: str) -> None:
    rules = Rules(networks=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")))

    assert refusal(ip_address(address), rules) == ""
    assert refusal(ip_address("10.2.0.1"), rules) != ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/", "only https"),
        ("ftp://example.org/", "can be called"),
        ("file:///etc/passwd", "can be called"),
        ("javascript:alert(1)", "can be called"),
        ("https://", "can be called"),
        ("example.org/hook", "can be called"),
        ("https://ann:secret@example.org/", "leave them out"),
        ("https://ann@example.org/", "leave them out"),
        ("https://example.org:8080/", "AIOPS_WEBHOOKS_PORTS"),
        ("https://example.org:22/", "AIOPS_WEBHOOKS_PORTS"),
        ("https://example.org:99999/", "no port 99999"),
        ("https://exa mple.org/", "can be called"),
    ],
)
def test_a_url_that_is_not_called_says_what_to_do(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        target(url, PLAIN)


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        ("https://example.org/hooks?x=1", PLAIN),
        ("https://example.org:443/", PLAIN),
        ("https://EXAMPLE.org./", PLAIN),
        ("https://bücher.example/", PLAIN),
        ("http://example.org/", HTTP),
        ("https://example.org:8443/", Rules(ports=frozenset({443, 8443}))),
        ("https://inside.example:9000/", Rules(hosts=frozenset({"inside.example"}))),
        ("https://10.0.0.9:9000/", Rules(networks=(ip_network("10.0.0.0/8"),))),
    ],
)
def test_a_url_that_is_called(url: str, rules: Rules) -> None:
    assert target(url, rules).port


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.1", "localhost"],
)
def test_no_way_of_writing_this_machine_reaches_it(host: str) -> None:
    with pytest.raises(Refused):
        judged(target(f"https://{host}/", PLAIN), PLAIN, within_s=5)


def test_one_bad_address_among_good_ones_is_enough(resolver: Resolver) -> None:
    resolver({"example.org": ["1.1.1.1", "10.0.0.1"]})

    with pytest.raises(Refused, match=r"leads to 10\.0\.0\.1"):
        judged(target("https://example.org/", PLAIN), PLAIN, within_s=5)


def test_a_name_of_the_settings_may_lead_anywhere(resolver: Resolver) -> None:
    resolver({"inside.example": ["10.0.0.1"]})
    rules = Rules(hosts=frozenset({"inside.example"}))

    assert judged(target("https://inside.example/", rules), rules, within_s=5) == ["10.0.0.1"]


def test_a_name_without_an_address_is_refused(resolver: Resolver) -> None:
    resolver({})

    with pytest.raises(Refused, match=r"nowhere\.example has no address"):
        judged(target("https://nowhere.example/", PLAIN), PLAIN, within_s=5)


def test_a_name_service_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.wait(20) and [])

    with pytest.raises(Refused, match="does not answer"):
        addresses.resolve("slow.example", 443, within_s=0.05)
    done.set()


def test_an_entry_that_allows_nothing_is_told_of() -> None:
    [said] = addresses.wrong(["10.0.0.0/8", "hooks.example", "10.0.0.0/99"])

    assert "10.0.0.0/99" in said
