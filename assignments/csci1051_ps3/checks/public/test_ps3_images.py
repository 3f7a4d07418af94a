"""Parts 1B and 1C, and the extra credit: what your plots show of known networks, and the parts of your VAE."""

from __future__ import annotations

import math

import torch

from autograder.checks import (
    CheckFailed,
    Panel,
    assert_tensor,
    drawn,
    exceeds,
    falls_below,
    item,
    show_curves,
    show_images,
)

SIDE = 28
IMAGES = 40
COLUMNS, ROWS = 10, 10
SMALLEST = 2.0**-149
"""The smallest positive number of float32."""
LIKE = 0.99
"""Correlation of a drawn picture with the decoded one, whatever its range of greys."""
MAX_PADDING = 6
"""Pixels between the pictures of one large picture."""


def generator(seed):
    """A private generator."""
    return torch.Generator().manual_seed(seed)


def known_encoder(ps3_probes, seed):
    """A known encoder in the worker, and its matrix."""
    weight = torch.randn(SIDE * SIDE, 2, generator=generator(seed)) / 10
    return ps3_probes.KnownEncoder(weight), weight


def some_images(n, seed):
    """Pictures of noise ``(n, 1, 28, 28)`` in [0, 1]."""
    return torch.rand(n, 1, SIDE, SIDE, generator=generator(seed))


# p1b.clusters


def plotted(figures):
    """The points of that panel which has the most, ``(n, 2)``, and the name of each one's colour."""
    panels = [spread(panel) for figure in figures for panel in figure.panels]
    points, colours = max(panels, key=lambda found: len(found[0]), default=(torch.empty(0, 2), []))
    if not len(points):
        raise CheckFailed("the figure has no scatter plot", expected="one point for each image", got="no points")
    return points, colours


def spread(panel: Panel):
    """All points of a panel with the names of their colours; lines count, each in a colour of its own."""
    points, colours = [], []
    for number, (places, values) in enumerate(zip(panel.points, panel.colors, strict=True)):
        points.append(places)
        if values.ndim == 1:  # numbers that stand for colours
            colours += [("value", round(value, 6)) for value in values.tolist()]
        else:
            rows = values.expand(len(places), -1) if len(values) == 1 else values
            colours += [("colour", *(round(part, 4) for part in row)) for row in rows.tolist()]
        colours += [("none", number)] * (sum(map(len, points)) - len(colours))
    for number, line in enumerate(panel.lines):
        points.append(line)
        colours += [("line", number)] * len(line)
    return (torch.cat(points) if points else torch.empty(0, 2, dtype=torch.float64)), colours


def assert_embedded(points, due):
    """Return for each due point ``(n, 2)`` the number of the point that was drawn there; fail where there is none."""
    if len(points) != len(due):
        raise CheckFailed(
            "the scatter plot must have one point for each image",
            expected=f"{len(due)} points",
            got=f"{len(points)} points",
        )
    scale = float(due.abs().max())
    for seen in (points, points.flip(1)):  # whichever latent dimension goes to the right
        distance, nearest = torch.cdist(due.double(), seen.double()).nan_to_num(math.inf).min(dim=1)
        if float(distance.max()) < 1e-3 * scale and len(nearest.unique()) == len(due):
            return nearest.tolist()
    raise CheckFailed(
        "points of the scatter plot do not lie where the encoder puts the images",
        expected=f"the first image at ({due[0, 0]:.3g}, {due[0, 1]:.3g})",
        got=f"the nearest point is {float(torch.cdist(due[:1].double(), points.double()).min()):.3g} away",
    )


def assert_coloured(colours, labels):
    """Fail unless points have the same colour exactly where they have the same label."""
    of_label = {}
    for colour, label in zip(colours, labels.tolist(), strict=True):
        of_label.setdefault(label, set()).add(colour)
    mixed = [label for label, found in of_label.items() if len(found) > 1]
    if mixed:
        raise CheckFailed("points with the same label have different colours", got=f"label {mixed[0]}")
    if len({next(iter(found)) for found in of_label.values()}) < len(of_label):
        raise CheckFailed(
            "points with different labels have the same colour",
            expected=f"{len(of_label)} colours",
            got=f"{len({colour for found in of_label.values() for colour in found})}",
        )


