"""One POST: to the address that was judged, in the name that was asked for, and not for longer than it may take."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiops.execution import posting
from aiops.execution.addresses import Refused, Rules
from aiops.execution.posting import NotReached, post
from tests.webhooks.receiver import Receiver

HERE = Rules(allow_http=True, networks=(ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name service that gives another answer each time; returns the names it was asked for."""
    asked: list[str] = []
    left = list(answers)
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *given: Any, **named: Any) -> Any:
        if host.replace(".", "").isdigit():
            return real(host, port, *given, **named)
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_for_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: allowed while it is judged, the receiver's own address when it is called."""
    asked = names(monkeypatch, ["127.0.0.3"], ["127.0.0.1"])
    allowed = ipaddress.ip_network("127.0.0.3/32")
    rules = Rules(allow_http=True, ports=frozenset({receiver.port}), networks=(allowed,))

    with pytest.raises(NotReached, match="ConnectError"):
        post(f"http://rebinds.example:{receiver.port}/", b"{}", {}, rules=rules)

    assert asked == ["rebinds.example"]
    assert receiver.got == []


def test_a_name_that_leads_to_this_machine_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1"])
    rules = Rules(allow_http=True, ports=frozenset({receiver.port}))

    with pytest.raises(Refused, match=r"leads to 127\.0\.0\.1"):
        post(f"http://inside.example:{receiver.port}/", b"{}", {}, rules=rules)

    assert receiver.got == []


def test_the_name_stays_the_host_although_the_address_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1"])

    answer = post(f"http://hooks.example:{receiver.port}/a?b=c", b"{}", {}, rules=HERE_BY_NAME)

    assert answer.is_taken
    assert receiver.got[0].headers["host"] == f"hooks.example:{receiver.port}"
    assert receiver.got[0].path == "/a?b=c"


HERE_BY_NAME = Rules(allow_http=True, hosts=frozenset({"hooks.example"}))


def test_an_address_that_does_not_answer_is_passed_over(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.2", "127.0.0.1"])

    assert post(f"http://hooks.example:{receiver.port}/", b"{}", {}, rules=HERE_BY_NAME).is_taken


def test_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert post(receiver.url, b"{}", {}, rules=HERE).is_taken


def test_a_redirect_is_an_answer_and_nothing_more(receiver: Receiver) -> None:
    receiver.answers = [307]

    answer = post(receiver.url, b"{}", {}, rules=HERE)

    assert (answer.status, answer.is_taken, len(receiver.got)) == (307, False, 1)
    assert "redirects are not followed" in answer.told()


@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_everything_together_has_an_end(receiver: Receiver, fault: str) -> None:
    receiver.answers = [fault]
    began = time.monotonic()

    with pytest.raises(NotReached, match="ReadTimeout"):
        post(receiver.url, b"{}", {}, rules=HERE, whole_s=0.6)

    assert time.monotonic() - began < 5


def test_so_much_of_an_answer_is_read_and_no_more(receiver: Receiver) -> None:
    receiver.says, receiver.answers = b"x" * 5_000_000, [200]

    assert len(post(receiver.url, b"{}", {}, rules=HERE).body) == posting.MOST_READ


# TLS


@dataclass
class Authority:
    """Somebody who makes certificates, and whom this process trusts."""

    folder: Path
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def certificate(self, name: str | None) -> x509.Certificate:
        """Its own certificate, or one for a name, signed with the same key."""
        now = datetime.datetime.now(datetime.UTC)
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name or "tests")])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(own)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(name is None, None), critical=True)
        )
        if name is not None:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
            )
        return made.sign(self.key, hashes.SHA256())

    def trusted(self) -> ssl.SSLContext:
        pem = self.certificate(None).public_bytes(serialization.Encoding.PEM)
        return ssl.create_default_context(cadata=pem.decode())

    def server(self, name: str) -> ssl.SSLContext:
        path = self.folder / f"{name}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(key + self.certificate(name).public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class _Quiet(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Secured(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that the other side breaks off is what the test wants."""


@pytest.fixture
def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str]]]:
    """A server of the name hooks.example; its port, and the names that it was asked for."""
    authority = Authority(tmp_path)
    asked: list[str] = []
    context = authority.server("hooks.example")
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = _Secured(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr(posting, "tls", authority.trusted)
    names(monkeypatch, ["127.0.0.1"])
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_certificate_is_that_of_the_name(secured: tuple[int, list[str]]) -> None:
    port, asked = secured

    answer = post(f"https://hooks.example:{port}/", b"{}", {}, rules=HERE_BY_NAME)

    assert (answer.status, asked) == (204, ["hooks.example"])


def test_a_certificate_of_another_name_is_refused(secured: tuple[int, list[str]]) -> None:
    port, _ = secured
    rules = Rules(hosts=frozenset({"other.example"}))

    with pytest.raises(NotReached, match="ConnectError"):
        post(f"https://other.example:{port}/", b"{}", {}, rules=rules)
