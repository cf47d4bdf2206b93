"""Practice exercises of module 01, in the order in which the lessons ask them."""

import numpy as np
import pandas as pd

from coursekit.exercises import Exercise

# --- 01_baseline


class LiftOverMajority(Exercise):
    """`lift_over_majority(y_true, predicted)` → `float`: accuracy gained over the best constant answer.

    - `y_true`, `predicted`: arrays of 0 and 1, shape `(n,)`, `n ≥ 1`.
    - The constant answer is whichever class is more frequent in `y_true`; its accuracy is that class's share.
    - Returns a difference of two shares, between −1 and 1. Zero means: as good as not looking.
    """

    lesson = "01_baseline"
    stub = """
def lift_over_majority(y_true, predicted):
    return ...  # your code
"""
    hints = (
        "Two accuracies, one subtraction. The first is the share of rows where `predicted` equals `y_true`.",
        "The constant answer is right on the share of its own class: `mean` for class 1, `1 - mean` for class 0.",
        "`np.mean(y_true == predicted) - max(rate, 1 - rate)` with `rate = np.mean(y_true)`, both as arrays.",
    )
    solution = """
def lift_over_majority(y_true, predicted):
    y_true, predicted = np.asarray(y_true), np.asarray(predicted)
    rate = y_true.mean()
    return float((y_true == predicted).mean() - max(rate, 1 - rate))
"""
    wrong = {
        "accuracy alone": """
def lift_over_majority(y_true, predicted):
    return float((np.asarray(y_true) == np.asarray(predicted)).mean())
""",
        "class 0 is always the majority": """
def lift_over_majority(y_true, predicted):
    y_true, predicted = np.asarray(y_true), np.asarray(predicted)
    return float((y_true == predicted).mean() - (1 - y_true.mean()))
""",
    }

    def check(self, lift_over_majority):
        self.expect(
            lift_over_majority(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])),
            0.0,
            behaviour="The constant answer itself has a lift of zero",
            given="y_true=[0, 0, 0, 1], predicted=[0, 0, 0, 0]",
            why="75 % accuracy reads like a result; it is the share of on-time shipments, and no model was needed.",
        )
        self.expect(
            lift_over_majority(np.array([1, 1, 1, 0]), np.array([1, 1, 1, 0])),
            0.25,
            behaviour="The baseline is the more frequent class, whichever that is",
            given="y_true=[1, 1, 1, 0], predicted=[1, 1, 1, 0]",
            why="On a table where 1 is frequent, a baseline that always says 0 is a straw man and every model shines.",
        )
        self.expect(
            lift_over_majority(np.array([0, 0, 0, 1]), np.array([1, 0, 0, 0])),
            -0.25,
            behaviour="A model worse than the constant has a negative lift",
            given="y_true=[0, 0, 0, 1], predicted=[1, 0, 0, 0]",
            why="Clipping at zero hides that the model costs more than an `if False`.",
        )
