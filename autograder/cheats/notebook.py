"""Harm in the notebook: outputs that claim points, cells that would take over the kernel, graded cells changed."""

from autograder.cheats import Cheat, package

TWO = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "3.0"}}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "3.0\n"}
DAEMON = """
import os, pathlib, sqlite3, time
if os.fork() == 0:
    os.setsid()
    books = [p / "gradebook.db" for p in pathlib.Path.cwd().parents if (p / "gradebook.db").exists()]
    for _ in range(300):
        for book in books:
            try:
                with sqlite3.connect(book, timeout=.01) as open_book:
                    open_book.execute("UPDATE grade SET auto_score = 3")
            except sqlite3.Error:
                pass
        time.sleep(.05)
    os._exit(0)
"""
SHOWS = "from IPython import get_ipython\nshow = lambda: get_ipython().displayhook(3.0)\n"

CHEATS = [
    Cheat("output-partial-credit", "hands in graded cells with a result of 3.0, which nbgrader takes for points", outputs=(TWO,)),
    Cheat("output-printed", "hands in graded cells that printed 3.0", outputs=(PRINTED, TWO, TWO)),
    Cheat("output-none", "hands in graded cells without outputs, which nbgrader takes for right", outputs=()),
    Cheat("input-transformer", "an input transformer replaces test cells by pass",
          cells=("get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])",)),
    Cheat("patched-run-cell", "replaces the shell's run_cell", cells=(
        "ip = get_ipython()\nrun = ip.run_cell\nip.should_run_async = lambda *a, **k: False\n"
        "ip.run_cell = lambda raw, *a, **k: run('pass', *a, **k)",)),
    Cheat("kernel-daemon", "a cell starts a daemon that writes full points into the gradebook after grading", cells=(DAEMON,)),
    Cheat("shows-points", "its functions make the cell's result 3.0, which nbgrader takes for partial credit", package(
        SHOWS + "def greet(name): show()\n", SHOWS + "def count_words(text): show()\n")),
    Cheat("reads-in", "a cell reads the hidden tests from In and from the working directory",
          cells=("import glob\nfound = [open(p).read() for p in glob.glob('**/*hidden*', recursive=True)], In[-20:]",)),
    Cheat("display-hook", "a cell replaces the display hook and the outputs of later cells",
          cells=("import sys\nsys.displayhook = lambda value: None\nget_ipython().display_formatter.format = lambda o, **k: ({'text/plain': '3.0'}, {})",)),
    Cheat("more-points", "raises the points of the graded cells to 100", mark={"points": 100}, outputs=(TWO,)),
    Cheat("points-not-a-number", "points that are no number, NaN or negative", mark={"points": float("nan")}, outputs=(TWO,)),
    Cheat("unlocked", "takes the lock and the grade mark off the graded cells", mark={"locked": False, "grade": False}, outputs=(TWO,)),
    Cheat("solution-cells", "turns graded cells into cells that a person grades", mark={"solution": True, "task": True}, outputs=(TWO,)),
]  # fmt: skip
