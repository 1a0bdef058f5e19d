import gymnasium as gym
import numpy as np
import pytest

from worldmodel.envs.car_drawing import Scene

BAR = 84  # rows above the indicators
NUMBER = 15  # columns of the number below, which we leave out


def pose_of(car):
    hull = car.hull
    rows = [[*hull.position, hull.angle, *hull.linearVelocity, hull.angularVelocity]]
    for wheel in car.wheels:
        rows.append([*wheel.position, wheel.angle, wheel.phase, wheel.omega, wheel.joint.angle])
    return np.array(rows, np.float64)


class Both:
    """gymnasium's game, and a scene that looks at it."""

    def __init__(self, seed, **kwargs):
        self.env = gym.make("CarRacing-v3", disable_env_checker=True, **kwargs).unwrapped
        self.frame, _ = self.env.reset(seed=seed)
        road = np.array([corners for corners, _ in self.env.road_poly])
        self.colors = self.colors_now()
        self.scene = Scene(road, self.colors, self.env.grass_color, self.env.bg_color)

    def colors_now(self):
        return np.array([np.array(color).astype(np.uint8) for _, color in self.env.road_poly])

    def drive(self, step):
        action = np.array([0.3 * np.sin(step / 6) - 0.05, 0.5, 0], np.float32)
        self.frame, *_ = self.env.step(action)

    def draw(self):
        self.colors[:] = self.colors_now()
        return self.scene.draw(pose_of(self.env.car), self.env.t)


@pytest.fixture(scope="module")
def seen():
    """Frames of winding drives on two tracks, theirs and ours (N, 96, 96, 3), and when."""
    theirs, ours, seconds = [], [], []
    for seed in (3, 4):
        both = Both(seed)
        for step in range(101):
            if step % 5 == 0:
                theirs.append(both.frame)
                ours.append(both.draw())
                seconds.append(both.env.t)
            both.drive(step)
    return np.array(theirs).astype(float), np.array(ours).astype(float), np.array(seconds)


def test_it_shows_the_scene_as_gymnasium_does(seen):
    theirs, ours, seconds = seen
    off = np.abs(theirs - ours)[:, :BAR]
    assert (seconds < 1).sum() >= 10
    assert off[seconds < 1].mean((1, 2, 3)).max() < 0.25  # of 255; the camera comes near
    assert off[seconds >= 1].mean() < 0.07
    assert off[seconds >= 1].mean((1, 2, 3)).max() < 0.1
    assert (off.max(-1) > 40).mean() < 1e-4


def test_the_car_is_where_gymnasium_draws_it(seen):
    theirs, ours, seconds = seen
    car = (seconds >= 1, slice(60, BAR), slice(40, 56))
    assert theirs[car].std() > 20
    assert np.abs(theirs[car] - ours[car]).mean() < 0.8
    assert np.abs(theirs[car] - ours[car]).max() < 60


def test_the_indicators_are_gymnasiums_but_for_the_number(seen):
    theirs, ours, seconds = seen
    theirs, ours = theirs[:, BAR:, NUMBER:], ours[:, BAR:, NUMBER:]
    assert theirs[seconds >= 1].std() > 20
    assert np.abs(theirs - ours).mean() < 0.3
    assert (np.abs(theirs - ours).max(-1) > 40).mean() < 1e-3


def test_every_indicator_shows_its_own_value():
    both = Both(3)
    still = np.zeros((5, 6))
    still[:, :3] = pose_of(both.env.car)[:, :3]
    nothing = both.scene.draw(still, 2.0)[BAR:].astype(int)
    assert nothing.max() == 0
    columns = {(0, 3): 12, (0, 5): 72, (1, 4): 16, (2, 4): 19, (3, 4): 21, (4, 4): 24, (1, 5): 48}
    for (row, column), place in columns.items():
        pose = still.copy()
        pose[row, column] = -0.4 if column == 5 else 80
        shown = both.scene.draw(pose, 2.0)[BAR:].max((0, 2))
        assert set(np.flatnonzero(shown)) <= set(range(place, place + 12))
        assert shown[place : place + 2].max() > 100


def test_it_takes_the_colours_of_the_game():
    pictures = []
    for seed in (1, 2):
        both = Both(seed, domain_randomize=True)
        ours = both.draw().astype(float)
        assert np.abs(both.frame.astype(float) - ours)[:BAR].mean() < 0.5
        pictures.append(ours)
    assert np.abs(pictures[0] - pictures[1]).mean() > 10


def test_a_colour_changed_in_the_shared_array_is_drawn():
    both = Both(3)
    pose = pose_of(both.env.car)
    before = both.scene.draw(pose, 2.0)
    both.colors[:] = (10, 20, 250)
    after = both.scene.draw(pose, 2.0)
    changed = (after == (8, 18, 248)).all(-1)
    assert 0.05 < changed[:BAR].mean() < 0.9
    assert (before != after).any(-1)[changed].all()


def test_more_colours_than_it_can_tell_apart_do_no_harm():
    both = Both(3)
    both.colors[:, 0] = np.arange(len(both.colors)) % 256
    both.colors[:, 1] = np.arange(len(both.colors)) // 256
    assert both.scene.draw(pose_of(both.env.car), 0.0).shape == (96, 96, 3)


def test_beyond_the_field_is_black():
    both = Both(3)
    pose = pose_of(both.env.car)
    pose[:, :2] += 1e4
    picture = both.scene.draw(pose, 2.0)
    assert (picture[:60] == 0).all()
    assert picture[60:BAR].max() > 150  # the car


def test_a_frame_stays_as_it_was_drawn():
    both = Both(3)
    first = both.draw()
    copy = first.copy()
    for step in range(3):
        both.drive(step)
    second = both.draw()
    assert np.array_equal(first, copy)
    assert not np.array_equal(first, second)
    assert (second.shape, second.dtype) == ((96, 96, 3), np.uint8)
    assert np.array_equal(second, both.draw())
