"""Practice exercises of module 02, in the order in which the lessons ask them."""

import re  # noqa: F401 - answers to unsupported_figures use it
import unicodedata  # noqa: F401 - answers to map_offsets use it
from collections import Counter  # noqa: F401 - answers to exact_and_f1 use it

import numpy as np

from coursekit.exercises import Exercise

# --- 01_tokens


class ApplyMerge(Exercise):
    """`apply_merge(ids, pair, new_id)` → `list[int]`: `ids` with every occurrence of `pair` replaced by `new_id`.

    - `ids`: a list of token numbers, possibly empty; `pair`: a tuple of two of them.
    - Left to right, without overlap: a token that was just merged is not used again.
    - The argument `ids` keeps its value.
    """

    lesson = "01_tokens"
    stub = """
def apply_merge(ids, pair, new_id):
    return ...  # your code
"""
    hints = (
        "Walk with an index. At each place either two ids are consumed, or one.",
        "If `ids[i]` and `ids[i + 1]` are the pair, append `new_id` and go on at `i + 2`; else copy one and go on at `i + 1`.",
        "`while i < len(ids)`, with the test `tuple(ids[i : i + 2]) == pair`: at the end the slice is short and never equal.",
    )
    solution = """
def apply_merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
"""
    wrong = {
        "forgets the last id": """
def apply_merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
""",
        "merges overlapping pairs": """
def apply_merge(ids, pair, new_id):
    out = []
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
        elif i == 0 or tuple(ids[i - 1 : i + 1]) != pair:
            out.append(ids[i])
    return out
""",
        "replaces the first occurrence only": """
def apply_merge(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)
""",
        "changes its argument": """
def apply_merge(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids
""",
    }

    def check(self, apply_merge):
        self.expect(
            apply_merge([1, 2, 3, 1, 2], (1, 2), 9),
            [9, 3, 9],
            behaviour="Every occurrence is replaced",
            given="ids=[1, 2, 3, 1, 2], pair=(1, 2), new_id=9",
            why="The counts of the next round are taken from this result: a pair left behind is counted, and merged, again.",
        )
        self.expect(
            apply_merge([1, 2, 3], (1, 2), 9),
            [9, 3],
            behaviour="The id after the last pair is kept",
            given="ids=[1, 2, 3], pair=(1, 2), new_id=9",
            why="A lost id is a lost byte, and decoding no longer gives the text back.",
        )
        self.expect(
            apply_merge([5, 5, 5], (5, 5), 9),
            [9, 5],
            behaviour="A merged token is not used twice",
            given="ids=[5, 5, 5], pair=(5, 5), new_id=9",
            why="With overlap `aaa` becomes two tokens of two letters each, and decodes to `aaaa`.",
        )
        ids = [1, 2]
        apply_merge(ids, (1, 2), 9)
        self.expect(
            ids,
            [1, 2],
            behaviour="The argument keeps its value",
            given="ids=[1, 2], read again after the call",
            why="Training keeps words as keys of a dict and shares them; changing one in place corrupts the counts.",
        )


class BpeEncode(Exercise):
    """`bpe_encode(word, merges)` → `list[int]`: the token numbers of one word.

    - `word`: `bytes`, possibly empty. A byte is the token of its own value, 0 to 255.
    - `merges`: `{(left, right): new_id}`; a smaller `new_id` was learned earlier.
    - While a pair of neighbours is in `merges`, the pair that was learned *first* is merged (at its leftmost place, or at all its places: the result is the same).
    """

    lesson = "01_tokens"
    stub = """
def bpe_encode(word, merges):
    return ...  # your code: start from list(word); which pair goes first?
"""
    hints = (
        "Repeat: look at all pairs of neighbours, choose one, merge it. Stop when none of them is in `merges`.",
        "The one to choose has the smallest `new_id`, wherever it stands. Length and position do not count.",
        "`best = min(pairs, key=lambda p: merges.get(p, inf))`; stop if it is not in `merges`; replace it at its first index.",
    )
    solution = """
def bpe_encode(word, merges):
    ids = list(word)
    while True:
        known = [(merges[pair], i) for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not known:
            return ids
        new_id, i = min(known)
        ids[i : i + 2] = [new_id]
"""
    wrong = {
        "leftmost pair first": """
def bpe_encode(word, merges):
    ids = list(word)
    while True:
        known = [(i, merges[pair]) for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not known:
            return ids
        i, new_id = min(known)
        ids[i : i + 2] = [new_id]
""",
        "latest merge first": """
def bpe_encode(word, merges):
    ids = list(word)
    while True:
        known = [(-merges[pair], i) for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not known:
            return ids
        new_id, i = min(known)
        ids[i : i + 2] = [-new_id]
""",
        "one pass only": """
def bpe_encode(word, merges):
    ids, i = list(word), 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) in merges:
            ids[i : i + 2] = [merges[ids[i], ids[i + 1]]]
        i += 1
    return ids
""",
    }

    def check(self, bpe_encode):
        a, b, c = b"abc"
        merges = {(b, c): 256, (a, b): 257, (a, 256): 258}
        self.expect(
            bpe_encode(b"ca", merges),
            [c, a],
            behaviour="A word without a known pair stays as its bytes",
            given="word=b'ca', merges={bc: 256, ab: 257, a+256: 258}",
            why="This is what makes byte-level BPE safe: there is no unknown word.",
        )
        self.expect(
            bpe_encode(b"abcb", {(b, c): 256, (a, b): 257}),
            [a, 256, b],
            behaviour="The pair that was learned first wins, though another stands further left",
            given="word=b'abcb', merges={bc: 256, ab: 257}",
            why="Training merged in this order. Another order gives ids that the model never saw for this word, and no error.",
        )
        self.expect(
            bpe_encode(b"abc", merges),
            [258],
            behaviour="Merged tokens are merged further",
            given="word=b'abc', merges={bc: 256, ab: 257, a+256: 258}",
            why="One pass gives longer sequences than the model was trained on: dearer, and worse answers.",
        )
        self.expect(
            bpe_encode(b"", merges),
            [],
            behaviour="An empty word has no tokens",
            given="word=b''",
            why="An empty message is a real message: support desks get them daily.",
        )


