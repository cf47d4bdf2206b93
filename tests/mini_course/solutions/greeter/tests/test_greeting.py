import pytest
from greeter.greeting import greet


@pytest.mark.task("greeting")
def test_a_name_is_greeted():
    assert greet("Ada") == "Hello, Ada!"
