"""Given: how good a review is, against a contract whose truth is known."""

from collections.abc import Iterable

import pandas as pd
from scipy.stats import binomtest

from contract_review.review import Review
from coursekit.contracts import TERMS, Contract


def score(review: Review, contract: Contract) -> pd.DataFrame:
    """One row a term: `truth` and `said` (`stated`, `missing` or `contradictory`), `right` (also the value, or all of the values)."""
    rows = []
    for term in TERMS:
        truth = "missing" if term in contract.missing else "stated" if term in contract.terms else "contradictory"
        said = "missing" if term in review.missing else "stated" if term in review.terms else "contradictory"
        right = truth == said
        if right and said == "stated":
            right = review.terms[term].value == contract.terms[term]
        elif right and said == "contradictory":
            right = {e.value for e in review.contradictory[term]} == set(contract.contradictory[term])
        rows.append({"contract": contract.name, "term": term, "truth": truth, "said": said, "right": right})
    return pd.DataFrame(rows)


def share(right: Iterable[bool]) -> str:
    """ "12 of 60 = 20 % (12 to 32 %)": the share of `True`, with Wilson's 95 % interval."""
    values = list(right)
    if not values:
        return "0 of 0"
    low, high = binomtest(sum(values), len(values)).proportion_ci(method="wilson")
    return f"{sum(values)} of {len(values)} = {100 * sum(values) / len(values):.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def summary(scores: pd.DataFrame) -> pd.Series:
    """Fields right, missing terms found, contradictory terms found; each with its interval."""
    is_missing, is_contradictory = scores["truth"] == "missing", scores["truth"] == "contradictory"
    return pd.Series(
        {
            "fields right": share(scores["right"]),
            "stated fields right": share(scores.loc[scores["truth"] == "stated", "right"]),
            "missing found": share(scores.loc[is_missing, "right"]),
            "contradictory found": share(scores.loc[is_contradictory, "right"]),
        }
    )
