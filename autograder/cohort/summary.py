"""What is said about a cohort while it is being graded."""


class Summary:
    """What is known so far, while a cohort is graded."""

    def __init__(self) -> None:
        self.count = self.full = self.zero = self.problems = self.cached = 0
        self._points = self.maximum = 0.0

    def add(self, result) -> None:
        self.count += 1
        self.full += result.points >= result.maximum > 0
        self.zero += result.points == 0
        self.problems += bool(result.problem)
        self.cached += result.cached
        self._points += result.points
        self.maximum = max(self.maximum, result.maximum)

    @property
    def mean(self) -> float | None:
        """Mean points from tests."""
        return self._points / self.count if self.count else None

    def text(self) -> str:
        if not self.count:
            return ""
        parts = [
            f"mean {self.mean:.1f} of {self.maximum:g}",
            f"{self.full} full",
            f"{self.zero} none",
            f"{self.problems} problems",
        ]
        return ", ".join(parts + ([f"{self.cached} unchanged"] if self.cached else []))
