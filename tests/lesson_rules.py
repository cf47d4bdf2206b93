"""What must hold for every lesson, as functions that return the problems they find: empty means that all is well."""

import ast
import builtins
import re
import symtable
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from coursekit import notebooks
from coursekit.curriculum import CurriculumError, Lesson, Module, read_quiz
from coursekit.exercises import Practice, definitions
from coursekit.recall import ASKED, UnknownLesson, choose

FEWEST_WRONG_ANSWERS = 2
FEWEST_QUESTIONS = 2
SAME_POSITION_SHARE = 0.5
LONGEST_IS_RIGHT_SHARE = 0.6
ENOUGH_TO_BALANCE = 8


def exercise_problems(module: Module, name: str) -> list[str]:
    """The definition of one exercise, and its four cells in the lesson's notebook."""
    kind = definitions(module)[name]
    practice = Practice(f"{module.name}/{name}", kind)
    problems = [] if practice.contract else ["has no docstring: the contract"]
    if len(kind.hints) != 3 or not all(hint.strip() for hint in kind.hints):
        problems.append(f"needs exactly three hints, has {len(kind.hints)}")
    if len(kind.wrong) < FEWEST_WRONG_ANSWERS:
        problems.append(f"needs {FEWEST_WRONG_ANSWERS} wrong answers or more, has {len(kind.wrong)}")
    right = practice.judge(practice.evaluate(kind.solution))
    if right.status != "passed":
        problems.append(f"its solution does not pass:\n{right.card!r}")
    elif not right.confirmed:
        problems.append("its check confirms no behaviour: it accepts everything")
    for label, source in (("an unchanged stub", practice.evaluate(kind.stub)), ("a bare ...", ...)):
        if (status := practice.judge(source).status) != "not attempted":
            problems.append(f"{label} is {status!r}, expected 'not attempted'")
    for label, source in kind.wrong.items():
        outcome = practice.judge(practice.evaluate(source))
        if outcome.status != "failed":
            problems.append(f"the wrong answer {label!r} is {outcome.status!r}, expected 'failed'")
        elif not (outcome.behaviour.strip() and outcome.why.strip()):
            problems.append(f"the wrong answer {label!r} fails without a behaviour or a why")
    return problems + _cell_problems(practice, module.path / f"{kind.lesson}.ipynb")


def _cell_problems(practice: Practice, file: Path) -> list[str]:
    if not file.exists():
        return [f"its lesson {file.name} does not exist"]
    cells = notebooks.code_cells(notebooks.read(file))
    shown = next((i for i, cell in enumerate(cells) if f'exercise("{practice.name}")' in cell), None)
    if shown is None:
        return [f'{file.name} has no cell with exercise("{practice.name}")']
    later = cells[shown + 1 :]
    stub = practice.definition.stub.strip("\n")
    problems = []
    if stub not in [cell.strip("\n") for cell in later]:
        problems.append(f"{file.name} has no cell that is its stub, to the letter, after the one that shows it")
    variable = re.search(rf'(\w+)\s*=\s*exercise\("{re.escape(practice.name)}"\)', cells[shown])
    handle = variable[1] if variable else "ex"
    for call in (f"{handle}.check({practice.answer_name})", f"# {handle}.hint()"):
        if not any(call in cell for cell in later):
            problems.append(f"{file.name} has no cell with {call} after the one that shows it")
    known = set(dir(builtins)).union(*(_bound(cell) for cell in cells))
    if unknown := _needed(practice.definition.solution) - known:
        problems.append(f"its solution uses {', '.join(sorted(unknown))}, which {file.name} does not import or define")
    return problems


def _python(cell: str) -> ast.Module:
    """A cell's syntax tree, IPython's own lines left out."""
    lines = (re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in cell.splitlines())
    return ast.parse("\n".join(lines))


def _bound(cell: str) -> set[str]:
    nodes = list(ast.walk(_python(cell)))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    aliases = (alias for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names)
    return names | {(alias.asname or alias.name).partition(".")[0] for alias in aliases}


def _needed(source: str) -> set[str]:
    """The global names that a source reads and does not define itself."""
    top = symtable.symtable(source, "<solution>", "exec")
    own = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    tables, needed = [top], set()
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        needed |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    return {name for name in needed - own if not name.startswith("__")}


