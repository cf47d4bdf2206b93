"""Grades a cohort: many submissions, several workers, one writer of nbgrader's gradebook, and a journal to resume from."""
