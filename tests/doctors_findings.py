"""What the tests of `course doctor`'s checks share."""

import io

from rich.console import Console

from coursekit import findings


def printed(*found):
    """What `course doctor` prints, on a narrow terminal."""
    console = Console(file=io.StringIO(), width=60)
    findings.report(found, console)
    return console.file.getvalue()


def assert_mended_by(finding, command, *, ok=False):
    assert finding.ok == ok
    assert command in finding.mend
    assert f"    {finding.mend}\n" in printed(finding)  # whole, on one line: it can be copied
    assert not findings.all_well([finding]) or ok == "warning"


def raising(error):
    def fail(*args, **kwargs):
        raise error

    return fail
