"""Practice exercises of module 01, in the order in which the lessons ask them."""

import zlib

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score  # noqa: F401 - answers to leak_scan use it

from coursekit.exercises import Exercise

# --- 01_baseline


class LiftOverMajority(Exercise):
    """`lift_over_majority(y_true, predicted)` → `float`: accuracy gained over the best constant answer.

    - `y_true`, `predicted`: arrays of 0 and 1, shape `(n,)`, `n ≥ 1`.
    - The constant answer is whichever class is more frequent in `y_true`; its accuracy is that class's share.
    - Returns a difference of two shares, between -1 and 1. Zero means: as good as not looking.
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


class ShrunkenRate(Exercise):
    """`shrunken_rate(late, count, overall, weight)` → `np.ndarray`: the late rate of each cell, pulled towards the overall rate.

    - `late`, `count`: arrays of shape `(cells,)`: late shipments and all shipments seen in each cell. `count` may be 0.
    - `overall`: the late rate over all cells, a share between 0 and 1.
    - `weight ≥ 0`: every cell counts as if it had seen `weight` more shipments, late at the `overall` rate.
    - A cell without any shipment, real or pretended, has the `overall` rate.
    """

    lesson = "01_baseline"
    stub = """
def shrunken_rate(late, count, overall, weight):
    return ...  # your code
"""
    hints = (
        "A rate is late shipments over shipments. Add the pretended shipments to both parts of the fraction.",
        "`weight` pretended shipments, late at the rate `overall`, add `weight * overall` above and `weight` below.",
        "`np.where(total > 0, (late + weight * overall) / np.maximum(total, 1e-9), overall)`, `total = count + weight`.",
    )
    solution = """
def shrunken_rate(late, count, overall, weight):
    late, total = np.asarray(late, float), np.asarray(count, float) + weight
    rate = (late + weight * overall) / np.where(total > 0, total, 1)
    return np.where(total > 0, rate, overall)
"""
    wrong = {
        "adds the weight to the count only": """
def shrunken_rate(late, count, overall, weight):
    total = np.asarray(count, float) + weight
    return np.where(total > 0, np.asarray(late, float) / np.maximum(total, 1e-9), overall)
""",
        "the same mix for every cell": """
def shrunken_rate(late, count, overall, weight):
    raw = np.asarray(late, float) / np.maximum(np.asarray(count, float), 1e-9)
    return (raw + weight * overall) / (1 + weight)
""",
        "an empty cell is never late": """
def shrunken_rate(late, count, overall, weight):
    total = np.asarray(count, float) + weight
    return (np.asarray(late, float) + weight * overall) / np.maximum(total, 1e-9)
""",
    }

    def check(self, shrunken_rate):
        self.expect(
            shrunken_rate(np.array([3]), np.array([10]), 0.1, 0),
            np.array([0.3]),
            behaviour="With weight 0 a cell keeps its raw rate",
            given="late=[3], count=[10], overall=0.1, weight=0",
            why="Weight 0 is the plain GROUP BY; it is what you compare with.",
        )
        self.expect(
            shrunken_rate(np.array([1, 100]), np.array([1, 100]), 0.1, 9),
            np.array([0.19, (100 + 0.9) / 109]),
            behaviour="A cell with few shipments moves far, one with many hardly moves",
            given="late=[1, 100], count=[1, 100], overall=0.1, weight=9",
            why="One late shipment out of one is an anecdote; without shrinking the table sends a dispatcher after it.",
        )
        self.expect(
            shrunken_rate(np.array([0, 2]), np.array([0, 4]), 0.1, 0),
            np.array([0.1, 0.5]),
            behaviour="A cell that was never seen has the overall rate, even with weight 0",
            given="late=[0, 2], count=[0, 4], overall=0.1, weight=0",
            why="A new carrier has no history. 0/0 becomes NaN, NaN > 0.15 is False, and nobody notices.",
        )


class CapturedShare(Exercise):
    """`captured_share(baseline_eur, candidate_eur, best_eur)` → `float`: how much of the reachable saving a policy takes.

    - All three are bills in euros per 1,000 shipments; `best_eur` is that of the best possible policy.
    - 0: as dear as the baseline. 1: as cheap as the best. Negative: dearer than the baseline.
    - Raises `ValueError` when `best_eur >= baseline_eur`: there is nothing to save.
    """

    lesson = "01_baseline"
    stub = """
def captured_share(baseline_eur, candidate_eur, best_eur):
    return ...  # your code
"""
    hints = (
        "Two savings, both counted from the baseline: the candidate's and the best one's.",
        "The answer is the candidate's saving divided by the best saving. Look at the divisor before you divide.",
        "`(baseline_eur - candidate_eur) / (baseline_eur - best_eur)`, after a check that raises `ValueError`.",
    )
    solution = """
def captured_share(baseline_eur, candidate_eur, best_eur):
    if best_eur >= baseline_eur:
        raise ValueError(f"nothing to save: best {best_eur} is not below the baseline {baseline_eur}")
    return (baseline_eur - candidate_eur) / (baseline_eur - best_eur)
"""
    wrong = {
        "saving as a share of the bill": """
def captured_share(baseline_eur, candidate_eur, best_eur):
    if best_eur >= baseline_eur:
        raise ValueError("nothing to save")
    return (baseline_eur - candidate_eur) / baseline_eur
""",
        "a loss is reported as zero": """
def captured_share(baseline_eur, candidate_eur, best_eur):
    if best_eur >= baseline_eur:
        raise ValueError("nothing to save")
    return max(0.0, (baseline_eur - candidate_eur) / (baseline_eur - best_eur))
""",
        "divides without looking": """
def captured_share(baseline_eur, candidate_eur, best_eur):
    return (baseline_eur - candidate_eur) / (baseline_eur - best_eur)
""",
    }

    def check(self, captured_share):
        self.expect(
            captured_share(100, 100, 60),
            0.0,
            behaviour="The baseline itself captures nothing",
            given="baseline_eur=100, candidate_eur=100, best_eur=60",
            why="The baseline is the zero of the scale.",
        )
        self.expect(
            captured_share(100, 70, 60),
            0.75,
            behaviour="The share is of what can be saved, not of the whole bill",
            given="baseline_eur=100, candidate_eur=70, best_eur=60",
            why="30 € of 100 € sounds modest; of the 40 € that anybody could save it is three quarters.",
        )
        self.expect(
            captured_share(100, 120, 60),
            -0.5,
            behaviour="A policy dearer than the baseline has a negative share",
            given="baseline_eur=100, candidate_eur=120, best_eur=60",
            why="A dashboard that shows 0 % for a loss lets the loss run for months.",
        )
        self.raises(
            ValueError,
            lambda: captured_share(100, 100, 100),
            behaviour="Where nothing can be saved, the question is refused",
            given="baseline_eur=100, candidate_eur=100, best_eur=100",
            why="Here the right project is no project; a division error or an infinite share hides that.",
        )


# --- 02_leakage


class FutureColumns(Exercise):
    """`future_columns(written_at, decided_at)` → `list[str]`: the columns that were written after the decision, sorted by name.

    - `written_at`: `pd.DataFrame`, a row per shipment; each column holds the time at which that field was last written (`NaT`: never).
    - `decided_at`: `pd.Series` of times with the same index: when the prediction was asked for.
    - One shipment with a later write is enough to name the column. A write at the very moment of the decision is in time.
    """

    lesson = "02_leakage"
    stub = """
def future_columns(written_at, decided_at):
    return ...  # your code
"""
    hints = (
        "Compare a whole column of write times with `decided_at`; you get one boolean per shipment.",
        "`any()` turns those booleans into a verdict on the column. A comparison with `NaT` is False, which is what you want.",
        "`sorted(c for c in written_at if (written_at[c] > decided_at).any())`",
    )
    solution = """
def future_columns(written_at, decided_at):
    return sorted(c for c in written_at if (written_at[c] > decided_at).any())
"""
    wrong = {
        "late in every shipment, not in any": """
def future_columns(written_at, decided_at):
    return sorted(c for c in written_at if (written_at[c] > decided_at).all())
""",
        "the same moment counts as future": """
def future_columns(written_at, decided_at):
    return sorted(c for c in written_at if (written_at[c] >= decided_at).any())
""",
        "compares with the last decision only": """
def future_columns(written_at, decided_at):
    return sorted(c for c in written_at if written_at[c].max() > decided_at.max())
