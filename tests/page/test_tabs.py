"""The tabs Pen and Touch in a real browser: written, drawn, played."""

import re
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import worldmodel
from worldmodel.page.pack import pack_agent, write_single
from worldmodel.page.show import _engine, _site
from worldmodel.page.systems import pack_systems

pytest.importorskip("websockets")

pytestmark = pytest.mark.slow  # each loads an agent and models

SYSTEMS = ["writing", "handwriting", "kanji", "robojam"]
PATIENCE = 60_000  # ms


@pytest.fixture(scope="module")
def made():
    agent = worldmodel.load("car_racing")
    return agent, pack_systems(SYSTEMS, ["car_racing"], Path("runs"), 0)


@pytest.fixture(scope="module")
def served(made):
    """The address of a server, with the policy that it sends: what a page may do is least there."""
    from worldmodel.page.server import serve

    agent, systems = made
    server = serve(
        [partial(_engine, agent)], _site([agent], systems),
        host="127.0.0.1", port=0, visitors=8, say=lambda _: None,
    )  # fmt: skip
    yield server.address
    server.close()


@pytest.fixture(scope="module")
def single(made, tmp_path_factory):
    agent, systems = made
    path = tmp_path_factory.mktemp("single") / "page.html"
    write_single([pack_agent(agent)], path, systems)
    return path.as_uri()


@contextmanager
def viewing(browser, address, **context):
    """A page whose console has to be silent, and which asks for nothing elsewhere."""
    kept = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | context)
    page = kept.new_page()
    page.set_default_timeout(PATIENCE)
    errors, asked = [], []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    origin = page.evaluate("location.origin")
    kept.close()
    assert errors == []
    own = (f"{origin}/", "file:///", "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []


@pytest.fixture(params=["single"])
def address(request):
    return request.getfixturevalue(request.param)


def open_tab(page, name):
    page.click(f"#tab-{name}")
    page.wait_for_selector({"pen": ".go-on", "touch": ".touch"}[name] + "[data-ready='1']")


def write(page, text, bias="1.5"):
    page.wait_for_selector("#written[data-strokes]:not([data-strokes='0'])")
    page.fill("#text", text)
    page.fill("#bias", bias)
    page.evaluate("delete document.getElementById('written').dataset.strokes")
    page.click("#write")
    page.wait_for_selector("#written[data-strokes]:not([data-strokes='0'])")


def drag(page, selector, places):
    box = page.locator(selector).bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_a_text_is_written(browser, address):
    with viewing(browser, address, reduced_motion="reduce", accept_downloads=True) as page:
        open_tab(page, "pen")
        write(page, "hello you")
        paths = page.eval_on_selector_all(
            "#written .ink path", "all => all.map((path) => path.getAttribute('d'))"
        )
        assert len(paths) == int(page.get_attribute("#written", "data-strokes")) >= 8
        assert all(re.fullmatch(r"M[-\d. Ll]+", path) for path in paths)
        with page.expect_download() as kept:
            page.click("#save-writing")
        assert kept.value.suggested_filename == "hello_you.svg"
        root = ElementTree.parse(kept.value.path()).getroot()
        assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) == len(paths)
        page.fill("#text", "Hello!")
        assert page.is_disabled("#write")
        assert "“H”, “!”" in page.inner_text("#lacks")


def test_a_text_is_written_again_by_the_same_seed(browser, served):
    with viewing(browser, served, reduced_motion="reduce") as page:
        open_tab(page, "pen")
        drawn = []
        for seed in ("5", "6", "5"):
            page.fill("#write-seed", seed)
            write(page, "abc")
            drawn.append(page.inner_html("#written"))
        assert drawn[0] == drawn[2] != drawn[1]


def test_it_can_be_watched(browser, served):
    with viewing(browser, served) as page:
        open_tab(page, "pen")
        some = "#written .ink path:first-child[d*='L']"
        page.wait_for_selector(some, state="attached")
        whole = page.locator("#written .ink path").count()
        begun = page.locator("#written .ink path:not([d=''])").count()
        assert begun < whole
        page.click("#tab-touch")  # out of sight it is written at once
        page.click("#tab-pen")
        assert page.locator("#written .ink path:not([d=''])").count() == whole


