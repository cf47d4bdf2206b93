"""Sentence embeddings on this machine: MiniLM-L6 (384 numbers a text) through sentence-transformers."""

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coursekit.weights import embedding_weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DIMENSIONS = 384

_lock = threading.Lock()
_model: "SentenceTransformer | None" = None


def embed(texts: Sequence[str], *, batch_size: int = 32) -> np.ndarray:
    """Vectors of `texts`: shape (len(texts), 384), float32, each of length 1, so that `a @ b` is the cosine.

    The model reads the first 256 tokens of a text and ignores the rest. The first call loads it (a few seconds).
    Raises `TypeError` for a single str or an element that is not a str, `WeightsError` for missing or damaged weights.
    """
    if isinstance(texts, str):
        raise TypeError("embed() takes a list of texts; for one text write embed([text]).")
    texts = list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"embed() takes texts; texts[{position}] is of type {type(text).__name__}.")
    if not texts:
        return np.empty((0, DIMENSIONS), dtype=np.float32)
    model = _load()
    with _lock:  # tokenizers and torch share scratch space between calls
        vectors = model.encode(
            texts, batch_size=batch_size, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
    return np.asarray(vectors, dtype=np.float32)


def _load() -> "SentenceTransformer":
    global _model
    with _lock:
        if _model is None:
            folder = embedding_weights()
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()
            _model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        return _model
