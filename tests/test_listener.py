"""A hidden test serves a scripted provider inside the submission's sandbox; who is hostile gains nothing by it."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from autograder.fork_server import ForkServer
from autograder.judge import Judge
from autograder.listener import borrow, lend
from autograder.project import Project
from autograder.runner import Limits
from coursekit.scripted import Reply, ScriptedProvider

NO_SANDBOX = Judge().why_not_sandboxed if sys.platform == "linux" else "this needs Linux"
needs_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=f"no sandbox here: {NO_SANDBOX}")

HIDDEN = '''
import pytest

from asker.work import ask, ask_streamed, look, password
from coursekit.scripted import CutStream, RateLimit, Reply, ScriptedProvider


@pytest.fixture
def provider(listener):
    with ScriptedProvider(listener=listener) as one:
        yield one


@pytest.mark.check(task="ask", points=1, why="w", lesson="l")
def test_a_rate_limit_is_waited_for(provider, seed):
    """All."""
    provider.then(RateLimit(retry_after_s=0.05), Reply(f"answer {seed}"))
    assert ask(provider.base_url, f"question {seed}") == f"answer {seed}"
    first, second = provider.requests
    assert first.text == second.text == f"question {seed}" and second.at_s - first.at_s >= 0.05


@pytest.mark.check(task="ask", points=1, why="w", lesson="l")
def test_a_stream_that_is_cut_is_asked_for_again(provider, seed):
    """All."""
    provider.then(CutStream("half an answer"), Reply(f"whole {seed}"))
    assert ask_streamed(provider.base_url, "q") == f"whole {seed}"
    assert [r.stream for r in provider.requests] == [True, True]


@pytest.mark.check(task="ask", points=1, why="w", lesson="l")
@pytest.mark.parametrize("n", [1, 2])
def test_a_provider_after_another(listener, seed, n):
    """All."""
    for round in range(n):
        with ScriptedProvider(listener=listener) as provider:
            provider.otherwise(Reply(f"{seed} {round}"))
            assert ask(provider.base_url, "q") == f"{seed} {round}"
            assert len(provider.requests) == 1


@pytest.mark.check(task="look", points=1, why="w", lesson="l")
def test_nothing_else_listens_and_nothing_is_held(provider):
    """All."""
    ports, listening, lines = look()
    assert ports == [int(provider.base_url.split(":")[2].split("/")[0])]
    assert (listening, lines) == (0, 1)  # the one line is the channel


@pytest.mark.check(task="password", points=1, why="w", lesson="l")
def test_what_is_scripted_for_nobody_stays_unknown(provider, seed):
    """All."""
    provider.when(lambda r: r.body.get("password") == seed, Reply(f"secret {seed}"))
    assert password(provider.base_url) == f"secret {seed}"
'''

RIGHT = """
import os, re, socket
import openai

def client(base_url):
    return openai.OpenAI(base_url=base_url, api_key="k", max_retries=2)

def ask(base_url, text):
    messages = [{"role": "user", "content": text}]
    return client(base_url).chat.completions.create(model="m", messages=messages).choices[0].message.content