""",
    }

    def check(self, future_columns):
        hour = lambda *hours: pd.to_datetime([f"2025-03-03 {h:02}:00" if h is not None else None for h in hours])  # noqa: E731
        decided = pd.Series(hour(9, 15))
        self.expect(
            future_columns(pd.DataFrame({"weight_kg": hour(9, 15), "lane": hour(8, 9)}), decided),
            [],
            behaviour="What is written up to the decision, the same moment included, is allowed",
            given="decided at 09:00 and 15:00; weight_kg written at 09:00 and 15:00, lane at 08:00 and 09:00",
            why="The booking form writes its fields and asks for the prediction in one transaction.",
        )
        self.expect(
            future_columns(pd.DataFrame({"signed_by": hour(None, None), "scan": hour(10, None)}), decided),
            ["scan"],
            behaviour="One late write is enough, a field that was never written is no offence",
            given="decided at 09:00 and 15:00; signed_by never written, scan written at 10:00 and never",
            why="A column that leaks for one carrier only still teaches the model something that will not be there.",
        )
        self.expect(
            future_columns(pd.DataFrame({"z_scan": hour(14, 15), "a_scan": hour(9, 16)}), decided),
            ["a_scan", "z_scan"],
            behaviour="Each shipment is compared with its own decision, and the names come sorted",
            given="decided at 09:00 and 15:00; z_scan written at 14:00 and 15:00, a_scan at 09:00 and 16:00",
            why="14:00 is before the day's last decision but five hours after the one it belongs to.",
        )


class LeakScan(Exercise):
    """`leak_scan(frame, y)` → `pd.Series`: how well each column alone separates late from on time, strongest first.

    - `frame`: numeric columns, missing values allowed; `y`: array of 0 and 1, the same length.
    - A column's strength is its AUC *in the better direction*: `max(auc, 1 - auc)`, between 0.5 and 1.
    - A missing value counts as a value below all others; no row is dropped.
    - The result's index are the column names, sorted by strength, descending. `roc_auc_score` is imported.
    """

    lesson = "02_leakage"
    stub = """
def leak_scan(frame, y):
    return ...  # your code
"""
    hints = (
        "`roc_auc_score(y, column)` is the AUC of one column. It does not take missing values.",
        "Fill with `column.min() - 1`, and take `max(auc, 1 - auc)`: a low value can be as telling as a high one.",
        "Build a dict in a loop over `frame`, then `pd.Series(strength).sort_values(ascending=False)`.",
    )
    solution = """
def leak_scan(frame, y):
    strength = {}
    for name, column in frame.items():
        auc = roc_auc_score(y, column.fillna(column.min() - 1))
        strength[name] = max(auc, 1 - auc)
    return pd.Series(strength).sort_values(ascending=False)
"""
    wrong = {
        "one direction only": """
def leak_scan(frame, y):
    auc = {name: roc_auc_score(y, column.fillna(column.min() - 1)) for name, column in frame.items()}
    return pd.Series(auc).sort_values(ascending=False)
""",
        "drops the rows with missing values": """
def leak_scan(frame, y):
    strength = {}
    for name, column in frame.items():
        here = column.notna().to_numpy()
        auc = roc_auc_score(np.asarray(y)[here], column[here])
        strength[name] = max(auc, 1 - auc)
    return pd.Series(strength).sort_values(ascending=False)
""",
        "in the order of the columns": """
def leak_scan(frame, y):
    auc = frame.apply(lambda column: roc_auc_score(y, column.fillna(column.min() - 1)))
    return np.maximum(auc, 1 - auc)
""",
    }

    def check(self, leak_scan):
        y = np.array([0, 0, 1, 1])

        def ranked(**columns):
            return [(name, float(strength)) for name, strength in leak_scan(pd.DataFrame(columns), y).items()]

        self.expect(
            ranked(noise=[1.0, 2.0, 1.0, 2.0], gap=[1.0, 2.0, 3.0, 4.0]),
            [("gap", 1.0), ("noise", 0.5)],
            behaviour="Columns come strongest first",
            given="noise=[1, 2, 1, 2], gap=[1, 2, 3, 4], y=[0, 0, 1, 1]",
            why="With 300 columns somebody reads the first ten lines.",
        )
        self.expect(
            ranked(minutes_left=[9.0, 8.0, 2.0, 1.0]),
            [("minutes_left", 1.0)],
            behaviour="A column that is low for late shipments is as strong as one that is high",
            given="minutes_left=[9, 8, 2, 1], y=[0, 0, 1, 1]",
            why="AUC 0.0 looks harmless at the bottom of the list, and a model flips the sign for free.",
        )
        self.expect(
            ranked(signed_at_h=[3.0, 5.0, np.nan, np.nan]),
            [("signed_at_h", 1.0)],
            behaviour="Missing values take part: that a field is empty can be the leak",
            given="signed_at_h=[3, 5, NaN, NaN], y=[0, 0, 1, 1]",
            why="Fields that are filled only for delivered parcels leak through being empty.",
        )


class StandardiseLike(Exercise):
    """`standardise_like(train, rows)` → `np.ndarray`: `rows` with each column shifted and scaled as *learned from* `train`.

    - `train`: shape `(n, d)`; `rows`: shape `(m, d)`. Column by column: minus the mean, divided by the standard deviation (`ddof=0`).
    - A column that is constant in `train` is divided by 1.
    """

    lesson = "02_leakage"
    stub = """
def standardise_like(train, rows):
    mean = ...  # Fit: what is learned, and from which rows?
    scale = ...
    return (rows - mean) / scale  # Apply
"""
    hints = (
        "Everything learned comes from one of the two arguments. Which one exists when the model is trained?",
        "`train.mean(axis=0)` and `train.std(axis=0)` have shape `(d,)` and broadcast over the rows.",
        "`scale = np.where(train.std(axis=0) > 0, train.std(axis=0), 1)`, then `(rows - mean) / scale`.",
    )
    solution = """
def standardise_like(train, rows):
    mean = train.mean(axis=0)
    scale = train.std(axis=0)
    return (rows - mean) / np.where(scale > 0, scale, 1)
"""
    wrong = {
        "learns from the rows it transforms": """
def standardise_like(train, rows):
    scale = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(scale > 0, scale, 1)
""",
        "learns from both together": """
def standardise_like(train, rows):
    both = np.concatenate([train, rows])
    scale = both.std(axis=0)
    return (rows - both.mean(axis=0)) / np.where(scale > 0, scale, 1)
""",
        "one mean for the whole table": """
def standardise_like(train, rows):
    return (rows - train.mean()) / (train.std() or 1)
""",
    }

    def check(self, standardise_like):
        train = np.array([[0.0, 5.0], [2.0, 5.0]])
        self.expect(
            standardise_like(train, train),
            np.array([[-1.0, 0.0], [1.0, 0.0]]),
            behaviour="Each column has its own mean and scale; a constant one becomes 0, not NaN",
            given="train=[[0, 5], [2, 5]], rows=train",
            why="A field that was constant last month must not turn every later row into NaN.",
        )
        self.expect(
            standardise_like(train, np.array([[4.0, 6.0]])),
            np.array([[3.0, 1.0]]),
            behaviour="A new row is measured against the training rows alone",
            given="train=[[0, 5], [2, 5]], rows=[[4, 6]]",
            why="In production rows come one at a time: a row scaled by its own mean is always 0.",
        )


class SeenBefore(Exercise):
    """`seen_before(train, test, columns)` → `float`: the share of `test` rows whose values in `columns` also stand in `train`.

    - `train`, `test`: `pd.DataFrame`; `columns`: list of names in both.
    - Every test row counts once, however often it is repeated in either table. An empty `test` gives 0.0.
    """

    lesson = "02_leakage"
    stub = """
def seen_before(train, test, columns):
    return ...  # your code
"""
    hints = (
        "This is a semi-join: for each test row, does its key exist in the training table?",
        "`pd.MultiIndex.from_frame(frame[columns])` makes the keys, `.isin(...)` looks them up without multiplying rows.",
        "`pd.MultiIndex.from_frame(test[columns]).isin(pd.MultiIndex.from_frame(train[columns])).mean()`, and 0.0 if empty.",
    )
    solution = """
def seen_before(train, test, columns):
    if test.empty:
        return 0.0
    known = pd.MultiIndex.from_frame(train[columns])
    return float(pd.MultiIndex.from_frame(test[columns]).isin(known).mean())
"""
    wrong = {
        "an inner join that multiplies rows": """
def seen_before(train, test, columns):
    return len(test[columns].merge(train[columns], on=columns)) / max(len(test), 1)
""",
        "each column by itself": """
def seen_before(train, test, columns):
    if test.empty:
        return 0.0
    return float(np.mean([test[c].isin(train[c]).mean() for c in columns]))
""",
        "counts distinct keys": """
def seen_before(train, test, columns):
    ours, theirs = ({tuple(r) for r in f[columns].to_numpy().tolist()} for f in (test, train))
    return len(ours & theirs) / max(len(ours), 1)