def clusters(ps3, ps3_probes, n, seed, labels):
    """Colours of the points that `plot_clusters` drew, in the order of the images, after a look at where they lie."""
    encoder, weight = known_encoder(ps3_probes, seed)
    images = some_images(n, seed)
    points, colours = plotted(drawn(ps3, ps3.plot_clusters(encoder, images, labels)))
    order = assert_embedded(points, images.flatten(1).double() @ weight.double())
    return [colours[k] for k in order]


@item("p1b.clusters", weight=2)
def test_one_point_for_each_image(ps3, ps3_probes):
    """The scatter plot has one point for each image, where the encoder puts it."""
    clusters(ps3, ps3_probes, IMAGES, 0, torch.arange(IMAGES) % 10)


@item("p1b.clusters", weight=1)
def test_colours_tell_labels(ps3, ps3_probes):
    """Images with the same label have the same colour, and those with different labels have different ones."""
    labels = torch.arange(IMAGES) % 10
    assert_coloured(clusters(ps3, ps3_probes, IMAGES, 0, labels), labels)


# p1c.grid


def known_decoder(ps3_probes, seed):
    """A known decoder in the worker, and the pictures that it makes of points, ``(n, 784)``."""
    weight = torch.randn(SIDE * SIDE, 2, generator=generator(seed))
    bias = torch.randn(SIDE * SIDE, generator=generator(seed + 1))

    def pictures(points):
        return (points.double() @ weight.double().T + bias).sigmoid()

    return ps3_probes.KnownDecoder(weight, bias), pictures


def tiles(figures):
    """All pictures of 28 by 28 that are seen, row by row, ``(n, 784)``; one large picture is cut into them."""
    panels = [panel for figure in figures for panel in sorted(figure.panels, key=place)]
    found = [image for panel in panels for image in panel.images]
    grey = [image.mean(2) if image.ndim == 3 else image for image in found]
    if not grey:
        raise CheckFailed("no picture was drawn", expected="a picture for each point of the grid", got="none")
    return torch.stack([tile.flatten() for image in grey for tile in cut(image)] or [torch.zeros(SIDE * SIDE)])


def place(panel):
    """Where a panel stands, to be read row by row."""
    left, top = panel.place
    return round(top, 3), round(left, 3)


def cut(image):
    """The pictures inside a picture, row by row, with or without some padding around each."""
    if image.shape == (SIDE, SIDE):
        return [image]
    for padding in range(MAX_PADDING + 1):
        for margin in (padding, 0):  # around the whole, or only between
            step = SIDE + padding
            counts = [(size - margin + (padding - margin)) / step for size in image.shape]
            if all(count == int(count) > 0 for count in counts):
                rows, columns = map(int, counts)
                corners = [(margin + r * step, margin + c * step) for r in range(rows) for c in range(columns)]
                return [image[top : top + SIDE, left : left + SIDE] for top, left in corners]
    raise CheckFailed(
        "a picture can be cut into none of 28 by 28 pixels", got=f"a picture of {image.shape[0]} by {image.shape[1]}"
    )


def alike(first, second):
    """Correlations of the rows of ``(n, 784)`` with those of ``(m, 784)``; black may have become white."""
    both = [rows.double() - rows.double().mean(1, keepdim=True) for rows in (first, second)]
    unit = [rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12) for rows in both]
    return (unit[0] @ unit[1].T).nan_to_num().abs()


def grid_of(xs, ys):
    """All points, ``(rows * columns, 2)``, row by row: y is the same in a row."""
    return torch.stack([xs.repeat(len(ys)), ys.repeat_interleave(len(xs))], dim=1)


def decoded(ps3, ps3_probes, xs, ys, seed):
    """The pictures that `plot_grid` drew, in order, and those that are due, row by row."""
    decoder, pictures = known_decoder(ps3_probes, seed)
    seen = tiles(drawn(ps3, ps3_probes.drawing(ps3.plot_grid, decoder, xs, ys)))
    return seen, pictures(grid_of(xs, ys))


def assert_all_there(seen, due):
    """Fail unless the decoded picture of every point was drawn, and nothing else."""
    likeness = alike(due, seen)
    best = likeness.max(1).values
    if falls_below(best, LIKE):
        missing = (best < LIKE).nonzero()
        raise CheckFailed(
            "for some points of the grid the decoded picture is not there",
            expected=f"{len(due)} pictures, one for each (x, y)",
            got=f"{len(missing)} of them missing among the {len(seen)} that were drawn",
        )
    if len(seen) != len(due) and len(ink(seen)) != len(due):
        which = "more" if len(ink(seen)) > len(due) else "fewer"
        raise CheckFailed(f"{which} pictures than points", expected=f"{len(due)} pictures", got=f"{len(ink(seen))}")


