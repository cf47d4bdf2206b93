"""`make bench`: every benchmark, one table each (or one JSON object with --json)."""

import argparse
import json

from bench import cohort, grading, model, provider
from bench.rows import show

ALL = {"Grading": grading, "A cohort": cohort, "Local models": model, "Providers": provider}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help=f"some of: {', '.join(m.__name__.removeprefix('bench.') for m in ALL.values())}"
    )
    parser.add_argument("--json", action="store_true", help="print the data as JSON instead of tables")
    arguments = parser.parse_args()
    results = {}
    for title, module in ALL.items():
        if arguments.only and module.__name__.removeprefix("bench.") not in arguments.only:
            continue
        results[title] = module.measure()
        if not arguments.json:
            show(title, results[title])
    if arguments.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
