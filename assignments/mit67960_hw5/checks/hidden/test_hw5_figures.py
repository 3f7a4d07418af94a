"""Questions 6 and 12 with other sizes and other images."""

from __future__ import annotations

from mit67960_hw5.checks.public.test_hw5_figures import assert_grid, assert_snapshots, latents, some_stages

from autograder.checks import item

# q6.plot_latents


@item("q6.plot_latents", weight=2)
def test_any_two_latent_dimensions(hw5, hw5_probes):
    """Any pair (i, j) of any number of latent dimensions is drawn, and the decoder gets 0 in all others."""
    for z_dims, which in ((7, (6, 2)), (3, (1, 2)), (2, (1, 0))):
        _, z = latents(hw5, hw5_probes, z_dims, 28, z_dims, *which)
        assert_grid(z, *which)


@item("q6.plot_latents", weight=0.5)
def test_images_of_another_size_are_put_together(hw5, hw5_probes):
    """The images have the size that the VAE was made for, which need not be 28."""
    _, z = latents(hw5, hw5_probes, 4, 20, 5, 2, 0)
    assert_grid(z, 2, 0)


# q12.snapshots


@item("q12.snapshots", weight=1)
def test_six_panels_of_one_image(hw5, hw5_probes):
    """The panels are right for a single image as well, and show it as it is."""
    assert_snapshots(hw5, hw5_probes, some_stages(1, 2))
