"""The page in a real browser, with the agents that come with the package."""

import re
from functools import partial

import cv2
import pytest
from page_agents import page_agent
from page_browser import viewed

import worldmodel
from worldmodel.page.pack import (
    pack_agent,
    write_folder,
    write_single,
)

pytestmark = pytest.mark.slow  # a browser that loads 8 or 11 MB

SHIPPED = ["car_racing", "take_cover"]
ACTION = "JSON.parse(document.getElementById('screen').dataset.action)"
HELD = f"([at, to]) => Math.abs({ACTION}?.[at] - to) < 1e-6"

# As the page is after it was loaded, but for the dream that is shown.
RESET = """([temperature, end]) => {
  const id = (name) => document.getElementById(name);
  document.activeElement.blur();
  if (document.body.dataset.playing === "1") id("play").click();
  if (document.body.dataset.show !== "dream") id("show-dream").click();
  const values = {temperature, end, seed: 0, mix: 0.5, mode: "agent", speed: 1, sync: 0};
  for (const [name, value] of Object.entries(values)) {
    id(name).value = value;
    id(name).dispatchEvent(new Event("input"));
    if (name !== "seed") id(name).dispatchEvent(new Event("change"));
  }
  id("release").click();
  document.querySelector("#starts button").click();
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both agents, as any static host serves them."""
    site = tmp_path_factory.mktemp("site")
    write_folder([pack_agent(worldmodel.load(name)) for name in SHIPPED], site)
    return site


@pytest.fixture(scope="module")
def opened(browser, host, folder):
    """Views of the two agents, opened once."""
    with host(folder) as address, viewed(browser) as car, viewed(browser) as doom:
        car.open(f"{address}/")
        doom.open(f"{address}/")
        doom.set("#agent", 1)
        doom.until("spy.asked.filter((m) => m.type === 'load').length === 2")
        doom.until("document.getElementById('facts').textContent.startsWith('Doom')")
        doom.ready()
        yield {"car": car, "doom": doom}


def fresh(view, temperature, end):
    view.settle()
    view.page.evaluate(RESET, [temperature, end])
    view.settle()
    view.clear()
    return view


@pytest.fixture
def car(opened):
    """A View of car_racing at the beginning of a dream."""
    yield fresh(opened["car"], 1.15, "threshold")
    opened["car"].innocent()


@pytest.fixture
def doom(opened):
    """A View of take_cover at the beginning of a dream."""
    yield fresh(opened["doom"], 1.15, "sample")
    opened["doom"].innocent()


def test_it_waits_at_the_first_picture(viewing, host, folder):
    with host(folder) as address, viewing() as view:
        view.open(f"{address}/")
        assert (view.data("step"), view.data("over"), view.data("mode")) == ("0", "", "agent")
        assert view.page.get_attribute("body", "data-playing") == "0"
        assert "CarRacing-v3 · z 32, hidden 256" in view.page.inner_text("#facts")
        view.until("spy.asked.some((m) => m.type === 'effects')")  # unasked, while it rests
        view.settle()
        starts = view.page.evaluate("""() => [...document.querySelectorAll("#starts canvas")].map(
            (canvas) => canvas.toDataURL())""")
        assert len(set(starts)) == 32
        assert starts[0] == view.pixels()
        for key in ("Space", ".", "ArrowLeft"):  # not into the picture
            view.page.keyboard.press(key)
        assert view.asked("step") == []
        assert view.page.get_attribute("body", "data-playing") == "0"


def test_keys_are_the_visitors_and_released_ones_cs(car):
    keys = car.page.keyboard
    car.page.focus("#screen")
    for key, at, to in (("ArrowLeft", 0, -1), ("ArrowRight", 0, 1), ("ArrowUp", 1, 1),
                        ("ArrowDown", 2, 0.2)):  # fmt: skip
        keys.down(key)
        car.play(until=(HELD, [at, to]))
        assert (car.asked("step")[-1]["mix"], car.data("mode")) == (1, "agent")
        keys.up(key)
        wanted = car.agent()
        car.steps()
        assert car.asked("step")[-1] | {"action": None, "mix": 0} == car.asked("step")[-1]
        assert car.action() == wanted
    steered = [message["action"][0] for message in car.asked("step") if message["action"]]
    assert -1 in steered
    assert 1 in steered


