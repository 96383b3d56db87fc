"""A headless Chromium without a network, driven over its own pipe: pages opened from disk, keys, pointer, pictures"""

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import matplotlib.image
import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120.0  # seconds for an answer: machines are shared, and this one draws without a GPU
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL without a GPU
    "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking",  # and nobody to talk to
    "--hide-scrollbars", "--force-device-scale-factor=1", "--remote-debugging-pipe",
)  # fmt: skip


def missing() -> str:
    """Why no page can be opened here; empty where one can."""
    return "" if _program() else "no Chromium is installed (Debian and Ubuntu: apt-get install chromium)"


def _program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in one browser, gone with it. `told` is what its console said; `asked` the addresses it went to."""

    def __init__(self, home: Path, size: tuple[int, int] = (1280, 820), *flags: str) -> None:
        self.told: list[str] = []
        self.asked: list[str] = []
        self._number, self._rest = 0, b""
        theirs_in, self._out = (_high(end) for end in os.pipe())
        self._in, theirs_out = (_high(end) for end in os.pipe())
        command = [
            str(_program()),
            *FLAGS,
            *flags,
            f"--user-data-dir={home}",
            f"--window-size={size[0]},{size[1]}",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *command],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.size(*size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser and wait for its answer; what else it tells meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while (answer := self._next(until)).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def open(self, page: Path, more: str = "", ready: str = "document.documentElement?.dataset.ready") -> None:
        """Open a page from the disk and wait until it says that it is ready."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=f"{page.as_uri()}{more}")
        self.wait(ready)

    def do(self, script: str) -> Any:
        """What a line of script gives."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> Any:
        """What a line of script gives as soon as it is something."""
        until = time.monotonic() + PATIENCE
        while not (value := self.do(script)):
            assert time.monotonic() < until, f"{script} never came true; the console: {self.told}"
            time.sleep(0.05)
        return value

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.do("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def text(self, chosen: str) -> str:
        """The text of an element."""
        return self.do(f"document.querySelector({json.dumps(chosen)}).textContent")

    def click(self, chosen: str) -> None:
        """Click in the middle of an element, as a hand would."""
        self.do(f"document.querySelector({json.dumps(chosen)}).scrollIntoView({{block: 'nearest'}})")
        x, y, wide, high = self.box(chosen)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x + wide / 2, y + high / 2, button="left", clickCount=1)
        self.settle()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move, press or release at a place of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def box(self, chosen: str) -> list[float]:
        """Where an element is: x, y, width, height."""
        node = f"document.querySelector({json.dumps(chosen)}).getBoundingClientRect()"
        return self.do(f"(({{x, y, width, height}}) => [x, y, width, height])({node})")

    def press(self, key: str, times: int = 1) -> None:
        """A key, pressed and let go."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp") * times:
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **(text if kind == "keyDown" else {}))
        self.settle()

    def slide(self, chosen: str, value: float) -> None:
        """Set a slider, as dragging it does."""
        node = f"document.querySelector({json.dumps(chosen)})"
        self.do(f"{node}.value = {value}; {node}.dispatchEvent(new Event('input', {{bubbles: true}})); 1")
        self.settle()

    def size(self, wide: int, high: int) -> None:
        """Give the window a size."""
        self.call("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)

    def dark(self, dark: bool) -> None:
        """Say that the system is dark, or light."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def png(self) -> bytes:
        """A picture of the window."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def pixels(self, chosen: str) -> np.ndarray:
        """The picture of an element: [height, width, 3] in [0, 1]."""
        x, y, wide, high = (round(v) for v in self.box(chosen))
        return matplotlib.image.imread(io.BytesIO(self.png()))[y : y + high, x : x + wide, :3]

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._in, 1 << 20)
            assert more, "the browser is gone"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.told.append(str(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.told.append(f"{told['type']}: {told['args']}")
            case "Log.entryAdded":
                self.told.append(f"{told['entry']['level']}: {told['entry']['text']}")
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])


def _high(end: int) -> int:
    """The same end of a pipe under a number that is in nobody's way."""
    high = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(end)
    return high