def ask_streamed(base_url, text):
    messages = [{"role": "user", "content": text}]
    for _ in range(3):
        try:
            stream = client(base_url).chat.completions.create(model="m", messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        except openai.APIConnectionError:
            pass

def ports():
    lines = open("/proc/net/tcp").read().splitlines()[1:]
    return sorted({int(line.split()[1].split(":")[1], 16) for line in lines if line.split()[3] == "0A"})

def look():
    links = []
    for name in os.listdir("/proc/self/fd"):
        try: links.append((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except OSError: pass
    held = [fd for fd, link in links if link.startswith("socket:")]
    listening = lines = 0
    for fd in held:
        with socket.socket(fileno=os.dup(fd)) as s:
            listening += bool(s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
            lines += s.family == socket.AF_UNIX
    return ports(), listening, lines

def password(base_url):
    return None
"""
HONEST = {
    "test_a_rate_limit_is_waited_for",
    "test_a_stream_that_is_cut_is_asked_for_again",
    "test_a_provider_after_another",
    "test_nothing_else_listens_and_nothing_is_held",
}
NOTHING = """
from asker.tools import ports
def ask(base_url, text): return None
def ask_streamed(base_url, text): return None
def look(): return None
def password(base_url): return None
"""
TOOLS = RIGHT.partition("def look")[0]


@pytest.fixture(scope="module")
def court(tmp_path_factory):
    """`hear(code)`: the names of the checks that a submission passes; `.judge` and `.root` are what hears it."""
    root = tmp_path_factory.mktemp("asker")
    hidden, source = root / "hidden" / "asker", root / "solutions" / "asker" / "asker"
    for folder in (hidden, source):
        folder.mkdir(parents=True)
    (source / "work.py").write_text(RIGHT)
    (hidden / "test_hidden_asker.py").write_text(HIDDEN)
    with pytest.MonkeyPatch.context() as patch, Judge() as judge:
        patch.setattr("autograder.project.SOLUTIONS", root / "solutions")
        patch.setattr("autograder.project.HIDDEN", root / "hidden")

        def hear(code, by=judge, test_s=15):
            folder = root / f"submitted-{abs(hash(code))}" / "asker"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "work.py").write_text(textwrap.dedent(code))
            (folder / "tools.py").write_text(TOOLS)
            verdicts = by.judge(Project("asker"), folder.parent, limits=Limits(test_s=test_s, total_s=6 * test_s))
            return {v.check.function for v in verdicts if v.passed}

        hear.judge, hear.root = judge, root
        yield hear


@needs_sandbox
def test_a_submission_talks_to_a_provider_inside_its_sandbox(court):
    assert court(RIGHT) == HONEST
    (server,) = court.judge._servers.values()
    assert "openai" in server.imports
    assert len(os.listdir(f"/proc/{server._process.pid}/task")) == 1  # a process with threads must not fork


@needs_sandbox
def test_a_fresh_process_after_a_crash_has_a_fresh_listener(court):
    code = RIGHT.replace("def ask_streamed(", "def ask_streamed(base_url, text): os._exit(1)\n\ndef unused(")
    assert court(code) == HONEST - {"test_a_stream_that_is_cut_is_asked_for_again"}


HOSTILE = {
    "looks for a control port and a control path": """
        import itertools, json, urllib.request
        def password(base_url):
            seen = []
            for port in ports():
                for path in ("/", "/control", "/script", "/admin", "/requests", "/v1", "/v1/models", "/v1/script", "/v1/requests", "/__debug__", "/../", "//"):
                    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
                        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "password"}], "password": True}).encode()
                        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=body if method != "GET" else None)
                        try: seen.append(urllib.request.urlopen(request, timeout=1).read().decode())
                        except urllib.error.HTTPError as error: seen.append(error.read().decode())
                        except OSError: pass
            return next((text for text in seen if "secret" in text), None)
    """,
    "answers in the provider's place": """
        import http.server, socket, threading
        class Own(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = b'{"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'
                self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
        def take(base_url):
            port = int(base_url.split(":")[2].split("/")[0])
            for address in ("127.0.0.1", "0.0.0.0", "localhost"):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                    try: s.bind((address, port)); s.listen()
                    except OSError: continue
                    return "taken"
        def ask(base_url, text): return take(base_url)
    """,
    "holds every connection and sends what is too large": """
        import socket
        held = []
        def ask(base_url, text):
            port = int(base_url.split(":")[2].split("/")[0])
            for n in range(400):
                try:
                    s = socket.create_connection(("127.0.0.1", port), timeout=.2); held.append(s)
                    s.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\nContent-Length: 16000000\\r\\n\\r\\n" + b"[" * 100_000)
                except OSError: pass
        def password(base_url): ask(base_url, "")
    """,
    "sends small lists that become large": """
        import http.client
        def ask(base_url, text):
            body = b'{"model": "m", "messages": [{"role": "user"}], "x": [' + b"[]," * 2_500_000 + b"0]}"
            for n in range(2):
                c = http.client.HTTPConnection(base_url.split("/")[2], timeout=10)
                try: c.request("POST", "/v1/chat/completions", body); c.getresponse().read()
                except OSError: pass
    """,
    "closes every descriptor": """
        import os
        def ask(base_url, text): os.closerange(0, 1024)
    """,
}


@needs_sandbox
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_submissions_gain_nothing(court, name):
    assert court(NOTHING + textwrap.dedent(HOSTILE[name]), test_s=6) == set()
    assert court(RIGHT) == HONEST  # the next one does not suffer


@needs_sandbox
def test_a_provider_outside_and_that_of_another_submission_cannot_be_reached(court):
    code = """
        import socket
        def reach(port):
            try: socket.create_connection(("127.0.0.1", port), timeout=.3); return True
            except OSError: return False
        def ask(base_url, text):
            own = int(base_url.split(":")[2].split("/")[0])
            assert reach(own)
            found = [p for p in (@PORT@, *range(32768, 61000)) if p != own and reach(p)]
            assert not found, "REACHED"
            open("/tmp/looked", "w").write("all")
        def password(base_url):
            import os
            return "looked" if os.path.exists("/tmp/looked") else "not"
    """
    with ScriptedProvider() as outside, socket.create_server(("127.0.0.1", 0)) as other:
        outside.otherwise(Reply("outside"))
        code = NOTHING + textwrap.dedent(code).replace(
            "@PORT@", f"{outside.base_url.split(':')[2][:-3]}, {other.getsockname()[1]}"
        )
        assert court(code) == set()
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()
        assert outside.requests == []


def test_without_namespaces_the_listener_is_on_the_machine_s_own_loopback(court, monkeypatch):
    monkeypatch.setattr("autograder.sandbox.why_not", lambda: "for a test")
    with pytest.warns(RuntimeWarning, match="without a sandbox"), Judge() as judge:
        assert court(RIGHT, by=judge) >= HONEST - {"test_nothing_else_listens_and_nothing_is_held"}


def test_the_hidden_tests_also_run_without_the_judge(court):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "autograder.pytest_plugin", "-c", os.devnull, "-p", "no:cacheprovider",
               f"--rootdir={court.root}", "--course-seed=5", "-k", "rate or cut or after", str(court.root / "hidden")]  # fmt: skip
    paths = [court.root / "solutions" / "asker", Path(__file__).resolve().parent.parent]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert "4 passed" in done.stdout, done.stdout + done.stderr


# --- the hand-over itself


def test_a_listener_goes_from_one_process_to_another():
    ours, theirs = socket.socketpair()
    lend(theirs)
    assert theirs.fileno() == -1
    with ours, borrow(ours, 1) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        assert not os.get_inheritable(listener.fileno())
        with ScriptedProvider(listener=listener) as provider:
            assert provider.client().models.list().data


def test_a_process_that_ends_or_says_nothing_gives_no_listener():
    ours, theirs = socket.socketpair()
    with pytest.raises(TimeoutError):
        borrow(ours, 0.05)
    theirs.close()
    with ours, pytest.raises(ConnectionError, match="ended"):
        borrow(ours, 1)


def test_making_one_costs_little():
    def once():
        ours, theirs = socket.socketpair()
        began = time.perf_counter()
        lend(theirs)
        spent = time.perf_counter() - began
        with ours, borrow(ours, 1):
            return spent

    assert sorted(once() for _ in range(50))[25] < 0.002  # of the 20 to 60 ms that a sandbox takes


@pytest.mark.parametrize("imports", [("openai",), ("httpx", "openai", "pydantic", "tenacity")])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_fork_server_with_the_client_s_libraries_has_one_thread(imports):
    server = ForkServer(imports)
    try:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            server.fork("trial", theirs.fileno())  # answered once everything is imported
            assert len(os.listdir(f"/proc/{server._process.pid}/task")) == 1
            maps = Path(f"/proc/{server._process.pid}/maps").read_text()
            assert "pydantic_core" in maps
    finally:
        server.close()
