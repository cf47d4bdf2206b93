"""`make cheats`: the table ("plain": points by plain nbgrader, with the same hidden tests in the notebook). Exit code 1 when a cheat pays or an honest submission loses a point."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

MINI = Path(__file__).resolve().parent.parent.parent / "tests" / "mini_course"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder.cheats", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--plain", action="store_true", help="those that harm nothing also through plain nbgrader (minutes)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="course-cheats-") as folder:
        root = Path(folder).resolve() / "course"
        os.environ["COURSE_ROOT"] = str(root)  # before the grader is imported, which reads it once
        from rich.console import Console

        from autograder.cheats import all_cheats, files, honest, notebook, table, values

        table.small_course(MINI, root)
        wanted = [c for c in all_cheats() if not options.names or c.name in options.names]
        controls = [c for c in honest.CONTROLS if not options.names or c.name in options.names]
        console = Console(highlight=False, soft_wrap=True, quiet=options.json)
        console.print(f"{'cheat':<30}{'points':<8}{'plain':<7}{'time':>6}  harm   what it tries")

        def tell(row: table.Row) -> None:
            plain = "" if row.plain is None else f"{row.plain:g}"
            line = f"{row.cheat:<30}{row.points:g}/{row.maximum:<6g}{plain:<7}{row.seconds:5.1f}s  {row.harm or 'none'}   {row.tries}"
            console.print(line, markup=False)

        tried = {c.name for c in (*values.CHEATS, *files.CHEATS, *notebook.CHEATS)} - set(files.ONLY_IN_THE_SANDBOX)
        plain = frozenset(tried if options.plain else ())
        rows = table.hear_all(root, wanted, controls, plain=plain, tell=tell)
    paid = [r.cheat for r in rows[0] if r.pays]
    lost = [r.cheat for r in rows[1] if r.points < r.maximum or r.harm]
    if options.json:
        print(table.to_json(rows))
    console.print(f"\n{len(rows[0])} hostile submissions, {len(paid)} of them pay: {', '.join(paid) or 'none'}")
    console.print(f"{len(rows[1])} honest submissions, {len(lost)} of them lose: {', '.join(lost) or 'none'}")
    return 1 if paid or lost else 0


if __name__ == "__main__":
    sys.exit(main())
