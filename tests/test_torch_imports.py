"""torch, torchvision and transformers import in a fresh process, whichever build of torch pip found.

The cases that this machine does not have (a binary that loads, one that does not, no torchvision) are acted out
with a stand-in torch and a stand-in torchvision, so that each is tested everywhere.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(code, *flags, **options):
    command = [sys.executable, *flags, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def test_all_three_import_and_a_resnet_runs_in_a_fresh_process():
    done = run("""
        import torch, torchvision, transformers
        from torchvision import datasets, models
        from torchvision.transforms import v2
        assert datasets.FakeData(size=1) and transformers.AutoTokenizer
        images = v2.ToDtype(torch.float32, scale=True)(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
        with torch.inference_mode():
            print(tuple(models.resnet18(weights=None).eval()(images).shape))
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1, 1000)"


def test_transformers_imports_alone_first():
    done = run("from transformers import AutoModelForCausalLM, AutoImageProcessor; import torchvision")
    assert done.returncode == 0, done.stderr


def test_starting_python_imports_nothing_heavy():
    done = run(
        "import sys; print({'torch', 'torchvision', 'numpy'} & set(sys.modules), 'coursekit.startup' in sys.modules)"
    )
    assert done.stdout.split() == ["set()", "True"]


@pytest.fixture
def stand_ins(tmp_path):
    """A torch that records what it is asked, and a torchvision that needs `torch.ops.torchvision.nms`."""
    torch, torchvision = tmp_path / "torch", tmp_path / "torchvision"
    torch.mkdir()
    torchvision.mkdir()
    (torch / "__init__.py").write_text(
        textwrap.dedent("""
        import os
        defined = []

        class _Namespace: pass

        class ops:
            torchvision = _Namespace()

            @staticmethod
            def load_library(path):
                if os.environ["BINARY"] != "loads":
                    raise OSError("libcudart.so: cannot open shared object file")
                ops.torchvision.nms = "the binary's own"

        class library:
            class Library:
                def __init__(self, namespace, kind): pass

                def define(self, schema):
                    name = schema.partition("(")[0]
                    defined.append(name)
                    setattr(ops.torchvision, name, "declared")
    """)
    )
    (torchvision / "__init__.py").write_text("import torch\nwhose = torch.ops.torchvision.nms\n")
    (torchvision / "_C.so").touch()
    return tmp_path


SHOW = "import torchvision, torch, sys; print(torchvision.whose, torch.defined, sep='|')"


@pytest.mark.parametrize(
    ("binary", "printed"), [("loads", "the binary's own|[]"), ("does not load", "declared|['nms', 'qnms']")]
)
def test_schemas_are_declared_only_where_the_binary_does_not_load(stand_ins, binary, printed):
    paths = f"{stand_ins}:{ROOT}" if sys.platform != "win32" else f"{stand_ins};{ROOT}"
    environment = {"PYTHONPATH": paths, "BINARY": binary}
    with_startup = run(f"import coursekit.startup; {SHOW}", "-S", env=environment)
    assert with_startup.stdout.strip() == printed, with_startup.stderr
    without = run(SHOW, "-S", env=environment)
    assert without.returncode != 0 and "nms" in without.stderr


def test_without_torchvision_its_import_fails_as_usual(stand_ins):
    (stand_ins / "torchvision" / "__init__.py").unlink()
    (stand_ins / "torchvision" / "_C.so").unlink()
    (stand_ins / "torchvision").rmdir()
    done = run(
        "import coursekit.startup, torchvision", "-S", env={"PYTHONPATH": f"{stand_ins}:{ROOT}", "BINARY": "loads"}
    )
    assert "No module named 'torchvision'" in done.stderr