class StreamText(Exercise):
    """`stream_text(chunks)` → `list[str]`: what to show after each chunk of a stream of UTF-8 bytes.

    - `chunks`: a list of `bytes`; a character may be split over several of them. There is one string a chunk, perhaps empty.
    - Bytes that do not complete a character yet are held back until they do.
    - If the stream ends inside a character, one more string `"\\ufffd"` is appended. Otherwise none is.
    """

    lesson = "01_tokens"
    stub = """
def stream_text(chunks):
    return ...  # your code
"""
    hints = (
        "You need memory between chunks: the bytes that are still waiting. The standard library has such a decoder.",
        '`codecs.getincrementaldecoder("utf-8")(errors="replace")`: its `decode(chunk)` returns only whole characters.',
        'Collect `decode(chunk)` for each chunk; then `end = decoder.decode(b"", final=True)`, and append it if it is not empty.',
    )
    solution = """
def stream_text(chunks):
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    shown = [decoder.decode(chunk) for chunk in chunks]
    end = decoder.decode(b"", final=True)
    return shown + [end] if end else shown
"""
    wrong = {
        "each chunk on its own": """
def stream_text(chunks):
    return [chunk.decode(errors="replace") for chunk in chunks]
""",
        "drops broken bytes": """
def stream_text(chunks):
    return [chunk.decode(errors="ignore") for chunk in chunks]
""",
        "waits for the end": """
def stream_text(chunks):
    return [""] * (len(chunks) - 1) + [b"".join(chunks).decode(errors="replace")]
""",
        "forgets what is left over": """
def stream_text(chunks):
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [decoder.decode(chunk) for chunk in chunks]
""",
    }

    def check(self, stream_text):
        self.expect(
            stream_text([b"late", b" again"]),
            ["late", " again"],
            behaviour="Whole characters are shown at once",
            given="chunks=[b'late', b' again']",
            why="The reader of a stream wants the first word now; holding everything back defeats streaming.",
        )
        self.expect(
            stream_text(["é".encode()[:1], "é".encode()[1:]]),
            ["", "é"],
            behaviour="A character that is split over two chunks is shown when it is complete",
            given="chunks=[b'\\xc3', b'\\xa9'], together é",
            why="Decoded chunk by chunk, the customer sees � in her own name, and it is stored that way.",
        )
        oyster = "🦪".encode()
        self.expect(
            stream_text([b"Ja " + oyster[:2], oyster[2:3], oyster[3:] + b"!"]),
            ["Ja ", "", "🦪!"],
            behaviour="A character of four bytes may take three chunks",
            given="chunks=[b'Ja ' + two bytes of 🦪, the third, the fourth + b'!']",
            why="Emoji are the usual case of this; they are in every support inbox.",
        )
        self.expect(
            stream_text([b"ok " + oyster[:2]]),
            ["ok ", "\ufffd"],
            behaviour="A stream cut inside a character says so",
            given="chunks=[b'ok ' + two bytes of 🦪], and no more",
            why="A cut is a fact worth showing: dropped silently, the stored text looks complete.",
        )


# --- 02_vectors


class TfidfVector(Exercise):
    """`tfidf_vector(words, document_frequency, n_documents)` → `dict[str, float]`: the TF-IDF vector of one new text.

    - `words`: the text's words, in order, with repetitions; possibly empty.
    - `document_frequency`: `{word: number of training texts that hold it}`; `n_documents`: how many texts those were.
    - Weight before normalising: count in `words` times (ln((1 + n_documents) / (1 + frequency)) + 1).
    - Words that training did not see are left out. The result has length 1 (Euclidean), or is `{}` if nothing is left.
    """

    lesson = "02_vectors"
    stub = """
def tfidf_vector(words, document_frequency, n_documents):
    return ...  # your code
"""
    hints = (
        "**Count** with a `Counter`, but only words that are keys of `document_frequency`.",
        "**Weigh** each count with `np.log((1 + n_documents) / (1 + document_frequency[word])) + 1`.",
        "**Normalise**: divide each weight by the root of the sum of their squares; without words, return `{}` before that.",
    )
    solution = """
def tfidf_vector(words, document_frequency, n_documents):
    weights = {}
    for word in words:
        if word in document_frequency:
            idf = np.log((1 + n_documents) / (1 + document_frequency[word])) + 1
            weights[word] = weights.get(word, 0) + idf
    length = sum(weight**2 for weight in weights.values()) ** 0.5
    return {word: float(weight / length) for word, weight in weights.items()}
"""
    wrong = {
        "counts each word once": """
def tfidf_vector(words, document_frequency, n_documents):
    idf = {w: np.log((1 + n_documents) / (1 + document_frequency[w])) + 1 for w in words if w in document_frequency}
    length = sum(weight**2 for weight in idf.values()) ** 0.5
    return {word: float(weight / length) for word, weight in idf.items()}
""",
        "divides by the sum": """
def tfidf_vector(words, document_frequency, n_documents):
    weights = {}
    for word in words:
        if word in document_frequency:
            weights[word] = weights.get(word, 0) + np.log((1 + n_documents) / (1 + document_frequency[word])) + 1
    return {word: float(weight / sum(weights.values())) for word, weight in weights.items()}
""",
        "an unknown word is the rarest of all": """
def tfidf_vector(words, document_frequency, n_documents):
    weights = {}
    for word in words:
        weights[word] = weights.get(word, 0) + np.log((1 + n_documents) / (1 + document_frequency.get(word, 0))) + 1
    length = sum(weight**2 for weight in weights.values()) ** 0.5
    return {word: float(weight / length) for word, weight in weights.items()}
""",
        "forgets the idf": """
def tfidf_vector(words, document_frequency, n_documents):
    weights = {word: words.count(word) for word in words if word in document_frequency}
    length = sum(weight**2 for weight in weights.values()) ** 0.5
    return {word: float(weight / length) for word, weight in weights.items()}
""",
    }

    def check(self, tfidf_vector):
        self.expect(
            tfidf_vector(["late"], {"late": 3}, 9),
            {"late": 1.0},
            behaviour="A single word has length 1, however common it is",
            given="words=['late'], document_frequency={'late': 3}, n_documents=9",
            why="Lengths other than 1 make long mails win every comparison.",
        )
        frequency = {"the": 9, "customs": 0}
        weight = np.log(10) + 1
        self.expect(
            tfidf_vector(["the", "customs"], frequency, 9),
            {"the": 1 / (1 + weight**2) ** 0.5, "customs": weight / (1 + weight**2) ** 0.5},
            behaviour="A rare word weighs more than one that is in every text",
            given="words=['the', 'customs'], document_frequency={'the': 9, 'customs': 0}, n_documents=9",
            why="Without the weight, two mails are alike because both say *the*.",
        )
        self.expect(
            tfidf_vector(["late", "late", "box"], {"late": 4, "box": 4}, 9),
            {"late": 2 / 5**0.5, "box": 1 / 5**0.5},
            behaviour="A word that stands twice counts twice",
            given="words=['late', 'late', 'box'], both in 4 of 9 texts",
            why="Counting is the TF in TF-IDF.",
        )
        self.expect(
            tfidf_vector(["late", "zebra"], {"late": 3}, 9),
            {"late": 1.0},
            behaviour="A word that training did not see is left out",
            given="words=['late', 'zebra'], document_frequency={'late': 3}, n_documents=9",
            why="The classifier has no column for it; letting it into the length shrinks all the others.",
        )
        self.expect(
            tfidf_vector(["zebra"], {"late": 3}, 9),
            {},
            behaviour="A text without a known word has an empty vector",
            given="words=['zebra'], document_frequency={'late': 3}, n_documents=9",
            why="Dividing by its length of zero gives NaN, and NaN spreads through every later score.",
        )