def test_the_hand_is_gone_with_the_focus(car):
    car.page.focus("#screen")
    car.page.keyboard.down("ArrowLeft")
    car.steps()
    assert car.asked("step")[-1]["mix"] == 1
    car.page.evaluate("document.activeElement.blur()")
    wanted = car.agent()
    car.steps()
    assert car.asked("step")[-1]["action"] is None
    assert car.action() == wanted
    car.page.keyboard.up("ArrowLeft")


def test_one_dimension_is_steered_by_two_keys(doom):
    doom.page.focus("#screen")
    for key, to in (("ArrowRight", 1), ("ArrowLeft", -1)):
        doom.page.keyboard.down(key)
        doom.play(until=(HELD, [0, to]))
        doom.page.keyboard.up(key)
    doom.page.keyboard.down("ArrowUp")  # means nothing here
    doom.steps()
    assert doom.asked("step")[-1]["action"] is None
    doom.page.keyboard.up("ArrowUp")


def test_a_pointer_steers_by_side_and_drag(car):
    mouse, box = car.page.mouse, car.page.locator("#screen").bounding_box()

    def to(across, down, **how):
        mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, **how)

    to(0.2, 0.5)
    mouse.down()
    car.play(until=(HELD, [0, -1]))
    to(0.5, 0.2, steps=3)
    car.play(until=(HELD, [1, 1]))
    car.play(until=(HELD, [0, 0]))
    to(0.8, 0.9, steps=3)
    car.play(until=(HELD, [2, 0.2]))
    car.play(until=(HELD, [0, 1]))
    car.play(until=(HELD, [1, 0]))
    mouse.up()
    wanted = car.agent()
    car.steps()
    assert car.action() == wanted
    assert car.page.evaluate("document.activeElement.id") == "screen"


def test_play_pause_step_and_restart(car):
    first = car.pixels()
    steps = car.steps(6)
    assert [moment["step"] for moment in steps] == [1, 2, 3, 4, 5, 6]
    assert car.data("step") == "6"
    sixth = car.pixels()
    car.restart("r")
    assert (car.data("step"), car.pixels()) == ("0", first)
    assert [moment["z"] for moment in car.steps(6)] == [moment["z"] for moment in steps]
    assert car.pixels() == sixth
    car.page.keyboard.press("Space")
    car.until("Number(document.getElementById('screen').dataset.step) > 9")
    assert car.page.inner_text("#play") == "Pause"
    car.page.keyboard.press("Space")
    car.settle()
    assert car.page.get_attribute("body", "data-playing") == "0"
    known = int(car.data("step"))
    assert [moment["step"] for moment in car.steps()] == [known + 1]  # it stood still
    car.play(until=(f"Number(document.getElementById('screen').dataset.step) > {known + 3}",))


def test_a_seed_is_a_dream(car):
    def dreamt(seed):
        car.set("#seed", seed)
        car.settle()
        assert car.asked("begin")[-1]["seed"] == seed
        return [moment["z"] for moment in car.steps(4)], car.pixels()

    one, other = dreamt(7), dreamt(8)
    assert one != other
    assert dreamt(7) == one
    for wrong, meant in (("", 0), (-5, 0), (2.9, 2), (1e12, 2**31 - 1)):
        car.set("#seed", wrong)
        car.settle()
        assert car.asked("begin")[-1]["seed"] == meant


def test_at_temperature_0_chance_has_no_part(car):
    car.set("#temperature", 0)
    dreams = []
    for seed in (1, 2):
        car.set("#seed", seed)
        dreams.append([moment["z"] for moment in car.steps(5)])
    assert dreams[0] == dreams[1]
    car.set("#temperature", 1)
    car.set("#seed", 1)
    assert [moment["z"] for moment in car.steps(5)] != dreams[0]