def ink(seen):
    """Pictures that are not empty: a large picture may have room for more."""
    return [tile for tile in seen if float(tile.max()) > float(tile.min())]


def assert_arranged(seen, expected, columns, rows):
    """Fail unless the pictures stand in rows and columns by x and y, in any of the eight ways to lay that out."""
    order = alike(torch.stack(ink(seen)), expected).argmax(1).tolist()
    places = torch.arange(rows * columns).reshape(rows, columns)  # the number of the point in row and column
    layouts = [flipped for turned in (places, places.T) for flipped in flips(turned)]
    if not any(order == layout.flatten().tolist() for layout in layouts):
        raise CheckFailed(
            "the pictures are not arranged by x and y: going along a row or a column, one of the two must stay the same"
        )


def flips(places):
    """A table, mirrored in all ways."""
    return [places, places.flip(0), places.flip(1), places.flip(0, 1)]


@item("p1c.grid", weight=1)
def test_every_point_of_the_grid_is_decoded(ps3, ps3_probes):
    """The figure shows the decoded picture of every point (x, y) once, in rows and columns by x and y."""
    xs, ys = torch.linspace(-1.5, 2.5, COLUMNS), torch.linspace(-0.7, 1.9, ROWS)
    seen, expected = decoded(ps3, ps3_probes, xs, ys, 0)
    show_images("Decoded", {"due": shown(expected), "drawn": shown(seen)})
    assert_all_there(seen, expected)
    assert_arranged(seen, expected, COLUMNS, ROWS)


def shown(pictures):
    """The first ten for a report, ``(10, 1, 28, 28)`` in [-1, 1]."""
    return (2 * pictures[:10].float() - 1).reshape(-1, 1, SIDE, SIDE)


# ec.vae


def output(ps3_probes, model, *inputs):
    """What a model gives in evaluation mode."""
    ps3_probes.evaluate(model)
    return model(*inputs)


def mean_and_deviation(reply, n):
    """mu and sigma, as `VariationalEncoder` gives them."""
    if type(reply) not in (tuple, list) or len(reply) != 2:
        raise CheckFailed("VariationalEncoder()(images) must return two things: mu and sigma")
    return [assert_tensor(part, shape=(n, 2), name=name) for part, name in zip(reply, ("mu", "sigma"), strict=True)]


@item("ec.vae", weight=1)
def test_the_encoder_gives_means_and_positive_deviations(ps3, ps3_probes):
    """VariationalEncoder() makes mu and sigma, each (n, 2), of images; sigma is positive and has a say of its own."""
    for n in (64, 3):
        images = some_images(n, n) * torch.linspace(0, 1, n)[:, None, None, None]
        for _ in range(6):
            mu, sigma = mean_and_deviation(output(ps3_probes, ps3.VariationalEncoder(), images), n)
            if falls_below(sigma, SMALLEST):
                raise CheckFailed(
                    "sigma is a standard deviation and must be positive, whatever the layers before give",
                    expected="sigma > 0",
                    got=f"the least is {float(sigma.min()):.3g}",
                )
            if bool((mu == mu[:1]).all()):
                raise CheckFailed("mu is the same for all images")
    assert_not_tied(*mean_and_deviation(output(ps3_probes, ps3.VariationalEncoder(), some_images(64, 1)), 64))


def assert_not_tied(mu, sigma):
    """Fail where a coordinate of mu and of sigma always rise, or fall, together."""
    for column in range(2):
        steps = sigma[mu[:, column].argsort(), column].diff()
        if bool((steps != 0).any()) and not (falls_below(steps, 0.0) and exceeds(steps, 0.0)):
            raise CheckFailed(
                "sigma follows from mu: each of the two needs outputs of the network for itself",
                got=f"64 images in the order of mu[:, {column}] are also in the order of sigma[:, {column}]",
            )