""",
    }

    def check(self, seen_before):
        train = pd.DataFrame({"lane": ["NL-DE", "NL-DE", "FR-ES"], "kg": [2.0, 2.0, 9.0], "id": [1, 2, 3]})
        self.expect(
            seen_before(
                train, pd.DataFrame({"lane": ["NL-DE", "IT-DE"], "kg": [2.0, 2.0], "id": [7, 8]}), ["lane", "kg"]
            ),
            0.5,
            behaviour="A test row counts once, even if the training table holds its key twice",
            given="train keys (NL-DE, 2), (NL-DE, 2), (FR-ES, 9); test keys (NL-DE, 2), (IT-DE, 2)",
            why="A plain join multiplies rows: the share goes over 100 % and the check is switched off as broken.",
        )
        self.expect(
            seen_before(train, pd.DataFrame({"lane": ["NL-DE"], "kg": [9.0], "id": [7]}), ["lane", "kg"]),
            0.0,
            behaviour="All columns of one training row have to match together",
            given="the same train; test key (NL-DE, 9)",
            why="Every lane has been seen. That does not make every shipment a copy.",
        )
        self.expect(
            seen_before(
                train,
                pd.DataFrame({"lane": ["FR-ES"] * 3 + ["IT-DE"], "kg": [9.0] * 3 + [1.0], "id": 0}),
                ["lane", "kg"],
            ),
            0.75,
            behaviour="Repeated test rows each count, since each is scored",
            given="the same train; test keys three times (FR-ES, 9), once (IT-DE, 1)",
            why="The score averages over rows: three copies weigh three times.",
        )
        self.expect(
            seen_before(train, train.head(0), ["lane", "kg"]),
            0.0,
            behaviour="An empty test table has no copies",
            given="a test table without rows",
            why="The first night after the month changes, the test folder is empty and the job must not crash.",
        )


# --- 03_validation


class BootstrapInterval(Exercise):
    """`bootstrap_interval(y_true, score, metric, draws, seed)` → `(low, high)`: a 95 % interval for a score.

    - `y_true`, `score`: arrays of shape `(n,)`; `metric(y_true, score)` → `float`.
    - Draw `n` *rows* with replacement, compute `metric`, repeat `draws` times; return the 2.5th and 97.5th percentiles.
    - `seed`: the same seed gives the same interval; use `np.random.default_rng(seed)`.
    """

    lesson = "03_validation"
    stub = """
def bootstrap_interval(y_true, score, metric, draws=500, seed=0):
    return ...  # your code
"""
    hints = (
        "A row is an index. Draw indexes, and use the same ones for `y_true` and `score`.",
        "`rows = rng.integers(0, n, size=n)` draws with replacement; collect `metric(y_true[rows], score[rows])`.",
        "`tuple(np.percentile(values, [2.5, 97.5]))` over a list of `draws` such values.",
    )
    solution = """
