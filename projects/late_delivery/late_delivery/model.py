"""The model: boosted trees that learn from the training rows, and a calibration that learns from the validation rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from late_delivery.features import CATEGORIES, build_features, require_columns


def log_odds(probability: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)), same shape; probabilities are first kept within [1e-6, 1 - 1e-6]."""
    p = np.clip(np.asarray(probability, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


@dataclass(frozen=True)
class Calibration:
    """A line on the log-odds scale (Platt scaling; J. Platt, Probabilistic outputs for support vector machines, 1999).

    `slope` below 1 says that the raw probabilities were too sure of themselves, `intercept` that they were too low or too high.
    """

    slope: float
    intercept: float

    def apply(self, probability: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, same shape as `probability`."""
        return 1 / (1 + np.exp(-(self.slope * log_odds(probability) + self.intercept)))


def fit_calibration(probability: np.ndarray, late: np.ndarray) -> Calibration:
    """The line of greatest likelihood for outcomes `late` (n,), 0 or 1, given raw probabilities (n,); any slope may come out.

    Raises ValueError when `late` does not hold both outcomes: there is nothing to calibrate on.
    """
    raise NotImplementedError("YOUR CODE HERE: a logistic regression with one feature, the log-odds, and no penalty to speak of")


def make_classifier(seed: int) -> Pipeline:
    """An unfitted pipeline from features to a probability. Categories that it never saw count as missing.

    The two lines given turn `CATEGORIES` into numbers and pass every other feature on as it is. If you add text features,
    name them there too: most classifiers take numbers only. You may replace the whole body.
    """
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    prepare = ColumnTransformer([("categories", encode, CATEGORIES)], remainder="passthrough")
    raise NotImplementedError("YOUR CODE HERE: a classifier that takes missing values; steps \"prepare\" and \"classify\"")


@dataclass(frozen=True)
class LateModel:
    """A fitted classifier and its calibration."""

    classifier: Pipeline
    calibration: Calibration

    def predict_proba(self, shipments: pd.DataFrame) -> np.ndarray:
        """P(late) of each shipment, shape (n,), between 0 and 1, in the order of the rows.

        Needs only what is known at booking; takes carriers, lanes and services it never saw, and missing numbers.
        """
        raise NotImplementedError("YOUR CODE HERE: features, raw probability, calibrated probability")


def fit_late_model(train: pd.DataFrame, validation: pd.DataFrame, seed: int = 0) -> LateModel:
    """Fit the classifier on `train`, then the calibration on `validation`; both are shipments with their `late`.

    The same input and seed give the same predictions. The order in which shipments are ranked comes from `train` alone:
    with other validation rows the probabilities move, but a shipment strictly above another stays strictly above it.
    Neither frame is changed. Raises ValueError when either lacks a column (the message names it) or holds only one outcome,
    and when the slope of the calibration is not positive: `validation` then contradicts the ranking, and no line mends that.
    """
    raise NotImplementedError("YOUR CODE HERE: classifier from train, calibration from validation")