def divergence(mu, sigma, prior_variance):
    """KL[N(mu, sigma^2) || N(0, prior_variance)] for each entry, by numerical integration over the line."""
    z = torch.linspace(-40, 40, 40_001, dtype=torch.float64)

    def log_density(mean, deviation):
        return -0.5 * ((z - mean) / deviation) ** 2 - torch.log(deviation) - 0.5 * math.log(2 * math.pi)

    flat = zip(mu.double().flatten(), sigma.double().flatten(), strict=True)
    deviation = torch.tensor(prior_variance, dtype=torch.float64).sqrt()
    values = [
        torch.trapezoid(log_density(m, s).exp() * (log_density(m, s) - log_density(0.0, deviation)), z) for m, s in flat
    ]
    return torch.stack(values).reshape(mu.shape)


FORMS = {
    "the divergence from the standard normal N(0, I)": 1.0,
    "the problem set's form, which is the divergence from N(0, I/2) and a constant": 0.5,
}
"""The prior variance of both forms of `kl_loss` that are accepted."""


def fitted(losses, truths):
    """The factor between two lists of numbers, and how far from a factor and a summand they are, relatively."""
    x, y = (torch.as_tensor(values, dtype=torch.float64) for values in (truths, losses))
    x, y = x - x.mean(), y - y.mean()
    factor = float((x * y).sum() / x.square().sum())
    return factor, float((y - factor * x).abs().max() / y.abs().max().clamp_min(1e-12))


def total(reply):
    """A loss, summed over a batch if it was not; a tensor that can be trained on."""
    value = assert_tensor(reply, name="kl_loss(mu, sigma)")
    return float(value.detach().double().sum())


CLOSE = 2e-3
"""Far above what rounding and integration do, far below what a wrong formula does."""


def form_of(losses, truths):
    """Which of the forms the losses are, up to a positive factor and a constant; fail for none."""
    found = {form: fitted(losses, values) for form, values in truths.items()}
    for form, (factor, misfit) in found.items():
        if not exceeds(misfit, CLOSE) and not falls_below(factor, 1e-9):
            return form
    for form, (_, misfit) in found.items():
        if not exceeds(misfit, CLOSE):
            raise CheckFailed(f"kl_loss has the wrong sign: it is a negative multiple of {form}")
    raise CheckFailed(
        "kl_loss is neither the divergence from the standard normal nor the problem set's form of it",
        expected="one of the two, up to a positive factor and a constant",
        got="; ".join(f"{100 * misfit:.3g} % away from {form}" for form, (_, misfit) in found.items()),
    )


@item("ec.vae", weight=1)
def test_the_variational_term(ps3):
    """kl_loss is the divergence from the standard normal, or the problem set's form, up to a factor and a constant."""
    n, draws = 4, generator(3)
    batches = [
        (1.5 * torch.randn(n, 2, generator=draws), 0.2 + 2 * torch.rand(n, 2, generator=draws)) for _ in range(9)
    ]
    losses = [total(ps3.kl_loss(mu, sigma)) for mu, sigma in batches]
    truths = {
        form: [float(divergence(mu, sigma, prior).sum()) for mu, sigma in batches] for form, prior in FORMS.items()
    }
    form = form_of(losses, truths)
    sigmas = torch.linspace(0.3, 2, 18)
    curve = [total(ps3.kl_loss(torch.zeros(n, 2), torch.full((n, 2), float(sigma)))) for sigma in sigmas]
    least = float(sigmas[int(torch.tensor(curve).argmin())])
    show_curves(f"kl_loss: {form}; at mu = 0 it is least near sigma = {least:.1f}", {"loss": curve}, x="sigma")


@item("ec.vae", weight=1)
def test_draws_of_the_latent_vector(ps3):
    """The mean of many draws is mu, their standard deviation is sigma, and no two rows or calls share their noise."""
    n = 20_000
    mu, sigma = torch.tensor([1.5, -2.0]).repeat(n, 1), torch.tensor([0.5, 2.0]).repeat(n, 1)
    first, second = (assert_tensor(ps3.sample_latent(mu, sigma), shape=(n, 2), name="z").double() for _ in range(2))
    if bool((first == second).all()) or bool((first == first[:1]).all()):
        raise CheckFailed("the same noise is used again: every row of every call needs its own")
    for found, due, what in ((first.mean(0), mu[0], "mean"), (first.std(0), sigma[0], "standard deviation")):
        if exceeds((found - due).abs(), 0.08 * sigma[0]):  # eleven standard errors of the mean
            raise CheckFailed(
                f"the {what} of many draws is wrong",
                expected=f"({due[0]:.3g}, {due[1]:.3g})",
                got=f"({found[0]:.3g}, {found[1]:.3g})",
            )
