"""Questions 6 and 12: what is drawn, read off the figures and off the array that comes back."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch

from autograder.checks import (
    CheckFailed,
    SubmissionFault,
    assert_tensor,
    describe_type,
    drawn,
    exceeds,
    falls_below,
    is_remote,
    item,
    show_images,
)

CELLS = 10
EXACT = 1e-3
"""Codes are read off float32 images, to about 1e-5."""
MIN_RANGE = 0.1


# q6.plot_latents


def decoder_of(z_dims, size, seed):
    """Weight and bias of a known decoder."""
    generator = torch.Generator().manual_seed(seed)
    weight = 0.6 * torch.randn(size**2, z_dims, generator=generator) / z_dims**0.5
    return weight, 0.5 * torch.randn(size**2, generator=generator)


def grid_of(value, size):
    """The array that plot_latents returned, as a tensor (10 * size, 10 * size)."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        value = torch.from_numpy(np.array(value))
    if is_remote(value) or not isinstance(value, torch.Tensor):
        kind = "an object" if is_remote(value) else describe_type(value)
        raise CheckFailed(f"plot_latents must return the grid as an array, not {kind}", got=kind)
    side = CELLS * size
    return assert_tensor(value, shape=(side, side), name="what plot_latents returns").detach().double()


def cells_of(grid, size):
    """The images of a grid, (100, size * size), row by row."""
    return grid.reshape(CELLS, size, CELLS, size).transpose(1, 2).reshape(CELLS**2, size**2)


def codes_of(grid, size, weight, bias):
    """The code of every cell, (10, 10, z_dims): the known decoder gives the cell for it, and that alone counts."""
    cells = cells_of(grid, size)
    z = torch.linalg.lstsq(weight.double(), (cells.logit(1e-9) - bias.double()).T).solution.T
    off = ((z @ weight.double().T + bias.double()).sigmoid() - cells).abs().amax(1)
    if exceeds(off, 1e-4):
        row, column = divmod(int(off.argmax()), CELLS)
        raise CheckFailed(
            f"the image in row {row}, column {column} is nothing that the decoder makes of a code: are the images put"
            " together in the right order, each as a whole, and as the decoder gives them?"
        )
    return z.reshape(CELLS, CELLS, -1)


def assert_grid(z, i, j):
    """Raise `CheckFailed` unless z_i and z_j vary along rows and columns, symmetrically, and all else is 0."""
    others = [k for k in range(z.shape[2]) if k not in (i, j)]
    if others and exceeds(z[..., others].abs(), EXACT):
        raise CheckFailed(
            f"latent dimensions other than {i} and {j} must be 0 in every image",
            expected="0",
            got=f"values up to {float(z[..., others].abs().max()):.3g}",
        )
    for along in (z, z.transpose(0, 1)):
        rows, columns = along[:, :1, i], along[:1, :, j]
        if bool(((along[..., i] - rows).abs() < EXACT).all() and ((along[..., j] - columns).abs() < EXACT).all()):
            break
    else:
        raise CheckFailed(
            f"one of z_{i} and z_{j} must be the same within each row, the other within each column",
            got=f"in the first row, (z_{i}, z_{j}) = {pairs(z[0][:, [i, j]])}, ...",
        )
    for values, k in ((rows.flatten(), i), (columns.flatten(), j)):
        steps = values.diff()
        if (falls_below(steps, EXACT) and exceeds(steps, -EXACT)) or falls_below(values.abs().max(), MIN_RANGE):
            raise CheckFailed(f"z_{k} must run through ten different values, in order", got=numbers(values))
        if exceeds((values + values.flip(0)).abs(), EXACT * (1 + values.abs().max())):
            raise CheckFailed(f"z_{k} must run over a range that is symmetric around 0", got=numbers(values))


def numbers(values):
    """Numbers as text."""
    return ", ".join(f"{float(value):.3g}" for value in values)


def pairs(values):
    """The first pairs of numbers as text."""
    return ", ".join(f"({float(a):.3g}, {float(b):.3g})" for a, b in values[:3])


def latents(hw5, hw5_probes, z_dims, size, seed, *which):
    """The grid of plot_latents on a VAE with a known decoder, and the code of every cell.

    Where the images are not those of the known decoder, it takes the place of the layer that gets the codes.
    """
    known = decoder_of(z_dims, size, seed)
    grid = grid_of(hw5.plot_latents(hw5_probes.revealing(hw5.VAE, z_dims, size, *known), *which), size)
    try:
        return grid, codes_of(grid, size, *known)
    except CheckFailed as failure:
        for squashed in (True, False):
            with suppress(CheckFailed, SubmissionFault):
                again = hw5_probes.revealing_layer(hw5.plot_latents, hw5.VAE, (z_dims, size), known, squashed, *which)
                again = grid_of(again, size)
                return again, codes_of(again, size, *known)
        raise failure


@item("q6.plot_latents", weight=2)
def test_rows_and_columns_vary_two_latent_dimensions(hw5, hw5_probes):
    """Each cell of the grid is decoded from its own z_i and z_j, in order, symmetric around 0; all else is 0.

    A decoder takes the place of yours whose images tell which code they are of.
    """
    for which in ((), (3, 1)):
        grid, z = latents(hw5, hw5_probes, 5, 28, 1, *which)
        if not which:
            show_images("The grid for a known decoder", {"plot_latents": 2 * grid[None, None] - 1})
        assert_grid(z, *(which or (0, 1)))


