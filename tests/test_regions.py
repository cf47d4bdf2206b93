import pytest

from autograder.regions import strip_solutions


def test_a_region_becomes_one_line_that_raises_at_its_indentation():
    source = "def f():\n    ### BEGIN SOLUTION: add them\n    return 1\n    ### END SOLUTION\n\n\nx = 1\n"
    stripped = strip_solutions(source)
    assert stripped == 'def f():\n    raise NotImplementedError("YOUR CODE HERE: add them")\n\n\nx = 1\n'
    compile(stripped, "f.py", "exec")


def test_text_with_quotes_and_accents_stays_valid_python():
    stripped = strip_solutions('### BEGIN SOLUTION say "déjà vu" \\ once\npass\n### END SOLUTION\n')
    with pytest.raises(NotImplementedError, match='say "déjà vu"'):
        exec(stripped)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("### BEGIN SOLUTION\n", "f.py:1: BEGIN SOLUTION is never closed"),
        ("x\n### END SOLUTION\n", "f.py:2: END SOLUTION without"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n", "f.py:2: a solution region inside"),
    ],
)
def test_a_broken_region_is_named_with_file_and_line(source, message):
    with pytest.raises(ValueError, match=message):
        strip_solutions(source, "f.py")
