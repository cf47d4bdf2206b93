"""The local chat model, served over the OpenAI wire protocol on a loopback port of this process.

`address()` starts it on first use. It lives on threads of the process that uses it, so it ends with that process,
however that ends. llama.cpp does the work (through `xllamacpp`); this module decides how it is started and stopped.
"""

import atexit
import contextlib
import ctypes
import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coursekit.weights import chat_weights

MODEL = "base"
CONTEXT_TOKENS = 4096  # a request's prompt and answer together
PARALLEL_REQUESTS = 4
SHARED_CONTEXT_TOKENS = 8192  # the model's training length; the parallel requests share this much memory
LONGEST_ANSWER_TOKENS = 1024  # where a request sets no max_tokens: a small model may repeat itself without end
PROMPT_CACHE_MIB = 256
START_LIMIT_S = 120
# The model's own template, to the letter where no tool is passed, plus the usual tags for tools, which it lacks.
CHAT_TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{{- messages[0]['content'] if messages[0]['role'] == 'system' else 'You are a helpful AI assistant named SmolLM, trained by Hugging Face' }}
{{- '\\n\\nYou may call these functions:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\nTo call one, answer with its name and arguments as JSON:\\n' }}
{{- '<tool_call>\\n{"name": "function", "arguments": {"argument": "value"}}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if loop.first and message['role'] != 'system' and not tools %}
{{- '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}
{%- endif %}
{%- if message['role'] == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message['content'] + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message['role'] == 'assistant' and message['tool_calls'] %}
{{- '<|im_start|>assistant\\n' + (message['content'] or '') }}
{%- for call in message['tool_calls'] %}
{{- '<tool_call>\\n{"name": "' + call['function']['name'] + '", "arguments": ' + (call['function']['arguments'] | tojson) + '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif not (loop.first and tools and message['role'] == 'system') %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""

_lock = threading.Lock()
_server: Any = None
_owner_pid: int | None = None  # the process in which _server runs; after a fork, the parent
_address: str | None = None
_forked = False  # this process is a fork of one that had loaded llama.cpp, whose threads it does not have


class ChatServerError(RuntimeError):
    """The local chat model could not be started. The message says what to run next."""


def address() -> str:
    """`http://127.0.0.1:PORT` of the local chat model; starts it first where it is not running. Thread-safe.

    A process forked from one that serves the model talks to its parent's server while the parent lives.
    Raises `WeightsError` where the weights are missing or damaged, `ChatServerError` where the server does not start.
    """
    global _server, _owner_pid, _address
    with _lock:
        if _address is not None and (_owner_pid == os.getpid() or _is_alive(_owner_pid)):
            return _address
        if _forked:
            raise ChatServerError(
                "This process was forked from one that served the local chat model and serves it no longer.\n"
                'Start it afresh instead:  multiprocessing.get_context("spawn")'
            )
        weights = chat_weights()
        try:
            _server = _start(weights)
        except Exception as error:
            raise ChatServerError(
                f"The local chat model ({weights}) did not start: {error}.\n"
                "See what is wrong with this machine:  course doctor"
            ) from error
        _owner_pid, _address = os.getpid(), _server.listening_address
        return _address


def stop() -> None:
    """Stop the server and free its memory; the next `address()` starts a new one. Does nothing where none runs here.

    Takes up to three seconds while an answer is being streamed.
    """
    global _server, _owner_pid, _address
    with _lock:
        if _owner_pid == os.getpid():
            _server = _owner_pid = _address = None  # the last reference: llama.cpp ends its threads and closes the port


def is_running() -> bool:
    """Whether this process serves the model."""
    return _owner_pid == os.getpid()


def threads() -> int:
    """CPU threads for inference: the physical cores this process may use, or OMP_NUM_THREADS if that is fewer."""
    import psutil

    limits = [psutil.cpu_count(logical=False) or os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        limits.append(len(os.sched_getaffinity(0)))
    with contextlib.suppress(ValueError):
        limits.append(int(os.environ.get("OMP_NUM_THREADS", "").split(",")[0]))
    return max(1, min(limits))


def _start(weights: Path) -> Any:
    with _idle_threads_sleep():
        import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL}
    params.chat_template = CHAT_TEMPLATE
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the system picks a free one
    params.cors_origins = ""  # no web page may call it
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0  # llama.cpp writes to the C-level stderr, which a notebook would show
    params.sse_ping_interval = 1  # also how long stopping waits for an answer that is being streamed, in seconds
    params.n_parallel = PARALLEL_REQUESTS
    params.n_ctx = SHARED_CONTEXT_TOKENS
    params.kv_unified = True
    params.kv_unified_per_slot = CONTEXT_TOKENS
    params.n_predict = LONGEST_ANSWER_TOKENS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.n_gpu_layers = 0
    params.fit_params = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads()
    server = xllamacpp.Server(params)
    _wait_until_ready(server.listening_address)
    return server


def _wait_until_ready(address: str) -> None:
    """It listens before the model is loaded; a server that is stopped in between never ends."""
    deadline = time.monotonic() + START_LIMIT_S
    while _health(address) != http.HTTPStatus.OK:
        if time.monotonic() > deadline:
            raise TimeoutError(f"it was not ready after {START_LIMIT_S} s")
        time.sleep(0.02)


def _health(address: str) -> int:
    with contextlib.closing(http.client.HTTPConnection(address.partition("//")[2], timeout=START_LIMIT_S)) as probe:
        probe.request("GET", "/health")
        return probe.getresponse().status


@contextlib.contextmanager
def _idle_threads_sleep() -> Iterator[None]:
    """OpenMP reads its wait policy once, when it is loaded.

    Its default is to spin: on two busy cores an answer then took eight times as long.
    """
    name = "OMP_WAIT_POLICY"
    already_set = name in os.environ
    os.environ.setdefault(name, "passive")
    try:
        yield
    finally:
        if not already_set:
            del os.environ[name]


def _is_alive(pid: int | None) -> bool:
    import psutil

    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _after_fork_in_child() -> None:
    """The server's threads do not exist in a forked child, so nothing here may wait for them."""
    global _lock, _server, _forked
    _lock = threading.Lock()
    if "xllamacpp" not in sys.modules:
        return
    _forked = True
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)  # llama.cpp's own clean-up at exit would wait for ever
    if _server is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_server))  # and so would the server's destructor
        _server = None
        _close_inherited_sockets()


def _close_inherited_sockets() -> None:
    """Without this, the port would stay open after the parent has gone."""
    port = int(str(_address).rpartition(":")[2])
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            duplicate = socket.socket(fileno=os.dup(int(name)))
            with duplicate:
                if duplicate.family == socket.AF_INET and duplicate.getsockname()[1] == port:
                    os.close(int(name))


atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
