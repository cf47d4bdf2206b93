"""Questions answered from CPython's language reference: lesson 03's notebook cells, moved into a module.

Lesson 04 measures these functions. They are a prototype on purpose: no timeout handling, no permissions, no evaluation.
"""

import time
import tomllib
from dataclasses import dataclass
from pydoc_data.topics import topics

import numpy as np

from coursekit.curriculum import ROOT
from coursekit.embeddings import embed
from coursekit.models import chat_model, client

QUESTIONS_FILE = ROOT / "data" / "reference_questions" / "questions.toml"
INSTRUCTION = "Copy the sentence of the text that answers the question."


@dataclass(frozen=True)
class Passage:
    """A piece of one topic of the language reference. `topic` is its key in `pydoc_data.topics`."""

    topic: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A retrieved passage. `score`: cosine similarity with the question, -1 to 1."""

    passage: Passage
    score: float


@dataclass(frozen=True)
class Answer:
    """What the feature returns: the text, the passages it was given, and what the call cost."""

    text: str
    hits: list[Hit]
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Index:
    """Passages and their vectors: `vectors` has shape (len(passages), 384), one unit-length row a passage."""

    passages: list[Passage]
    vectors: np.ndarray

    def search(self, question: str, k: int = 1) -> list[Hit]:
        """The `k` passages nearest to the question, best first. Every passage is compared."""
        scores = self.vectors @ embed([question])[0]  # (passages,)
        return [Hit(self.passages[i], float(scores[i])) for i in np.argsort(-scores)[:k]]


def split_topic(text: str, max_chars: int) -> list[str]:
    """Whole paragraphs, packed into passages of at most `max_chars` characters; a longer paragraph stays whole."""
    passages: list[str] = []
    for paragraph in text.split("\n\n"):
        if passages and len(passages[-1]) + 2 + len(paragraph) <= max_chars:
            passages[-1] += "\n\n" + paragraph
        else:
            passages.append(paragraph)
    return passages


def load_passages(max_chars: int = 450, longest_topic: int = 9_000) -> list[Passage]:
    """The language reference as passages, each text once.

    Topics over `longest_topic` characters are left out (many are assembled from the others, and the index is built
    sooner); of equal passages the one in the shortest topic stays.
    """
    unique: dict[str, Passage] = {}
    for topic, text in sorted(topics.items(), key=lambda item: len(item[1])):
        if len(text) <= longest_topic:
            for passage in split_topic(text, max_chars):
                if passage.strip():
                    unique.setdefault(" ".join(passage.split()), Passage(topic, passage))
    return list(unique.values())


def build_index(passages: list[Passage]) -> Index:
    """Embed every passage: the slow part, done once for a set of documents."""
    return Index(passages, embed([passage.text for passage in passages]))


def messages(question: str, hits: list[Hit]) -> list[dict[str, str]]:
    """The prompt: one instruction, the passages, the question last."""
    text = "\n\n".join(hit.passage.text for hit in hits)
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": f"Text:\n{text}\n\nQuestion: {question}"},
    ]


def answer(question: str, hits: list[Hit], max_tokens: int = 40) -> Answer:
    """Ask the model the question, with `hits` as its text. Raises the `openai` client's errors."""
    started = time.perf_counter()
    reply = client().chat.completions.create(
        model=chat_model(), messages=messages(question, hits), temperature=0, seed=0, max_tokens=max_tokens
    )
    latency_ms = (time.perf_counter() - started) * 1000
    usage = reply.usage
    text = reply.choices[0].message.content or ""
    return Answer(text, hits, latency_ms, usage.prompt_tokens, usage.completion_tokens)


@dataclass(frozen=True)
class Question:
    """A question with what a right answer must contain. No `accept` means that the reference does not say.

    `accept`: texts of which one must occur in a right answer; `topics`: where such a text stands.
    """

    text: str
    paraphrase: str
    accept: tuple[str, ...]
    topics: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.accept)

    def accepts(self, text: str) -> bool:
        """Whether `text` contains one of the accepted facts; upper case, line breaks and quotes do not count."""
        return any(_plain(fact) in _plain(text) for fact in self.accept)

    def supported_by(self, passage: Passage) -> bool:
        """Whether the passage is of one of the topics and holds an accepted fact."""
        return passage.topic in self.topics and self.accepts(passage.text)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace('"', "").replace("`", "").split())


def load_questions() -> list[Question]:
    """The hand-written question set, in file order: answerable ones first."""
    tables = tomllib.loads(QUESTIONS_FILE.read_text(encoding="utf-8"))["question"]
    return [
        Question(t["text"], t["paraphrase"], tuple(t.get("accept", ())), tuple(t.get("topics", ()))) for t in tables
    ]