class StraddlingPairs(Exercise):
    """`straddling_pairs(vectors, split, threshold)` → `list[tuple[int, int]]`: near-duplicates on two sides of a split.

    - `vectors`: `np.ndarray` (n, d), each row of length 1; `split`: n names such as `"train"`, a list or a column.
    - A pair `(i, j)`, `i < j`, counts if its cosine is at least `threshold` and its splits differ.
    - Returned in ascending order, as plain `int`s.
    """

    lesson = "02_vectors"
    stub = """
def straddling_pairs(vectors, split, threshold):
    return ...  # your code
"""
    hints = (
        "For rows of length 1 all cosines are one product: `vectors @ vectors.T`.",
        "Two conditions, both arrays of shape (n, n): the cosine, and `split[:, None] != split[None, :]`. Each pair is in there twice.",
        "`np.argwhere(np.triu((cosine >= threshold) & differs, 1))`, with `split = np.asarray(split)`; then tuples of `int`.",
    )
    solution = """
def straddling_pairs(vectors, split, threshold):
    split = np.asarray(split)
    found = (vectors @ vectors.T >= threshold) & (split[:, None] != split[None, :])
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(found, 1))]
"""
    wrong = {
        "all duplicates": """
def straddling_pairs(vectors, split, threshold):
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(vectors @ vectors.T >= threshold, 1))]
""",
        "each pair twice": """
def straddling_pairs(vectors, split, threshold):
    split = np.asarray(split)
    found = (vectors @ vectors.T >= threshold) & (split[:, None] != split[None, :])
    return [(int(i), int(j)) for i, j in np.argwhere(found)]
""",
        "neighbours in the table only": """
def straddling_pairs(vectors, split, threshold):
    split = list(split)
    near = [float(vectors[i] @ vectors[i + 1]) >= threshold for i in range(len(split) - 1)]
    return [(i, i + 1) for i, yes in enumerate(near) if yes and split[i] != split[i + 1]]
""",
        "train against test only": """
def straddling_pairs(vectors, split, threshold):
    split = list(split)
    n = len(split)
    return [
        (i, j)
        for i in range(n)
        for j in range(i + 1, n)
        if {split[i], split[j]} == {"train", "test"} and float(vectors[i] @ vectors[j]) >= threshold
    ]
""",
    }

    def check(self, straddling_pairs):
        same = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        self.expect(
            straddling_pairs(same, ["train", "test", "test"], 0.9),
            [(0, 1)],
            behaviour="A copy on the other side is found, once",
            given="three vectors, the first two equal; split=['train', 'test', 'test'], threshold=0.9",
            why="The model is tested on a mail that it has read.",
        )
        self.expect(
            straddling_pairs(same, ["train", "train", "test"], 0.9),
            [],
            behaviour="Copies on one side are no leak",
            given="the same vectors; split=['train', 'train', 'test']",
            why="A test that is red for harmless pairs is switched off within a week.",
        )
        far = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
        self.expect(
            straddling_pairs(far, ["train", "validation", "validation", "train"], 0.8),
            [(0, 2), (1, 3)],
            behaviour="Any two splits count, wherever the rows stand, and the threshold itself counts",
            given="vectors (1, 0), (0, 1), (1, 0), (0.6, 0.8); split=['train', 'validation', 'validation', 'train'], threshold=0.8",
            why="A copy in validation makes you choose the model that memorises.",
        )


class SuspectLabels(Exercise):
    """`suspect_labels(proba, labels)` → `list[int]`: rows whose label another class contests, the least probable label first.

    - `proba`: `np.ndarray` (n, k), out-of-fold probabilities; `labels`: n class numbers, 0 to k - 1, every class at least once.
    - The *bar* of class c: the mean of `proba[:, c]` over the rows labelled c.
    - A row is suspect if its label is c and some **other** class d reaches its own bar (`proba[row, d] >= bar[d]`) with a
      probability above that of c.
    - Order: ascending probability of the given label; ties by row.
    """

    lesson = "02_vectors"
    stub = """
def suspect_labels(proba, labels):
    return ...  # your code
"""
    hints = (
        "First the k bars: for each class, the mean of its own column over its own rows.",
        "`own = proba[np.arange(n), labels]`. A row is suspect where any column is at its bar or above and greater than `own`.",
        "`contested = ((proba >= bar) & (proba > own[:, None])).any(axis=1)`; sort its rows by `own` with `kind='stable'`.",
    )
    solution = """
def suspect_labels(proba, labels):
    labels = np.asarray(labels)
    bar = np.array([proba[labels == c, c].mean() for c in range(proba.shape[1])])
    own = proba[np.arange(len(labels)), labels]
    contested = ((proba >= bar) & (proba > own[:, None])).any(axis=1)
    return [int(i) for i in np.argsort(own, kind="stable") if contested[i]]
"""
    wrong = {
        "every row that the model would decide otherwise": """
def suspect_labels(proba, labels):
    labels = np.asarray(labels)
    own = proba[np.arange(len(labels)), labels]
    return [int(i) for i in np.argsort(own, kind="stable") if proba[i].argmax() != labels[i]]
""",
        "one bar for all classes": """
def suspect_labels(proba, labels):
    labels = np.asarray(labels)
    own = proba[np.arange(len(labels)), labels]
    contested = ((proba >= own.mean()) & (proba > own[:, None])).any(axis=1)
    return [int(i) for i in np.argsort(own, kind="stable") if contested[i]]
""",
        "the bar is taken over all rows": """
def suspect_labels(proba, labels):
    labels = np.asarray(labels)
    own = proba[np.arange(len(labels)), labels]
    contested = ((proba >= proba.mean(axis=0)) & (proba > own[:, None])).any(axis=1)
    return [int(i) for i in np.argsort(own, kind="stable") if contested[i]]
""",
        "in the order of the table": """
def suspect_labels(proba, labels):
    labels = np.asarray(labels)
    bar = np.array([proba[labels == c, c].mean() for c in range(proba.shape[1])])
    own = proba[np.arange(len(labels)), labels]
    return [int(i) for i in np.flatnonzero(((proba >= bar) & (proba > own[:, None])).any(axis=1))]
""",
    }

    def check(self, suspect_labels):
        clear = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
        self.expect(
            suspect_labels(clear, [0, 0, 1, 1]),
            [],
            behaviour="Labels that the model agrees with are left alone",
            given="proba=[[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]], labels=[0, 0, 1, 1]",
            why="A reviewer's first ten cases decide whether they believe the list.",
        )
        unsure = np.array([[0.95, 0.05], [0.85, 0.15], [0.4, 0.6], [0.7, 0.3], [0.5, 0.5]])
        self.expect(
            suspect_labels(unsure, [0, 0, 1, 1, 1]),
            [],
            behaviour="Another class must reach the bar of its own rows, not merely be more probable",
            given="labels [0, 0, 1, 1, 1], row 3 with probabilities 0.7 and 0.3; the bar of class 0 is 0.9",
            why="Class 1 is hard, so the model is never sure of it. Without a bar for each class the list holds hard cases, not errors.",
        )
        two = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.2, 0.8], [0.85, 0.15], [0.98, 0.02]])
        self.expect(
            suspect_labels(two, [0, 0, 0, 1, 1, 1, 1]),
            [6, 5, 2],
            behaviour="The least probable label comes first",
            given="seven rows; rows 2, 5 and 6 are contested with own probabilities 0.2, 0.15 and 0.02",
            why="The reviewer's hour ends before the list does.",
        )


# --- 03_entities