def lesson_problems(lesson: Lesson) -> list[str]:
    """A notebook without leftovers, whose exercises exist, and that closes with a recap and its recall questions."""
    notebook = notebooks.read(lesson.path)
    problems = notebooks.leftovers(notebook)
    cells = [(cell["cell_type"], notebooks.source(cell)) for cell in notebook["cells"]]
    known = definitions(Module(lesson.path.parent))
    for used in re.findall(r'exercise\("([^"]+)"\)', "\n".join(text for kind, text in cells if kind == "code")):
        module, _, name = used.partition("/")
        if module != lesson.path.parent.name or name not in known or known[name].lesson != lesson.path.stem:
            problems.append(f'exercise("{used}") is not an exercise of this lesson')
    recap = [
        i for i, (kind, text) in enumerate(cells) if kind == "markdown" and re.search(r"(?mi)^#+ .*\brecap\b", text)
    ]
    asks = [i for i, (kind, text) in enumerate(cells) if kind == "code" and f'recall("{lesson.key}")' in text]
    answers = [i for i, (kind, text) in enumerate(cells) if kind == "code" and '.answer("?", "?", "?")' in text]
    if not recap:
        problems.append('has no heading with the word "Recap"')
    if not asks or not answers:
        problems.append(f'does not close with recall("{lesson.key}") and .answer("?", "?", "?")')
    if recap and asks and answers:
        if not recap[-1] < asks[-1] < answers[-1]:
            problems.append("recap, recall questions and answer cell come in another order")
        if any(kind == "code" and text.strip() for kind, text in cells[answers[-1] + 1 :]):
            problems.append("has code after its recall questions")
    try:
        if (asked := len(choose(lesson.key, lesson.path.parents[2]))) != ASKED:
            problems.append(f"has {asked} recall questions to ask, not {ASKED}: add to quiz.toml")
    except (UnknownLesson, CurriculumError) as error:
        problems.append(str(error))
    return problems


def shared_definitions(files: list[Path]) -> list[str]:
    """Functions and classes that more than one notebook defines at the top level of a cell."""
    homes: dict[str, set[str]] = {}
    for file in files:
        for cell in notebooks.code_cells(notebooks.read(file)):
            for node in _python(cell).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    homes.setdefault(node.name, set()).add(f"{file.parent.name}/{file.name}")
    return [f"{name} is defined in {' and '.join(sorted(where))}" for name, where in homes.items() if len(where) > 1]


def quiz_problems(module: Module) -> list[str]:
    """Enough questions a lesson, a reason for every option, and no pattern that gives the right one away."""
    file = module.path / "quiz.toml"
    try:
        questions = read_quiz(file, module.name) if file.exists() else []
    except CurriculumError as error:
        return [str(error)]
    count = Counter(question.lesson for question in questions)
    problems = [f"{lesson.key} has {count[lesson.key]} recall questions, needs {FEWEST_QUESTIONS}"
                for lesson in module.lessons if count[lesson.key] < FEWEST_QUESTIONS]  # fmt: skip
    problems += [f"{key} is not a lesson" for key in count if key not in {lesson.key for lesson in module.lessons}]
    prompts = Counter(question.prompt for question in questions)
    problems += [f"is asked twice: {prompt[:60]!r}" for prompt, times in prompts.items() if times > 1]
    for question in questions:
        texts = [option.text.strip() for option in question.options]
        if len(texts) < 3 or len(set(texts)) < len(texts) or not all(texts):
            problems.append(f"{question.prompt[:60]!r} needs three or more different options")
        problems += [f"{question.prompt[:60]!r}: {option.text!r} has no why"
                     for option in question.options if not option.why.strip()]  # fmt: skip
    if len(questions) >= ENOUGH_TO_BALANCE:
        position, times = Counter(question.right_index for question in questions).most_common(1)[0]
        if times / len(questions) > SAME_POSITION_SHARE:
            problems.append(f"option {'abcdefgh'[position]} is right in {times} of {len(questions)} questions")
        longest = sum(_right_is_longest([len(o.text) for o in q.options], q.right_index) for q in questions)
        if longest / len(questions) > LONGEST_IS_RIGHT_SHARE:
            problems.append(f"the right option is the longest in {longest} of {len(questions)} questions")
    return problems


def _right_is_longest(lengths: list[int], right: int) -> bool:
    return lengths[right] == max(lengths) and lengths.count(max(lengths)) == 1


LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)|^\s{0,3}\[[^\]^]+\]:\s*(\S+)|(?:src|href)=[\"']([^\"']+)", re.MULTILINE
)
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def link_problems(file: Path, root: Path) -> list[str]:
    """Relative links of a Markdown file or notebook that lead nowhere: to no file, out of the repository, or to no heading."""
    problems = []
    for groups in LINK.findall(CODE.sub("", _prose(file))):
        link = next(group for group in groups if group)
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists():
            problems.append(f"{link}: there is no such file")
        elif not target.is_relative_to(root.resolve()):
            problems.append(f"{link}: leads out of the repository")
        elif anchor and target.suffix in (".md", ".ipynb") and anchor not in _anchors(target):
            problems.append(f"{link}: {target.name} has no heading #{anchor}")
    return problems


def _prose(file: Path) -> str:
    if file.suffix != ".ipynb":
        return file.read_text(encoding="utf-8")
    cells = notebooks.read(file)["cells"]
    return "\n\n".join(notebooks.source(cell) for cell in cells if cell["cell_type"] == "markdown")


def _anchors(file: Path) -> set[str]:
    """Heading anchors as GitHub makes them (lower case, no punctuation) and as JupyterLab does; and explicit ids."""
    text = re.sub(r"^(```|~~~).*?^\1", "", _prose(file), flags=re.MULTILINE | re.DOTALL)
    found = set(re.findall(r"(?:id|name)=[\"']([^\"']+)", text))
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*\s*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        github = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        times = sum(1 for anchor in found if re.fullmatch(re.escape(github) + r"(-\d+)?", anchor))
        found |= {f"{github}-{times}" if times else github, plain.replace(" ", "-")}
    return found