def test_who_drives(car):
    car.page.focus("#screen")
    rest = [0, 0, 0]
    wanted = car.agent()
    car.steps()
    assert car.action() == wanted
    car.page.keyboard.press("m")
    assert (car.data("mode"), car.page.is_enabled("#mix")) == ("mixed", True)
    own = car.agent()
    car.steps()
    assert car.asked("step")[-1] | {"action": rest, "mix": 0.5} == car.asked("step")[-1]
    assert car.action() == pytest.approx([value / 2 for value in own], abs=1e-6)
    car.set("#mix", 0.25)
    own = car.agent()
    car.steps()
    assert car.action() == pytest.approx([0.75 * value for value in own], abs=1e-6)
    car.page.keyboard.press("m")
    assert (car.data("mode"), car.page.is_enabled("#mix")) == ("you", False)
    car.steps()
    assert car.asked("step")[-1]["mix"] == 1
    assert car.action() == rest
    car.page.keyboard.press("m")
    assert car.data("mode") == "agent"
    wanted = car.agent()
    car.steps()
    assert car.action() == wanted


def test_latents_can_be_held(car):
    row = car.page.locator(".latent").nth(1)
    latent = int(re.sub(r"\D", "", row.locator(".latent-name").inner_text()))
    free = car.steps()[0]["z"][latent]
    row.locator("input").fill("1.5")
    assert row.get_attribute("data-pinned") == "1"
    for moment in car.steps(2):
        assert moment["z"][latent] == pytest.approx(1.5, abs=0.02) != free
    assert list(car.asked("step")[-1]["pins"]) == [str(latent)]
    row.locator(".free").click()
    car.steps()
    assert car.asked("step")[-1]["pins"] == {}
    row.locator("input").fill("-1")
    car.page.click("#release")
    car.steps()
    assert car.asked("step")[-1]["pins"] == {}


def test_latents_show_what_they_do(car):
    car.page.click("#effects")
    car.settle()
    asked = car.asked("effects")[-1]
    assert len(asked["latents"]) == 12
    shown = car.page.evaluate("""() => [...document.querySelectorAll(".latent canvas")].map(
        (canvas) => canvas.toDataURL())""")
    assert len(shown) == 24
    assert len(set(shown)) > 12


def test_places_where_a_dream_begins(car):
    first = car.pixels()
    car.restart("n")
    assert car.asked("begin")[-1]["start"] == 1
    second = car.pixels()
    car.page.click("#starts button:nth-child(6)")
    car.until("spy.asked.at(-1).start === 5 || spy.asked.some((m) => m.start === 5)")
    car.settle()
    assert car.page.get_attribute("#starts button:nth-child(6)", "aria-pressed") == "true"
    assert len({first, second, car.pixels()}) == 3
    assert car.data("step") == "0"
    car.page.click("#starts button:last-child")
    car.settle()
    car.restart("n")
    assert car.asked("begin")[-1]["start"] == 0


@pytest.mark.parametrize(
    ("how", "logit", "steps", "over"),
    [
        ("never", 9.0, 20, "truncated"),
        ("threshold", 0.1, 1, "terminated"),
        ("threshold", -0.1, 20, "truncated"),
        ("sample", 20.0, 1, "terminated"),
        ("sample", -20.0, 20, "truncated"),
    ],
)
def test_how_a_dream_ends(viewing, host, tmp_path, how, logit, steps, over):
    agent = page_agent(tmp_path / "small", end=logit)
    write_folder([pack_agent(agent)], tmp_path / "site")
    with host(tmp_path / "site") as address, viewing() as view:
        view.open(f"{address}/")
        view.set("#end", how)
        assert view.steps(steps)[-1]["over"] == over
        text, counted = view.page.inner_text("#ended"), f"{steps} step{'s'[: steps > 1]}"
        assert text.startswith(f"The dream ended after {counted}, score ")
        assert view.page.is_disabled("#futures")
        view.play(until=("spy.asked.some((message) => message.start === 1)",))  # by itself
        assert view.page.get_attribute("#starts button:nth-child(2)", "aria-pressed") == "true"


def test_futures_are_of_three_actions(car):
    assert not car.page.is_visible(".future canvas")
    car.steps(2)
    before = car.pixels()
    car.page.click("#futures")
    car.until("!document.querySelector('.future-grid').hidden")
    car.settle()
    asked = car.asked("futures")[-1]
    assert asked["actions"] == [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]
    strips = car.page.evaluate("""() => [...document.querySelectorAll(".future canvas")].map(
        (canvas) => [canvas.width, canvas.height, canvas.toDataURL()])""")
    assert [strip[:2] for strip in strips] == [[512, 256]] * 3
    assert len({strip[2] for strip in strips}) == 3
    assert car.pixels() == before  # the dream itself stays where it is
    assert "from step 2 on" in car.page.inner_text(".futures")