def test_a_drawing_is_gone_on_with(browser, address):
    with viewing(browser, address, reduced_motion="reduce") as page:
        open_tab(page, "pen")
        assert page.is_disabled("#go-on")
        page.locator("#slate").scroll_into_view_if_needed()
        drag(page, "#slate", [(0.3, 0.2), (0.3, 0.8)])
        drag(page, "#slate", [(0.3, 0.2), (0.6, 0.3), (0.3, 0.5)])
        assert page.locator("#slate path").count() == 2
        page.click("#go-on")
        page.wait_for_selector("#ways[data-drawn='4']")
        drawn = page.eval_on_selector_all(
            "#ways .ink-drawn", "all => all.map((group) => group.innerHTML)"
        )
        assert len(set(drawn)) == 4
        assert page.locator("#ways .way").first.locator("g:first-child path").count() == 2
        page.locator("#ways .way").first.click()  # what was drawn becomes the beginning
        page.wait_for_selector("#slate path:nth-child(3)", state="attached")
        page.wait_for_selector("#ways[data-drawn='4']")
        page.click("#clear")
        assert page.locator("#slate path").count() == 0
        assert page.is_disabled("#go-on")


def test_another_model_goes_on_on_a_small_screen(browser, served):
    small = {"viewport": {"width": 375, "height": 667}, "reduced_motion": "reduce"}
    with viewing(browser, served, **small) as page:
        open_tab(page, "pen")
        page.select_option("#pen-model", label="kanji")
        page.wait_for_selector("#begun-example", state="hidden")  # it has none
        page.locator("#slate").scroll_into_view_if_needed()
        drag(page, "#slate", [(0.2, 0.3), (0.8, 0.3)])
        page.click("#go-on")
        page.wait_for_selector("#ways[data-drawn='4']")
        page.select_option("#pen-model", label="handwriting")
        page.click("#begun-example")
        page.wait_for_selector("#ways[data-drawn='4']")
        assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_touches_get_a_reply(browser, address):
    with viewing(browser, address, reduced_motion="reduce") as page:
        open_tab(page, "touch")
        for name in ("call", "reply", "both"):
            assert page.is_disabled(f"#play-{name}")
        for left in (0.1, 0.3, 0.5):
            drag(page, "#surface", [(left, 0.3), (left + 0.1, 0.6)])
        assert page.get_attribute(".touch", "data-state") == "call"
        assert 0 < float(page.inner_text("#countdown")) < 5
        page.wait_for_selector(".touch[data-state='done']")
        first = int(page.get_attribute("#surface", "data-reply"))
        assert first > 0
        seed = page.input_value("#touch-seed")
        page.click("#another")
        page.wait_for_selector(".touch[data-state='done']")
        assert int(page.input_value("#touch-seed")) == int(seed) + 1
        for name in ("call", "reply", "both"):
            page.click(f"#play-{name}")
            page.wait_for_selector(".touch[data-state='done']")


def test_an_example_is_played_and_answered(browser, served):
    with viewing(browser, served, reduced_motion="reduce") as page:
        open_tab(page, "touch")
        page.focus("#call-example")
        page.keyboard.press("Enter")
        page.wait_for_selector("#surface[data-reply]")


def test_arrows_go_between_tabs(browser, served):
    with viewing(browser, served, reduced_motion="reduce") as page:
        page.wait_for_selector("body[data-ready='1']")
        page.focus("#tab-dream")
        for key, tab in (("ArrowRight", "pen"), ("End", "touch"), ("ArrowRight", "dream"),
                         ("ArrowLeft", "touch"), ("Home", "dream")):  # fmt: skip
            page.keyboard.press(key)
            assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
            assert page.get_attribute("body", "data-tab") == tab
            assert page.get_attribute(f"#tab-{tab}", "aria-selected") == "true"
            assert page.locator("[role=tab][tabindex='0']").count() == 1
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('role')") != "tab"


def test_the_dream_stays_where_it_was(browser, served):
    with viewing(browser, served, reduced_motion="reduce") as page:
        page.wait_for_selector("body[data-ready='1']")
        page.click("#step")
        page.wait_for_selector("#screen[data-step='1']")
        page.click("#play")
        page.wait_for_selector("body[data-playing='1']")
        open_tab(page, "pen")
        page.click("#tab-dream")
        assert page.get_attribute("body", "data-playing") == "0"
        assert int(page.get_attribute("#screen", "data-step")) >= 1
        assert "CarRacing-v3" in page.inner_text("#facts")


def test_there_are_only_tabs_for_what_there_is(browser, made, tmp_path):
    agent, systems = made
    path = tmp_path / "page.html"
    write_single([pack_agent(agent)], path, systems[:1])
    with viewing(browser, path.as_uri(), reduced_motion="reduce") as page:
        page.wait_for_selector("body[data-ready='1']")
        assert page.locator("[role=tab]").all_inner_texts() == ["Dream", "Pen"]
        page.click("#tab-pen")
        page.wait_for_selector("#written[data-strokes]:not([data-strokes='0'])")
        assert page.locator("#slate").count() == 0