class SpanScores(Exercise):
    """`span_scores(gold, found)` → `(precision, recall, f1)`, three floats between 0 and 1: exact span scores over several texts.

    - `gold`, `found`: lists of the same length, one entry a text; each entry is a list of `(label, start, end)`, possibly empty.
    - A span is a hit if the *same* text's other list holds an equal one. Sums run over all texts (micro-average).
    - A quotient 0/0 counts as 0.0.
    """

    lesson = "03_entities"
    stub = """
def span_scores(gold, found):
    return ...  # your code
"""
    hints = (
        "Three sums over the texts: hits, spans found, gold spans. Only then divide.",
        "Per text, `set(g) & set(f)` are the hits. F1 is `2 * hits / (found + gold)`, which is the harmonic mean written once.",
        "`hits = sum(len(set(g) & set(f)) for g, f in zip(gold, found))`; each quotient as `a / b if b else 0.0`.",
    )
    solution = """
def span_scores(gold, found):
    hits = sum(len(set(g) & set(f)) for g, f in zip(gold, found))
    n_found, n_gold = sum(map(len, found)), sum(map(len, gold))
    precision = hits / n_found if n_found else 0.0
    recall = hits / n_gold if n_gold else 0.0
    return precision, recall, 2 * hits / (n_found + n_gold) if hits else 0.0
"""
    wrong = {
        "all texts in one bag": """
def span_scores(gold, found):
    g, f = {s for t in gold for s in t}, {s for t in found for s in t}
    p, r = (len(g & f) / len(f) if f else 0.0), (len(g & f) / len(g) if g else 0.0)
    return p, r, 2 * p * r / (p + r) if p + r else 0.0
""",
        "mean of the scores of each text": """
def span_scores(gold, found):
    ps = [len(set(g) & set(f)) / len(f) if f else 0.0 for g, f in zip(gold, found)]
    rs = [len(set(g) & set(f)) / len(g) if g else 0.0 for g, f in zip(gold, found)]
    p, r = sum(ps) / len(ps), sum(rs) / len(rs)
    return p, r, 2 * p * r / (p + r) if p + r else 0.0
""",
        "labels are ignored": """
def span_scores(gold, found):
    hits = sum(len({s[1:] for s in g} & {s[1:] for s in f}) for g, f in zip(gold, found))
    p, r = (hits / n if (n := sum(map(len, side))) else 0.0 for side in (found, gold))
    return p, r, 2 * p * r / (p + r) if p + r else 0.0
""",
        "arithmetic mean": """
def span_scores(gold, found):
    hits = sum(len(set(g) & set(f)) for g, f in zip(gold, found))
    p, r = (hits / n if (n := sum(map(len, side))) else 0.0 for side in (found, gold))
    return p, r, (p + r) / 2
""",
    }

    def check(self, span_scores):
        date, amount = ("date", 0, 5), ("amount", 9, 12)
        self.expect(
            tuple(span_scores([[date, amount]], [[date]])),
            (1.0, 0.5, 2 / 3),
            behaviour="Precision counts what was returned, recall what was there, F1 is their harmonic mean",
            given="gold=[[('date', 0, 5), ('amount', 9, 12)]], found=[[('date', 0, 5)]]",
            why="An arithmetic mean would give 0.75 here, and a system that returns one sure span would look good.",
        )
        self.expect(
            tuple(span_scores([[date]], [[("amount", 0, 5)]])),
            (0.0, 0.0, 0.0),
            behaviour="The right place with the wrong label is a miss",
            given="gold=[[('date', 0, 5)]], found=[[('amount', 0, 5)]]",
            why="A day booked as money is worse than nothing found.",
        )
        self.expect(
            tuple(span_scores([[date], []], [[], [date]])),
            (0.0, 0.0, 0.0),
            behaviour="A span of one text does not match a span of another",
            given="gold=[[('date', 0, 5)], []], found=[[], [('date', 0, 5)]]",
            why="Many mails start alike, so equal offsets in different mails are common: the score would rise by chance.",
        )
        self.expect(
            tuple(
                span_scores([[date, amount, ("date", 20, 25)], [date]], [[date, amount, ("date", 20, 25)], [amount]])
            ),
            (0.75, 0.75, 0.75),
            behaviour="Every span counts alike, not every text",
            given="a text with three gold spans, all found, and one with one gold span, missed for another",
            why="Averaging over texts gives the one-span mail the weight of three, and a text without spans an undefined score.",
        )
        self.expect(
            tuple(span_scores([[date]], [[]])),
            (0.0, 0.0, 0.0),
            behaviour="A system that finds nothing scores 0, without an error",
            given="gold=[[('date', 0, 5)]], found=[[]]",
            why="A new language on a Monday morning: the nightly evaluation must report, not crash.",
        )


class BioTags(Exercise):
    """`bio_tags(tokens, spans)` → `list[str]`: a BIO tag for each token.

    - `tokens`: `(start, end)` pairs, ascending, without overlap; `spans`: `(label, start, end)`, without overlap, in any order. Ends are exclusive.
    - A token belongs to a span if they share at least one character; of two such spans, to the one that starts first.
    - The first token of a span is `"B-label"`, its others `"I-label"`; all else is `"O"`.
    """

    lesson = "03_entities"
    stub = """
def bio_tags(tokens, spans):
    return ...  # your code
"""
    hints = (
        "Start with all `O`. Then take the spans one by one, in order of their start, and write into the list.",
        "Half-open ranges share a character if `token_start < span_end and span_start < token_end`.",
        "For each span in `sorted(spans, key=lambda s: s[1])`: the indices that share and are still `O`; first `B-`, rest `I-`.",
    )
    solution = """
def bio_tags(tokens, spans):
    tags = ["O"] * len(tokens)
    for label, start, end in sorted(spans, key=lambda s: s[1]):
        inside = [i for i, (a, b) in enumerate(tokens) if a < end and start < b and tags[i] == "O"]
        for place, i in enumerate(inside):
            tags[i] = ("B-" if place == 0 else "I-") + label
    return tags
"""
    wrong = {
        "B only where the label changes": """
def bio_tags(tokens, spans):
    tags, before = [], None
    for a, b in tokens:
        label = next((s[0] for s in sorted(spans, key=lambda s: s[1]) if a < s[2] and s[1] < b), None)
        tags.append("O" if label is None else ("I-" if label == before else "B-") + label)
        before = label
    return tags
""",
        "tokens wholly inside only": """
def bio_tags(tokens, spans):
    tags = ["O"] * len(tokens)
    for label, start, end in sorted(spans, key=lambda s: s[1]):
        inside = [i for i, (a, b) in enumerate(tokens) if start <= a and b <= end]
        for place, i in enumerate(inside):
            tags[i] = ("B-" if place == 0 else "I-") + label
    return tags
""",
        "the end belongs to the span": """
def bio_tags(tokens, spans):
    tags = ["O"] * len(tokens)
    for label, start, end in sorted(spans, key=lambda s: s[1]):
        inside = [i for i, (a, b) in enumerate(tokens) if a <= end and start <= b and tags[i] == "O"]
        for place, i in enumerate(inside):
            tags[i] = ("B-" if place == 0 else "I-") + label
    return tags
""",
        "every token begins": """
def bio_tags(tokens, spans):
    return [next(("B-" + s[0] for s in spans if a < s[2] and s[1] < b), "O") for a, b in tokens]
""",
    }

    def check(self, bio_tags):
        self.expect(
            bio_tags([(0, 2), (3, 5), (6, 11)], [("date", 3, 11)]),
            ["O", "B-date", "I-date"],
            behaviour="The first token of a span begins it, the others are inside",
            given="tokens of 'on 12 March', spans=[('date', 3, 11)]",
            why="Without I, `12` and `March` come back as two dates.",
        )
        self.expect(
            bio_tags([(0, 6), (7, 14)], [("date", 0, 6), ("date", 7, 14)]),
            ["B-date", "B-date"],
            behaviour="Two spans of one label, side by side, stay two",
            given="tokens of 'Monday Tuesday', spans=[('date', 0, 6), ('date', 7, 14)]",
            why="Merged, two collection days become one appointment that no parser can read.",
        )
        self.expect(
            bio_tags([(0, 1), (1, 3), (3, 4)], [("amount", 0, 3)]),
            ["B-amount", "I-amount", "O"],
            behaviour="The end is exclusive",
            given="tokens of '€65.', spans=[('amount', 0, 3)]",
            why="The full stop of the sentence enters the amount, and `float('65.')` hides it until the decimal comma comes.",
        )
        self.expect(
            bio_tags([(0, 8), (9, 12)], [("order_id", 2, 8)]),
            ["B-order_id", "O"],
            behaviour="A token that sticks out of a span still belongs to it",
            given="tokens=[(0, 8), (9, 12)], spans=[('order_id', 2, 8)]",
            why="A tokeniser that glues `n°` to the number would otherwise lose every such label in training, silently.",
        )
        self.expect(
            bio_tags([(0, 2), (3, 5)], [("date", 3, 5), ("amount", 0, 2)]),
            ["B-amount", "B-date"],
            behaviour="The order in which spans are listed does not matter",
            given="tokens=[(0, 2), (3, 5)], spans=[('date', 3, 5), ('amount', 0, 2)]",
            why="Annotation tools export in the order of clicking.",
        )


