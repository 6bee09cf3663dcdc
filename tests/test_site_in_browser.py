"""The site as readers meet it: in a browser, in the dark, on a phone, by keyboard."""

import functools
import http.server
import shutil
import threading

import pytest

from tests.test_site import build_once

playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.slow

CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")),
    ),
    None,
)
PATIENCE = 60  # seconds, on a busy machine
IN_THE_DARK = [
    "index.html",
    "gallery.html",
    "leaderboard.html",
    "glossary.html",
    "notebooks/01_one_or_seven.html",
    "notebooks/03_faces_from_films.html",
    "api/helpers.figures.html",
]
WIDER_THAN_A_PHONE = """() => [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map((element) => element.tagName + "." + element.className)"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the PATH; none was found")
    return build_once(tmp_path_factory)


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    arguments = [
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update"),
        "--disable-sync",
    ]
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(address, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=address)
    page.set_default_timeout(1000 * PATIENCE)
    playwright.expect.set_options(timeout=1000 * PATIENCE)
    yield page
    page.close()


def list_pages(folder):
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.html")]
    return [name for name in names if not name.startswith("_static/")]  # templates


def find_barriers(page):
    """Return what axe-core calls serious or critical, a line each."""
    options = {"resultTypes": ["violations"], "preload": False}
    found = axe.Axe().run(page, options=options).response["violations"]
    return [
        f"{page.url}: {rule['id']}: {node['target']} {node['html'][:150]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_every_page_is_quiet_open_to_all_and_as_wide_as_a_phone(page, folder, address):
    requests, faults = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda line: (
            faults.append(f"{page.url}: {line.text}") if line.type == "error" else None
        ),
    )
    for name in list_pages(folder):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(name)
        faults += find_barriers(page)
        page.set_viewport_size({"width": 390, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            faults.append(f"{name} is too wide: {page.evaluate(WIDER_THAN_A_PHONE)}")
    assert not faults
    allowed = (address, "data:", "blob:")
    assert [url for url in requests if not url.startswith(allowed)] == []
    assert requests


@pytest.mark.parametrize("name", IN_THE_DARK)
def test_the_dark_is_open_to_all_too(page, name):
    page.emulate_media(color_scheme="dark")
    page.goto(name)
    playwright.expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert find_barriers(page) == []


def test_the_switch_makes_it_dark_and_it_stays_so(page):
    page.emulate_media(color_scheme="light")
    page.goto("index.html")
    html = page.locator("html")
    playwright.expect(html).to_have_attribute("data-theme", "light")
    page.locator(".theme-switch-button:visible").click()
    page.get_by_role("button", name="Dark").click()
    playwright.expect(html).to_have_attribute("data-theme", "dark")
    page.goto("glossary.html")
    playwright.expect(html).to_have_attribute("data-theme", "dark")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in colour[4:-1].split(",")[:3]) < 60


def test_a_word_finds_its_chapter(page):
    page.goto("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("adadelta")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html*")
    found = page.locator("#search-results a", has_text="One or seven?")
    playwright.expect(found.first).to_be_visible()
    found.first.click()
    playwright.expect(page.locator("h1").first).to_contain_text("One or seven?")


def test_the_first_key_skips_to_the_content(page):
    page.goto("notebooks/01_one_or_seven.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()").startswith("Skip")
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content")
    page.keyboard.press("Tab")
    inside = "document.activeElement.closest('#main-content') !== null"
    assert page.evaluate(inside)


def test_a_finding_leads_to_the_place_in_its_chapter(page):
    page.goto("gallery.html")
    link = page.locator("article a[href*='04_what_gives_emotion_away']").first
    heading = link.inner_text().split("“")[1].rstrip("”")
    link.click()
    page.wait_for_url("**/04_what_gives_emotion_away.html#*")
    playwright.expect(page.locator("h2, h3", has_text=heading)).to_be_in_viewport()
