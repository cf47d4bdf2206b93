import random

import pytest
from greeter.greeting import greet


@pytest.mark.check(
    task="greeting", points=2, why="A greeting for one name only is no greeting.", lesson="00_start_here/01_first_call"
)
def test_any_name_is_greeted(seed):
    """Every name is greeted, not only the one in the brief."""
    name = f"secret{random.Random(seed).randrange(10**9)}"
    assert greet(name) == "Hello, " + name + "!"


@pytest.mark.check(
    task="greeting", points=1, why="An empty greeting goes out to a customer.", lesson="00_start_here/01_first_call"
)
def test_empty_name_is_refused(seed):
    """An empty name is refused with a ValueError."""
    with pytest.raises(ValueError):
        greet("")
