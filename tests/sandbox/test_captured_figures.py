"""What a submission draws can be read on the trusted side, on both backends."""

from __future__ import annotations

import sys

import pytest
import torch

from autograder.checks import SubmissionFault, drawn

DRAWING = """
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
import numpy as np
def grid(images):
    fig, axes = plt.subplots(2, 2)
    for ax, image, name in zip(axes.ravel(), images, "abcd"):
        ax.imshow(image, cmap="gray")
        ax.set_title(name)
    plt.show()
def scatter(points, labels):
    fig = plt.figure()
    ax = fig.add_subplot(projection=None)
    ax.scatter(points[:, 0], points[:, 1], c=labels, label="codes")
    ax.plot([0, 1], [2, 3])
    ax.set_xlabel("z_1"); ax.set_ylabel("z_2"); ax.legend()
    return ax
def by_class(points, labels):
    for k in range(2):
        plt.scatter(*points[labels == k].T, color=["red", "blue"][k])
def of_its_own(image):
    figure = Figure()
    figure.add_subplot().imshow(image)
    return figure
def nested(image):
    fig, axes = plt.subplots(1, 2)
    axes[0].imshow(image)
    return axes
def nothing():
    pass
def shown(image, **options):
    plt.figure()
    plt.imshow(image, **options)
def turned(image, x, y):
    _, ax = plt.subplots()
    ax.imshow(image)
    if x: ax.invert_xaxis()
    if y: ax.invert_yaxis()
def meshed(image):
    plt.figure()
    plt.pcolormesh(image)
def mosaic(images):
    _, ax = plt.subplots()
    for number, (left, top) in reversed(list(enumerate([(0, 0), (5, 0), (0, -3), (5, -3)]))):
        ax.imshow(images[number], extent=(left, left + 5, top - 3, top))
    ax.set_xlim(0, 10); ax.set_ylim(-6, 0)
def placed(image):
    figure = plt.figure()
    for left, bottom in ((0.5, 0.1), (0.1, 0.5)):
        figure.add_axes([left, bottom, 0.3, 0.3]).imshow(image)
"""


@pytest.fixture
def s(start, backend):
    return start(backend, DRAWING).module("s")


def test_images_and_titles_of_panels_in_order(s):
    images = torch.rand(4, 3, 5)
    s.grid(images.numpy())
    (figure,) = drawn(s)
    assert [panel.title for panel in figure.panels] == ["a", "b", "c", "d"]
    assert all(torch.equal(panel.images[0], image.double()) for panel, image in zip(figure.panels, images, strict=True))
    assert figure.picture is None


def test_points_colours_labels_and_lines(s):
    points, labels = torch.rand(7, 2), torch.arange(7)
    (figure,) = drawn(s, s.scatter(points.numpy(), labels.numpy()), picture=True)
    (panel,) = figure.panels
    assert torch.equal(panel.points[0], points.double()) and torch.equal(panel.colors[0], labels.double())
    assert (panel.x_label, panel.y_label, panel.legend) == ("z_1", "z_2", ("codes",))
    assert torch.equal(panel.lines[0], torch.tensor([[0.0, 2.0], [1.0, 3.0]], dtype=torch.float64))
    assert figure.picture.shape[2] == 3 and 0 <= figure.picture.min() < figure.picture.max() <= 1


def test_one_scatter_for_each_class_has_its_colour(s):
    s.by_class(torch.rand(4, 2).numpy(), torch.tensor([0, 1, 1, 0]).numpy())
    (panel,) = drawn(s)[0].panels
    assert [len(points) for points in panel.points] == [2, 2]
    assert panel.colors[0].tolist() == [[1, 0, 0, 1]] and panel.colors[1].tolist() == [[0, 0, 1, 1]]


def test_a_figure_that_pyplot_does_not_know_and_an_array_of_axes(s):
    image = torch.rand(2, 2)
    assert torch.equal(drawn(s, s.of_its_own(image.numpy()))[0].panels[0].images[0], image.double())
    s.scatter(torch.rand(3, 2).numpy(), torch.arange(3).numpy())
    (figure,) = drawn(s, s.nested(image.numpy()))
    assert len(figure.panels) == 2 and figure.panels[1].images == ()


def test_nothing_drawn_is_said(s):
    s.nothing()
    with pytest.raises(SubmissionFault, match="nothing was drawn"):
        drawn(s)


