"""Prompts as versioned files: strict to load, strict to render, and published ones stay as they are."""

from pathlib import Path

import pytest

from coursekit.prompts import (
    Prompt,
    PromptFileError,
    PromptVariableError,
    load_prompt,
    load_prompts,
    published_problems,
    read_prompt,
)

GREET = 'name = "greet"\nversion = 1\nsystem = "You write in {{language}}."\ntemplate = "Greet {{ who }}."\n[settings]\ntemperature = 0\n'
PROMPT_FOLDERS = sorted(Path(__file__).resolve().parents[1].glob("modules/*/prompts"))


def written(folder: Path, text: str, name: str = "greet_v1.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_prompt_is_read_and_rendered(tmp_path: Path) -> None:
    prompt = read_prompt(written(tmp_path, GREET))
    assert (prompt.id, prompt.variables, prompt.settings) == ("greet@1", ("language", "who"), {"temperature": 0})
    assert prompt.render(language="French", who="Ana") == [
        {"role": "system", "content": "You write in French."},
        {"role": "user", "content": "Greet Ana."},
    ]


def test_without_a_system_text_there_is_one_message() -> None:
    assert Prompt("p", 1, "Hello").render() == [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"language": "French"}, r"greet_v1\.toml.*needs who"),
        ({"language": "French", "who": "Ana", "whom": "x"}, r"no whom .*language, who"),
        ({"language": "French", "who": None}, r"who is of type NoneType"),
    ],
)
def test_rendering_is_strict(tmp_path: Path, variables: dict, says: str) -> None:
    with pytest.raises(PromptVariableError, match=says):
        read_prompt(written(tmp_path, GREET)).render(**variables)


def test_a_value_is_never_read_as_a_template() -> None:
    prompt = Prompt("p", 1, "{{ticket}} / {{queues}}")
    assert prompt.render(ticket="{{queues}} \\1", queues="a")[0]["content"] == "{{queues}} \\1 / a"


def test_examples_become_earlier_turns(tmp_path: Path) -> None:
    text = GREET.replace("[settings]", '[[examples]]\nwho = "Bo {{who}}"\nanswer = "Hej Bo."\n[settings]')
    prompt = read_prompt(written(tmp_path, text))
    turns = [(message["role"], message["content"]) for message in prompt.render(language="Danish", who="Ana")]
    assert turns[1:] == [("user", "Greet Bo {{who}}."), ("assistant", "Hej Bo."), ("user", "Greet Ana.")]
    assert prompt.hash != read_prompt(written(tmp_path, GREET, "plain.toml")).hash


def test_the_hash_is_of_what_the_model_gets() -> None:
    base = Prompt("p", 1, "Hello", settings={"temperature": 0, "seed": 1})
    assert base.hash == Prompt("q", 2, "Hello", settings={"seed": 1, "temperature": 0}, why="renamed").hash
    others = [
        Prompt("p", 1, "Hello ", settings=base.settings),
        Prompt("p", 1, "Hello", settings={"temperature": 0.7, "seed": 1}),
        Prompt("p", 1, "Hello", system="Be brief.", settings=base.settings),
    ]
    assert len({base.hash, *(other.hash for other in others)}) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "not valid TOML"),
        (GREET.replace("version = 1\n", ""), "version is missing"),
        (GREET.replace("version = 1", 'version = "1"'), "must be a whole number"),
        (GREET.replace("version = 1", "version = 0"), "Count from 1"),
        (GREET.replace('"greet"', '"Greet me"'), "lower case"),
        (GREET.replace("{{ who }}", "{{ who? }}"), "is no variable"),
        (GREET.replace("Greet {{ who }}.", " "), "template is empty"),
        (GREET.replace("version", "templat = 'x'\nversion"), "unknown field templat"),
        (GREET + "messages = []\n", "does not belong"),
        (GREET.replace("[settings]", "[[examples]]\nwho = 'Bo'\n[settings]"), "example 1 must have .*: answer, who"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PromptFileError, match=says) as error:
        read_prompt(written(tmp_path, text))
    assert "greet_v1.toml" in str(error.value)


def test_the_newest_version_unless_told(tmp_path: Path) -> None:
    written(tmp_path, GREET)
    written(tmp_path, GREET.replace("version = 1", "version = 10").replace("Greet", "Welcome"), "greet_v10.toml")
    written(tmp_path, GREET.replace("version = 1", "version = 9"), "greet_v9.toml")
    assert load_prompt(tmp_path, "greet").version == 10
    assert load_prompt(tmp_path, "greet", version=1).template == "Greet {{ who }}."
    assert list(load_prompts(tmp_path)) == ["greet@1", "greet@9", "greet@10"]
    with pytest.raises(PromptFileError, match=r"no prompt greet@2\. It has: greet@1, greet@9, greet@10"):
        load_prompt(tmp_path, "greet", version=2)


def test_one_version_in_two_files_is_an_error(tmp_path: Path) -> None:
    written(tmp_path, GREET)
    written(tmp_path, GREET, "other.toml")
    with pytest.raises(PromptFileError, match=r"other\.toml: greet@1 is already in .*greet_v1\.toml"):
        load_prompts(tmp_path)


def test_a_published_version_must_stay_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, GREET)
    (tmp_path / "published.toml").write_text(f'"greet@1" = "{read_prompt(path).hash}"\n', encoding="utf-8")
    assert published_problems(tmp_path) == []
    written(tmp_path, GREET.replace("Greet", "Kindly greet"))
    assert "make it version 2" in published_problems(tmp_path)[0]
    path.unlink()
    assert "is gone" in published_problems(tmp_path)[0]


@pytest.mark.parametrize("folder", PROMPT_FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_course_s_prompts_load_and_published_ones_are_unchanged(folder: Path) -> None:
    assert load_prompts(folder) and published_problems(folder) == []
