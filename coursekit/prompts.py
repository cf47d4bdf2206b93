"""Prompts as files: a name, a version, a template with strict variables, model settings, and a fingerprint for the logs.

    name = "route_ticket"
    version = 2
    why = "v1 never answered 'customs'"            # what changed, for the reviewer
    system = "..."                                 # optional; variables allowed
    template = "Ticket: {{ticket}}"                # the user message

    [[examples]]                                   # optional: earlier turns, each the template filled in and its answer
    ticket = "where is parcel QS10293847FR?"
    answer = "tracking"

    [settings]                                     # passed on to chat.completions.create
    temperature = 0
    max_tokens = 8

One file a version. A version that was published is never edited: `published.toml` beside it keeps the fingerprints,
as a migration tool keeps the checksums of migrations that have run.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PUBLISHED = "published.toml"
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_BRACES = re.compile(r"\{\{[^{}]*\}\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KNOWN = {"name", "version", "why", "system", "template", "examples", "settings"}
_ANSWER = "answer"
_NOT_SETTINGS = {"messages", "stream", "api_key"}


class PromptFileError(ValueError):
    """A prompt's file is missing, damaged or contradicts another. The message names the file and what to change."""


class PromptVariableError(ValueError):
    """A prompt was rendered with a variable missing, unknown or not a text. The message names file and variables."""


