"""Frames read from pygame's surfaces are the frames that render() returns."""

import sys
import threading

import gymnasium as gym
import numpy as np
import pytest

from worldmodel.envs.drawing import Drawing

pygame = pytest.importorskip("pygame")

IDS = [
    "CartPole-v1",
    "Acrobot-v1",
    "Pendulum-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "LunarLander-v3",
    "BipedalWalker-v3",
]


def make(name):
    if name in IDS[-2:]:
        pytest.importorskip("Box2D")
    return gym.make(name, render_mode="rgb_array", disable_env_checker=True)


def pygame_functions():
    return pygame.surfarray.pixels3d, pygame.surfarray.array3d, pygame.image.load


@pytest.mark.parametrize("name", IDS)
def test_every_byte_is_that_of_render(name):
    before = pygame_functions()
    plain, ours = make(name), make(name)
    drawing = Drawing(ours)
    for env in (plain, ours):
        env.reset(seed=3)
        env.action_space.seed(3)
    for _ in range(25):
        expected, frame = plain.render(), drawing.frame()
        assert np.array_equal(frame, expected)
        assert frame.flags.c_contiguous
        assert drawing.direct
        ended = [any(env.step(env.action_space.sample())[2:4]) for env in (plain, ours)]
        if any(ended):
            for env in (plain, ours):
                env.reset(seed=4)
    assert pygame_functions() == before


@pytest.mark.parametrize("name", IDS)
def test_a_step_draws_nothing(name):
    env = make(name)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    bare = env.unwrapped
    assert bare.screen is None
    assert getattr(bare, "surf", None) is None


class Square(gym.Env):
    """A square that moves; `show` is how a frame is made of the surface."""

    observation_space = gym.spaces.Box(0, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, show, size=(90, 60)):
        self.show = show
        self.screen = pygame.Surface(size)
        self.place = 0
        self.kept = []

    def render(self):
        self.screen.fill((10, 200, 30))
        self.screen.fill((250, 20, 90), (self.place, 7, 20, 20))
        return self.show(self)


def direct(env):
    return np.transpose(np.array(pygame.surfarray.pixels3d(env.screen)), (1, 0, 2))


def by_array3d(env):
    return pygame.surfarray.array3d(env.screen).swapaxes(0, 1)


def part(env):
    return direct(env)[10:40, 5:60]


def mirrored(env):
    return direct(env)[::-1, ::-1]


def colours_turned(env):
    return direct(env)[:, :, ::-1]


def keeping(env):
    env.kept.append(direct(env))
    return env.kept[-1]


def drawing_on(env):
    frame = direct(env)
    pygame.draw.rect(env.screen, (0, 0, 0), (0, 0, 80, 50))
    return frame


def blitting_on(env):
    frame = direct(env)
    env.screen.blit(pygame.Surface((50, 50)), (0, 0))
    return frame


def painting(env):
    pygame.surfarray.pixels3d(env.screen)[:40, :, 1] = 77
    return direct(env)


def painting_the_frame(env):
    frame = by_array3d(env)
    frame[:10] = 5
    return frame


def brighter(env):
    return direct(env) // 2


def floats(env):
    return np.array(pygame.surfarray.pixels3d(env.screen), np.float32).swapaxes(0, 1)


def a_view(env):
    return pygame.surfarray.pixels3d(env.screen).swapaxes(0, 1)


def without_pygame(env):
    return np.full((20, 30, 3), env.place, np.uint8)


def nothing(env):
    return None


@pytest.mark.parametrize("show", [direct, by_array3d, part, mirrored, colours_turned, painting])
def test_frames_are_read_from_the_surface(show):
    assert_as_rendered(show, is_direct=True)


@pytest.mark.parametrize(
    "show",
    [
        keeping,
        drawing_on,
        blitting_on,
        painting_the_frame,
        brighter,
        floats,
        a_view,
        without_pygame,
    ],
)
def test_frames_made_in_another_way_are_left_as_they_are(show):
    assert_as_rendered(show, is_direct=False)


def assert_as_rendered(show, is_direct):
    plain, ours = Square(show), Square(show)
    drawing = Drawing(ours)
    frames = []
    for place in range(0, 60, 15):
        plain.place = ours.place = place
        expected = np.array(plain.render())
        frames.append((drawing.frame(), expected))
        assert drawing.direct is is_direct
    if show is a_view:  # which the next frame changes, as it would without us
        frames = frames[-1:]
    for frame, expected in frames:
        assert np.array_equal(frame, expected)
    assert all(np.array_equal(a, b) for a, b in zip(plain.kept, ours.kept, strict=True))


@pytest.mark.parametrize("masks", [(0xFF, 0xFF00, 0xFF0000, 0), (0xFF000000, 0xFF0000, 0xFF00, 0)])
def test_other_orders_of_the_colours_are_read_right(masks):
    plain, ours = Square(direct), Square(direct)
    for env in (plain, ours):
        env.screen = pygame.Surface((90, 60), 0, 32, masks)
    drawing = Drawing(ours)
    for _ in range(2):
        assert np.array_equal(drawing.frame(), plain.render())


def test_a_surface_of_24_bits_is_read_right():
    plain, ours = Square(direct), Square(direct)
    for env in (plain, ours):
        env.screen = pygame.Surface((91, 60), 0, 24)
    drawing = Drawing(ours)
    for _ in range(2):
        assert np.array_equal(drawing.frame(), plain.render())


def test_an_error_of_the_environment_is_told_and_pygame_is_itself_again():
    before = pygame_functions()
    env = Square(direct)
    drawing = Drawing(env)
    drawing.frame()
    env.show = lambda env: 1 // 0
    with pytest.raises(ZeroDivisionError):
        drawing.frame()
    env.show = direct
    assert np.array_equal(drawing.frame(), env.render())
    assert pygame_functions() == before


def test_no_picture_is_passed_on():
    assert Drawing(Square(nothing)).frame() is None


def test_another_thread_meets_the_pygame_that_it_knows():
    found = []

    def look(env):
        other = threading.Thread(
            target=lambda: found.append(type(pygame.surfarray.pixels3d(pygame.Surface((2, 2)))))
        )
        other.start()
        other.join()
        return direct(env)

    drawing = Drawing(Square(look))
    drawing.frame()
    drawing.frame()
    assert found == [np.ndarray, np.ndarray]
    assert drawing.direct


def test_many_threads_draw_at_once():
    envs = [Square(direct) for _ in range(4)]
    wrong = []

    def run(env):
        drawing = Drawing(env)
        for place in range(0, 60, 3):
            env.place = place
            frame = drawing.frame()
            if not (frame[7:27, place : place + 20] == (250, 20, 90)).all():
                wrong.append(place)

    threads = [threading.Thread(target=run, args=(env,)) for env in envs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pictures_of_files_are_read_once_and_never_shared(tmp_path):
    path = str(tmp_path / "a.png")
    picture = pygame.Surface((8, 8))
    picture.fill((1, 2, 3))
    pygame.image.save(picture, path)

    def show(env):
        image = pygame.image.load(path)
        env.screen.blit(image, (0, 0))
        image.fill((99, 99, 99))
        return direct(env)

    env = Square(show)
    drawing = Drawing(env)
    first = drawing.frame()
    assert np.array_equal(drawing.frame(), first)
    assert (first[:8, :8] == (1, 2, 3)).all()


def test_without_pygame_nothing_is_looked_at(monkeypatch):
    monkeypatch.delitem(sys.modules, "pygame")
    drawing = Drawing(Square(without_pygame))
    assert drawing.frame().shape == (20, 30, 3)
    assert drawing.direct is None
