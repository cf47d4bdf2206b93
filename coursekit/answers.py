"""An answer as code: running its source, seeing whether it is still the stub, and finding the line where it broke."""

import ast
import linecache
import sys
import traceback
from collections.abc import Mapping
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import Any

SOURCE_MODULE = "course_answer"  # the `__name__` of evaluated sources; a notebook's cells are `__main__`


def evaluate(source: str, names: Mapping[str, Any] | None = None) -> Any:
    """Execute `source` and return the last function, class or variable that it defines.

    `names` are visible to the source as globals. Raises ValueError where the source defines nothing.
    """
    tree = ast.parse(source)
    defined = _last_defined(tree)
    if defined is None:
        raise ValueError("The source defines no function, class or variable:\n" + source)
    file = f"<answer {sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = ModuleType(SOURCE_MODULE)
    sys.modules[SOURCE_MODULE] = module  # dataclasses look their module up
    vars(module).update(names or {}, __name__=SOURCE_MODULE)
    exec(compile(tree, file, "exec"), vars(module))
    return vars(module)[defined]


def _last_defined(tree: ast.Module) -> str | None:
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return node.name
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        if names:
            return names[-1]
    return None


def untouched(answer: Any, stub: str) -> bool:
    """Whether `answer` is a function or class whose code is still the stub's. Values are never: compare those with `...`."""
    if not isinstance(answer, FunctionType | type):
        return False
    try:
        return _code(answer) == _code(evaluate(stub))
    except Exception:  # a stub that needs the notebook's own names to be executed
        return False


def _code(thing: Any) -> Any:
    """What a function or class does, without file names and line numbers."""
    if isinstance(thing, type):
        return [(name, _code(part)) for name, part in vars(thing).items() if isinstance(part, FunctionType)]
    code = thing.__code__ if isinstance(thing, FunctionType) else thing
    constants = tuple(_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames


def mentions_ellipsis(error: BaseException) -> bool:
    """Whether computing with a stub's `...` is what went wrong, as in "'ellipsis' object is not iterable"."""
    return isinstance(error, TypeError | ValueError | AttributeError) and "ellipsis" in str(error).lower()


def learners_line(error: BaseException) -> str:
    """The last line of the learner's own code that ran before `error`, such as "line 2: return total / n"; "" if none did."""
    summaries = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame, summary in zip(reversed(frames), reversed(summaries), strict=True):
        if frame.f_globals.get("__name__") in ("__main__", SOURCE_MODULE) and summary.name != "<module>":
            cell = f" of {summary.name}'s cell" if summary.name.isidentifier() else ""
            return f"line {summary.lineno}{cell}: {(summary.line or '').strip()}"
    return ""


def said_by_check(error: BaseException) -> dict[str, str]:
    """What the check was about when the answer raised: `call` (the source it ran), `behaviour`, `given` and `why` if it says.

    An answer often raises while the arguments of `self.expect(answer(…), …, behaviour=…)` are evaluated, before `expect` runs.
    The texts are read from the check's own source, with the values its variables had.
    """
    for (frame, line), place in zip(
        traceback.walk_tb(error.__traceback__), traceback.extract_tb(error.__traceback__), strict=True
    ):
        if frame.f_code.co_name != "check" or not str(frame.f_globals.get("__name__", "")).startswith(
            "course_exercises_"
        ):
            continue
        lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
        said = {"call": _segment(lines, place)}
        for node in ast.walk(ast.parse("".join(lines))):
            covers = isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno)
            if covers and isinstance(node.func, ast.Attribute) and node.func.attr in ("expect", "raises"):
                for keyword in node.keywords:
                    if keyword.arg in ("behaviour", "given", "why"):
                        said[keyword.arg] = _text(keyword.value, frame.f_globals, frame.f_locals)
        return said
    return {}


def _segment(lines: list[str], place: traceback.FrameSummary) -> str:
    if place.lineno is None or place.end_lineno != place.lineno or place.colno is None:
        return (place.line or "").strip()
    raw = lines[place.lineno - 1].encode()  # columns count bytes
    return raw[place.colno : place.end_colno].decode(errors="replace")


def _text(expression: ast.expr, names: dict[str, Any], local_names: dict[str, Any]) -> str:
    try:
        return str(eval(compile(ast.Expression(expression), "<check>", "eval"), names, dict(local_names)))
    except Exception:
        return ""