class MapOffsets(Exercise):
    """`map_offsets(text)` → `(normal, origin)`: the NFC form of `text`, and where each of its characters came from.

    - Cut `text` into *pieces*: a character and the combining marks that follow it (`unicodedata.combining(mark) != 0`). Normalise each piece to NFC.
    - `normal`: the normalised pieces, joined. `origin`: a list of `len(normal) + 1` integers: for each character of `normal`
      the start of its piece in `text`, and at the end `len(text)`.
    - So a span `(a, b)` of `normal` that cuts no piece covers `text[origin[a]:origin[b]]`.
    """

    lesson = "03_entities"
    stub = """
def map_offsets(text):
    return ...  # your code
"""
    hints = (
        "First find where pieces start: at every character that is no combining mark (and at 0).",
        "For each piece: `normalised = unicodedata.normalize('NFC', text[start:end])`; it may have one character or more.",
        "`origin += [start] * len(normalised)` for each piece, and `origin.append(len(text))` once at the end.",
    )
    solution = """
def map_offsets(text):
    starts = [i for i, c in enumerate(text) if i == 0 or not unicodedata.combining(c)]
    normal, origin = "", []
    for start, end in zip(starts, [*starts[1:], len(text)]):
        piece = unicodedata.normalize("NFC", text[start:end])
        normal += piece
        origin += [start] * len(piece)
    return normal, [*origin, len(text)]
"""
    wrong = {
        "the same offsets": """
def map_offsets(text):
    normal = unicodedata.normalize("NFC", text)
    return normal, list(range(len(normal) + 1))
""",
        "no entry for the end": """
def map_offsets(text):
    starts = [i for i, c in enumerate(text) if i == 0 or not unicodedata.combining(c)]
    normal, origin = "", []
    for start, end in zip(starts, [*starts[1:], len(text)]):
        piece = unicodedata.normalize("NFC", text[start:end])
        normal += piece
        origin += [start] * len(piece)
    return normal, origin
""",
        "character by character": """
def map_offsets(text):
    pieces = [unicodedata.normalize("NFC", c) for c in text]
    origin = [i for i, piece in enumerate(pieces) for _ in piece]
    return "".join(pieces), [*origin, len(text)]
""",
        "one origin for each piece": """
def map_offsets(text):
    starts = [i for i, c in enumerate(text) if i == 0 or not unicodedata.combining(c)]
    return unicodedata.normalize("NFC", text), [*starts, len(text)]
""",
    }

    def check(self, map_offsets):
        self.expect(
            tuple(map_offsets("QS4")),
            ("QS4", [0, 1, 2, 3]),
            behaviour="Plain text keeps its offsets, and the end has an entry",
            given="text='QS4'",
            why="A span that ends with the text needs `origin[len(normal)]`: ids stand at the end of mails.",
        )
        self.expect(
            tuple(map_offsets("e\u0301t")),
            ("\u00e9t", [0, 2, 3]),
            behaviour="What follows a composed letter is shifted",
            given="text='e' + combining acute + 't', three characters",
            why="Every accent before a span moves it by one: the more French, the further off.",
        )
        self.expect(
            tuple(map_offsets("x\u0301y")),
            ("x\u0301y", [0, 0, 2, 3]),
            behaviour="A piece that has no composed form stays two characters with one origin",
            given="text='x' + combining acute + 'y'",
            why="Not every pair has a single code point; one origin a piece makes the list too short and shifts the rest.",
        )
        self.expect(
            tuple(map_offsets("")),
            ("", [0]),
            behaviour="An empty text has one offset, its end",
            given="text=''",
            why="Empty mails come daily.",
        )


# --- 04_summaries_and_answers


class UnsupportedFigures(Exercise):
    """`unsupported_figures(summary, source)` → `list[str]`: the figures of `summary` that `source` does not contain.

    - A *figure* is a run of letters and digits with at least one digit in it; single `.` `,` `:` `/` `-` belong to it only between two
      of those: `QS40276693SE`, `2,075.00`, `15:00`, but not the full stop of a sentence or a `€`.
    - Two figures are the same if they are equal without commas and without regard to case.
    - Returned as written in `summary`, in its order, each one once.
    """

    lesson = "04_summaries_and_answers"
    stub = """
def unsupported_figures(summary, source):
    return ...  # your code; `re` is imported
"""
    hints = (
        "Cut both texts into figures in the same way, then compare figures with figures: `1` stands *in* `10`, and is not it.",
        "`re.findall(r'[^\\\\W_]+(?:[.,:/-][^\\\\W_]+)*', text)` gives the runs; keep those in which `any(c.isdigit() for c in run)`.",
        "Collect the source's figures in a set, each as `run.replace(',', '').casefold()`; add every new figure to the set when it was reported.",
    )
    solution = """
def unsupported_figures(summary, source):
    def figures(text):
        runs = re.findall(r"[^\\W_]+(?:[.,:/-][^\\W_]+)*", text)
        return [run for run in runs if any(c.isdigit() for c in run)]

    def key(figure):
        return figure.replace(",", "").casefold()

    known, missing = {key(f) for f in figures(source)}, []
    for figure in figures(summary):
        if key(figure) not in known:
            missing.append(figure)
            known.add(key(figure))
    return missing
"""
    wrong = {
        "a part of a number counts": """
def unsupported_figures(summary, source):
    runs = re.findall(r"[^\\W_]+(?:[.,:/-][^\\W_]+)*", summary)
    text = source.replace(",", "").casefold()
    figures = [run for run in runs if any(c.isdigit() for c in run)]
    return list(dict.fromkeys(f for f in figures if f.replace(",", "").casefold() not in text))
""",
        "digits without their letters": """
def unsupported_figures(summary, source):
    known = set(re.findall(r"\\d+", source.replace(",", "")))
    return list(dict.fromkeys(f for f in re.findall(r"\\d+", summary.replace(",", "")) if f not in known))
""",
        "the full stop belongs to it": """
def unsupported_figures(summary, source):
    known = {w.replace(",", "").strip("€").casefold() for w in source.split()}
    found = [w.strip("€") for w in summary.split() if any(c.isdigit() for c in w)]
    return list(dict.fromkeys(f for f in found if f.replace(",", "").casefold() not in known))
""",
        "commas and case count, repeats are repeated": """
def unsupported_figures(summary, source):
    pattern = r"[^\\W_]+(?:[.,:/-][^\\W_]+)*"
    known = set(re.findall(pattern, source))
    return [f for f in re.findall(pattern, summary) if any(c.isdigit() for c in f) and f not in known]
""",
    }

    def check(self, unsupported_figures):
        self.expect(
            unsupported_figures("Lost on 4 May, 3 parcels, paid 90.", "Lost on 4 May. We paid €90 for 2 parcels."),
            ["3"],
            behaviour="A figure that the source has not is reported, without the punctuation around it",
            given="summary='Lost on 4 May, 3 parcels, paid 90.', source='Lost on 4 May. We paid €90 for 2 parcels.'",
            why="A check that alarms at every full stop is switched off.",
        )
        self.expect(
            unsupported_figures("1 of 10", "It took 10 days and 31 mails"),
            ["1"],
            behaviour="Figures are compared whole",
            given="summary='1 of 10', source='It took 10 days and 31 mails'",
            why="Nearly every invented digit stands somewhere inside a parcel id: compared by substring, all of them pass.",
        )
        self.expect(
            unsupported_figures("qs11 costs 2075.00, QS12 too", "QS11 costs €2,075.00; 12 wait"),
            ["QS12"],
            behaviour="Commas and case do not matter; letters of an id do",
            given="summary='qs11 costs 2075.00, QS12 too', source='QS11 costs €2,075.00; 12 wait'",
            why="An id with the right digits and wrong letters is somebody else's parcel.",
        )
        self.expect(
            unsupported_figures("15:00, 7, 15:00 and 7", "at 14:00"),
            ["15:00", "7"],
            behaviour="Each one is reported once, in the order of the summary",
            given="summary='15:00, 7, 15:00 and 7', source='at 14:00'",
            why="A model that repeats itself would otherwise look many times worse than one that invents once.",
        )