@dataclass(frozen=True)
class Prompt:
    """One version of one prompt."""

    name: str
    version: int
    template: str
    system: str = ""
    examples: tuple[dict[str, str], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    path: Path | None = None

    @property
    def id(self) -> str:
        """`route_ticket@2`: for people."""
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of everything that the model gets: system, template, examples, settings. For logs.

        Name, version and `why` do not count: the same text under another name is the same prompt.
        """
        parts = [self.system, self.template, list(self.examples), self.settings]
        sent = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(sent.encode()).hexdigest()[:12]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables in `system` and `template`, sorted."""
        return tuple(sorted(set(_VARIABLE.findall(self.system) + _VARIABLE.findall(self.template))))

    def render(self, **variables: str) -> list[dict[str, str]]:
        """Messages for `chat.completions.create`: the system message, if there is one, the examples as
        earlier turns, and the user's message.

        Values are inserted once and never read as templates, so that a `{{...}}` inside a ticket stays text.
        Raises PromptVariableError where a variable is missing, unknown or no str.
        """
        where = f"{self.path or self.id}"
        if missing := [name for name in self.variables if name not in variables]:
            raise PromptVariableError(f"{where}: render() needs {', '.join(missing)} as well.")
        if unknown := sorted(set(variables) - set(self.variables)):
            has = ", ".join(self.variables) or "no variables"
            raise PromptVariableError(f"{where}: there is no {', '.join(unknown)} in this prompt; it has {has}.")
        for name, value in variables.items():
            if not isinstance(value, str):
                raise PromptVariableError(f"{where}: {name} is of type {type(value).__name__}; pass a text.")
        turns = [("system", _filled(self.system, variables))] if self.system else []
        for example in self.examples:
            turns += [("user", _filled(self.template, example)), ("assistant", example[_ANSWER])]
        turns.append(("user", _filled(self.template, variables)))
        return [{"role": role, "content": text} for role, text in turns]


def read_prompt(path: Path | str) -> Prompt:
    """The prompt in one file. Raises PromptFileError."""
    path = Path(path)
    raw = _toml(path)
    if unknown := sorted(set(raw) - _KNOWN):
        raise PromptFileError(f"{path}: unknown field {', '.join(unknown)}. A prompt has {', '.join(sorted(_KNOWN))}.")
    name = _read(raw, "name", str, path)
    version = _read(raw, "version", int, path)
    prompt = Prompt(
        name=name,
        version=version,
        template=_read(raw, "template", str, path),
        system=_read(raw, "system", str, path, default=""),
        examples=tuple(_read(raw, "examples", list, path, default=[])),
        settings=_read(raw, "settings", dict, path, default={}),
        why=_read(raw, "why", str, path, default=""),
        path=path,
    )
    if not _NAME.fullmatch(name):
        raise PromptFileError(
            f"{path}: name is {name!r}. Use lower case letters, digits and _, starting with a letter."
        )
    if version < 1 or isinstance(version, bool):
        raise PromptFileError(f"{path}: version is {version}. Count from 1.")
    if not prompt.template.strip():
        raise PromptFileError(f"{path}: template is empty. Write what the user message says.")
    for text in (prompt.system, prompt.template):
        if odd := [found for found in _BRACES.findall(text) if not _VARIABLE.fullmatch(found)]:
            raise PromptFileError(f"{path}: {odd[0]} is no variable. Write {{{{name}}}} with letters, digits and _.")
    wanted = {_ANSWER, *_VARIABLE.findall(prompt.template)}
    for number, example in enumerate(prompt.examples, 1):
        if (
            not isinstance(example, dict)
            or set(example) != wanted
            or not all(isinstance(v, str) for v in example.values())
        ):
            raise PromptFileError(f"{path}: example {number} must have these texts: {', '.join(sorted(wanted))}.")
    if bad := sorted(_NOT_SETTINGS & set(prompt.settings)):
        raise PromptFileError(f"{path}: {', '.join(bad)} does not belong in [settings]. Remove it.")
    return prompt


def load_prompts(folder: Path | str) -> dict[str, Prompt]:
    """Every prompt of a folder, by `name@version`, in order. Raises PromptFileError, also for a version written twice."""
    folder = Path(folder)
    if not folder.is_dir():
        raise PromptFileError(f"{folder} is no folder of prompts.")
    found: dict[str, Prompt] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == PUBLISHED:
            continue
        prompt = read_prompt(path)
        if prompt.id in found:
            raise PromptFileError(
                f"{path}: {prompt.id} is already in {found[prompt.id].path}. Give one of them a new version."
            )
        found[prompt.id] = prompt
    return dict(sorted(found.items(), key=lambda item: (item[1].name, item[1].version)))


def load_prompt(folder: Path | str, name: str, version: int | None = None) -> Prompt:
    """One prompt of a folder: the `version` asked for, or the newest. Raises PromptFileError, which lists what there is."""
    prompts = load_prompts(folder)
    versions = {prompt.version: prompt for prompt in prompts.values() if prompt.name == name}
    wanted = max(versions, default=0) if version is None else version
    if wanted not in versions:
        asked = name if version is None else f"{name}@{version}"
        raise PromptFileError(f"{folder} has no prompt {asked}. It has: {', '.join(prompts) or 'none'}.")
    return versions[wanted]


def published_problems(folder: Path | str) -> list[str]:
    """What is wrong with the published prompts of a folder: one line each, empty when all is well. For a test in CI.

    `published.toml` holds `"name@version" = "hash"`. A published version must exist and must have that hash.
    """
    file = Path(folder) / PUBLISHED
    published = _toml(file) if file.exists() else {}
    prompts = load_prompts(folder)
    problems = []
    for identity, fingerprint in published.items():
        if identity not in prompts:
            problems.append(f"{identity} was published and is gone. Restore its file.")
        elif prompts[identity].hash != fingerprint:
            prompt = prompts[identity]
            problems.append(
                f"{prompt.path}: {identity} was published as {fingerprint} and is now {prompt.hash}. "
                f"Undo the edit, and make it version {prompt.version + 1} in a new file."
            )
    return problems


def _filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables replaced in one pass, so that nothing in a value is read as a variable."""
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PromptFileError(f"{path} is missing.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PromptFileError(f"{path} is not valid TOML: {error}. Mend that line.") from None


def _read(raw: dict[str, Any], name: str, kind: type, path: Path, default: Any = None) -> Any:
    if name not in raw and default is not None:
        return default
    if not isinstance(raw.get(name), kind):
        wanted = {
            str: "a text in quotes",
            int: "a whole number",
            dict: f"a table, [{name}]",
            list: f"a list, [[{name}]]",
        }[kind]
        found = repr(raw[name]) if name in raw else "missing"
        raise PromptFileError(f"{path}: {name} is {found}. It must be {wanted}.")
    return raw[name]