def bootstrap_interval(y_true, score, metric, draws=500, seed=0):
    rng, n = np.random.default_rng(seed), len(y_true)
    values = []
    for _ in range(draws):
        rows = rng.integers(0, n, size=n)
        values.append(metric(y_true[rows], score[rows]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
"""
    wrong = {
        "labels and scores drawn apart": """
def bootstrap_interval(y_true, score, metric, draws=500, seed=0):
    rng, n = np.random.default_rng(seed), len(y_true)
    values = [metric(y_true[rng.integers(0, n, n)], score[rng.integers(0, n, n)]) for _ in range(draws)]
    return tuple(np.percentile(values, [2.5, 97.5]))
""",
        "draws without replacement": """
def bootstrap_interval(y_true, score, metric, draws=500, seed=0):
    rng, n = np.random.default_rng(seed), len(y_true)
    orders = [rng.permutation(n) for _ in range(draws)]
    return tuple(np.percentile([metric(y_true[r], score[r]) for r in orders], [2.5, 97.5]))
""",
        "the smallest and the largest draw": """
def bootstrap_interval(y_true, score, metric, draws=500, seed=0):
    rng, n = np.random.default_rng(seed), len(y_true)
    rows = rng.integers(0, n, (draws, n))
    values = [metric(y_true[r], score[r]) for r in rows]
    return min(values), max(values)
""",
    }

    def check(self, bootstrap_interval):
        def accuracy(y_true, score):
            return float(np.mean(y_true == score))

        y, perfect = np.tile([0, 1], 50), np.tile([0, 1], 50)
        self.expect(
            bootstrap_interval(y, perfect, accuracy, 200, 0),
            (1.0, 1.0),
            behaviour="A row keeps its label and its score together",
            given="100 rows, all predicted correctly; metric: accuracy",
            why="Drawn apart, a perfect model scores like a coin.",
        )
        right = np.where(np.arange(100) < 80, y, 1 - y)
        interval = bootstrap_interval(y, right, accuracy, 2000, 1)
        self.expect(
            np.asarray(interval, float),
            np.array([0.72, 0.88]),  # 0.80 ± 1.96 · sqrt(0.8 · 0.2 / 100) = 0.80 ± 0.078
            behaviour="80 right of 100 is uncertain by about 8 points each way",
            given="100 rows, 80 predicted correctly; metric: accuracy; 2,000 draws",
            why="Without replacement every draw is the same rows; the extremes grow with the number of draws.",
            tolerance=0.021,
        )
        self.expect(
            bootstrap_interval(y, right, accuracy, 100, 7) == bootstrap_interval(y, right, accuracy, 100, 7),
            True,
            behaviour="The same seed gives the same interval",
            given="two calls with seed=7",
            why="A gate in CI that rolls dice fails on Tuesdays and passes when you run it again.",
        )


class GoesToTest(Exercise):
    """`goes_to_test(key, test_percent)` → `bool`: does everything that belongs to `key` go to the test set?

    - `key`: `str`, such as a merchant or a writer; `test_percent`: `int` from 0 to 100.
    - The bucket of a key is `zlib.crc32` of its UTF-8 bytes, modulo 100. The key goes to the test set if its bucket is below `test_percent`.
    - The answer depends on nothing else: not on other keys, not on the process, not on the day. `zlib` is imported.
    """

    lesson = "03_validation"
    stub = """
def goes_to_test(key, test_percent):
    return ...  # your code
"""
    hints = (
        "This is how you would route a key to a shard: hash it, reduce it, compare.",
        "`key.encode()` gives the UTF-8 bytes. Python's own `hash` of a string changes with every process.",
        "`zlib.crc32(key.encode()) % 100 < test_percent`",
    )
    solution = """
def goes_to_test(key, test_percent):
    return zlib.crc32(key.encode()) % 100 < test_percent
"""
    wrong = {
        "Python's own hash": """
def goes_to_test(key, test_percent):
    return hash(key) % 100 < test_percent
""",
        "a coin for each call": """
def goes_to_test(key, test_percent):
    return bool(np.random.default_rng().integers(100) < test_percent)
""",
        "one bucket too many": """
def goes_to_test(key, test_percent):
    return zlib.crc32(key.encode()) % 100 <= test_percent
""",
    }

    def check(self, goes_to_test):
        keys = [f"merchant-{n}" for n in range(300)]
        self.expect(
            [k for k in keys if goes_to_test(k, 0)],
            [],
            behaviour="0 percent takes nobody",
            given="300 merchants, test_percent=0",
            why="Bucket 0 exists: with `<=` one merchant in a hundred is tested on when nobody should be.",
        )
        self.expect(
            [k for k in keys[:40] if goes_to_test(k, 20)],
            [k for k in keys[:40] if zlib.crc32(k.encode()) % 100 < 20],
            behaviour="The bucket is crc32 of the UTF-8 bytes, modulo 100: the same in every process",
            given="merchant-0 to merchant-39, test_percent=20",
            why="With a hash that is salted per process, tonight's training run takes last night's test merchants.",
        )
        grown = [k for k in keys if goes_to_test(k, 10) and not goes_to_test(k, 20)]
        self.expect(
            grown,
            [],
            behaviour="A larger test set only gains keys",
            given="300 merchants, test_percent=10 and then 20",
            why="A merchant that leaves the test set has its answers in both the old scores and the new training set.",
        )


class TimeSplit(Exercise):
    """`time_split(booked_at, cutoff, label_delay_days)` → `(train, test)`: two boolean arrays of shape `(n,)`.

    - `booked_at`: `pd.Series` of times, in any order; `cutoff`: `pd.Timestamp`, the moment at which the model is trained.
    - A label is known `label_delay_days` after booking. `train`: rows whose label was known *before* the cutoff.
    - `test`: rows booked at or after the cutoff. Rows in between are in neither.
    """

    lesson = "03_validation"
    stub = """
def time_split(booked_at, cutoff, label_delay_days):
    train = ...
    test = ...
    return train, test
"""
    hints = (
        "Stand at the cutoff and look back: which shipments have an answer already?",
        "Add `pd.Timedelta(days=label_delay_days)` to `booked_at` to get the time at which the label was known.",
        "`train = (booked_at + delay < cutoff).to_numpy()` and `test = (booked_at >= cutoff).to_numpy()`",
    )
    solution = """
def time_split(booked_at, cutoff, label_delay_days):
    known_at = booked_at + pd.Timedelta(days=label_delay_days)
    train = (known_at < cutoff).to_numpy()
    test = (booked_at >= cutoff).to_numpy()
    return train, test
"""
    wrong = {
        "ignores the delay of labels": """
def time_split(booked_at, cutoff, label_delay_days):
    return (booked_at < cutoff).to_numpy(), (booked_at >= cutoff).to_numpy()
""",
        "puts the gap after the cutoff": """
def time_split(booked_at, cutoff, label_delay_days):
    gap = pd.Timedelta(days=label_delay_days)
    return (booked_at < cutoff).to_numpy(), (booked_at >= cutoff + gap).to_numpy()
""",
        "splits by position": """
def time_split(booked_at, cutoff, label_delay_days):
    known = booked_at + pd.Timedelta(days=label_delay_days) < cutoff
    place = np.arange(len(booked_at))
    return place < known.sum(), place >= (booked_at < cutoff).sum()
""",
    }

    def check(self, time_split):
        cutoff = pd.Timestamp("2025-07-01", tz="UTC")

        def booked(*days):
            return pd.Series(pd.to_datetime([f"2025-{day}" for day in days], utc=True))

        self.expect(
            time_split(booked("06-30", "07-01"), cutoff, 0),
            (np.array([True, False]), np.array([False, True])),
            behaviour="A row booked at the cutoff itself is tested on, and on one side only",
            given="booked on 30 June and 1 July; cutoff 1 July, label_delay_days=0",
            why="A row on both sides is a copied answer; a row on none is lost traffic.",
        )
        self.expect(
            time_split(booked("06-10", "06-28", "07-09"), cutoff, 7),
            (np.array([True, False, False]), np.array([False, False, True])),
            behaviour="A shipment whose label was not known yet at the cutoff is in neither set",
            given="booked on 10 June, 28 June and 9 July; cutoff 1 July, label_delay_days=7",
            why="On 1 July nobody knew how the parcel of 28 June would end. A backtest that learns from it is too good.",
        )
        self.expect(
            time_split(booked("07-09", "06-10", "06-28"), cutoff, 7),
            (np.array([False, True, False]), np.array([True, False, False])),
            behaviour="Times decide, not positions",
            given="the same shipments in another order",
            why="A query without ORDER BY returns rows in any order, and a split by position then mixes past and future.",
        )


class SimplestWithinNoise(Exercise):
    """`simplest_within_noise(mean, standard_error)` → `int`: the position of the model to take.

    - `mean`, `standard_error`: arrays of shape `(models,)`, one cross-validated score each (higher is better) and its standard
      error; the models stand in order from simplest to most complex.
    - Take the simplest whose mean is at least the best mean minus the *best one's* standard error
      [the one-standard-error rule of Breiman et al., 1984].
    """

    lesson = "03_validation"
    stub = """
def simplest_within_noise(mean, standard_error):
    return ...  # your code
"""
    hints = (
        "First find the best mean and its standard error: together they give a bar that the others have to reach.",
        "`best = np.argmax(mean)`; the bar is `mean[best] - standard_error[best]`. Which is the first model to reach it?",
        "`int(np.flatnonzero(mean >= bar)[0])`",
    )
    solution = """
def simplest_within_noise(mean, standard_error):
    best = np.argmax(mean)
    bar = mean[best] - standard_error[best]
    return int(np.flatnonzero(mean >= bar)[0])
"""
    wrong = {
        "takes the best mean": """
def simplest_within_noise(mean, standard_error):
    return int(np.argmax(mean))
""",
        "uses each model's own error": """
def simplest_within_noise(mean, standard_error):
    return int(np.flatnonzero(mean + standard_error >= mean.max())[0])
""",
        "takes the most complex one that qualifies": """
def simplest_within_noise(mean, standard_error):
    best = np.argmax(mean)
    return int(np.flatnonzero(mean >= mean[best] - standard_error[best])[-1])
""",
    }

    def check(self, simplest_within_noise):
        self.expect(
            simplest_within_noise(np.array([0.60, 0.70, 0.80]), np.array([0.01, 0.01, 0.01])),
            2,
            behaviour="A clear winner is taken",
            given="mean=[0.60, 0.70, 0.80], standard_error=[0.01, 0.01, 0.01]",
            why="The rule breaks near-ties; it does not prefer weak models.",
        )
        self.expect(
            simplest_within_noise(np.array([0.60, 0.79, 0.80, 0.795]), np.array([0.02, 0.02, 0.02, 0.02])),
            1,
            behaviour="Within one standard error of the best, the simplest wins",
            given="mean=[0.60, 0.79, 0.80, 0.795], standard_error=0.02 each",
            why="The gain of 0.01 is noise; the larger model's latency and upkeep are not.",
        )
        self.expect(
            simplest_within_noise(np.array([0.70, 0.80]), np.array([0.15, 0.02])),
            1,
            behaviour="The bar is set by the best model's error, not by the candidate's own",
            given="mean=[0.70, 0.80], standard_error=[0.15, 0.02]",
            why="Otherwise the noisiest candidate always qualifies: the worse it is measured, the better its chances.",
        )


# --- 04_models


class BestSplit(Exercise):
    """`best_split(values, late)` → `(threshold, gain)`: the one question on this column that a tree would ask first.

    - `values`: one numeric column, shape `(n,)`, no gaps; `late`: 0 or 1, shape `(n,)`; `n ≥ 1`. In any order.
    - Candidates: halfway between two neighbouring *distinct* values. Left: `values <= threshold`.
    - Impurity is Gini's: `2 * p * (1 - p)`, with `p` the share of late rows. `gain` = impurity of all rows minus the
      impurities of the two sides, each weighted by its share of rows.
    - The largest gain wins, the smaller threshold on a tie. One distinct value: `(None, 0.0)`.
    """

    lesson = "04_models"
    stub = """
def best_split(values, late):
    # Candidates
    # Impurity of each side
    # Weigh the sides
    # Keep the best
    return ...  # (threshold, gain)
"""
    hints = (
        "`np.unique` sorts and drops repeats; neighbours are `distinct[:-1]` and `distinct[1:]`.",
        "For each threshold make a mask `left = values <= threshold`. The weights are `left.mean()` and `1 - left.mean()`.",
        "Keep `best = (None, 0.0)` and replace it when a gain is larger than `best[1]` by more than `1e-12`; going up "
        "through the thresholds, the smaller one wins ties by itself.",
    )
    solution = """
def best_split(values, late):
    values, late = np.asarray(values, float), np.asarray(late, float)

    def gini(rows):
        return 2 * rows.mean() * (1 - rows.mean())

    # Candidates
    distinct = np.unique(values)
    best = (None, 0.0)
    for threshold in (distinct[:-1] + distinct[1:]) / 2:
        left = values <= threshold
        # Impurity of each side, Weigh the sides
        after = left.mean() * gini(late[left]) + (1 - left.mean()) * gini(late[~left])
        # Keep the best
        if gini(late) - after > best[1] + 1e-12:
            best = (float(threshold), float(gini(late) - after))
    return best
"""
    wrong = {
        "sides are not weighted": """
def best_split(values, late):
    values, late = np.asarray(values, float), np.asarray(late, float)
    gini = lambda rows: 2 * rows.mean() * (1 - rows.mean())
    distinct = np.unique(values)
    best = (None, 0.0)
    for threshold in (distinct[:-1] + distinct[1:]) / 2:
        left = values <= threshold
        gain = gini(late) - (gini(late[left]) + gini(late[~left])) / 2
        if gain > best[1] + 1e-12:
            best = (float(threshold), float(gain))
    return best
""",
        "threshold at a value, not between two": """
def best_split(values, late):
    values, late = np.asarray(values, float), np.asarray(late, float)
    gini = lambda rows: 2 * rows.mean() * (1 - rows.mean())
    best = (None, 0.0)
    for threshold in np.unique(values)[:-1]:
        left = values <= threshold
        gain = gini(late) - left.mean() * gini(late[left]) - (1 - left.mean()) * gini(late[~left])
        if gain > best[1] + 1e-12:
            best = (float(threshold), float(gain))
    return best
""",
        "believes that the rows are sorted": """
def best_split(values, late):
    values, late = np.asarray(values, float), np.asarray(late, float)
    gini = lambda rows: 2 * rows.mean() * (1 - rows.mean())
    best = (None, 0.0)
    for i in range(1, len(values)):
        if values[i] == values[i - 1]:
            continue
        gain = gini(late) - i / len(late) * gini(late[:i]) - (1 - i / len(late)) * gini(late[i:])
        if gain > best[1] + 1e-12:
            best = (float((values[i] + values[i - 1]) / 2), float(gain))
    return best
""",
        "splits at the mean": """
def best_split(values, late):
    values, late = np.asarray(values, float), np.asarray(late, float)
    gini = lambda rows: 2 * rows.mean() * (1 - rows.mean())
    left = values <= values.mean()
    if left.all():
        return None, 0.0
    gain = gini(late) - left.mean() * gini(late[left]) - (1 - left.mean()) * gini(late[~left])
    return float(values.mean()), float(gain)
""",
    }

    def check(self, best_split):
        self.expect(
            best_split([3.0, 9.0], [0, 1]),
            (6.0, 0.5),
            behaviour="Two rows of different classes are parted halfway",
            given="values=[3, 9], late=[0, 1]",
            why="A threshold that sits on a training value breaks the first time a sensor is off by 0.1.",
        )
        self.expect(
            best_split([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0, 0, 0, 0, 1, 0]),
            (4.5, 1 / 9),
            behaviour="Each side counts by its share of the rows",
            given="values=[1, 2, 3, 4, 5, 6], late=[0, 0, 0, 0, 1, 0]",
            why="Without weights a pure side of one row looks as good as a pure side of a thousand, and the tree "
            "spends its depth on outliers.",
        )
        self.expect(
            best_split([9.0, 2.0, 8.0, 1.0], [1, 0, 1, 0]),
            (5.0, 0.5),
            behaviour="The order of the rows does not matter",
            given="values=[9, 2, 8, 1], late=[1, 0, 1, 0]",
            why="Tables come sorted by time, not by the column that you look at.",
        )
        self.expect(
            best_split([1.0, 2.0, 3.0, 4.0], [1, 0, 0, 1]),
            (1.5, 1 / 6),
            behaviour="On a tie the smaller threshold wins",
            given="values=[1, 2, 3, 4], late=[1, 0, 0, 1]",
            why="A tie broken by chance makes two runs of one commit give two different models.",
        )
        self.expect(
            best_split([7.0, 7.0, 7.0], [0, 1, 0]),
            (None, 0.0),
            behaviour="A constant column offers no question",
            given="values=[7, 7, 7], late=[0, 1, 0]",
            why="Constant columns are everyday: a carrier's flag that is always false must not stop a nightly job.",
        )


class OddsFactor(Exercise):
    """`odds_factor(coefficient, change, scale=1.0)` → `float`: what a change of one column does to the odds.

    - `coefficient`: the weight that logistic regression gave the column; `change`: how far the *raw* value moves, in its own
      unit (+5 m/s); `scale`: the standard deviation by which `StandardScaler` divided the column, 1.0 where it did not.
    - Returns the factor on the odds `p / (1 - p)`: 1.0 means no effect, 2.0 doubles them.
    - Raises `ValueError`, with a message that names `scale`, unless `scale > 0`.
    """

    lesson = "04_models"
    stub = """
def odds_factor(coefficient, change, scale=1.0):
    return ...  # your code
"""
    hints = (
        "The model sees the scaled column. By how much does *that* one move?",
        "The log-odds move by the coefficient times the scaled change. Log-odds add up; odds multiply.",
        "`float(np.exp(coefficient * change / scale))`, after `if scale <= 0: raise ValueError(...)`.",
    )
    solution = """
def odds_factor(coefficient, change, scale=1.0):
    if scale <= 0:
        raise ValueError(f"scale is a standard deviation and must be above 0, got {scale}.")
    return float(np.exp(coefficient * change / scale))
"""
    wrong = {
        "forgets the scaler": """
def odds_factor(coefficient, change, scale=1.0):
    if scale <= 0:
        raise ValueError("scale must be above 0")
    return float(np.exp(coefficient * change))
""",
        "returns the change of the log-odds": """
def odds_factor(coefficient, change, scale=1.0):
    if scale <= 0:
        raise ValueError("scale must be above 0")
    return float(coefficient * change / scale)
""",
        "adds up steps as if odds were linear": """
def odds_factor(coefficient, change, scale=1.0):
    if scale <= 0:
        raise ValueError("scale must be above 0")
    return float(1 + (np.exp(coefficient / scale) - 1) * change)
""",
        "divides by a zero scale": """
def odds_factor(coefficient, change, scale=1.0):
    return float(np.exp(coefficient * change / scale)) if scale else float("inf")
""",
    }

    def check(self, odds_factor):
        self.expect(
            odds_factor(0.0, 10.0),
            1.0,
            behaviour="A column with weight 0 leaves the odds alone",
            given="coefficient=0, change=10",
            why="The factor is what goes into the report to the carrier: 0 would read as 'never late'.",
        )
        self.expect(
            odds_factor(0.6931471805599453, 3.0),
            8.0,
            behaviour="Steps multiply: three doublings are a factor of 8",
            given="coefficient=ln 2, change=3",
            why="Added instead of multiplied, a storm's effect is underestimated most where it matters most.",
        )
        self.expect(
            odds_factor(0.5, 5.0, scale=2.5),
            2.718281828459045,
            behaviour="A raw change counts in standard deviations",
            given="coefficient=0.5, change=5 (m/s), scale=2.5",
            why="Coefficients of scaled columns are per standard deviation. Read per m/s they are wrong by that factor.",
        )
        self.expect(
            odds_factor(-0.6931471805599453, 1.0),
            0.5,
            behaviour="A negative weight lowers the odds",
            given="coefficient=-ln 2, change=1",
            why="Express shipments have lower odds; a report that says otherwise sends people to the wrong queue.",
        )
        self.raises(
            ValueError,
            lambda: odds_factor(0.5, 1.0, scale=0.0),
            behaviour="A scale of 0 is refused",
            given="coefficient=0.5, change=1, scale=0",
            why="A constant column has standard deviation 0. Infinite odds in a report are worse than an error.",
            mentions="scale",
        )


class ShuffledRise(Exercise):
    """`shuffled_rise(loss, table, column, repeats=5, seed=0)` → `float`: the permutation importance of one column.

    - `loss(table)` → `float`, the loss of a fitted model on `table`, a `pandas.DataFrame` with any index.
    - Shuffle the values of `column`, and only those, over the rows; take the loss; subtract the loss of the untouched table.
      Return the mean of `repeats` such rises.
    - Shuffle with one `np.random.default_rng(seed)`: the same seed gives the same number. `table` is not changed.
    """

    lesson = "04_models"
    stub = """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    return ...  # your code
"""
    hints = (
        "`table.assign(...)` makes a copy with one column replaced, and leaves `table` alone.",
        "Shuffle an *array*: `rng.permutation(table[column].to_numpy())`. A shuffled Series would be put back in order by its index.",
        "`before = loss(table)`, then the mean of "
        "`loss(table.assign(**{column: rng.permutation(table[column].to_numpy())})) - before` over `range(repeats)`.",
    )
    solution = """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    rng = np.random.default_rng(seed)
    before = loss(table)
    rises = []
    for _ in range(repeats):
        shuffled = table.assign(**{column: rng.permutation(table[column].to_numpy())})
        rises.append(loss(shuffled) - before)
    return float(np.mean(rises))
"""
    wrong = {
        "shuffles a Series, which the index puts back in order": """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    before = loss(table)
    rises = [
        loss(table.assign(**{column: table[column].sample(frac=1, random_state=seed + i)})) - before
        for i in range(repeats)
    ]
    return float(np.mean(rises))
""",
        "shuffles whole rows": """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    before = loss(table)
    rises = [loss(table.sample(frac=1, random_state=seed + i)) - before for i in range(repeats)]
    return float(np.mean(rises))
""",
        "replaces the column by its mean": """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    return float(loss(table.assign(**{column: table[column].mean()})) - loss(table))
""",
        "changes the caller's table": """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    rng = np.random.default_rng(seed)
    before = loss(table)
    rises = []
    for _ in range(repeats):
        table[column] = rng.permutation(table[column].to_numpy())
        rises.append(loss(table) - before)
    return float(np.mean(rises))
""",
        "forgets what the loss was before": """
def shuffled_rise(loss, table, column, repeats=5, seed=0):
    rng = np.random.default_rng(seed)
    shuffled = [table.assign(**{column: rng.permutation(table[column].to_numpy())}) for _ in range(repeats)]
    return float(np.mean([loss(rows) for rows in shuffled]))
""",
    }

    def check(self, shuffled_rise):
        def fresh():
            used = np.arange(20.0)
            return pd.DataFrame({"used": used, "unused": used[::-1], "late": used}, index=np.arange(20) + 100)

        def loss(table):
            return 1.0 + float(((table["used"] - table["late"]) ** 2).mean())

        given = "20 rows, index 100 to 119, loss = 1 + mean((used - late)²), used == late"
        self.expect(
            shuffled_rise(loss, fresh(), "unused"),
            0.0,
            behaviour="A column that the model does not read has importance 0",
            given=given + ", column='unused'",
            why="Without the loss before, or with other columns moved too, every column looks important.",
        )
        table = fresh()
        rise = shuffled_rise(loss, table, "used")
        if not rise > 10:
            self.fail(
                behaviour="A column that the model lives on has a large importance",
                given=given + ", column='used'",
                got=rise,
                want="more than 10 (the expected rise is about 66)",
                why="pandas aligns by index: a shuffled Series that is assigned back lands in its old order, every "
                "importance is 0, and no error says so.",
            )
        self.expect(
            table["used"].to_list(),
            fresh()["used"].to_list(),
            behaviour="The caller's table is as it was",
            given=given + ", looked at after the call",
            why="The next column would be measured on a table whose first column is already noise.",
        )
        self.expect(
            shuffled_rise(lambda rows: float(rows["used"].sum() + (rows["used"] ** 2).sum()), fresh(), "used"),
            0.0,
            behaviour="The column keeps its values, only in another order",
            given="a loss that does not depend on the order: sum(used) + sum(used²)",
            why="A mean in every row is a value that may never occur, such as half a parcel; the model is asked "
            "about rows that do not exist.",
        )
        again = [shuffled_rise(loss, fresh(), "used", seed=seed) for seed in (1, 1, 2)]
        self.expect(
            [again[0] == again[1], again[0] != again[2]],
            [True, True],
            behaviour="The seed decides the shuffle",
            given=given + ", seeds 1, 1 and 2: is the first equal to the second, and different from the third?",
            why="An importance that changes on every run starts arguments that no data can end.",
        )


# --- 05_metrics


class RankedPrecision(Exercise):
    """`ranked_precision(late, score)` → `float`: average precision, from the ranks.

    - `late`: 0 or 1, shape `(n,)`, in any order; `score`: shape `(n,)`, higher means more likely late, no two equal.
    - Go down the list from the highest score. At each *late* row note the precision so far: late rows seen ÷ rows seen.
      Return the mean of these.
    - Raises `ValueError`, with a message that says `no late`, when no row is late.
    """

    lesson = "05_metrics"
    stub = """
def ranked_precision(late, score):
    # Rank
    # Precision at each rank
    # Mean over the late rows
    return ...  # your code
"""
    hints = (
        "Sort `late` by score, highest first: `np.argsort(-score)` gives the order.",
        "Late rows seen so far is a cumulative sum; rows seen so far is 1, 2, 3, …",
        "`precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)`; the answer is `precision[ranked == 1].mean()`.",
    )
    solution = """
def ranked_precision(late, score):
    late, score = np.asarray(late), np.asarray(score)
    if late.sum() == 0:
        raise ValueError("no late row: precision has nothing to be averaged over")
    # Rank
    ranked = late[np.argsort(-score)]
    # Precision at each rank
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    # Mean over the late rows
    return float(precision[ranked == 1].mean())
"""
    wrong = {
        "averages over all rows": """
def ranked_precision(late, score):
    late, score = np.asarray(late), np.asarray(score)
    if late.sum() == 0:
        raise ValueError("no late row")
    ranked = late[np.argsort(-score)]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1)).mean())