class ExactAndF1(Exercise):
    """`exact_and_f1(found, accepted)` → `(bool, float)`: exact match and token F1 of an answer against the accepted ones.

    - `found`: a text, `""` if the system gave no answer. `accepted`: a list of texts; empty if the question has no answer.
    - *Tokens*: casefold, split at blanks, strip `. , ; : ! ? " '` from both ends of each word, drop what is empty.
    - Exact: the tokens equal those of an accepted answer. F1: `2 * common / (len(found) + len(accepted one))` in tokens, the best over
      `accepted`; a token counts as common as often as *both* have it.
    - No accepted answer: `(True, 1.0)` if `found` has no token, else `(False, 0.0)`.
    """

    lesson = "04_summaries_and_answers"
    stub = """
def exact_and_f1(found, accepted):
    return ...  # your code; `Counter` is imported
"""
    hints = (
        "Write a little `tokens(text)` first; both measures work on its result.",
        "`(Counter(a) & Counter(b)).total()` counts common tokens, each as often as both have it.",
        "First the case `if not accepted`. Then `any(mine == tokens(a) for a in accepted)` and `max(...)` of the F1 values.",
    )
    solution = """
def exact_and_f1(found, accepted):
    def tokens(text):
        words = [word.strip(".,;:!?\\"'") for word in text.casefold().split()]
        return [word for word in words if word]

    mine = tokens(found)
    if not accepted:
        return not mine, float(not mine)
    best = 0.0
    for answer in map(tokens, accepted):
        common = (Counter(mine) & Counter(answer)).total()
        best = max(best, 2 * common / (len(mine) + len(answer)))
    return any(mine == tokens(a) for a in accepted), best
"""
    wrong = {
        "sets of words": """
def exact_and_f1(found, accepted):
    def tokens(text):
        return {w.strip(".,;:!?\\"'") for w in text.casefold().split()} - {""}

    mine = tokens(found)
    if not accepted:
        return not mine, float(not mine)
    return mine in [tokens(a) for a in accepted], max(2 * len(mine & tokens(a)) / (len(mine) + len(tokens(a))) for a in accepted)
""",
        "the first accepted answer only": """
def exact_and_f1(found, accepted):
    def tokens(text):
        return [w for w in (w.strip(".,;:!?\\"'") for w in text.casefold().split()) if w]

    mine = tokens(found)
    if not accepted:
        return not mine, float(not mine)
    gold = tokens(accepted[0])
    return mine == gold, 2 * (Counter(mine) & Counter(gold)).total() / (len(mine) + len(gold))
""",
        "no answer is always wrong": """
def exact_and_f1(found, accepted):
    def tokens(text):
        return [w for w in (w.strip(".,;:!?\\"'") for w in text.casefold().split()) if w]

    mine, gold = tokens(found), [tokens(a) for a in accepted]
    if not mine or not gold:
        return False, 0.0
    return mine in gold, max(2 * (Counter(mine) & Counter(g)).total() / (len(mine) + len(g)) for g in gold)
""",
        "letters compared as they are": """
def exact_and_f1(found, accepted):
    mine = found.split()
    if not accepted:
        return not mine, float(not mine)
    scores = [2 * (Counter(mine) & Counter(a.split())).total() / (len(mine) + len(a.split())) for a in accepted]
    return found in accepted, max(scores)
""",
    }

    def check(self, exact_and_f1):
        self.expect(
            tuple(exact_and_f1("Within 30 days.", ["within 30 days"])),
            (True, 1.0),
            behaviour="Case and outer punctuation do not matter",
            given="found='Within 30 days.', accepted=['within 30 days']",
            why="Otherwise you measure typography, and the prettier system wins.",
        )
        self.expect(
            tuple(exact_and_f1("claims within 30 working days", ["10 days", "30 days"])),
            (False, 4 / 7),
            behaviour="The best accepted answer counts",
            given="found='claims within 30 working days', accepted=['10 days', '30 days']",
            why="Annotators agree on the fact and not on its borders; that is why several answers are accepted.",
        )
        self.expect(
            tuple(exact_and_f1("to to to", ["9 to 5"])),
            (False, 1 / 3),
            behaviour="A repeated word is common only as often as both have it",
            given="found='to to to', accepted=['9 to 5']",
            why="A model that stutters must not earn points for each repetition.",
        )
        self.expect(
            (tuple(exact_and_f1("", [])), tuple(exact_and_f1("30 days", [])), tuple(exact_and_f1("", ["30 days"]))),
            ((True, 1.0), (False, 0.0), (False, 0.0)),
            behaviour="Silence is right where there is no answer, and only there",
            given="'' against [], '30 days' against [], '' against ['30 days']",
            why="Without this case a system that always answers is never punished for inventing.",
        )


