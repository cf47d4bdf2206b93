"""The model: a logistic regression that learns from the training rows, and a calibration that learns from the validation rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from late_delivery.features import AT_BOOKING, CATEGORIES, FLAGS, build_features, require_columns


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
    """The line of greatest likelihood for outcomes `late` (n,), 0 or 1, given raw probabilities (n,).

    Raises ValueError when `late` does not hold both outcomes: there is nothing to calibrate on.
    """
    x, y = log_odds(probability), np.asarray(late, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f"probability and late differ in shape: {x.shape} and {y.shape}")
    _require_both_outcomes(y, "late")
    centre = x.mean()  # makes slope and level nearly independent, which the search likes
    z = x - centre

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        score = line[0] * z + line[1]
        off = expit(score) - y
        # the last term is next to nothing; it keeps the slope finite if the outcomes can be told apart perfectly
        value = (np.logaddexp(0, score) - y * score).mean() + 1e-9 * line[0] ** 2
        return value, np.array([(off * z).mean() + 2e-9 * line[0], off.mean()])

    start = np.array([1.0, float(log_odds(y.mean()))])
    slope, level = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return Calibration(slope=float(slope), intercept=float(level - slope * centre))


def _require_both_outcomes(late: np.ndarray, what: str) -> None:
    if set(np.unique(late)) != {0, 1}:
        raise ValueError(f"{what} must hold both outcomes, 0 and 1")


class Dummies(TransformerMixin, BaseEstimator):
    """A 0/1 column for each text value seen in `fit`; a value that is new or missing is 0 in all of them."""

    def fit(self, frame: pd.DataFrame, late: object = None) -> "Dummies":
        self.levels_ = [pd.Index(np.unique(frame[name].dropna().astype(str))) for name in frame]
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        blocks = []
        for (_, column), levels in zip(frame.items(), self.levels_, strict=True):
            place = levels.get_indexer(column.astype(object).where(column.notna(), None))
            blocks.append((place[:, None] == np.arange(len(levels))).astype(float))
        return np.hstack(blocks)


def _pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Carrier on lane: some carriers are bad on a single lane, and a sum of weights cannot see it."""
    return (frame["carrier"].astype(object) + " on " + frame["lane"].astype(object)).to_frame("pair")


def make_classifier(seed: int) -> Pipeline:
    """An unfitted pipeline from features to a probability. Categories that it never saw count as missing."""
    long_tailed = ["weight_kg", "parcels", "declared_value_eur", "distance_km", "merchant_age_days"]
    weather = ["forecast_wind_ms", "forecast_rain_mm", "wind_excess_ms"]
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    prepare = ColumnTransformer(
        [
            ("categories", Dummies(), CATEGORIES),
            ("pairs", make_pipeline(FunctionTransformer(_pairs), Dummies()), ["carrier", "lane"]),
            ("weekday", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["weekday"]),
            ("flags", "passthrough", [*FLAGS, "friday_afternoon"]),
            ("amounts", make_pipeline(fill, FunctionTransformer(np.log1p), StandardScaler()), long_tailed),
            ("weather", make_pipeline(fill, StandardScaler()), weather),
            ("hour", StandardScaler(), ["hour"]),
        ]
    )
    return Pipeline([("prepare", prepare), ("classify", LogisticRegression(C=0.1, max_iter=2000, random_state=seed))])


@dataclass(frozen=True)
class LateModel:
    """A fitted classifier and its calibration."""

    classifier: Pipeline
    calibration: Calibration

    def predict_proba(self, shipments: pd.DataFrame) -> np.ndarray:
        """P(late) of each shipment, shape (n,), between 0 and 1, in the order of the rows.

        Needs only what is known at booking; takes carriers, lanes and services it never saw, and missing numbers.
        """
        return self.calibration.apply(_raw(self.classifier, shipments))


def _raw(classifier: Pipeline, shipments: pd.DataFrame) -> np.ndarray:
    features = build_features(shipments)
    return classifier.predict_proba(features)[:, 1] if len(features) else np.empty(0)


def fit_late_model(train: pd.DataFrame, validation: pd.DataFrame, seed: int = 0) -> LateModel:
    """Fit the classifier on `train`, then the calibration on `validation`; both are shipments with their `late`.

    The same input and seed give the same predictions. The order in which shipments are ranked comes from `train` alone.
    Neither frame is changed. Raises ValueError when either lacks a column, or holds only one outcome.
    """
    for name, part in (("train", train), ("validation", validation)):
        require_columns(part, [*AT_BOOKING, "late"])
        _require_both_outcomes(part["late"].to_numpy(), name)
    classifier = make_classifier(seed).fit(build_features(train), train["late"].to_numpy())
    calibration = fit_calibration(_raw(classifier, validation), validation["late"].to_numpy())
    if calibration.slope <= 0:  # would turn the order round, and the order is for `train` to say
        raise ValueError("validation ranks the other way round: its calibration has no positive slope")
    return LateModel(classifier, calibration)
