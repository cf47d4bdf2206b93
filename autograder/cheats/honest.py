"""Honest submissions in different styles: each keeps full marks."""

from autograder.cheats import DONE, Cheat, package

GREET = 'if not name:\n        raise ValueError("empty")\n    '


def styled(before: str, result: str, counting: str = "") -> dict[str, str]:
    return DONE | package(f"{before}\n\ndef greet(name):\n    {GREET}return {result}\n", counting)


CONTROLS = [
    Cheat("dataclass", "goes through a dataclass", styled(
        "import dataclasses\n@dataclasses.dataclass\nclass Greeting:\n    name: str\n    def text(self): return f'Hello, {self.name}!'", "Greeting(name).text()")),
    Cheat("str-subclass", "returns a subclass of str and an IntEnum member or int subclass", styled(
        "class Text(str):\n    pass", "Text(f'Hello, {name}!')", "class Count(int):\n    pass\ndef count_words(text):\n    return Count(len(text.split()))\n")),
    Cheat("enum", "returns a member of a string enum made on the fly", styled(
        "import enum", "enum.StrEnum('G', {'HELLO': f'Hello, {name}!'}).HELLO")),
    Cheat("generators", "counts with a generator, joins another", styled(
        "def parts(name):\n    yield from ('Hello, ', name, '!')", "''.join(parts(name))", "def count_words(text):\n    return sum(1 for _ in iter(text.split()))\n")),
    Cheat("numpy-scalars", "returns numpy's own string and integer", styled(
        "import numpy as np", "np.str_(f'Hello, {name}!')", "import numpy as np\ndef count_words(text):\n    return np.int64(np.array(text.split()).size)\n")),
    Cheat("asynchronous", "runs coroutines and threads", styled(
        "import asyncio, concurrent.futures\nasync def say(name):\n    await asyncio.sleep(0.01)\n    return await asyncio.to_thread('Hello, {}!'.format, name)", "asyncio.run(say(name))")),
    Cheat("heavy-imports", "imports pandas and more at the top", styled(
        "import decimal, email, http.client, sqlite3, xml.etree.ElementTree\nimport pandas as pd", "pd.Series(['Hello, ', name, '!']).str.cat()")),
    Cheat("prints", "prints and warns a little", styled(
        "import sys, warnings, logging", "[print('greeting', name), warnings.warn('mind'), logging.error('hm'), sys.stderr.write('x'), f'Hello, {name}!'][-1]")),
    Cheat("temporary-files", "writes to /tmp and the home folder, and reads it again", styled(
        "import os, pathlib, tempfile\ndef stored(name):\n    with tempfile.TemporaryDirectory() as folder:\n        path = pathlib.Path(folder, 'x.txt'); path.write_text(name)\n"
        "        pathlib.Path.home().joinpath('.cache-mine').write_text(os.path.expanduser('~'))\n        return path.read_text()", "f'Hello, {stored(name)}!'")),
    Cheat("loopback-server", "asks a server of its own on localhost", styled(
        "import http.server, threading, urllib.request, urllib.parse\nclass H(http.server.BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.send_response(200); self.end_headers()\n"
        "        self.wfile.write(f'Hello, {urllib.parse.unquote(self.path[1:])}!'.encode())\n    def log_message(self, *a): pass\n"
        "server = http.server.ThreadingHTTPServer(('localhost', 0), H)\nthreading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "def ask(name):\n    return urllib.request.urlopen(f'http://localhost:{server.server_port}/{urllib.parse.quote(name)}').read().decode()", "ask(name)")),
    Cheat("processes", "a pool of processes and a subprocess", styled(
        "import subprocess, sys, multiprocessing", "multiprocessing.get_context('fork').Pool(2).map('Hello, {}!'.format, [name])[0]",
        "import subprocess, sys\ndef count_words(text):\n    return int(subprocess.run([sys.executable, '-c', 'import sys; print(len(sys.argv[1].split()))', text], capture_output=True, text=True).stdout)\n")),
]  # fmt: skip
