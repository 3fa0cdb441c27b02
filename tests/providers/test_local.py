"""The local model: what it refuses, and, where the demo's packages are installed, that its answers are right."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from aiops.providers import session
from aiops.providers.local import weights
from aiops.providers.local.weights import NotInstalled, Weights, WrongWeights, find
from aiops.providers.port import complete, embed

if TYPE_CHECKING:
    from aiops.providers.local.server import LocalModelServer


@pytest.fixture(scope="module")
def local() -> Iterator[LocalModelServer]:
    for package in ("xllamacpp", "numpy", "tokenizers", "safetensors"):
        pytest.importorskip(package, reason="the local model is part of the demo's requirements")
    try:
        find(weights.CHAT)
        find(weights.EMBEDDINGS)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    from aiops.providers.local.server import LocalModelServer

    server = LocalModelServer("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def aliases(local: LocalModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AIOPS_LOCAL_MODEL_URL", f"http://127.0.0.1:{local.server_port}/v1")
    for name in ("AIOPS_MODEL_URL", "AIOPS_EMBED_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    session.close_all()


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))  # they have length 1


def fetch(
    server: LocalModelServer, path: str, body: bytes | None = None, timeout_s: float = 20
) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{server.server_port}{path}"
    try:
        with urllib.request.urlopen(url, body, timeout=timeout_s) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(NotInstalled, match=r"no-such-weights is missing.*make demo"):
        find(Weights("no_such_weights", "model.bin", ""))


def test_weights_that_are_not_the_ones_checked_are_refused() -> None:
    with pytest.raises(WrongWeights, match="requirements-demo-nodeps"):
        find(Weights("aiops", "pools.py", "0" * 64))


def test_without_the_packages_the_server_ends_with_the_way_out_and_no_traceback(
    tmp_path: Path,
) -> None:
    # A module of that name that cannot be imported stands for one that is not installed.
    (tmp_path / "tokenizers.py").write_text("raise ImportError('not here', name='tokenizers')")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])

    done = subprocess.run(
        [sys.executable, "-m", "aiops.providers.local", "--port", "0"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 2
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("aliases")
def test_known_vectors_come_out_right() -> None:
    # The first values of the original model (exact GELU) for this text.
    wanted = [-0.0627717, 0.0549589, 0.0521647, 0.0857901, -0.0827489, -0.0745730]

    [vector] = embed(["hello"])

    assert len(vector) == 384
    assert vector[: len(wanted)] == pytest.approx(wanted, abs=2e-4)
    assert cosine(vector, vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.usefixtures("aliases")
def test_a_text_has_the_same_vector_alone_and_in_a_batch_of_longer_ones() -> None:
    texts = ["short", "a much longer text, " * 20, "of middle length, this one", "short"]

    together = embed(texts)
    alone = [embed([text])[0] for text in texts]

    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.usefixtures("aliases")
def test_a_text_lies_nearer_to_its_paraphrase_than_to_another_subject() -> None:
    query, same, other = embed(
        ["I lost my debit card", "My bank card is gone", "The soup needs more salt"]
    )

    assert cosine(query, same) > cosine(query, other) + 0.3


@pytest.mark.usefixtures("aliases")
def test_the_model_answers_and_its_answer_carries_the_caveat() -> None:
    answer = complete("Say hello to a customer.", max_tokens=16, may_be_cut=True)

    assert answer.text.strip()
    assert 0 < answer.tokens_out <= 16
    assert "not of quality" in answer.caveat


class Mood(BaseModel):
    """How the customer feels."""

    angry: bool


@pytest.mark.usefixtures("aliases")
def test_the_model_is_held_to_a_json_schema() -> None:
    answer = complete("The customer shouts. Is he angry?", output=Mood, max_tokens=40)

    assert isinstance(answer.value, Mood)


def test_it_says_which_models_it_has_and_what_they_are_worth(local: LocalModelServer) -> None:
    status, answer = fetch(local, "/v1/models")

    assert status == 200
    assert all("not of quality" in entry["caveat"] for entry in answer["data"])


def test_health_answers_as_soon_as_the_models_are_loaded(local: LocalModelServer) -> None:
    assert fetch(local, "/health") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "body", [b"no json", b"[]", b"{}", b'{"input": []}', b'{"input": [1]}', b'{"input": 7}']
)
def test_a_wrong_embeddings_request_is_told_what_is_wrong(
    local: LocalModelServer, body: bytes
) -> None:
    status, answer = fetch(local, "/v1/embeddings", body)

    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"


def test_an_unknown_path_is_not_found(local: LocalModelServer) -> None:
    assert fetch(local, "/v1/nothing", b"{}")[0] == 404


def test_a_caller_who_hangs_up_frees_the_model_for_the_next(local: LocalModelServer) -> None:
    long = {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": 1800}
    long |= {"ignore_eos": True}
    raw = json.dumps(long).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", local.server_port)) as caller:
        caller.sendall(head.encode() + raw)

    short = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}).encode()
    # The story would take about 30 s; to notice the hang-up takes one.
    status, _ = fetch(local, "/v1/chat/completions", short, timeout_s=8)

    assert status == 200
