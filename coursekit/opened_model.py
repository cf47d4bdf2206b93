"""The course's chat model opened from its GGUF file, so that a lesson can look at logits instead of replies.

transformers reads the same file with `from_pretrained(..., gguf_file=...)`, but parses its 50,000 tokens once for the
configuration, once for the tokenizer and once for the weights. `open_model` reads it once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from gguf import GGUFReader, ReaderTensor, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from coursekit.models import gguf_file

START = "<|endoftext|>"  # between documents in the training text
CONTROL = 3  # a GGUF token type: markers such as <|im_end|>, never split
NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


@dataclass(frozen=True)
class OpenedModel:
    """A language model in this process, without a server around it."""

    tokenizer: Tokenizer
    network: LlamaForCausalLM
    about: dict  # the file's own metadata, such as "llama.block_count": 30

    def tokens(self, text: str) -> list[int]:
        """The token ids of `text`, as the served model would count them; nothing is added in front or behind."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def pieces(self, text: str) -> list[str]:
        """The same as texts, which joined give `text` back (a character of several tokens shows as `�`)."""
        return [self.tokenizer.decode([token], skip_special_tokens=False) for token in self.tokens(text)]

    @torch.no_grad()
    def logits(self, text: str) -> torch.Tensor:
        """A score for every token of the vocabulary, at every position of `text`: (tokens, vocabulary), float32.

        Row i holds the scores for what follows token i. Raises ValueError for an empty text.
        """
        ids = self.tokens(text)
        if not ids:
            raise ValueError("An empty text has no last token to continue from; give at least one character.")
        return self.network(torch.tensor([ids])).logits[0]  # (tokens, vocabulary)

    def token_logprobs(self, text: str) -> np.ndarray:
        """Natural logarithm of the probability of each token of `text` given those before it: (tokens,), all ≤ 0.

        The first one follows the marker that starts a document. Raises ValueError for an empty text.
        """
        ids = self.tokens(text)
        if not ids:
            raise ValueError("An empty text has no tokens to score; give at least one character.")
        scores = self.logits(START + text)[:-1].log_softmax(-1)  # (tokens, vocabulary)
        return scores[torch.arange(len(ids)), torch.tensor(ids)].numpy()

    def continue_greedily(self, text: str, count: int) -> list[int]:
        """The `count` tokens that follow `text` when the best one is taken each time (fewer where the model ends)."""
        ids = torch.tensor([self.tokens(text)])  # (1, tokens)
        written = self.network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False)
        return written[0, ids.shape[1] :].tolist()


def open_tokenizer(reader: GGUFReader | None = None) -> Tokenizer:
    """The model's tokenizer alone: byte-level BPE, every digit a token of its own."""
    fields = (reader or GGUFReader(gguf_file())).fields
    tokens, kinds = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    tokenizer.decoder = decoders.ByteLevel()
    special = [
        AddedToken(token, special=True, normalized=False)
        for token, kind in zip(tokens, kinds, strict=True)
        if kind == CONTROL
    ]
    tokenizer.add_special_tokens(special)
    return tokenizer


def open_model() -> OpenedModel:
    """Tokenizer, network and metadata of the course's chat model. Takes a few seconds and 0.6 GB of memory.

    The weights are stored in 4 and 8 bits and become float32 here. Raises `WeightsError` where the file is missing.
    """
    reader = GGUFReader(gguf_file())
    about = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.ggml.")}
    config = LlamaConfig(
        vocab_size=about["llama.vocab_size"],
        hidden_size=about["llama.embedding_length"],
        intermediate_size=about["llama.feed_forward_length"],
        num_hidden_layers=about["llama.block_count"],
        num_attention_heads=about["llama.attention.head_count"],
        num_key_value_heads=about["llama.attention.head_count_kv"],
        max_position_embeddings=about["llama.context_length"],
        rms_norm_eps=about["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": about["llama.rope.freq_base"]},
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.device("meta"):  # shapes only, no memory: the weights come from the file
        network = LlamaForCausalLM(config)
    weights = dict(_weight(tensor, config) for tensor in reader.tensors)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    network.load_state_dict(weights, assign=True)
    network.tie_weights()
    network.model.rotary_emb = LlamaRotaryEmbedding(config)  # computed, not stored
    return OpenedModel(open_tokenizer(reader), network.eval(), about)


def _weight(tensor: ReaderTensor, config: LlamaConfig) -> tuple[str, torch.Tensor]:
    """One tensor under the name that transformers gives it, in float32."""
    values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
    block, _, name = tensor.name.removesuffix(".weight").rpartition(".")
    if not block:
        return {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}[name] + ".weight", values
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(name)
    if heads:  # llama.cpp keeps the two halves of a rotary pair side by side, transformers half a head apart
        values = values.view(heads, -1, 2, values.shape[1]).transpose(1, 2).reshape(values.shape)
    return f"model.layers.{block.removeprefix('blk.')}.{NAMES[name]}.weight", values
