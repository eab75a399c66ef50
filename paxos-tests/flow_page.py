#!/usr/bin/env python3
"""flow_page.py CHROMIUM PAGE DUMP DIR: opens a page of `wire flow` in a headless Chromium, as a person would use it.

DUMP is what `wire dump` prints of the same packets. Pictures of the page go to DIR. Each line of the output is
something found wrong; none, and status 0: nothing is. Speaks to Chromium over pipes (--remote-debugging-pipe), with
nothing but the standard library.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 20  # seconds for any answer
# Now and then a headless Chromium answers no more, which is nothing that the page did: another one is asked. A page that
# hangs does so in each of them.
BROWSERS = 3
SIZE = (1300, 900)
wrong = []


class Silence(Exception):
    """No answer came."""


def check(holds, what):
    if not holds:
        wrong.append(what)


class Browser:
    def __init__(self, program, home):
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()

        def give_pipes():  # Chromium reads from 3 and writes to 4
            there = os.dup(read_there), os.dup(write_there)
            os.dup2(there[0], 3)
            os.dup2(there[1], 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={home}", f"--window-size={SIZE[0]},{SIZE[1]}"]
        # Whatever it wants to tell its makers, it cannot.
        flags += ["--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"]
        self.log = open(Path(home) / "log", "w")
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"], preexec_fn=give_pipes, close_fds=False, stdout=self.log, stderr=self.log
        )
        os.close(read_there)
        os.close(write_there)
        self.read, self.write = read_here, write_here
        os.set_blocking(self.read, False)
        self.rest, self.parsed, self.number, self.session, self.events = b"", [], 0, None, []

    def messages(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                came = os.read(self.read, 1 << 20)
                if not came:
                    raise RuntimeError("Chromium ended")
                self.rest += came
            except BlockingIOError:
                time.sleep(0.005)
            *self.parsed, self.rest = self.rest.split(b"\0")
            while self.parsed:
                yield json.loads(self.parsed.pop(0))
        raise Silence

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        answer = None
        try:
            for came in self.messages():
                if came.get("id") == self.number:
                    answer = came
                elif "method" in came:
                    self.events.append(came)
                if answer is not None and not self.parsed:
                    break
        except Silence:
            raise Silence(f"Chromium does not answer to {method}") from None
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def attach(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def evaluate(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def mouse(self, kind, x, y, **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def press(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, path):
        time.sleep(0.1)
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def view(browser):
    x, y, w, h = map(float, browser.evaluate("picture.getAttribute('viewBox')").split())
    return {"x": x, "y": y, "w": w, "h": h}


SEEN = "[...document.querySelectorAll('g.e')].filter(e => getComputedStyle(e).display !== 'none').length"
# Pairs of words that overlap, beyond what glyphs leave free of their boxes.
OVERLAPS = """(() => {
  const all = [...document.querySelectorAll('text.l, text.note, .axis text')].map(e => [e.textContent, e.getBBox()]);
  all.sort((a, b) => a[1].y - b[1].y);
  const found = [];
  for (let i = 0; i < all.length; i++)
    for (let j = i + 1; j < all.length && all[j][1].y < all[i][1].y + all[i][1].height - 3; j++) {
      const [a, b] = [all[i][1], all[j][1]];
      if (a.x < b.x + b.width && b.x < a.x + a.width) found.push(all[i][0] + ' | ' + all[j][0]);
    }
  return found;
})()"""


def use(browser, page, lines, pictures):
    browser.attach()
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.ask(f"{domain}.enable")
    browser.ask("Emulation.setDeviceMetricsOverride", width=SIZE[0], height=SIZE[1], deviceScaleFactor=1, mobile=False)
    browser.ask("Page.navigate", url=page)
    end = time.monotonic() + PATIENCE
    while browser.evaluate("document.readyState") != "complete" and time.monotonic() < end:
        time.sleep(0.05)
    packets = [line.split(maxsplit=4)[4] for line in lines]
    check(browser.evaluate(SEEN) == len(lines), f"{browser.evaluate(SEEN)} events for {len(lines)} packets")
    check(browser.evaluate("count.textContent") == f"{len(lines)} events", "the count of events")
    ours = "document.scripts.length === 1 && !document.querySelector('b, img, iframe, object')"
    check(browser.evaluate(ours), "nothing of values or titles becomes an element of the page")
    overlaps = browser.evaluate(OVERLAPS)
    check(not overlaps, f"{len(overlaps)} labels overlap: {overlaps[:5]}")
    browser.picture(f"{pictures}/page.png")

    # The wheel brings the first 2a into view, and hovering shows its line.
    label = "[...document.querySelectorAll('text.l')].find(e => /^2a i/.test(e.textContent)).getBoundingClientRect()"
    before = view(browser)
    for _ in range(20):
        top = browser.evaluate(f"{label}.top")
        if 200 < top < 700:
            break
        browser.mouse("mouseWheel", 600, 500, deltaX=0, deltaY=top - 450)
    after = view(browser)
    check(after["y"] > before["y"] and after["w"] == before["w"], "the wheel moves the view down")
    names = browser.evaluate("document.querySelector('text.name').getBoundingClientRect().top")
    check(0 < names < 200, f"the names of the processes stay in sight ({names})")
    box = browser.evaluate(f"(b => [b.left + b.width / 2, b.top + b.height / 2])({label})")
    browser.mouse("mouseMoved", *box)
    tip = browser.evaluate("tip.hidden ? '' : tip.textContent")
    told = re.sub(r"^\S+ s ", "", tip.split("\n")[0])
    check(told in packets and " 2a " in told, f"hovering over a label shows the packet's line, not {tip!r}")
    check("to 239." in tip and "A1" in tip, f"and who receives it, not {tip!r}")
    browser.picture(f"{pictures}/hover.png")
    # So does the arrow, some way from its tail.
    browser.mouse("mouseMoved", 5, 5)
    check(browser.evaluate("tip.hidden"), "the line goes when the pointer does")
    arrow = "[...document.querySelectorAll('g.e')].map(e => e.querySelector('path.hit'))"
    point = browser.evaluate(f"""(() => {{
      for (const hit of {arrow}) {{
        if (!hit) continue;
        const at = hit.getPointAtLength(40).matrixTransform(hit.getScreenCTM());
        if (at.y > 250 && at.y < 700 && document.elementFromPoint(at.x, at.y) === hit) return [at.x, at.y];
      }}
    }})()""")
    browser.mouse("mouseMoved", *point)
    told = re.sub(r"^\S+ s ", "", browser.evaluate("tip.textContent").split("\n")[0])
    check(not browser.evaluate("tip.hidden") and told in packets, f"hovering over an arrow shows a line, not {told!r}")
    browser.mouse("mouseMoved", 5, 5)

    # The filter hides all others.
    def words(packet):
        return re.split(r"[\s,:()#]+", packet)

    def about(packet, instance):
        found = [(int(i), int(i) + 1) for i in re.findall(r" i(\d+)", packet)]
        found += [(int(a), int(b)) for a, b in re.findall(r"\[(\d+)\.\.(\d+)\)", packet.split(" life ")[0])]
        return any(first <= instance < until for first, until in found) and " page " not in packet

    for text, wanted in [
        ("2a", lambda packet: "2a" in words(packet)),
        ("A2", lambda packet: "A2" in words(packet)),
        ("instance 7", lambda packet: about(packet, 7)),
        ("P1 2a i3", lambda packet: packet.startswith("P1 2a") and " i3 " in packet),
        ("nonsense", lambda packet: False),
    ]:
        browser.press("/")
        browser.evaluate("filter.value = ''")
        browser.ask("Input.insertText", text=text)
        left, expected = browser.evaluate(SEEN), sum(map(wanted, packets))
        check(left == expected, f"the filter {text!r} leaves {left} of {expected} packets")
        if text == "instance 7":
            # The third acceptor may have heard that it is decided before it could vote.
            check(expected >= 3, "a 2a and the 2b of a majority are about instance 7")
    browser.press("Escape")
    check(browser.evaluate(SEEN) == len(lines), "Esc shows all again")

    # Zoom and pan.
    before = view(browser)
    browser.press("+")
    larger = view(browser)
    check(larger["w"] < before["w"], "+ makes it larger")
    browser.mouse("mouseWheel", 600, 500, deltaX=0, deltaY=-200, modifiers=2)
    nearer = view(browser)
    check(nearer["w"] < larger["w"], "ctrl and wheel make it larger")
    browser.picture(f"{pictures}/zoom.png")
    browser.mouse("mousePressed", 600, 500, button="left", buttons=1, clickCount=1)
    browser.mouse("mouseMoved", 560, 420, button="left", buttons=1)
    browser.mouse("mouseReleased", 560, 420, button="left", clickCount=1)
    dragged = view(browser)
    check(dragged["y"] > nearer["y"] and dragged["x"] > nearer["x"], f"dragging moves the view: {nearer} {dragged}")
    browser.press("0")
    check(abs(view(browser)["w"] - before["w"]) < 1, "0 shows the whole width")
    browser.press("End")
    at_end = view(browser)
    check(at_end["y"] > dragged["y"], "End goes to the end")
    browser.press("Home")
    check(view(browser)["y"] == 0, "Home goes to the start")

    # Light and dark.
    paper = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.querySelector('text.l')).fill"
    colours = []
    for scheme in ("light", "dark"):
        browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colours.append(browser.evaluate(paper))
    check(colours[0] != colours[1], "dark is not light")
    browser.picture(f"{pictures}/dark.png")

    for event in browser.events:
        method, more = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            wrong.append(f"an exception: {more['exceptionDetails']}")
        elif method == "Log.entryAdded" or method == "Runtime.consoleAPICalled":
            wrong.append(f"the console says: {more}")
        elif method == "Network.requestWillBeSent":
            url = more["request"]["url"]
            check(url == page or url.startswith("data:"), f"the page asks for {url[:100]}")


def main():
    program, page, dump, pictures = sys.argv[1:]
    lines = Path(dump).read_text().splitlines()
    for left in reversed(range(BROWSERS)):
        wrong.clear()
        with tempfile.TemporaryDirectory(prefix="flow-page-", ignore_cleanup_errors=True) as home:
            browser = Browser(program, home)
            try:
                use(browser, Path(page).resolve().as_uri(), lines, pictures)
                break
            except Silence as silence:
                print(silence, file=sys.stderr)
                if left == 0:
                    check(False, str(silence))
            finally:
                browser.end()
    for what in wrong:
        print(what)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