class AnswerFloor(Exercise):
    """`answer_floor(scores, right, cost_wrong)` → `float`: the score from which on answering pays.

    - `scores`: n floats, one a question; `right`: n bools, whether the answer that would be given is right; `cost_wrong` ≥ 0.
    - A floor f answers every question with `score >= f`. Its *value*: `right answers - cost_wrong * wrong answers`.
    - Return the one of `scores` with the greatest value; of equal values the highest floor. If no floor has a value above 0: `inf`.
    """

    lesson = "04_summaries_and_answers"
    stub = """
def answer_floor(scores, right, cost_wrong):
    return ...  # your code
"""
    hints = (
        "Only the scores themselves need to be tried. Start with the floor `inf`, whose value is 0.",
        "For each candidate: the rows with `score >= candidate`, of these the right and the wrong ones.",
        "Go through `sorted(set(scores), reverse=True)` and replace the best only if the value is strictly greater.",
    )
    solution = """
def answer_floor(scores, right, cost_wrong):
    best, best_value = float("inf"), 0.0
    for floor in sorted(set(scores), reverse=True):
        given = [r for s, r in zip(scores, right) if s >= floor]
        value = sum(given) - cost_wrong * (len(given) - sum(given))
        if value > best_value:
            best, best_value = float(floor), value
    return best
"""
    wrong = {
        "the lowest of equal floors": """
def answer_floor(scores, right, cost_wrong):
    best, best_value = float("inf"), 0.0
    for floor in sorted(set(scores), reverse=True):
        given = [r for s, r in zip(scores, right) if s >= floor]
        value = sum(given) - cost_wrong * (len(given) - sum(given))
        if value >= best_value:
            best, best_value = float(floor), value
    return best
""",
        "the floor itself is not answered": """
def answer_floor(scores, right, cost_wrong):
    best, best_value = float("inf"), 0.0
    for floor in sorted(set(scores), reverse=True):
        given = [r for s, r in zip(scores, right) if s > floor]
        value = sum(given) - cost_wrong * (len(given) - sum(given))
        if value > best_value:
            best, best_value = float(floor), value
    return best
""",
        "a wrong answer costs nothing": """
def answer_floor(scores, right, cost_wrong):
    kept = [s for s, r in zip(scores, right) if r]
    return float(min(kept)) if kept else float("inf")
""",
        "cuts between equal scores": """
def answer_floor(scores, right, cost_wrong):
    best, best_value, value = float("inf"), 0.0, 0.0
    for s, r in sorted(zip(scores, right), reverse=True):
        value += 1 if r else -cost_wrong
        if value > best_value:
            best, best_value = float(s), value
    return best
""",
    }

    def check(self, answer_floor):
        self.expect(
            answer_floor([0.9, 0.8, 0.5, 0.4], [True, True, False, True], 2),
            0.8,
            behaviour="A right answer below a dear wrong one is given up",
            given="scores=[0.9, 0.8, 0.5, 0.4], right=[True, True, False, True], cost_wrong=2",
            why="The floor is a price decision: one wrong deadline costs more than one handed-over question.",
        )
        self.expect(
            answer_floor([0.9, 0.8, 0.5, 0.4], [True, True, False, True], 0.5),
            0.4,
            behaviour="With cheap errors it pays to answer more",
            given="the same scores, cost_wrong=0.5",
            why="The same model has another floor in another product.",
        )
        self.expect(
            answer_floor([0.7, 0.6, 0.6], [True, True, False], 1),
            0.7,
            behaviour="Questions with one score are answered together, and of equal values the highest floor wins",
            given="scores=[0.7, 0.6, 0.6], right=[True, True, False], cost_wrong=1",
            why="A floor cannot see which of two equal scores is the right one.",
        )
        self.expect(
            answer_floor([0.9, 0.3], [False, True], 3),
            float("inf"),
            behaviour="Where no floor pays, nothing is answered",
            given="scores=[0.9, 0.3], right=[False, True], cost_wrong=3",
            why="Not shipping is an answer that the code must be able to give.",
        )


# --- 05_attention


class AttentionWeights(Exercise):
    """`attention_weights(Q, K)` → array (queries, keys): how much each query takes from each key.

    - `Q`: (queries, width); `K`: (keys, width). Both keep their values.
    - **Score**: inner products, divided by the square root of the width.
    - **Weigh**: softmax over the keys, so that each row adds up to 1. Scores of thousands must not overflow.
    """

    lesson = "05_attention"
    stub = """
def attention_weights(Q, K):
    return ...  # your code: Score (queries, keys), then Weigh
"""
    hints = (
        "All inner products at once are one matrix product. Which of the two must be transposed for (queries, keys)?",
        "Softmax works along the axis of the keys, with `keepdims=True`. Subtracting a row's maximum changes no weight and prevents overflow.",
        "`scores = Q @ K.T / np.sqrt(Q.shape[1])`; subtract `scores.max(axis=1, keepdims=True)`; `np.exp`; divide by the sum over axis 1.",
    )
    solution = """
def attention_weights(Q, K):
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
"""
    wrong = {
        "not scaled": """
def attention_weights(Q, K):
    scores = Q @ K.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
        "scaled by the number of keys": """
def attention_weights(Q, K):
    scores = Q @ K.T / np.sqrt(len(K))
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
        "softmax over the queries": """
def attention_weights(Q, K):
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    weights = np.exp(scores - scores.max(axis=0))
    return weights / weights.sum(axis=0)
""",
        "overflows": """
def attention_weights(Q, K):
    weights = np.exp(Q @ K.T / np.sqrt(Q.shape[1]))
    return weights / weights.sum(axis=1, keepdims=True)
""",
    }

    def check(self, attention_weights):
        self.expect(
            attention_weights(np.zeros((2, 1)), np.zeros((3, 1))),
            np.full((2, 3), 1 / 3),
            behaviour="Each query shares one unit among the keys",
            given="two queries and three keys, all zero",
            why="Along the other axis a key shares itself among the queries: nothing crashes, and every output has another scale.",
        )
        self.expect(
            attention_weights(np.array([[4.0, 0, 0, 0]]), np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]])),
            np.array([[0.880797, 0.119203]]),
            behaviour="Scores are divided by the square root of the width",
            given="a query of width 4 with inner products 4 and 0",
            why="Without it wide heads give nearly all weight to one key, and hardly any gradient reaches the others.",
            tolerance=1e-4,
        )
        with np.errstate(all="ignore"):
            large = attention_weights(np.array([[3000.0]]), np.array([[1.0], [0.0]]))
        self.expect(
            large,
            np.array([[1.0, 0.0]]),
            behaviour="Large scores do not overflow",
            given="inner products 3000 and 0, width 1",
            why="exp(3000) is infinite and infinity by infinity is nan, which spreads to every token after it.",
        )