""",
        "ranks from the lowest score": """
def ranked_precision(late, score):
    late, score = np.asarray(late), np.asarray(score)
    if late.sum() == 0:
        raise ValueError("no late row")
    ranked = late[np.argsort(score)]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked == 1].mean())
""",
        "forgets to sort": """
def ranked_precision(late, score):
    ranked = np.asarray(late)
    if ranked.sum() == 0:
        raise ValueError("no late row")
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked == 1].mean())
""",
        "returns nan when nothing is late": """
def ranked_precision(late, score):
    late, score = np.asarray(late), np.asarray(score)
    ranked = late[np.argsort(-score)]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked == 1].mean()) if ranked.sum() else float("nan")
""",
    }

    def check(self, ranked_precision):
        self.expect(
            ranked_precision(np.array([1, 0]), np.array([0.9, 0.1])),
            1.0,
            behaviour="All late rows on top score 1",
            given="late=[1, 0], score=[0.9, 0.1]",
            why="A score that is 1 for something else than a perfect ranking cannot be compared with anybody's.",
        )
        self.expect(
            ranked_precision(np.array([0, 1, 0, 1]), np.array([0.1, 0.8, 0.9, 0.2])),
            7 / 12,
            behaviour="Rows are ranked by score, highest first, and only late rows count",
            given="late=[0, 1, 0, 1], score=[0.1, 0.8, 0.9, 0.2]",
            why="Averaged over all rows the number depends on how far down the list you happen to look.",
        )
        self.expect(
            ranked_precision(np.array([0, 0, 1]), np.array([0.9, 0.5, 0.4])),
            1 / 3,
            behaviour="A late row at the very bottom is worth the late rate",
            given="late=[0, 0, 1], score=[0.9, 0.5, 0.4]",
            why="This is what a useless ranking scores; it depends on the imbalance, so always report the late rate beside it.",
        )
        self.raises(
            ValueError,
            lambda: ranked_precision(np.array([0, 0]), np.array([0.9, 0.1])),
            behaviour="Without a late row there is no answer",
            given="late=[0, 0], score=[0.9, 0.1]",
            why="A quiet Sunday without late shipments turns a dashboard into `nan`, and the weekly mean after it.",
            mentions="no late",
        )


class ReliabilityTable(Exercise):
    """`reliability_table(late, p, bins=10)` → list of `(mean_p, observed, count)`: what was promised, what happened.

    - `late`: 0 or 1, shape `(n,)`; `p`: probabilities, 0 to 1, shape `(n,)`.
    - `bins` equal-width bins over 0 to 1; bin `i` holds `i / bins <= p < (i + 1) / bins`, and the last one also `p == 1`.
    - A tuple a bin, lowest first: mean of `p` (float), share of late rows (float), number of rows (int). Empty bins are left out.
    """

    lesson = "05_metrics"
    stub = """
