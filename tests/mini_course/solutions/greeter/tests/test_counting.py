import pytest
from greeter.counting import count_words


@pytest.mark.task("counting")
def test_two_words_are_two():
    assert count_words("two words") == 2
