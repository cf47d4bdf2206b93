"""The model that lessons look inside is the model that is served: same tokens, nearly the same probabilities."""

import httpx
import numpy as np
import pytest

from coursekit import chat_server, opened_model

TEXTS = (
    "The parcel is late.",
    "Où est mon colis n° 4812? 🚚 مرحبا",
    '{"parcel_id": "QS48120937DE", "weight_kg": 2.50}',
    "  two  spaces\n\ttabs\r\nand lines \n",
)


@pytest.fixture(scope="module")
def opened():
    return opened_model.open_model()


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_the_server_and_lose_nothing(opened, text):
    served = httpx.post(f"{chat_server.address()}/tokenize", json={"content": text, "add_special": False}, timeout=60)
    assert opened.tokens(text) == served.json()["tokens"]
    assert opened.tokenizer.decode(opened.tokens(text), skip_special_tokens=False) == text


def test_probabilities_agree_with_those_of_the_server(opened):
    text = "The capital of France is"
    request = {"prompt": text, "n_predict": 1, "n_probs": 5, "temperature": 0, "cache_prompt": False}
    served = httpx.post(f"{chat_server.address()}/completion", json=request, timeout=60).json()
    best = served["completion_probabilities"][0]["top_logprobs"]
    inside = opened.logits(text)[-1].log_softmax(-1)
    # 4-bit weights are multiplied in 8 bits there and in float32 here
    assert [inside[b["id"]].item() for b in best] == pytest.approx([b["logprob"] for b in best], abs=0.5)
    assert inside.argmax().item() == best[0]["id"]


def test_log_probabilities_of_a_text(opened):
    found = opened.token_logprobs("The parcel is late.")
    assert found.shape == (len(opened.tokens("The parcel is late.")),)
    assert (found <= 0).all() and np.isfinite(found).all()
    assert found.mean() > opened.token_logprobs("late parcel The . is").mean()


def test_an_empty_text_is_refused(opened):
    with pytest.raises(ValueError, match="at least one character"):
        opened.logits("")
    with pytest.raises(ValueError, match="at least one character"):
        opened.token_logprobs("")
