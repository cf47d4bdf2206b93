"""`embed` returns real MiniLM vectors, offline, and says clearly what it does not take."""

import threading

import numpy as np
import pytest

from coursekit import embeddings
from coursekit.embeddings import embed


def test_vectors_have_the_promised_shape_type_and_length():
    vectors = embed(["A parcel.", "Ein Paket.", ""])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_means_the_same_is_nearer_than_what_shares_words():
    question, same, other = embed(["My parcel is late", "The delivery has not come on time", "My cat is late to eat"])
    assert question @ same > question @ other


def test_order_and_batch_size_do_not_change_a_vector():
    texts = [f"parcel number {n} " * (n + 1) for n in range(9)]
    np.testing.assert_allclose(embed(texts, batch_size=2), embed(texts[::-1])[::-1], atol=1e-5)


def test_no_text_gives_no_row():
    assert embed([]).shape == (0, 384)
    assert embed([]).dtype == np.float32


def test_any_sequence_of_texts_is_taken():
    np.testing.assert_array_equal(embed(("a", "b")), embed(np.array(["a", "b"])))


@pytest.mark.parametrize(
    ("texts", "says"), [("one text", r"embed\(\[text\]\)"), (["a", None], r"texts\[1\] is of type NoneType")]
)
def test_anything_but_texts_is_refused(texts, says):
    with pytest.raises(TypeError, match=says):
        embed(texts)


def test_threads_load_one_model(monkeypatch):
    monkeypatch.setattr(embeddings, "_model", None)
    loaded = []
    callers = [threading.Thread(target=lambda: (embed(["a"]), loaded.append(embeddings._model))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(loaded) == 4 and len({id(model) for model in loaded}) == 1


def test_nothing_is_printed(capfd):
    embed(["quiet"] * 40)
    assert capfd.readouterr() == ("", "")
