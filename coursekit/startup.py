"""Runs when any Python of the course's `.venv` starts (a `.pth` file imports it). Keep it light: no third-party import.

1. A torchvision built for CUDA beside a CPU-only torch: its compiled operators do not load, and `import torchvision`,
   and with it `import transformers`, fails on the missing schemas. They are declared just before torchvision loads.
2. `COURSE_OFFLINE=1` (CI) closes every socket to anything but loopback, so that a lesson that needs the network fails.
"""

import importlib.abc
import os
import sys

MISSING_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Sees the first `import torchvision`, declares what its binary would have declared, and steps aside."""

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare_missing_operators()
        return None


def _declare_missing_operators() -> None:
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    import torch

    binaries = [b for b in Path(spec.origin).parent.glob("_C*") if b.suffix in (".so", ".pyd")]
    try:
        for binary in binaries:
            torch.ops.load_library(str(binary))
    except OSError:
        pass
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for schema in MISSING_SCHEMAS.values():
            library.define(schema)
        _declare_missing_operators.library = library  # freed with its schemas when nothing refers to it


def close_network() -> None:
    """Refuse connections and name look-ups that leave this machine. Irreversible in this process (an audit hook)."""
    import ipaddress

    def is_local(host: object) -> bool:
        if host in (None, "", "localhost", b"localhost"):
            return True
        try:
            address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
        except ValueError:
            return False
        return address.is_loopback or address.is_unspecified

    def hook(event: str, args: tuple) -> None:
        if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
            host = args[1][0]
        elif event == "socket.getaddrinfo":
            host = args[0]
        else:
            return
        if not is_local(host):
            raise ConnectionRefusedError(f"COURSE_OFFLINE=1: this run may not reach {host!r}, only this machine.")

    sys.addaudithook(hook)


sys.meta_path.insert(0, _BeforeTorchvision())
if os.environ.get("COURSE_OFFLINE") == "1":
    close_network()
