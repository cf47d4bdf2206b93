import random

import pytest
from greeter.counting import count_words


@pytest.mark.check(
    task="counting", points=3, why="Two spaces are not an empty word.", lesson="00_start_here/01_first_call"
)
def test_words_are_counted_whatever_separates_them(seed):
    """Any white space separates words."""
    words = random.Random(seed).randrange(3, 30)
    assert count_words("  \n".join(["w"] * words)) == words