CLOSING = """
import io

import matplotlib.pyplot as plt

def saved(image):
    fig, ax = plt.subplots()
    ax.imshow(image)
    plt.savefig(io.BytesIO())
    plt.close()

def both(image):
    for one in (image, 1 - image):
        fig, ax = plt.subplots()
        ax.imshow(one)
        plt.close(fig)
    plt.figure()
    plt.imshow(image)
    plt.close("all")
"""


def test_a_figure_that_was_closed_was_drawn(start, backend):
    session = start(backend, CLOSING)
    s, image = session.module("s"), torch.rand(2, 3)
    s.saved(image.numpy())
    ((figure),) = drawn(s)
    assert torch.equal(figure.panels[0].images[0], image.double())
    session.begin(2)
    with pytest.raises(SubmissionFault, match="nothing was drawn"):
        drawn(s)
    s.both(image.numpy())
    assert len(drawn(s)) == 3


def test_closing_closes_the_current_figure(start, backend):
    source = CLOSING + "def first():\n    a, b = plt.figure(1), plt.figure(2)\n    plt.figure(1)\n    plt.close()\n"
    assert start(backend, source + "    return plt.get_fignums()\n").module("s").first() == [2]


def test_many_sessions_in_one_process_do_not_wrap_one_another(start):
    for _ in range(60):
        start("in_process", CLOSING).module("s").both(torch.rand(2, 2).numpy())
    close = sys.modules["matplotlib.pyplot"].close
    assert hasattr(close, "remembering") and not hasattr(close.__wrapped__, "remembering")


def test_each_example_begins_without_figures(start, backend):
    session = start(backend, DRAWING)
    s = session.module("s")
    s.of_its_own(torch.rand(2, 2).numpy())
    s.nested(torch.rand(2, 2).numpy())
    session.begin(2)
    with pytest.raises(SubmissionFault, match="nothing was drawn"):
        drawn(s)


def test_what_cannot_be_read_is_the_submissions_fault(start, backend):
    session = start(backend, DRAWING)
    s = session.module("s")
    session.drawn = lambda result, picture: [{"title": "x", "panels": [{"title": 3}], "picture": None}]
    with pytest.raises(SubmissionFault, match="cannot be read"):
        drawn(s)


UPRIGHT = torch.arange(15.0).reshape(3, 5)


def seen(s):
    (figure,) = drawn(s)
    (image,) = figure.panels[0].images
    return image


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, UPRIGHT),
        ({"origin": "lower"}, UPRIGHT.flip(0)),
        ({"extent": (0, 1, 0, 1)}, UPRIGHT),
        ({"extent": (0, 1, 0, 1), "origin": "lower"}, UPRIGHT.flip(0)),
        ({"extent": (0, 1, 1, 0)}, UPRIGHT),
        ({"extent": (0, 1, 1, 0), "origin": "lower"}, UPRIGHT.flip(0)),
    ],
    ids=str,
)
def test_an_image_is_read_as_it_is_seen(s, options, expected):
    s.shown(UPRIGHT.numpy(), **options)
    assert torch.equal(seen(s), expected.double())


@pytest.mark.parametrize("x", [False, True])
@pytest.mark.parametrize("y", [False, True])
def test_reversed_axes_turn_an_image(s, x, y):
    s.turned(UPRIGHT.numpy(), x, y)
    expected = UPRIGHT.flip([dimension for dimension, turned in enumerate((y, x)) if turned])
    assert torch.equal(seen(s), expected.double())


def test_a_mesh_is_an_image_whose_first_row_is_at_the_bottom(s):
    s.meshed(UPRIGHT.numpy())
    assert torch.equal(seen(s), UPRIGHT.flip(0).double())


def test_images_of_one_panel_are_read_row_by_row(s):
    images = torch.rand(4, 3, 5)
    s.mosaic(images.numpy())
    (figure,) = drawn(s)
    assert torch.equal(torch.stack(figure.panels[0].images), images.double())


def test_panels_say_where_they_are(s):
    s.placed(UPRIGHT.numpy())
    (figure,) = drawn(s)
    assert [tuple(round(part, 6) for part in panel.place) for panel in figure.panels] == [(0.5, 0.6), (0.1, 0.2)]