def test_the_reel_beside_what_is_dreamt(car):
    car.page.click("#show-reel")
    car.until("document.body.dataset.show === 'reel'")
    car.settle()
    asked = car.asked("follow")[-1]
    assert (asked["at"], asked["sync"]) == (0, 0)
    assert car.page.locator(".stage canvas:visible").count() == 4
    car.steps(3)
    assert [message["at"] for message in car.asked("follow")] == [0, 1, 2, 3]
    assert "nats per dimension. Most: z" in car.page.inner_text("section.panel >> nth=1")
    assert car.page.is_disabled("#next")
    lost = car.pixels()
    car.set("#sync", 1)
    car.restart_reel()
    car.steps(3)
    assert car.asked("follow")[-1]["sync"] == 1
    assert car.pixels() != lost
    car.page.click("#show-dream")
    car.settle()
    assert car.data("step") == "0"


@pytest.mark.parametrize(("shown", "width"), [("dream", 512), ("reel", 1536)])
def test_a_film_that_others_can_play(car, tmp_path, shown, width):
    car.page.click(f"#show-{shown}")
    car.settle()
    car.page.click("#record")
    assert car.page.inner_text("#record") == "Stop"
    known = int(car.data("step"))
    car.play(until=(f"Number(document.getElementById('screen').dataset.step) > {known + 12}",))
    car.page.click("#record")
    car.page.wait_for_selector("#film")
    with car.page.expect_download() as download:
        car.page.click("#film")
    name = download.value.suggested_filename
    assert re.fullmatch(r"car_racing\.(mp4|webm)", name)
    download.value.save_as(tmp_path / name)
    film, frames = cv2.VideoCapture(str(tmp_path / name)), []
    while (read := film.read())[0]:
        frames.append(read[1])
    assert len(frames) > 1
    assert frames[0].shape == (512, width, 3)
    assert abs(frames[-1].astype(int) - frames[0]).max() > 20


def test_one_file_opens_from_disk(viewing, tmp_path):
    path = tmp_path / "my dream.html"
    write_single([pack_agent(worldmodel.load("car_racing"), small=True)], path)
    with viewing() as view:
        view.open(path.as_uri())
        assert "runs in this browser" in view.page.inner_text("#facts")
        first = view.pixels()
        view.steps(3)
        assert view.pixels() != first
        view.page.click("#show-reel")
        view.settle()
        view.steps(2)
        assert view.data("step") == "2"


def test_a_telephone(viewing, host, folder):
    with (
        host(folder) as address,
        viewing(viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True) as view,
    ):
        view.open(f"{address}/")
        page = view.page
        page.tap("#step")
        view.until("document.getElementById('screen').dataset.step === '1'")
        page.tap("#play")
        view.until("Number(document.getElementById('screen').dataset.step) > 3")
        page.tap("#play")
        view.settle()
        touch = page.context.new_cdp_session(page)
        box = page.locator("#screen").bounding_box()
        point = {"x": box["x"] + 0.8 * box["width"], "y": box["y"] + 0.5 * box["height"]}
        send = partial(touch.send, "Input.dispatchTouchEvent")
        send({"type": "touchStart", "touchPoints": [point]})
        view.play(until=(HELD, [0, 1]))
        up = point | {"y": point["y"] - 0.3 * box["height"]}
        send({"type": "touchMove", "touchPoints": [up]})
        view.play(until=(HELD, [1, 1]))
        send({"type": "touchEnd", "touchPoints": []})
        wanted = view.agent()
        view.steps()
        assert view.action() == wanted
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert page.evaluate("scrollY") == 0  # it steered and did not scroll
        small = page.evaluate("""() => [...document.querySelectorAll(
          "button, select, input, summary, a")].filter((node) => node.checkVisibility()).map(
          (node) => [node.id || node.className, node.getBoundingClientRect()]).filter(
          ([, box]) => box.width < 40 || box.height < 40).map(([name]) => name)""")
        assert small == []
        nameless = page.evaluate("""() => [...document.querySelectorAll("button, select, input")]
          .filter((node) => !(node.getAttribute("aria-label") || node.labels?.length ||
          node.tagName === "BUTTON" && node.textContent.trim())).map((node) => node.outerHTML)""")
        assert nameless == []
