"""Attacks on the channel from the submission's end of it: forged, malformed, huge and endless replies."""

from autograder.cheats import Cheat, package, spy

# The served end of the channel, as any code in that process can find it.
FIND = """
import gc, json, os, socket, struct, sys, time
from autograder import wire, defendant
D = next(o for o in gc.get_objects() if type(o) is defendant.Defendant)
S = D._channel._stream
def raw(message, blobs=(), sizes=None):
    head = json.dumps({"m": message, "b": [len(b) for b in blobs] if sizes is None else sizes}).encode()
    S.settimeout(None)
    S.sendall(struct.pack("!II", len(head), sum(map(len, blobs))) + head + b"".join(blobs))
def value(tree, blobs=(), changed=()):
    raw({"kind": "value", "value": tree, "changed": list(changed)}, blobs)
def npy(header, data=b""):
    header = header.encode().ljust(117) + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header + data
"""


def sends(code: str) -> dict[str, str]:
    """Both functions run `code` instead of answering."""
    body = "".join(f"    {line}\n" for line in code.splitlines())
    return package(f"{FIND}\ndef greet(name):\n{body}", f"{FIND}\ndef count_words(text):\n{body}")


CHEATS = [
    Cheat("forged-verdict", "sends the trial's own messages: passed, planned, done", sends(
        "for event in ({'event': 'end', 'id': 'test_hidden_greeting.py::test_any_name_is_greeted', 'passed': True, 'error': None}, {'event': 'done'}):\n"
        "    raw(event)\nraw({'kind': 'done', 'passed': True})")),
    Cheat("verdict-on-every-descriptor", "writes the trial's messages to every open descriptor", sends(
        "line = json.dumps({'event': 'end', 'id': 'test_hidden_greeting.py::test_any_name_is_greeted', 'passed': True, 'error': None}) + '\\n'\n"
        "for fd in range(256):\n    if fd != S.fileno():\n        try: os.write(fd, line.encode())\n        except OSError: pass")),
    Cheat("forged-stop", "answers a call with the end of an iteration", sends("raw({'kind': 'stop'})\ntime.sleep(.2)")),
    Cheat("judge-objects", "answers with handles of the judge's own objects, negative and huge ones too", sends(
        "for n in (0, -1, 10**30, True, '0', None): value(['yours', n])")),
    Cheat("unknown-tags", "tags that no encoder makes, and the names of the decoder's own methods", sends(
        "import itertools\nD.n = getattr(D, 'n', 0) + 1\n"
        "value([['_array', 0], ['array', 0], ['blob', 0], ['__class__'], [], 'v', None, {'v': 1}, ['v', [1]], ['v']][D.n % 10])")),
    Cheat("class-reply", "claims that the function is a library's exception class, or a class that claims all bases", package(
        FIND + "D._keep(1)\nclass L(list): pass\ndef _refer(v, e):\n"
        "    return ['class', 1, 'builtins.ValueError', ['builtins.ValueError', 'builtins.str', 'builtins.object'], True]\n"
        "type(D)._refer = lambda self, v, e: _refer(v, e)\ndef greet(name): return None\n")),
    Cheat("changed-arguments", "claims to have changed arguments that the caller never passed", sends(
        "value(['v', None], changed=[[0, ['v', 'x']], ['__class__', ['list', []]], [None, ['dict', []]]])")),
    Cheat("nested-deeply", "a reply of lists in lists, 200,000 deep", sends(
        "head = b'{\"m\": {\"kind\": \"value\", \"value\": ' + b'[\"list\",[' * 200_000 + b']]' * 200_000 + b'}, \"b\": []}'\n"
        "S.sendall(struct.pack('!II', len(head), 0) + head)\ntime.sleep(.2)")),
    Cheat("mro-of-100000", "an exception with 100,000 bases", sends(
        "raw({'kind': 'error', 'error': {'class': 'a.B', 'type': 'B', 'mro': [f'a.C{i}' for i in range(100_000)], 'text': 'x', 'where': None}})")),
    Cheat("huge-announced", "announces a message of 8 GB", sends("S.sendall(struct.pack('!II', 2**32 - 1, 2**32 - 1))\ntime.sleep(30)")),
    Cheat("memory-from-json", "30 MB of JSON that become gigabytes of lists", sends(
        "value(['list', [['list', []]] * 2_000_000])")),
    Cheat("one-blob-many-times", "one array of 60 MB, asked for 10,000 times in one value", sends(
        "value(['list', [['bytes', 0]] * 10_000], [bytes(60_000_000)])")),
    Cheat("array-of-nothing", "arrays of 10**18 elements that take no bytes", sends(
        "value(['array', 0], [npy(\"{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000000000,), }\")])")),
    Cheat("array-too-short", "an array that announces 8 TB and brings none", sends(
        "value(['array', 0], [npy(\"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\")])")),
    Cheat("pickled-array", "an object array in numpy's pickle format, and a zip archive", sends(
        "import io, numpy as np\nf = io.BytesIO()\nnp.savez(f, a=np.zeros(3)) if name_ else np.save(f, np.array([print], dtype=object), allow_pickle=True)\n"
        "value(['array', 0], [f.getvalue()])".replace("name_", "int(time.time() * 10) % 2"))),
    Cheat("time-zone-file", "a time zone whose name is a file that pandas would open", sends(
        "import io, numpy as np\nf = io.BytesIO(); np.save(f, np.array(['2025-01-01'], 'M8[ns]'))\nb = f.getvalue()\n"
        "value(['index', ['v', None], ['moments', 0, 'dateutil//dev/stdin'], None], [b])")),
    Cheat("number-without-end", "numbers whose use takes for ever: 10**(10**9), an int of a million digits", sends(
        "value(['Decimal', '1e999999999'])")),
    Cheat("one-byte-a-second", "a reply that arrives one byte at a time", sends(
        "for b in struct.pack('!II', 10**6, 0) + b' ' * 10**6:\n    S.sendall(bytes([b])); time.sleep(.3)")),
    Cheat("endless-calls", "asks the judge back without end instead of answering", sends(
        "while True: raw({'kind': 'attribute', 'number': 0, 'name': 'x'})")),
    Cheat("garbage", "random bytes, then a closed channel", sends("S.sendall(os.urandom(100_000))\nS.close()")),
    Cheat("read-any-file", "an error whose place is a hidden test, by absolute path and by ../", sends(
        "D.n = getattr(D, 'n', 0) + 1\nfor root in ('/', '../../../../../../../../', ''):\n    pass\n"
        "where = '@ROOT@/autograder/projects/greeter/test_hidden_greeting.py' if D.n % 2 else '../' * 9 + '@ROOT@/autograder/projects/greeter/test_hidden_greeting.py'\n"
        "raw({'kind': 'error', 'error': {'class': 'builtins.KeyError', 'type': 'KeyError', 'mro': ['builtins.KeyError'], 'text': 'x', 'where': [where, 13]}})")),
    Cheat("patched-defendant", "replaces the encoder, json and the channel of its own process", package(
        FIND + "from autograder import encoding\nclass E:\n    def __eq__(self, o): return True\n"
        "encoding.Encoder.encode = lambda self, v: ['v', True] if not isinstance(v, str) else ['everything']\n"
        "json.dumps = lambda *a, **k: '{\"m\": {\"kind\": \"value\", \"value\": [\"v\", true], \"changed\": []}, \"b\": []}'\n"
        "def greet(name): return E()\n", "def count_words(text): return True\n")),
    Cheat("patched-libraries", "replaces numpy's, pandas' and pytest's comparisons, json and socket in its process", package(
        "import json, socket, builtins, operator\nimport numpy as np\nimport pytest\nnp.array_equal = np.allclose = np.isclose = lambda *a, **k: True\n"
        "np.testing.assert_array_equal = np.testing.assert_allclose = lambda *a, **k: None\npytest.approx = lambda *a, **k: type('A', (), {'__eq__': lambda s, o: True})()\n"
        "pytest.raises = __import__('contextlib').nullcontext\nbuiltins.AssertionError = ValueError\nbuiltins.len = lambda o: 7\n"
        "socket.socket.send = lambda *a: 0\noperator.eq = lambda a, b: True\ndef greet(name): return ''\n")),
    Cheat("control-port", "looks for a control port of a scripted provider: every listening port, and every socket that it holds", spy(
        "import os, socket\ndef told(s):\n    s.settimeout(.2)\n    for path in (b'/', b'/control', b'/script', b'/v1/requests'):\n"
        "        try: s.sendall(b'GET ' + path + b' HTTP/1.1\\r\\n\\r\\n'); yield s.recv(10**6)\n        except OSError: return\n"
        "def found():\n    for name in ('/proc/net/tcp', '/proc/net/tcp6'):\n        try: lines = open(name).read().splitlines()[1:]\n        except OSError: continue\n"
        "        for line in lines:\n            try: s = socket.create_connection(('127.0.0.1', int(line.split()[1].split(':')[1], 16)), timeout=.2)\n            except OSError: continue\n"
        "            yield from told(s)\n    for fd in range(256):\n        try: s = socket.socket(fileno=os.dup(fd))\n        except OSError: continue\n"
        "        if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):\n            s.settimeout(.2)\n            try: yield from told(s.accept()[0])\n            except OSError: pass\n"
        "FOUND = any(NEEDLE.search(text) for text in found())\n")),
]  # fmt: skip