def reliability_table(late, p, bins=10):
    return ...  # your code
"""
    hints = (
        "Which bin is a row in? `(p * bins).astype(int)`, with one exception.",
        "The exception is `p == 1`: `np.minimum(..., bins - 1)` puts it in the last bin.",
        "For each `b` in `np.unique(which)`: `inside = which == b`, then "
        "`(float(p[inside].mean()), float(late[inside].mean()), int(inside.sum()))`.",
    )
    solution = """
def reliability_table(late, p, bins=10):
    late, p = np.asarray(late), np.asarray(p)
    which = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for b in np.unique(which):
        inside = which == b
        rows.append((float(p[inside].mean()), float(late[inside].mean()), int(inside.sum())))
    return rows
"""
    wrong = {
        "promises the middle of the bin": """
def reliability_table(late, p, bins=10):
    late, p = np.asarray(late), np.asarray(p)
    which = np.minimum((p * bins).astype(int), bins - 1)
    return [
        (float((b + 0.5) / bins), float(late[which == b].mean()), int((which == b).sum())) for b in np.unique(which)
    ]
""",
        "loses p == 1": """
def reliability_table(late, p, bins=10):
    late, p = np.asarray(late), np.asarray(p)
    rows = []
    for b in range(bins):
        inside = (p >= b / bins) & (p < (b + 1) / bins)
        if inside.any():
            rows.append((float(p[inside].mean()), float(late[inside].mean()), int(inside.sum())))
    return rows
""",
        "keeps empty bins": """
def reliability_table(late, p, bins=10):
    late, p = np.asarray(late), np.asarray(p)
    which = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for b in range(bins):
        inside = which == b
        n = int(inside.sum())
        rows.append((float(p[inside].mean()) if n else 0.0, float(late[inside].mean()) if n else 0.0, n))
    return rows
""",
        "bins of equal size instead of equal width": """
def reliability_table(late, p, bins=10):
    late, p = np.asarray(late), np.asarray(p)
    parts = [part for part in np.array_split(np.argsort(p), bins) if len(part)]
    return [(float(p[part].mean()), float(late[part].mean()), len(part)) for part in parts]
""",
    }

    def check(self, reliability_table):
        self.expect(
            reliability_table(np.array([0, 1, 0]), np.array([0.11, 0.19, 0.13]), 10),
            [(0.43 / 3, 1 / 3, 3)],
            behaviour="A bin promises the mean of its probabilities; bins without rows are left out",
            given="late=[0, 1, 0], p=[0.11, 0.19, 0.13], bins=10",
            why="Most shipments sit at the low end of a bin. Compared with its middle, a calibrated model looks wrong.",
        )
        self.expect(
            reliability_table(np.array([0, 0, 1]), np.array([0.25, 0.5, 0.75]), 4),
            [(0.25, 0.0, 1), (0.5, 0.0, 1), (0.75, 1.0, 1)],
            behaviour="A probability on an edge belongs to the bin that begins there",
            given="late=[0, 0, 1], p=[0.25, 0.5, 0.75], bins=4",
            why="Two teams that draw edges differently argue about calibration and mean bookkeeping.",
        )
        self.expect(
            reliability_table(np.array([1, 1]), np.array([1.0, 0.95]), 10),
            [(0.975, 1.0, 2)],
            behaviour="p = 1 is in the last bin",
            given="late=[1, 1], p=[1.0, 0.95], bins=10",
            why="The rows about which the model is surest are the first that you want to see, and the first that get lost.",
        )


class CaughtWithCapacity(Exercise):
    """`caught_with_capacity(day, late, score, per_day)` → `(precision, recall)` when the team checks `per_day` shipments a day.

    - `day`, `late`, `score`: shape `(n,)`; `day` any labels, `late` 0 or 1, no two scores equal on one day. `per_day ≥ 1`.
    - Each day the `per_day` highest scores are checked; on a day with fewer shipments, all of them.
    - `precision`: late share of the checked shipments, over all days together. `recall`: share of all late shipments that were
      checked; `0.0` if none is late.
    """

    lesson = "05_metrics"
    stub = """
