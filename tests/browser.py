"""For tests that look at JupyterLab as a learner does: a server on a copy of the lessons, and headless Chromium on it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from coursekit import curriculum, lab

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
COPIED = ("coursekit", "modules", "data")
SWITCHES = (
    "--headless",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
# for pages that name a CDN: they never wait for it
ONLY_THIS_MACHINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, also below the fold
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosaveInterval": 3600},
}
NOT_YET = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
START_S, ACT_S, RUN_S = 120, 60, 240  # patience, on a busy machine: for a server or a page, a click, a whole lesson


def programs() -> tuple[str, str] | None:
    """Paths of a Chromium and of its driver, or None where one of them is not installed."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def copy_of_the_course(target: Path) -> Path:
    """What lessons need, copied below `target`: JupyterLab saves notebooks, and the repository's must stay as they are."""
    leave = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in COPIED:
        shutil.copytree(curriculum.ROOT / name, target / name, ignore=leave)
    return target


@contextmanager
def jupyterlab(course: Path, lesson: str, private: Path, **more: str) -> Iterator[str]:
    """Serve `course` the way `course lab` does and yield the address (with its token) that opens `lesson`.

    `more` are the server's environment variables besides, or instead of, those set here. Settings, workspaces, progress and the list of servers are kept below `private`, not in the user's home. The server
    and its kernels are gone when the block ends, however it ends.
    """
    for name, settings in SETTINGS.items():
        file = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # were it taken meanwhile, JupyterLab would move on: the address is read below
    command = lab.command(lesson, port=port, browser=False)
    command = [a.replace(str(curriculum.ROOT), str(course)) if "root_dir" in a else a for a in command]
    variables = {
        "PYTHONPATH": str(course),  # the copy's coursekit, so that lessons, exercises and progress are the copy's too
        "COURSE_WORK": str(private / "work"),
        "COURSE_OFFLINE": "1",
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "OMP_NUM_THREADS": "2",
    } | more
    with (private / "jupyter.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=course, env=lab.environment() | variables, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _address(server, private, lesson)
    finally:
        _end(server)


def _address(server: subprocess.Popen, private: Path, lesson: str) -> str:
    def announced() -> dict[str, Any] | None:
        if server.poll() is not None:
            raise AssertionError(f"JupyterLab ended with {server.returncode}:\n{(private / 'jupyter.log').read_text()}")
        for file in (private / "runtime").glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text())
            except ValueError:  # still being written
                return None
        return None

    found = wait(announced, START_S, "JupyterLab to announce its address")
    return f"{found['url']}lab/tree/{lesson}?token={found['token']}"


def _end(server: subprocess.Popen) -> None:
    try:
        children = psutil.Process(server.pid).children(recursive=True)  # kernels have sessions of their own
    except psutil.NoSuchProcess:
        children = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    _, alive = psutil.wait_procs(children, timeout=5)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)


@contextmanager
def chromium(private: Path, *more: str, width: int = 1280, height: int = 860) -> Iterator[webdriver.Chrome]:
    """Headless Chromium with an empty profile below `private`, and a page of `width` by `height` CSS pixels.

    `more` are command-line switches of Chromium, for example ONLY_THIS_MACHINE.
    """
    browser, driver = programs()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (*SWITCHES, *more, f"--user-data-dir={private / 'chromium'}", f"--window-size={width},{height}"):
        options.add_argument(switch)
    service = webdriver.ChromeService(executable_path=driver, log_output=str(private / "chromedriver.log"))
    page = webdriver.Chrome(options=options, service=service)
    try:
        page.set_page_load_timeout(START_S)
        page.set_script_timeout(ACT_S)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield page
    except BaseException:
        page.save_screenshot(str(private / "failed.png"))  # pytest keeps the folders of its last three runs
        raise
    finally:
        page.quit()