class CausalWeights(Exercise):
    """`causal_weights(scores)` → array (queries, keys): softmax over what each query may see.

    - `scores`: (queries, keys), finite, with queries ≤ keys. It keeps its values.
    - The queries are the *last* tokens of the sequence: row i belongs to token keys - queries + i.
    - A token sees itself and what came before it. Weights on the future are exactly 0, and each row adds up to 1.
    """

    lesson = "05_attention"
    stub = """
def causal_weights(scores):
    return ...  # your code: Mask, then Weigh what is allowed
"""
    hints = (
        "A forbidden key must take no part in the sum that normalises the row. So the mask comes before the softmax.",
        "exp(-∞) is 0. `np.tri(queries, keys, k)` is a triangle of ones; for a square, k is 0. What is k when the queries are the last rows?",
        "`allowed = np.tri(queries, keys, keys - queries, dtype=bool)`, `np.where(allowed, scores, -np.inf)`, then softmax over axis 1.",
    )
    solution = """
def causal_weights(scores):
    queries, keys = scores.shape
    allowed = np.tri(queries, keys, keys - queries, dtype=bool)
    scores = np.where(allowed, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
"""
    wrong = {
        "masks after the softmax": """
def causal_weights(scores):
    queries, keys = scores.shape
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weights * np.tri(queries, keys, keys - queries)
""",
        "sees the next token": """
def causal_weights(scores):
    queries, keys = scores.shape
    scores = np.where(np.tri(queries, keys, keys - queries + 1) == 1, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
        "writes zeros into the scores": """
def causal_weights(scores):
    queries, keys = scores.shape
    scores = scores * np.tri(queries, keys, keys - queries)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
        "takes the queries for the first tokens": """
def causal_weights(scores):
    scores = np.where(np.tri(*scores.shape) == 1, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
        "changes its argument": """
def causal_weights(scores):
    queries, keys = scores.shape
    scores[np.tri(queries, keys, keys - queries) == 0] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
""",
    }

    def check(self, causal_weights):
        self.expect(
            causal_weights(np.zeros((3, 3))),
            np.array([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]),
            behaviour="Each token shares one unit among itself and the tokens before it",
            given="scores all zero, three queries and three keys",
            why="A weight on a later token is an answer that the model will not have when it writes.",
        )
        self.expect(
            causal_weights(np.array([[0.0, 5.0], [0.0, 0.0]])),
            np.array([[1.0, 0.0], [0.5, 0.5]]),
            behaviour="A forbidden score has no influence on the weights that stay",
            given="scores [[0, 5], [0, 0]]",
            why="If the future is in the denominator, the size of what is left tells how large it was.",
        )
        self.expect(
            causal_weights(np.zeros((1, 3))),
            np.full((1, 3), 1 / 3),
            behaviour="A single query after kept keys is the last token, which sees them all",
            given="one query, three keys",
            why="That is each step of writing with a cache; taken for the first token, it forgets the whole prompt.",
        )
        scores = np.zeros((2, 2))
        causal_weights(scores)
        self.expect(
            scores,
            np.zeros((2, 2)),
            behaviour="The argument keeps its value",
            given="scores, read again after the call",
            why="An array that two heads share would be masked for both.",
        )


class FutureLeak(Exercise):
    """`future_leak(layer, x)` → `float` ≥ 0: how much outputs move when only *later* inputs change.

    - `layer`: any function (tokens, width) → (tokens, width); `x`: such an array, two tokens or more. It keeps its values.
    - For every cut t from 1 to tokens - 1: set the rows from t on to zero, run the layer, compare the outputs *before* t.
    - Returned: the largest absolute difference over all cuts. A causal layer gives 0.
    """

    lesson = "05_attention"
    stub = """
def future_leak(layer, x):
    return ...  # your code: for each cut t, change x from t on; what may not move?
"""
    hints = (
        "Run the layer once on `x` as it is. Then, for each cut, on a copy whose rows from t on are zero.",
        "Rows before t of both outputs are `honest[:t]` and `layer(changed)[:t]`. Row t itself may change: its own input did.",
        "In the loop: `changed = x.copy()`, `changed[t:] = 0`, `worst = max(worst, np.abs(layer(changed)[:t] - honest[:t]).max())`.",
    )
    solution = """
def future_leak(layer, x):
    honest, worst = layer(x), 0.0
    for t in range(1, len(x)):
        changed = x.copy()
        changed[t:] = 0
        worst = max(worst, float(np.abs(layer(changed)[:t] - honest[:t]).max()))
    return worst
"""
    wrong = {
        "compares the changed row too": """
def future_leak(layer, x):
    honest, worst = layer(x), 0.0
    for t in range(1, len(x)):
        changed = x.copy()
        changed[t:] = 0
        worst = max(worst, float(np.abs(layer(changed)[: t + 1] - honest[: t + 1]).max()))
    return worst
""",
        "changes the last row only": """
def future_leak(layer, x):
    changed = x.copy()
    changed[-1] = 0
    return float(np.abs(layer(changed)[:-1] - layer(x)[:-1]).max())
""",
        "signed differences": """
def future_leak(layer, x):
    honest, worst = layer(x), 0.0
    for t in range(1, len(x)):
        changed = x.copy()
        changed[t:] = 0
        worst = max(worst, float((layer(changed)[:t] - honest[:t]).max()))
    return worst
""",
        "changes its argument": """
def future_leak(layer, x):
    honest, worst = layer(x), 0.0
    for t in range(len(x) - 1, 0, -1):
        x[t:] = 0
        worst = max(worst, float(np.abs(layer(x)[:t] - honest[:t]).max()))
    return worst
""",
    }

    def check(self, future_leak):
        x = np.array([[1.0], [2.0], [3.0]])
        self.expect(
            future_leak(lambda rows: np.cumsum(rows, axis=0), x.copy()),
            0.0,
            behaviour="A layer that uses only the past and the token itself leaks nothing",
            given="layer = running sum, x = 1, 2, 3",
            why="A test that accuses honest layers is switched off within a week.",
        )
        self.expect(
            future_leak(lambda rows: np.vstack([rows[1:], rows[-1:]]), x.copy()),
            3.0,
            behaviour="Looking one token ahead is found",
            given="layer returns the next row, x = 1, 2, 3",
            why="The next token is the answer in training: the loss becomes wonderful and the model useless.",
        )
        self.expect(
            future_leak(lambda rows: rows + np.vstack([rows[1:2], 0 * rows[1:]]), x.copy()),
            2.0,
            behaviour="A leak at any place is found, not only from the last token",
            given="only row 1 leaks, into row 0; x = 1, 2, 3",
            why="An error in the padding touches some rows and leaves the last ones right.",
        )
        rows = x.copy()
        future_leak(lambda rows: rows, rows)
        self.expect(
            rows,
            x,
            behaviour="The argument keeps its value",
            given="x, read again after the call",
            why="The batch that you test with would be zeros in the training step that follows.",
        )


class SharedHeads(Exercise):
    """`shared_heads(stored, query_heads)` → array (query_heads, tokens, width): the stored keys, one set for each query head.

    - `stored`: (stored heads, tokens, width).
    - Neighbouring query heads share: with 3 stored heads and 9 query heads, queries 0, 1, 2 read stored head 0.
    - `ValueError` if `query_heads` is no multiple of the number of stored heads.
    """

    lesson = "05_attention"
    stub = """
def shared_heads(stored, query_heads):
    return ...  # your code
"""
    hints = (
        "Each stored head is needed query_heads / stored heads times, one copy after the other.",
        "`np.repeat` gives a, a, b, b; `np.tile` gives a, b, a, b. Which one makes neighbours share?",
        "`np.repeat(stored, query_heads // len(stored), axis=0)`, after `if query_heads % len(stored): raise ValueError(…)`.",
    )
    solution = """
def shared_heads(stored, query_heads):
    if query_heads % len(stored):
        raise ValueError(f"{query_heads} query heads cannot share {len(stored)} stored heads evenly")
    return np.repeat(stored, query_heads // len(stored), axis=0)
"""
    wrong = {
        "every third head shares": """
def shared_heads(stored, query_heads):
    if query_heads % len(stored):
        raise ValueError("not a multiple")
    return np.tile(stored, (query_heads // len(stored), 1, 1))
""",
        "repeats the tokens": """
def shared_heads(stored, query_heads):
    if query_heads % len(stored):
        raise ValueError("not a multiple")
    return np.repeat(stored, query_heads // len(stored), axis=1)
""",
        "rounds in silence": """
def shared_heads(stored, query_heads):
    return np.repeat(stored, query_heads // len(stored), axis=0)
""",
    }

    def check(self, shared_heads):
        stored = np.array([[[1.0]], [[2.0]]])
        self.expect(
            shared_heads(stored, 4),
            np.array([[[1.0]], [[1.0]], [[2.0]], [[2.0]]]),
            behaviour="Neighbouring query heads read the same stored head",
            given="two stored heads holding 1 and 2, four query heads",
            why="In another order the shapes fit, and most heads read keys that were made for others: fluent nonsense.",
        )
        self.raises(
            ValueError,
            lambda: shared_heads(stored, 3),
            behaviour="A number that cannot be shared evenly is refused",
            given="two stored heads, three query heads",
            why="Rounded down, one head is missing, and the error appears layers later as a shape that nobody recognises.",
        )
