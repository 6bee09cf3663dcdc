"""The page that needs no Python, in a real browser, against Keras and the helpers."""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from helpers import export_networks, node_packages, widgets

playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("started")]

CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")),
    ),
    None,
)
PATIENCE = 120_000  # milliseconds, for a cold start on a busy machine
TOLERANCE = 1e-4
DIGITS = "oneOrSeven.state"
POOLS = "pools.state"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the PATH; none was found")
    folder = tmp_path_factory.mktemp("site") / "try_it"
    try:
        export_networks.write(folder)
    except node_packages.NodeMissing as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(folder):
    with playwright.sync_playwright() as browsers:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that must neither complain nor ask another host for anything."""
    context = browser.new_context(
        viewport={"width": 1100, "height": 2600}, has_touch=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    playwright.expect.set_options(timeout=PATIENCE)
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    assert complaints == []
    local = ("http://127.0.0.1:", "file:///", "data:")
    assert [url for url in asked if not url.startswith(local)] == []


@pytest.fixture(scope="module")
def digit_networks(started):
    from helpers import networks

    return [
        networks.load_digit_networks("embedded", recipe)[0]
        for recipe in ("plain", "shifts and neither")
    ]


def wait_for_map(page, state):
    page.wait_for_function(f"{state}.map || !page.find('trouble').hidden")
    assert page.locator("#trouble").text_content() == ""


def read(page, state, shape):
    """Return what the page shows: picture, probabilities, map."""
    values = page.evaluate(
        f"[{state}.picture, {state}.probabilities, {state}.map].map("
        "(values) => Array.from(values))"
    )
    picture, probabilities, heat = (np.array(each, "float32") for each in values)
    return picture.reshape(shape), probabilities, heat.reshape(shape[:2])


def draw(page, *points):
    box = page.locator("#pad").bounding_box()
    corners = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def check_digit(page, model):
    from helpers.attribution import occlusion

    wait_for_map(page, DIGITS)
    picture, probabilities, heat = read(page, DIGITS, (28, 28, 1))
    expected = model.predict_on_batch(picture[None])[0]
    np.testing.assert_allclose(probabilities, expected, atol=TOLERANCE)
    expected_heat = occlusion(model, picture[None], int(expected.argmax()))[0]
    np.testing.assert_allclose(heat, expected_heat, atol=TOLERANCE)
    return picture[..., 0], probabilities


def test_strokes_get_the_answers_and_maps_that_keras_and_the_helper_give(
    page, address, digit_networks
):
    plain, both = digit_networks
    page.goto(address)
    wait_for_map(page, DIGITS)
    _, probabilities = check_digit(page, plain)
    assert probabilities[1] > 0.99  # the dash that the page begins with

    page.get_by_role("button", name="Clear").click()
    page.wait_for_function(f"{DIGITS}.picture.every((value) => value === 0)")
    draw(page, (0.5, 0.2), (0.5, 0.8))
    picture, probabilities = check_digit(page, plain)
    assert probabilities[0] > 0.9
    drawn = widgets.draw_strokes([[(0.5, 0.2), (0.5, 0.8)]])
    assert np.abs(picture - drawn).max() < 0.1  # OpenCV rounds the pen's edge
    playwright.expect(page.locator("#digit-status")).to_contain_text("for a 1")

    # Six pixels to the right, by key and by button: no pixel changes, but its place.
    page.locator("#pad").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Move right").click()
    is_left_alone = page.locator("#pad").evaluate(
        "(pad) => pad.dispatchEvent(new KeyboardEvent('keydown', "
        "{ key: 'ArrowLeft', altKey: true, cancelable: true }))"
    )
    assert is_left_alone  # a browser goes back by it
    moved, probabilities = check_digit(page, plain)
    np.testing.assert_allclose(moved[:, 6:], picture[:, :-6], atol=1e-6)
    assert probabilities[1] > 0.9

    page.get_by_role("button", name="Clear").click()
    draw(page, (0.3, 0.29), (0.7, 0.29))
    _, probabilities = check_digit(page, plain)
    assert probabilities[1] > 0.99

    page.get_by_label("trained on moved digits, and on marks").check()
    page.wait_for_function(f"{DIGITS}.probabilities.length === 3")
    _, probabilities = check_digit(page, both)
    assert probabilities.argmax() == 2
    playwright.expect(page.locator("#digit-answer")).to_have_text("neither a 1 nor a 7")


def test_a_finger_draws_and_a_new_stroke_cancels_the_old_map(page, address):
    page.goto(address)
    wait_for_map(page, DIGITS)
    page.get_by_role("button", name="Clear").click()
    wait_for_map(page, DIGITS)
    box = page.locator("#pad").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.wait_for_function(f"{DIGITS}.picture[28 * 7 + 14] > 0.5")
    wait_for_map(page, DIGITS)

    # A map that is under way when the next stroke comes is never shown.
    shown = page.evaluate(
        """async () => {
            const { explain } = occlusion;
            const ends = [];
            let begun = 0;
            occlusion.explain = async (...given) => {
                begun += 1;
                const map = await explain(...given);
                ends.push(map !== null);
                return map;
            };
            const frame = () => new Promise(requestAnimationFrame);
            document.querySelector("[data-ready=seven]").click();
            // Far more frames than it takes, and yet not for ever.
            for (let wait = 0; begun < 1 && wait < 1000; wait++) await frame();
            document.querySelector("[data-ready=one]").click();
            for (let wait = 0; ends.length < 2 && wait < 1000; wait++) await frame();
            occlusion.explain = explain;
            return [ends, oneOrSeven.state.winner];
        }"""
    )
    assert shown == [[False, True], 0]


def test_ten_strokes_leave_no_tensor_behind(page, address):
    page.goto(address)
    wait_for_map(page, DIGITS)
    wait_for_map(page, POOLS)
    before = page.evaluate("tf.memory().numTensors")
    for number in range(10):
        draw(page, (0.1, 0.1 + 0.08 * number), (0.4, 0.1 + 0.08 * number))
    wait_for_map(page, DIGITS)
    assert page.evaluate("tf.memory().numTensors") == before


def test_the_fading_rail_gets_the_answers_that_keras_gives(page, address):
    from helpers import scene_networks, scenes
    from helpers.attribution import occlusion
    from helpers.networks import predict

    found, mended = (
        scene_networks.load_scene_networks("embedded", recipe)[0]
        for recipe in ("as found", "pairs")
    )
    pairs = scenes.load_pairs("embedded", "test")
    asked = [(found, "found", 0, 100), (found, "found", 0, 45), (found, "found", 3, 0)]
    asked += [(mended, "mended", 3, 100)]
    shown = []
    page.goto(address)
    for model, name, pair, share in asked:
        page.locator(f"input[name=pool-network][value={name}]").check()
        page.locator(f"input[name=pair][value='{pair}']").check()
        page.locator("#rail").fill(str(share))
        page.evaluate("() => new Promise(requestAnimationFrame)")
        wait_for_map(page, POOLS)
        picture, probabilities, heat = read(page, POOLS, (128, 128, 3))
        shown.append((picture, probabilities, heat))
        expected = model.predict_on_batch(picture[None])[0]
        np.testing.assert_allclose(probabilities, expected, atol=TOLERANCE)
        expected_heat = occlusion(model, picture[None], 0, stride=8)[0]
        np.testing.assert_allclose(heat, expected_heat, atol=TOLERANCE)
        assert page.locator("#rail-share").text_content() == f"{share} %"
    # The picture is a blend of the first twins that both networks get right bare.
    bare, railed = (part[pairs.labels == 1] for part in (pairs.without_rail, pairs[0]))
    right = [predict(model, bare).argmax(axis=1) == 1 for model in (found, mended)]
    first, fourth = np.flatnonzero(right[0] & right[1])[[0, 3]]
    blend = 0.55 * bare[first] + 0.45 * railed[first]
    np.testing.assert_allclose(shown[1][0], blend, atol=1e-6)
    np.testing.assert_allclose(shown[2][0], bare[fourth], atol=1e-6)
    np.testing.assert_allclose(shown[3][0], railed[fourth], atol=1e-6)
    assert [shown[number][1].argmax() for number in (0, 2, 3)] == [0, 1, 1]
    counts = [
        (predict(found, part).argmax(axis=1) == 1).sum() for part in (bare, railed)
    ]
    playwright.expect(page.locator("#found-right")).to_have_text(
        "{} without a rail and {} with one".format(*counts)
    )


def test_it_works_as_a_file_and_without_web_assembly(page, folder, digit_networks):
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto((folder / "index.html").as_uri())
    check_digit(page, digit_networks[0])
    assert page.evaluate("tf.getBackend()") == "cpu"


def test_it_works_as_a_file_and_fast(page, folder, digit_networks):
    page.goto((folder / "index.html").as_uri())
    check_digit(page, digit_networks[0])
    assert page.evaluate("tf.getBackend()") == "wasm"


def test_it_refuses_a_browser_that_computes_something_else(page, folder, address):
    stored = (folder / "digit_data.js").read_text(encoding="utf-8")
    assert stored.count('"tried":[') == 3
    altered = stored.replace('"tried":[', '"tried":[1', 1)
    page.route("**/digit_data.js", lambda route: route.fulfill(body=altered))
    page.goto(address)
    playwright.expect(page.get_by_role("alert")).to_contain_text(
        "does not compute what Keras computes"
    )


def test_what_breaks_later_is_said_too(page, address):
    page.goto(address)
    wait_for_map(page, DIGITS)
    page.evaluate(
        "() => { networks.readLogits = async () => { throw new Error('no memory'); }; }"
    )
    page.get_by_role("button", name="a 7").click()
    playwright.expect(page.get_by_role("alert")).to_contain_text("no memory")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1100, "light"), (390, "light"), (390, "dark")]
)
def test_it_is_accessible_and_fits_a_phone(browser, address, width, scheme):
    page = browser.new_page(
        viewport={"width": width, "height": 844}, color_scheme=scheme
    )
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("body.ready")
    wait_for_map(page, DIGITS)
    found = axe.Axe().run(page).response["violations"]
    page_width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert [(one["id"], one["impact"]) for one in found] == []
    assert page_width <= width
