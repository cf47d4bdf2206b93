"""The one error that a learner or instructor sees as a plain message, without a traceback."""


class GradingError(Exception):
    """What is wrong, in which file, and what to do about it."""

    def __init__(self, wrong: str, todo: str) -> None:
        super().__init__(f"{wrong}\n{todo}")
        self.wrong, self.todo = wrong, todo