def wait(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition()`, asked again and again for `seconds`; AssertionError says `what` did not come."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except NOT_YET:
            pass
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


def click(page: webdriver.Chrome, selector: str, is_it: Callable[[WebElement], bool] = lambda element: True) -> None:
    """Click the first visible element of CSS `selector` for which `is_it` holds, as soon as there is one."""

    def clicked() -> bool:
        for element in page.find_elements(By.CSS_SELECTOR, selector):
            if element.is_displayed() and is_it(element):
                element.click()
                return True
        return False

    wait(clicked, ACT_S, f"{selector} to be clickable")


def close_side_bar(page: webdriver.Chrome) -> None:
    """Take JupyterLab's file browser out of the way."""
    if page.find_elements(By.CSS_SELECTOR, "#jp-left-stack:not(.lm-mod-hidden)"):
        page.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "b")
        closed = "#jp-left-stack.lm-mod-hidden"
        wait(lambda: page.find_elements(By.CSS_SELECTOR, closed), ACT_S, "the side bar to close")


class LessonPage:
    """A notebook open in JupyterLab. Cells are numbered from 0, in the notebook's order."""

    PANEL = ".jp-NotebookPanel"
    CELLS = f"{PANEL} .jp-Notebook .jp-Cell"

    def __init__(self, page: webdriver.Chrome, address: str, cells: int):
        self.page = page
        page.get(address)
        wait(lambda: len(self._cells()) == cells, START_S, f"the notebook's {cells} cells")
        self.wait_until_idle(START_S)

    def _cells(self) -> list[WebElement]:
        return self.page.find_elements(By.CSS_SELECTOR, self.CELLS)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until the page is connected to its kernel and the kernel has nothing to do.

        The page alone says "idle" too early: before there is a kernel. What is run then is quietly not run.
        """
        asked = "fetch('/api/kernels').then(r => r.json()).then(arguments[0], () => arguments[0]([]))"
        shown = f"{self.PANEL} .jp-Notebook-ExecutionIndicator[data-status='idle']"

        def idle() -> bool:
            kernels = self.page.execute_async_script(asked)
            connected = [k for k in kernels if k["connections"] and k["execution_state"] == "idle"]
            named = self.page.find_element(By.CSS_SELECTOR, f"{self.PANEL} .jp-KernelName").text != "No Kernel"
            bar = self.page.find_element(By.CSS_SELECTOR, "#jp-main-statusbar").text
            return bool(connected and named and "| Idle" in bar and self.page.find_elements(By.CSS_SELECTOR, shown))

        wait(idle, seconds, "the kernel to be connected and idle")

    def run_all(self) -> None:
        """Run → Run All Cells, with the mouse; returns when every code cell has run, or one has raised."""
        click(self.page, ".lm-MenuBar-item", lambda item: item.text == "Run")
        click(self.page, ".lm-Menu-item[data-command='runmenu:run-all']")
        done = re.compile(r"\[\d+\]:")
        wait(lambda: self.errors() or all(map(done.fullmatch, self.prompts())), RUN_S, "every cell to have run")
        self.wait_until_idle(ACT_S)

    def prompts(self) -> list[str]:
        """Of every code cell: `[3]:`, or `[*]:` while it waits or runs, or `[ ]:` before."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return self.page.execute_script(script, f"{self.CELLS}.jp-CodeCell .jp-InputPrompt")

    def errors(self) -> list[str]:
        """Texts of the tracebacks on the page."""
        found = self.page.find_elements(
            By.CSS_SELECTOR, f"{self.CELLS} [data-mime-type='application/vnd.jupyter.error']"
        )
        return [element.get_attribute("textContent") for element in found]

    def write(self, cell: int, text: str) -> None:
        """Select what is in the cell's editor and type `text` over it."""
        editor = self._enter(cell)
        editor.send_keys(Keys.CONTROL, "a")
        self.page.execute_cdp_cmd("Input.insertText", {"text": text})  # in one go: no editor indents behind our back
        script = "return [...arguments[0].querySelectorAll('.cm-line')].map(e => e.textContent).join('\\n')"
        wait(lambda: self.page.execute_script(script, editor) == text, ACT_S, f"cell {cell} to hold what was typed")

    def run(self, cell: int) -> str:
        """Run the cell with Control+Enter; returns the text of its output."""
        prompt = self._cells()[cell].find_element(By.CSS_SELECTOR, ".jp-InputPrompt")
        before = prompt.get_attribute("textContent")
        self._enter(cell).send_keys(Keys.CONTROL, Keys.ENTER)

        def has_run() -> bool:
            now = prompt.get_attribute("textContent")
            return now != before and "*" not in now

        wait(has_run, ACT_S, f"cell {cell} to have run")
        self.wait_until_idle(ACT_S)
        return self.output(cell)

    def output(self, cell: int) -> str:
        """The text that the cell's output shows."""
        found = self._cells()[cell].find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
        return "\n".join(element.text for element in found)

    def picture(self, file: Path, *, top: int) -> None:
        """Save what the page shows as PNG, cell `top` at the upper edge, file browser and focus out of the way."""
        close_side_bar(self.page)
        self.page.execute_script("arguments[0].scrollIntoView({block: 'start'})", self._cells()[top])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.page.get_screenshot_as_png())

    def _enter(self, cell: int) -> WebElement:
        """Click into the cell's editor and return it."""
        editor = self._cells()[cell].find_element(By.CSS_SELECTOR, ".cm-content")

        def has_focus() -> bool:
            self.page.execute_script("arguments[0].scrollIntoView({block: 'center'})", editor)
            editor.click()
            return self.page.execute_script("return document.activeElement === arguments[0]", editor)

        wait(has_focus, ACT_S, f"cell {cell} to take the focus")
        return editor