def caught_with_capacity(day, late, score, per_day):
    return ...  # (precision, recall)
"""
    hints = (
        "The ranking starts again every morning: a shipment competes with those of its own day.",
        "In pandas: a frame sorted by score, highest first, then `groupby('day').head(per_day)`.",
        "`checked['late'].mean()` is the precision, `checked['late'].sum() / late.sum()` the recall; mind `late.sum() == 0`.",
    )
    solution = """
def caught_with_capacity(day, late, score, per_day):
    rows = pd.DataFrame({"day": np.asarray(day), "late": np.asarray(late), "score": np.asarray(score)})
    checked = rows.sort_values("score", ascending=False).groupby("day").head(per_day)
    total = rows["late"].sum()
    return float(checked["late"].mean()), float(checked["late"].sum() / total) if total else 0.0
"""
    wrong = {
        "one ranking over all days": """
def caught_with_capacity(day, late, score, per_day):
    late = np.asarray(late)
    top = np.argsort(-np.asarray(score))[: per_day * len(set(np.asarray(day).tolist()))]
    return float(late[top].mean()), float(late[top].sum() / late.sum()) if late.sum() else 0.0
""",
        "divides by the full capacity": """
def caught_with_capacity(day, late, score, per_day):
    rows = pd.DataFrame({"day": np.asarray(day), "late": np.asarray(late), "score": np.asarray(score)})
    checked = rows.sort_values("score", ascending=False).groupby("day").head(per_day)
    total = rows["late"].sum()
    return float(checked["late"].sum() / (per_day * rows["day"].nunique())), (
        float(checked["late"].sum() / total) if total else 0.0
    )
""",
        "mean of the days' precisions": """
def caught_with_capacity(day, late, score, per_day):
    rows = pd.DataFrame({"day": np.asarray(day), "late": np.asarray(late), "score": np.asarray(score)})
    checked = rows.sort_values("score", ascending=False).groupby("day").head(per_day)
    total = rows["late"].sum()
    return float(checked.groupby("day")["late"].mean().mean()), float(checked["late"].sum() / total) if total else 0.0
""",
        "checks the safest": """
def caught_with_capacity(day, late, score, per_day):
    rows = pd.DataFrame({"day": np.asarray(day), "late": np.asarray(late), "score": np.asarray(score)})
    checked = rows.sort_values("score").groupby("day").head(per_day)
    total = rows["late"].sum()
    return float(checked["late"].mean()), float(checked["late"].sum() / total) if total else 0.0
""",
    }

    def check(self, caught_with_capacity):
        self.expect(
            caught_with_capacity(["mon", "mon", "mon"], [1, 0, 0], [0.9, 0.5, 0.1], 1),
            (1.0, 1.0),
            behaviour="The highest scores of the day are checked",
            given="one day, late=[1, 0, 0], score=[0.9, 0.5, 0.1], per_day=1",
            why="People who are sent to the safest shipments stop trusting the list within a week.",
        )
        self.expect(
            caught_with_capacity(["mon", "mon", "tue", "tue"], [1, 1, 0, 1], [0.9, 0.8, 0.2, 0.1], 1),
            (0.5, 1 / 3),
            behaviour="Each day has its own ranking",
            given="day=[mon, mon, tue, tue], late=[1, 1, 0, 1], score=[0.9, 0.8, 0.2, 0.1], per_day=1",
            why="Nobody can move Tuesday's people to Monday. One ranking over all days promises what no team can deliver.",
        )
        self.expect(
            caught_with_capacity(["mon", "mon", "tue"], [1, 0, 1], [0.9, 0.8, 0.7], 2),
            (2 / 3, 1.0),
            behaviour="A quiet day uses less than the capacity, and each check counts once",
            given="day=[mon, mon, tue], late=[1, 0, 1], score=[0.9, 0.8, 0.7], per_day=2",
            why="Dividing by people who had nothing to do makes Sundays look like the model's fault.",
        )
        self.expect(
            caught_with_capacity(["mon", "mon"], [0, 0], [0.9, 0.8], 1),
            (0.0, 0.0),
            behaviour="With nothing late, nothing is caught",
            given="late=[0, 0]",
            why="A division by zero on the first good day stops the report.",
        )


# --- 06_neural_net


class LinearBackward(Exercise):
    """`linear_backward(inputs, weights, error)` → `(d_weights, d_bias, d_inputs)`: the reverse pass of one linear layer.

    The forward pass was `outputs = inputs @ weights + bias`.

    - `inputs`: `(n, d_in)`, what went in; `weights`: `(d_in, d_out)`; `error`: `(n, d_out)`, how much the loss
      moves when each output moves. The mean over the rows is already in it: do not divide again.
    - Returns the same question answered one step earlier: `d_weights` `(d_in, d_out)`, `d_bias` `(d_out,)`,
      `d_inputs` `(n, d_in)`. None of the arguments is changed.
    """

    lesson = "06_neural_net"
    stub = """
def linear_backward(inputs, weights, error):
    # Weights' share
    # Bias's share
    # Pass it back
    return ...  # d_weights, d_bias, d_inputs
"""
    hints = (
        "The shapes allow almost only one answer: from `(n, d_in)` and `(n, d_out)` make `(d_in, d_out)`.",
        "A bias is a weight whose input is always 1, so its share is the error added up over the rows.",
        "`inputs.T @ error`, `error.sum(axis=0)`, `error @ weights.T`.",
    )
    solution = """
def linear_backward(inputs, weights, error):
    # Weights' share
    d_weights = inputs.T @ error
    # Bias's share
    d_bias = error.sum(axis=0)
    # Pass it back
    d_inputs = error @ weights.T
    return d_weights, d_bias, d_inputs
"""
    wrong = {
        "averages the bias over the rows": """
def linear_backward(inputs, weights, error):
    return inputs.T @ error, error.mean(axis=0), error @ weights.T
""",
        "divides by n a second time": """
def linear_backward(inputs, weights, error):
    return inputs.T @ error / len(inputs), error.sum(axis=0), error @ weights.T
""",
        "passes back through the weights the wrong way round": """
def linear_backward(inputs, weights, error):
    return inputs.T @ error, error.sum(axis=0), error @ weights
""",
        "sums the bias over the wrong axis": """
def linear_backward(inputs, weights, error):
    return inputs.T @ error, error.sum(axis=1), error @ weights.T
""",
        "works only for one output": """
def linear_backward(inputs, weights, error):
    return inputs.T @ error[:, :1], error.sum(axis=0), error[:, :1] @ weights[:, :1].T
""",
    }

    def check(self, linear_backward):
        inputs, weights = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0], [0.5, 4.0]])
        error = np.array([[1.0, 10.0]])
        got = linear_backward(inputs, weights, error)
        given = "inputs=[[1, 2]], weights=[[3, -1], [0.5, 4]], error=[[1, 10]]"
        if not isinstance(got, tuple) or len(got) != 3:
            self.fail(
                behaviour="Three arrays come back: d_weights, d_bias, d_inputs",
                given=given,
                got=repr(got),
                want="a tuple of three arrays",
                why="The caller unpacks three names: one missing array stops the whole reverse pass.",
            )
        self.expect(
            got[0],
            [[1.0, 10.0], [2.0, 20.0]],
            behaviour="A weight's share is its input times the error at its output",
            given=given,
            why="A weight whose input was 0 did nothing, and must not be blamed.",
        )
        self.expect(
            got[2],
            [[-7.0, 40.5]],
            behaviour="The error goes back over the same weights by which the value came",
            given=given,
            why="The layer below learns only from this array. Over the wrong weights it learns something else, "
            "and where the shapes happen to fit, nothing complains.",
        )
        two_rows = linear_backward(np.array([[1.0, 0.0], [0.0, 1.0]]), weights, np.array([[1.0, 0.0], [3.0, 2.0]]))
        given = "inputs=[[1, 0], [0, 1]], weights as before, error=[[1, 0], [3, 2]]"
        self.expect(
            two_rows[1],
            [4.0, 2.0],
            behaviour="The bias's share is the sum over the rows, one number an output",
            given=given,
            why="The mean is already in `error`. Averaging again shrinks the step with the batch size: "
            "training gets slower when you give it more memory, and nobody knows why.",
        )
        self.expect(
            two_rows[0],
            [[1.0, 0.0], [3.0, 2.0]],
            behaviour="The weights' share is summed over the rows, not averaged again",
            given=given,
            why="Dividing twice makes the learning rate depend on the batch size.",
        )
        narrow = linear_backward(np.ones((3, 2)), np.ones((2, 1)), np.ones((3, 1)))
        self.expect(
            tuple(np.shape(part) for part in narrow),
            ((2, 1), (1,), (3, 2)),
            behaviour="Each gradient has the shape of the thing it belongs to",
            given="inputs (3, 2), weights (2, 1), error (3, 1); the shapes of the three results",
            why="`weights -= rate * gradient` broadcasts a wrong shape without a word and changes the network's shape.",
        )


class WrongGradients(Exercise):
    """`wrong_gradients(loss, weights, gradients, step=1e-5)` → sorted list of the names whose gradient is wrong.

    - `loss(weights)` → `float`; `weights`: dict of name → float array of any shape; `gradients`: same names and shapes.
    - An array is wrong when any of its entries differs by more than `1e-6` from the central difference
      `(loss(entry + step) - loss(entry - step)) / (2 * step)`.
    - `weights` is the same after the call as before it. Nothing wrong: an empty list.
    """

    lesson = "06_neural_net"
    stub = """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    return ...  # your code