def pictures_in(figures):
    """All images in some figures, without their channels."""
    found = [image for figure in figures for panel in figure.panels for image in panel.images]
    return [image[..., :3].mean(-1) if image.ndim == 3 else image for image in found]


def alike(image, expected):
    """Whether two images of one shape differ at most by brightness and contrast."""
    a, b = (part.flatten().double() - part.double().mean() for part in (image.nan_to_num(), expected))
    return bool((a @ b).abs() > 0.99 * a.norm() * b.norm() > 0)


@item("q6.plot_latents", weight=1)
def test_the_grid_is_drawn(hw5, hw5_probes):
    """What is returned is also drawn: as one image, or as a hundred small ones."""
    size = 28
    grid, _ = latents(hw5, hw5_probes, 4, size, 2, 1, 2)
    images = pictures_in(drawn(hw5))
    if any(
        image.shape == grid.shape and alike(image, expected) for image in images for expected in (grid, grid.flip(0))
    ):
        return
    small = [image for image in images if image.shape == (size, size)]
    cells = cells_of(grid, size).reshape(-1, size, size)
    if len(small) < len(cells) or not all(any(alike(image, cell) for image in small) for cell in cells):
        raise CheckFailed("no figure shows the grid that plot_latents returns", got=f"{len(images)} images in figures")


# q12.snapshots

T = 200
TIMES = (200, 100, 50, 20, 10, 0)
SIZE = 28
MARGIN = 4
"""Pixels around an image, as tools that put images side by side leave them."""


def some_stages(batch, seed):
    """Stages (201, batch, 1, 28, 28), x_200 first, in which no two images are alike."""
    return 2 * torch.rand(T + 1, batch, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) - 1


def cut_outs(image):
    """Parts of an image that may be an image of 28 x 28, as lists of panels: one, or six side by side."""
    height, width = image.shape
    for margin in range(MARGIN + 1):
        step = SIZE + margin
        if height < SIZE + margin or width < SIZE + margin:
            return
        rows = image[margin : margin + SIZE]
        if width >= margin + 5 * step + SIZE:
            yield [rows[:, margin + k * step : margin + k * step + SIZE] for k in range(6)]
        yield [rows[:, margin : margin + SIZE]]


def stage_of(image, stages):
    """The t, and which image of the batch, that a picture shows, whatever its brightness and contrast; or None."""
    known = stages.double().reshape(-1, SIZE**2)
    known = known - known.mean(1, keepdim=True)
    seen = image.double().nan_to_num().flatten()
    seen = seen - seen.mean()
    agreement = (known @ seen) / (known.norm(dim=1) * seen.norm().clamp_min(1e-12))
    best = int(agreement.argmax())
    step, which = divmod(best, stages.shape[1])
    return (T - step, which) if float(agreement[best]) > 0.7 else None


def stages_in(figure, stages):
    """What the panels of a figure show, in order."""
    panels = [panel for panel in figure.panels if panel.images]
    seen = []
    for panel in panels:
        (image,) = pictures_in_panel(panel)
        readings = [[stage_of(part, stages) for part in parts] for parts in cut_outs(image)]
        seen += max(readings, key=lambda found: sum(stage is not None for stage in found), default=[None])
    return seen


def pictures_in_panel(panel):
    """The first image of a panel, without its channels."""
    image = panel.images[0]
    return [image[..., :3].mean(-1) if image.ndim == 3 else image]


def assert_snapshots(hw5, hw5_probes, stages):
    """Raise `CheckFailed` unless one figure shows the six stages in order (of one image, or row by row of several)."""
    result = hw5_probes.snapshots(hw5.plot_snapshots, stages)
    figures = drawn(hw5, result)
    shown = [stages_in(figure, stages) for figure in figures]
    in_order = [seen for seen in shown if seen and times_of(seen) == TIMES * (len(seen) // 6)]
    if not in_order:
        most = times_of(max(shown, key=len, default=[]))
        words = ", ".join("none of them" if t is None else str(t) for t in most[:12])
        raise CheckFailed(
            "one figure must have six panels, which show x_t for t = 200, 100, 50, 20, 10, 0 in this order",
            expected="t = 200, 100, 50, 20, 10, 0",
            got=f"{len(most)} panels with t = {words}" if most else "no panel with an image",
        )
    ways = [[which for _, which in in_order[0][start : start + 6]] for start in range(0, len(in_order[0]), 6)]
    if mixed := next((way for way in ways if len(set(way)) > 1), None):
        raise CheckFailed(
            "the six panels must show one image on its way back, not several images at one moment each",
            expected="six times the same image of the batch",
            got=f"the images {', '.join(map(str, mixed))}",
        )


def times_of(seen):
    """The t of what panels show; None where a panel shows no stage."""
    return tuple(stage and stage[0] for stage in seen)


@item("q12.snapshots", weight=2)
def test_six_panels_in_order(hw5, hw5_probes):
    """The six panels of the figure are x_t for t = 200, 100, 50, 20, 10, 0; `images` begins with x_200."""
    assert_snapshots(hw5, hw5_probes, some_stages(6, 1))
