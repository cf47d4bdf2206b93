"""A logistic regression by hand: one-hot columns, steps and crosses, Newton's method with a ridge penalty."""

from dataclasses import dataclass

import numpy as np

from late_delivery.features import build_features

RIDGE = 6.0


def sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -30, 30)))


def newton(x, y, ridge, rounds=25):
    """Weights (d,) of a logistic regression whose first column is the constant, which is not penalised."""
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-9
    w = np.zeros(x.shape[1])
    for _ in range(rounds):
        p = sigmoid(x @ w)
        gradient = x.T @ (p - y) + penalty * w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        w = w - step
        if np.abs(step).max() < 1e-10:
            break
    return w


@dataclass(frozen=True)
class Calibration:
    slope: float
    intercept: float

    def apply(self, probability):
        p = np.clip(np.asarray(probability, dtype=float), 1e-6, 1 - 1e-6)
        return sigmoid(self.slope * np.log(p / (1 - p)) + self.intercept)


def fit_calibration(probability, late):
    late = np.asarray(late, dtype=float)
    if late.min() == late.max():
        raise ValueError("all outcomes are the same")
    p = np.clip(np.asarray(probability, dtype=float), 1e-6, 1 - 1e-6)
    x = np.column_stack([np.ones(len(p)), np.log(p / (1 - p))])
    intercept, slope = newton(x, late, ridge=1e-9, rounds=60)
    return Calibration(slope=float(slope), intercept=float(intercept))


class Design:
    """Turns features into numbers; what it has to remember (levels, medians, scales) it learns from the training features."""

    TEXT = ("carrier", "lane", "service", "carrier_on_lane", "weekday")
    SMOOTH = ("distance_km", "merchant_age_days", "declared_value_eur", "weight_kg")
    STEPS = (
        ("weight_kg", (3, 10, 30)),
        ("merchant_age_days", (60, 180)),
        ("forecast_wind_ms", (6, 9, 12, 15)),
        ("parcels", (1, 3)),
    )

    def fit(self, features):
        self.levels = {c: sorted(set(features[c].tolist())) for c in self.TEXT}
        self.median = features.median(numeric_only=True)
        smooth = self._smooth(features)
        self.mean, self.scale = smooth.mean(axis=0), smooth.std(axis=0)
        return self

    def _filled(self, features, column):
        return features[column].fillna(self.median[column]).to_numpy(float)

    def _smooth(self, features):
        logs = [np.log1p(np.maximum(self._filled(features, c), 0)) for c in self.SMOOTH]
        wind = np.maximum(self._filled(features, "forecast_wind_ms") - 8, 0)
        return np.column_stack([*logs, wind, self._filled(features, "forecast_rain_mm")])

    def transform(self, features):
        columns = [np.ones(len(features))]
        for name, levels in self.levels.items():
            values = features[name].to_numpy()
            columns += [(values == level).astype(float) for level in levels]
        for name, steps in self.STEPS:
            values = self._filled(features, name)
            columns += [(values > step).astype(float) for step in steps]
        storm = self._filled(features, "forecast_wind_ms") >= 12
        columns.append((storm & (features["service"] == "express").to_numpy()).astype(float))
        columns += [features[c].to_numpy(float) for c in ("wind_missing", "rain_missing", "friday_afternoon")]
        columns += list(((self._smooth(features) - self.mean) / self.scale).T)
        return np.column_stack(columns)


class LateModel:
    def __init__(self, design, weights, calibration=None):
        self.design, self.weights, self.calibration = design, weights, calibration

    def raw(self, shipments):
        return sigmoid(self.design.transform(build_features(shipments)) @ self.weights)

    def predict_proba(self, shipments):
        return self.calibration.apply(self.raw(shipments))


def fit_late_model(train, validation, seed=0):
    for part in (train, validation):
        if "late" not in part or part["late"].nunique() < 2:
            raise ValueError("both tables need the column late, with both outcomes")
    features = build_features(train)
    design = Design().fit(features)
    model = LateModel(design, newton(design.transform(features), train["late"].to_numpy(float), RIDGE))
    model.calibration = fit_calibration(model.raw(validation), validation["late"])
    if not model.calibration.slope > 0:
        raise ValueError("the validation rows want the ranking upside down")
    return model