"""
    hints = (
        "Two loops: over the arrays by name, and over every entry of one array. `np.ndindex(array.shape)` gives the entries.",
        "Set one entry to `original + step`, take the loss, set it to `original - step`, take the loss, and put the "
        "original back before you go on.",
        "`slope = (up - down) / (2 * step)`; if `abs(slope - gradients[name][index]) > 1e-6`, add `name` to a set; "
        "return `sorted(the_set)`.",
    )
    solution = """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    wrong = set()
    for name, array in weights.items():
        for index in np.ndindex(array.shape):
            original = array[index]
            array[index] = original + step
            up = loss(weights)
            array[index] = original - step
            down = loss(weights)
            array[index] = original
            if abs((up - down) / (2 * step) - gradients[name][index]) > 1e-6:
                wrong.add(name)
    return sorted(wrong)
"""
    wrong = {
        "forward difference": """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    wrong = set()
    for name, array in weights.items():
        for index in np.ndindex(array.shape):
            original = array[index]
            before = loss(weights)
            array[index] = original + step
            after = loss(weights)
            array[index] = original
            if abs((after - before) / step - gradients[name][index]) > 1e-6:
                wrong.add(name)
    return sorted(wrong)
""",
        "leaves the weights nudged": """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    wrong = set()
    for name, array in weights.items():
        for index in np.ndindex(array.shape):
            array[index] += step
            up = loss(weights)
            array[index] -= 2 * step
            down = loss(weights)
            if abs((up - down) / (2 * step) - gradients[name][index]) > 1e-6:
                wrong.add(name)
    return sorted(wrong)
""",
        "looks at the first entry only": """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    wrong = set()
    for name, array in weights.items():
        index = (0,) * array.ndim
        original = array[index]
        array[index] = original + step
        up = loss(weights)
        array[index] = original - step
        down = loss(weights)
        array[index] = original
        if abs((up - down) / (2 * step) - gradients[name][index]) > 1e-6:
            wrong.add(name)
    return sorted(wrong)
""",
        "forgets the absolute value": """
def wrong_gradients(loss, weights, gradients, step=1e-5):
    wrong = set()
    for name, array in weights.items():
        for index in np.ndindex(array.shape):
            original = array[index]
            array[index] = original + step
            up = loss(weights)
            array[index] = original - step
            down = loss(weights)
            array[index] = original
            if (up - down) / (2 * step) - gradients[name][index] > 1e-6:
                wrong.add(name)
    return sorted(wrong)
""",
    }

    def check(self, wrong_gradients):
        def loss(weights):
            return float((weights["a"] ** 2).sum() + 3 * weights["b"].sum())

        def fresh():
            return {"a": np.array([[1.0, -2.0], [0.5, 4.0]]), "b": np.array([7.0])}

        right = {"a": 2 * fresh()["a"], "b": np.array([3.0])}
        given = "loss = sum(a²) + 3·sum(b), a=[[1, -2], [0.5, 4]], b=[7], "
        weights = fresh()
        self.expect(
            wrong_gradients(loss, weights, right),
            [],
            behaviour="Right gradients raise no alarm",
            given=given + "gradients 2a and 3",
            why="A one-sided difference is off by about step·curvature/2, here 1e-5: more than the tolerance. "
            "An alarm that rings on correct code gets switched off.",
        )
        self.expect(
            weights,
            fresh(),
            behaviour="The weights are as they were before the check",
            given=given + "looked at after the call",
            why="A check that moves what it checks makes the training run after it a different one.",
            tolerance=1e-12,
        )
        late_entry = {"a": right["a"] + np.array([[0, 0], [0, 0.01]]), "b": right["b"]}
        self.expect(
            wrong_gradients(loss, fresh(), late_entry),
            ["a"],
            behaviour="Every entry is looked at, and too large counts as wrong",
            given=given + "the gradient of a[1, 1] is 0.01 too large",
            why="Bugs sit in the entries that a spot check does not visit.",
        )
        both = {"a": right["a"] - np.array([[0.02, 0], [0, 0]]), "b": np.array([2.9])}
        self.expect(
            wrong_gradients(loss, fresh(), both),
            ["a", "b"],
            behaviour="All wrong names come back, sorted",
            given=given + "a[0, 0] and b are too small",
            why="The pattern of names tells where in the reverse pass the bug is: everything below it is wrong.",
        )


class EarlyStop(Exercise):
    """`early_stop(losses, patience)` → `(best, stopped)`: which epoch to keep, and after which one training ends.

    - `losses`: validation losses, one an epoch, in order, `len(losses) ≥ 1`; epochs count from 0.
    - Training stops at the first epoch that makes `patience` epochs in a row without a new best; with no such epoch
      it ends at the last one. A new best is *strictly* lower than all before it. `patience ≥ 1`.
    - `best` is the epoch of the lowest loss *seen until the stop*; ties go to the earlier epoch.
    """

    lesson = "06_neural_net"
    stub = """
def early_stop(losses, patience):
    return ...  # (best, stopped)
"""
    hints = (
        "Walk through the losses once, as training would: at epoch 3 you cannot know epoch 4.",
        "Remember the epoch of the best loss so far. The epochs waited are `epoch - best`.",
        "`if losses[epoch] < losses[best]: best = epoch`, then `if epoch - best >= patience: return best, epoch`; after "
        "the loop return `best, len(losses) - 1`.",
    )
    solution = """
def early_stop(losses, patience):
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1
"""
    wrong = {
        "looks into the future": """
def early_stop(losses, patience):
    best = min(range(len(losses)), key=lambda epoch: losses[epoch])
    return best, min(best + patience, len(losses) - 1)
""",
        "keeps the last epoch": """
def early_stop(losses, patience):
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return epoch, epoch
    return len(losses) - 1, len(losses) - 1
""",
        "compares with the epoch before": """
def early_stop(losses, patience):
    waited = 0
    for epoch in range(1, len(losses)):
        waited = waited + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if waited >= patience:
            return epoch - patience, epoch
    return len(losses) - 1 - waited, len(losses) - 1
""",
        "a tie is a new best": """
def early_stop(losses, patience):
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] <= losses[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1
""",
    }

    def check(self, early_stop):
        why_keep = "The weights to ship are those of the best epoch; the last one is `patience` epochs too late."
        self.expect(
            early_stop([0.9, 0.5, 0.6, 0.7], 2),
            (1, 3),
            behaviour="Training stops after `patience` epochs without a new best, and the best epoch is kept",
            given="losses=[0.9, 0.5, 0.6, 0.7], patience=2",
            why=why_keep,
        )
        self.expect(
            early_stop([0.9, 0.5, 0.6, 0.7, 0.1], 2),
            (1, 3),
            behaviour="What comes after the stop is never seen",
            given="losses=[0.9, 0.5, 0.6, 0.7, 0.1], patience=2",
            why="Epoch 4 was not trained. Choosing it reports a model that does not exist.",
        )
        self.expect(
            early_stop([0.9, 0.5, 0.8, 0.7, 0.6], 3),
            (1, 4),
            behaviour="Patience counts from the best epoch, not from the last rise",
            given="losses=[0.9, 0.5, 0.8, 0.7, 0.6], patience=3",
            why="A loss that jumps up and creeps down again resets a naive counter for ever: the job never ends.",
        )
        self.expect(
            early_stop([0.4, 0.4, 0.4], 2),
            (0, 2),
            behaviour="An equal loss is not a new best",
            given="losses=[0.4, 0.4, 0.4], patience=2",
            why="A flat loss would keep the job on the machine until its budget is gone.",
        )
        self.expect(
            early_stop([0.9, 0.8, 0.7], 5),
            (2, 2),
            behaviour="With patience to spare, training ends at the last epoch",
            given="losses=[0.9, 0.8, 0.7], patience=5",
            why="A run that still improves must not come back with nothing.",
        )
