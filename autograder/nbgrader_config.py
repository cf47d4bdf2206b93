"""For nbgrader's stock commands. The course's environment loads this file by itself (`.venv/etc/jupyter`)."""

from autograder.settings import configure

configure(get_config())  # traitlets defines get_config while it reads this file
