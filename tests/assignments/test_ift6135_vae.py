# ruff: noqa: E501 - one wrong variant a line
"""The checks of the VAE: right for every right solution, wrong for every wrong one, and for its own item only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from autograder.assignment import load_assignment
from autograder.grading.grade import Options, grade
from autograder.verify.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
NAMES = "sample_gaussian kl nll mode encode decode sample log_likelihood forward interpolate"
ITEMS = tuple(f"vae.{name}" for name in NAMES.split())
SAMPLE_GAUSSIAN, KL, NLL, MODE, ENCODE, DECODE, SAMPLE, LOG_LIKELIHOOD, FORWARD, INTERPOLATE = ITEMS
FULL = dict(zip(ITEMS, (1, 2, 2, 1, 2, 2, 2, 4, 2, 2), strict=True))
ALTERNATIVES = ("vae_original_starter", "vae_vectorised", "vae_split_networks")


@pytest.fixture(scope="module", autouse=True)
def _single_threaded():
    """The tensors here are small: a second thread would only wait for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


@pytest.fixture(scope="module")
def reference(assignment):
    return (assignment.reference / "vae_solution.py").read_text(encoding="utf-8")


def points(suite, folder, **options):
    return {item: result.points for item, result in suite.score(folder, items=ITEMS, **options).items()}


def variant(folder, source, *replacements):
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / "vae_solution.py").write_text(source, encoding="utf-8")
    return folder


@pytest.mark.parametrize("seed", ["verify", "another"])
def test_the_reference_gets_full_marks(suite, assignment, seed):
    assert points(suite, assignment.reference, grading_seed=seed) == FULL


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_other_right_solutions_get_full_marks(suite, assignment, name):
    assert points(suite, assignment.folder / "alternatives" / name) == FULL


@pytest.mark.slow
@pytest.mark.parametrize("name", ALTERNATIVES)
def test_right_solutions_get_full_marks_whatever_the_seed(suite, assignment, name):
    for folder in (assignment.reference, assignment.folder / "alternatives" / name):
        for seed in range(10):
            assert points(suite, folder, grading_seed=f"{name} {seed}") == FULL


# wrong variants: one replacement in the reference each

DRAW = "self.mean + standard_deviation * torch.randn_like(self.mean)"
NOISE = "torch.randn_like(self.mean)"
STD = "torch.exp(0.5 * self.logvar)"
KL_SUM = "0.5 * torch.sum(self.mean.square() + torch.expm1(self.logvar) - self.logvar, dim=1)"
SQUARED = "(sample - self.mean).square() * torch.exp(-self.logvar)"
NLL_SUM = "0.5 * torch.sum(math.log(2.0 * math.pi) + self.logvar + squared_distance, dim=dims)"
RETURN_MODE = "        return self.mean\n"
FEATURES = "        features = self.encoder(x)  # (batch, out_features)\n"
HEADS = "DiagonalGaussianDistribution(self.mean(features), self.logvar(features))"
DECODED = "DiagonalGaussianDistribution(self.decoder(z))"
PRIOR_DRAW = "torch.randn(batch_size, self.z_dim, device=self.device)"
SAMPLED = "        return self.decode(z).mode()\n"
JOINT = "-self.decode(z).nll(x) - prior.nll(z, dims=[1])"
LATENT = "            z = posterior.sample()  # (batch, z_dim)\n"
WEIGHT = "log_joint + posterior.nll(z, dims=[1])"
ESTIMATE = "torch.logsumexp(torch.stack(log_weights), dim=0) - math.log(K)"
LIKELIHOOD = "        likelihood = self.decode(posterior.sample())\n"
TERMS = "        return likelihood.mode(), likelihood.nll(x), posterior.kl()\n"
PATH = "model.decode((1.0 - weight) * z_1 + weight * z_2).mode()"
STEPS = "torch.linspace(0.0, 1.0, n_samples, dtype=z_1.dtype, device=z_1.device)[:, None]"

WRONG = {
    "std_is_the_variance": (SAMPLE_GAUSSIAN, STD, "torch.exp(self.logvar)"),
    "std_is_the_logvar": (SAMPLE_GAUSSIAN, STD, "self.logvar"),
    "std_is_half_the_logvar": (SAMPLE_GAUSSIAN, STD, "0.5 * self.logvar"),
    "std_is_its_inverse": (SAMPLE_GAUSSIAN, STD, "torch.exp(-0.5 * self.logvar)"),
    "std_left_out": (SAMPLE_GAUSSIAN, DRAW, f"self.mean + {NOISE}"),
    "mean_left_out": (SAMPLE_GAUSSIAN, DRAW, f"standard_deviation * {NOISE}"),
    "no_noise": (SAMPLE_GAUSSIAN, DRAW, "self.mean"),
    "uniform_noise": (SAMPLE_GAUSSIAN, NOISE, "torch.rand_like(self.mean)"),
    "uniform_noise_of_unit_variance": (SAMPLE_GAUSSIAN, NOISE, "(12**0.5 * (torch.rand_like(self.mean) - 0.5))"),
    "noise_shared_over_the_batch": (SAMPLE_GAUSSIAN, NOISE, "torch.randn_like(self.mean[:1])"),
    "noise_shared_over_coordinates": (SAMPLE_GAUSSIAN, NOISE, "torch.randn_like(self.mean[:, :1])"),
    "one_number_as_noise": (SAMPLE_GAUSSIAN, NOISE, "torch.randn(())"),
    "seeded_noise": (SAMPLE_GAUSSIAN, NOISE, "torch.randn(self.mean.shape, generator=torch.Generator().manual_seed(0))"),
    "no_gradient_of_a_sample": (SAMPLE_GAUSSIAN, DRAW, f"({DRAW}).detach()"),
    "torch_normal_cuts_the_gradient": (SAMPLE_GAUSSIAN, DRAW, "torch.normal(self.mean, standard_deviation)"),
    "no_gradient_to_logvar": (SAMPLE_GAUSSIAN, STD, "torch.exp(0.5 * self.logvar.detach())"),
    "no_gradient_to_mean": (SAMPLE_GAUSSIAN, DRAW, f"self.mean.detach() + standard_deviation * {NOISE}"),
    "mean_moved_in_place": (SAMPLE_GAUSSIAN, DRAW, f"self.mean.data.add_(standard_deviation * {NOISE}) + 0 * (self.mean + self.logvar)"),
    "kl_without_half": (KL, KL_SUM, KL_SUM.removeprefix("0.5 * ")),
    "kl_std_for_variance": (KL, KL_SUM, KL_SUM.replace("expm1(self.logvar)", "expm1(0.5 * self.logvar)")),
    "kl_half_logvar": (KL, KL_SUM, KL_SUM.replace("- self.logvar", "- 0.5 * self.logvar")),
    "kl_logvar_for_variance": (KL, KL_SUM, KL_SUM.replace("torch.expm1(self.logvar)", "self.logvar.square() - 1")),
    "kl_sign": (KL, KL_SUM, f"-{KL_SUM}"),
    "kl_sign_of_logvar": (KL, KL_SUM, KL_SUM.replace("- self.logvar", "+ self.logvar")),
    "kl_without_one": (KL, KL_SUM, KL_SUM.replace("expm1", "exp")),
    "kl_mean_not_squared": (KL, KL_SUM, KL_SUM.replace(".square()", ".abs()")),
    "kl_batch_mean": (KL, KL_SUM, f"({KL_SUM}).mean()"),
    "kl_sum_over_everything": (KL, KL_SUM, KL_SUM.replace(", dim=1", "")),
    "kl_mean_over_dimensions": (KL, KL_SUM, KL_SUM.replace("torch.sum", "torch.mean")),
    "kl_sum_over_batch": (KL, KL_SUM, KL_SUM.replace("dim=1", "dim=0")),
    "kl_keepdim": (KL, KL_SUM, KL_SUM.replace("dim=1", "dim=1, keepdim=True")),
    "kl_squeezed": (KL, KL_SUM, f"({KL_SUM}).squeeze()"),
    "kl_of_the_reverse": (KL, KL_SUM, "0.5 * torch.sum((self.mean.square() + 1) * torch.exp(-self.logvar) - 1 + self.logvar, dim=1)"),
    "kl_detached": (KL, KL_SUM, f"({KL_SUM}).detach()"),
    "kl_no_gradient_to_mean": (KL, KL_SUM, KL_SUM.replace("self.mean.", "self.mean.detach().")),
    "nll_no_log_2pi": (NLL, NLL_SUM, NLL_SUM.replace("math.log(2.0 * math.pi) + ", "")),
    "nll_log_2pi_once": (NLL, NLL_SUM, "0.5 * (math.log(2.0 * math.pi) + torch.sum(self.logvar + squared_distance, dim=dims))"),
    "nll_log_2pi_twice": (NLL, NLL_SUM, NLL_SUM.replace("math.log(2", "2 * math.log(2")),
    "nll_log_pi": (NLL, NLL_SUM, NLL_SUM.replace("2.0 * math.pi", "math.pi")),
    "nll_log_2pi_summed_twice": (NLL, NLL_SUM, "0.5 * torch.sum(self.logvar + squared_distance + math.log(2.0 * math.pi) * sample[0].numel(), dim=dims)"),
    "nll_sign": (NLL, NLL_SUM, f"-{NLL_SUM}"),
    "nll_without_half": (NLL, NLL_SUM, NLL_SUM.removeprefix("0.5 * ")),
    "nll_without_logvar": (NLL, NLL_SUM, NLL_SUM.replace("self.logvar + ", "")),
    "nll_half_logvar": (NLL, NLL_SUM, NLL_SUM.replace("self.logvar + ", "0.5 * self.logvar + ")),
    "nll_divides_by_std": (NLL, SQUARED, SQUARED.replace("-self.logvar", "-0.5 * self.logvar")),
    "nll_multiplies_by_variance": (NLL, SQUARED, SQUARED.replace("-self.logvar", "self.logvar")),
    "nll_unit_variance": (NLL, SQUARED, "(sample - self.mean).square()"),
    "nll_not_squared": (NLL, SQUARED, SQUARED.replace(".square()", ".abs()")),
    "nll_mean_over_dims": (NLL, NLL_SUM, NLL_SUM.replace("torch.sum", "torch.mean")),
    "nll_batch_mean": (NLL, NLL_SUM, f"({NLL_SUM}).mean()"),
    "nll_dims_ignored": (NLL, NLL_SUM, f"({NLL_SUM.replace(', dim=dims', ', dim=-1')}).flatten(1).sum(1)"),
    "nll_dims_of_images_always": (NLL, NLL_SUM, NLL_SUM.replace("dim=dims", "dim=(1, 2, 3)")),
    "nll_first_dim_always": (NLL, NLL_SUM, NLL_SUM.replace("dim=dims", "dim=1")),
    "nll_detached": (NLL, NLL_SUM, f"({NLL_SUM}).detach()"),
    "nll_no_gradient_to_logvar": (NLL, SQUARED, SQUARED.replace("-self.logvar", "-self.logvar.detach()")),
    "mode_is_a_sample": (MODE, RETURN_MODE, "        return self.sample()\n"),
    "mode_is_the_std": (MODE, RETURN_MODE, "        return torch.exp(0.5 * self.logvar)\n"),
    "mode_is_logvar": (MODE, RETURN_MODE, "        return self.logvar\n"),
    "mode_clamped": (MODE, RETURN_MODE, "        return self.mean.clamp(-1, 1)\n"),
    "mode_detached": (MODE, RETURN_MODE, "        return self.mean.detach()\n"),
    "mode_batch_mean": (MODE, RETURN_MODE, "        return self.mean.mean(0)\n"),
    "encode_swapped": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.logvar(features), self.mean(features))"),
    "encode_mean_twice": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.mean(features), self.mean(features))"),
    "encode_exponential_of_logvar": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.mean(features), self.logvar(features).exp())"),
    "encode_half_logvar": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.mean(features), 0.5 * self.logvar(features))"),
    "encode_unit_variance": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.mean(features))"),
    "encode_a_tuple": (ENCODE, HEADS, "self.mean(features), self.logvar(features)"),
    "encode_a_tensor": (ENCODE, HEADS, "self.mean(features)"),
    "encode_the_features": (ENCODE, HEADS, "DiagonalGaussianDistribution(features, features)"),
    "encode_without_encoder": (ENCODE, FEATURES, "        features = x.flatten(1)[:, : self.mean.weight.shape[1]]\n"),
    "encode_relu": (ENCODE, FEATURES, "        features = self.encoder(x).relu()\n"),
    "encode_detached": (ENCODE, FEATURES, "        features = self.encoder(x).detach()\n"),
    "encode_first_image_only": (ENCODE, FEATURES, "        features = self.encoder(x[:1]).expand(len(x), -1)\n"),
    "encode_logvar_detached": (ENCODE, HEADS, "DiagonalGaussianDistribution(self.mean(features), self.logvar(features).detach())"),
    "decode_logvar_ones": (DECODE, DECODED, "DiagonalGaussianDistribution(self.decoder(z), torch.ones(len(z), 3, 32, 32))"),
    "decode_small_variance": (DECODE, DECODED, "DiagonalGaussianDistribution(self.decoder(z), torch.full((len(z), 3, 32, 32), -1.0))"),
    "decode_mean_as_logvar": (DECODE, DECODED, "DiagonalGaussianDistribution(self.decoder(z), self.decoder(z))"),
    "decode_a_tensor": (DECODE, DECODED, "self.decoder(z)"),
    "decode_tanh": (DECODE, DECODED, "DiagonalGaussianDistribution(torch.tanh(self.decoder(z)))"),
    "decode_sigmoid": (DECODE, DECODED, "DiagonalGaussianDistribution(torch.sigmoid(self.decoder(z)))"),
    "decode_detached": (DECODE, DECODED, "DiagonalGaussianDistribution(self.decoder(z.detach()))"),
    "decode_no_grad": (DECODE, DECODED, "DiagonalGaussianDistribution(self.decoder(z).detach())"),
    "decode_zeros": (DECODE, DECODED, "DiagonalGaussianDistribution(torch.zeros(len(z), 3, 32, 32))"),
    "sample_decoder_features": (SAMPLE, PRIOR_DRAW, "torch.randn(batch_size, 32)"),
    "sample_z_dim_of_the_recipe": (SAMPLE, PRIOR_DRAW, "torch.randn(batch_size, Z_DIM)"),
    "sample_uniform": (SAMPLE, PRIOR_DRAW, "torch.rand(batch_size, self.z_dim)"),
    "sample_half_as_wide": (SAMPLE, PRIOR_DRAW, "0.5 * torch.randn(batch_size, self.z_dim)"),
    "sample_shared_z": (SAMPLE, PRIOR_DRAW, "torch.randn(1, self.z_dim).expand(batch_size, -1)"),
    "sample_shared_coordinates": (SAMPLE, PRIOR_DRAW, "torch.randn(batch_size, 1).expand(-1, self.z_dim)"),
    "sample_zeros": (SAMPLE, PRIOR_DRAW, "torch.zeros(batch_size, self.z_dim)"),
    "sample_seeded": (SAMPLE, PRIOR_DRAW, "torch.randn(batch_size, self.z_dim, generator=torch.Generator().manual_seed(0))"),
    "sample_of_the_posterior": (SAMPLE, PRIOR_DRAW, "self.encode(torch.rand(batch_size, 3, 32, 32)).sample()"),
    "sample_with_noise": (SAMPLE, SAMPLED, "        return self.decode(z).sample()\n"),
    "sample_the_distribution": (SAMPLE, SAMPLED, "        return self.decode(z)\n"),
    "sample_z_itself": (SAMPLE, SAMPLED, "        return z\n"),
    "sample_one_image": (SAMPLE, SAMPLED, "        return self.decode(z).mode()[0]\n"),
    "sample_squeezed": (SAMPLE, SAMPLED, "        return self.decode(z).mode().squeeze()\n"),
    "sample_64_always": (SAMPLE, PRIOR_DRAW, "torch.randn(64, self.z_dim)"),
    "ll_sign": (LOG_LIKELIHOOD, ESTIMATE, f"-({ESTIMATE})"),
    "ll_negative_weights": (LOG_LIKELIHOOD, WEIGHT, f"-({WEIGHT})"),
    "ll_sign_of_reconstruction": (LOG_LIKELIHOOD, JOINT, JOINT.replace("-self", "self")),
    "ll_sign_of_prior": (LOG_LIKELIHOOD, JOINT, JOINT.replace("- prior", "+ prior")),
    "ll_sign_of_posterior": (LOG_LIKELIHOOD, WEIGHT, WEIGHT.replace("+", "-")),
    "ll_no_prior": (LOG_LIKELIHOOD, JOINT, "-self.decode(z).nll(x)"),
    "ll_no_reconstruction": (LOG_LIKELIHOOD, JOINT, "-prior.nll(z, dims=[1])"),
    "ll_no_posterior": (LOG_LIKELIHOOD, WEIGHT, "log_joint"),
    "ll_only_reconstruction": (LOG_LIKELIHOOD, WEIGHT, "-self.decode(z).nll(x)"),
    "ll_z_from_the_prior": (LOG_LIKELIHOOD, LATENT, "            z = torch.randn(len(x), self.z_dim)\n"),
    "ll_z_is_the_mean": (LOG_LIKELIHOOD, LATENT, "            z = posterior.mode()\n"),
    "ll_z_shared_over_k": (LOG_LIKELIHOOD, LATENT, "            z = z if log_weights else posterior.sample()\n"),
    "ll_noise_shared_over_the_batch": (LOG_LIKELIHOOD, LATENT, "            z = posterior.mode() + torch.exp(0.5 * posterior.logvar) * torch.randn(1, self.z_dim)\n"),
    "ll_prior_at_posterior": (LOG_LIKELIHOOD, "prior = DiagonalGaussianDistribution(torch.zeros_like(z))", "prior = posterior"),
    "ll_mean_of_logs": (LOG_LIKELIHOOD, ESTIMATE, "torch.stack(log_weights).mean(dim=0)"),
    "ll_largest_weight": (LOG_LIKELIHOOD, ESTIMATE, "torch.stack(log_weights).max(dim=0).values"),
    "ll_no_log_k": (LOG_LIKELIHOOD, ESTIMATE, "torch.logsumexp(torch.stack(log_weights), dim=0)"),
    "ll_plus_log_k": (LOG_LIKELIHOOD, ESTIMATE, ESTIMATE.replace("- math", "+ math")),
    "ll_divided_by_k": (LOG_LIKELIHOOD, ESTIMATE, "torch.logsumexp(torch.stack(log_weights), dim=0) / K"),
    "ll_log_100": (LOG_LIKELIHOOD, ESTIMATE, ESTIMATE.replace("math.log(K)", "math.log(100)")),
    "ll_k_ignored": (LOG_LIKELIHOOD, "for _ in range(K):", "K = 10\n        for _ in range(K):"),
    "ll_overflow": (LOG_LIKELIHOOD, ESTIMATE, "torch.stack(log_weights).exp().mean(dim=0).log()"),
    "ll_overflow_hidden": (LOG_LIKELIHOOD, ESTIMATE, "(torch.stack(log_weights).exp().mean(dim=0) + 1e-8).log()"),
    "ll_over_the_batch": (LOG_LIKELIHOOD, ESTIMATE, "torch.logsumexp(torch.stack(log_weights), dim=1) - math.log(K)"),
    "ll_batch_mean": (LOG_LIKELIHOOD, ESTIMATE, f"({ESTIMATE}).mean()"),
    "ll_over_everything": (LOG_LIKELIHOOD, ESTIMATE, "(torch.logsumexp(torch.stack(log_weights), dim=(0, 1)) - math.log(K)).expand(len(x))"),
    "ll_latent_with_image_dims": (LOG_LIKELIHOOD, WEIGHT, "log_joint + posterior.nll(z)"),
    "ll_keeps_k": (LOG_LIKELIHOOD, ESTIMATE, "torch.stack(log_weights)"),
    "ll_per_pixel": (LOG_LIKELIHOOD, ESTIMATE, f"({ESTIMATE}) / x[0].numel()"),
    "forward_a_sample": (FORWARD, TERMS, TERMS.replace("likelihood.mode()", "likelihood.sample()")),
    "forward_distribution": (FORWARD, TERMS, TERMS.replace("likelihood.mode()", "likelihood")),
    "forward_latent_mode": (FORWARD, TERMS, TERMS.replace("likelihood.mode()", "posterior.mode()")),
    "forward_four_values": (FORWARD, TERMS, TERMS.replace("kl()", "kl(), posterior")),
    "forward_two_values": (FORWARD, TERMS, "        return likelihood.nll(x), posterior.kl()\n"),
    "forward_order": (FORWARD, TERMS, "        return likelihood.mode(), posterior.kl(), likelihood.nll(x)\n"),
    "forward_averaged": (FORWARD, TERMS, "        return likelihood.mode(), likelihood.nll(x).mean(), posterior.kl().mean()\n"),
    "forward_averaged_kl": (FORWARD, TERMS, TERMS.replace("kl()", "kl().mean()")),
    "forward_sign": (FORWARD, TERMS, TERMS.replace("likelihood.nll", "-likelihood.nll")),
    "forward_squared_error": (FORWARD, TERMS, TERMS.replace("likelihood.nll(x)", "(likelihood.mode() - x).square().sum((1, 2, 3))")),
    "forward_nll_of_itself": (FORWARD, TERMS, TERMS.replace("nll(x)", "nll(likelihood.mode())")),
    "forward_second_sample": (FORWARD, TERMS, TERMS.replace("likelihood.nll(x)", "self.decode(posterior.sample()).nll(x)")),
    "forward_kl_of_the_likelihood": (FORWARD, TERMS, TERMS.replace("posterior.kl()", "DiagonalGaussianDistribution(likelihood.mode().flatten(1)).kl()")),
    "forward_posterior_mean": (FORWARD, LIKELIHOOD, "        likelihood = self.decode(posterior.mode())\n"),
    "forward_prior": (FORWARD, LIKELIHOOD, "        likelihood = self.decode(torch.randn(len(x), self.z_dim))\n"),
    "forward_detached_sample": (FORWARD, LIKELIHOOD, "        likelihood = self.decode(posterior.sample().detach())\n"),
    "forward_sample_without_gradient": (FORWARD, LIKELIHOOD, "        with torch.no_grad():\n            z = posterior.sample()\n        likelihood = self.decode(z)\n"),
    "forward_detached_nll": (FORWARD, TERMS, TERMS.replace("nll(x)", "nll(x).detach()")),
    "forward_detached_kl": (FORWARD, TERMS, TERMS.replace("kl()", "kl().detach()")),
    "forward_shared_noise": (FORWARD, LIKELIHOOD, "        noise = torch.randn(1, self.z_dim)\n        likelihood = self.decode(posterior.mean + torch.exp(0.5 * posterior.logvar) * noise)\n"),
    "forward_variance_as_std": (FORWARD, LIKELIHOOD, "        likelihood = self.decode(posterior.mean + posterior.logvar.exp() * torch.randn_like(posterior.mean))\n"),
    "interpolate_no_ends": (INTERPOLATE, STEPS, STEPS.replace("n_samples,", "n_samples + 2,").replace("[:, None]", "[1:-1, None]")),
    "interpolate_last_end_missing": (INTERPOLATE, STEPS, "(torch.arange(n_samples) / n_samples)[:, None]"),
    "interpolate_first_end_missing": (INTERPOLATE, STEPS, "(torch.arange(1, n_samples + 1) / n_samples)[:, None]"),
    "interpolate_one_too_many": (INTERPOLATE, STEPS, STEPS.replace("n_samples,", "n_samples + 1,")),
    "interpolate_ten_always": (INTERPOLATE, STEPS, STEPS.replace("n_samples,", "10,")),
    "interpolate_uneven": (INTERPOLATE, STEPS, f"{STEPS}.square()"),
    "interpolate_random_weights": (INTERPOLATE, STEPS, f"{STEPS.replace('linspace(0.0, 1.0, n_samples', 'rand(n_samples')}.sort(dim=0).values"),
    "interpolate_images": (INTERPOLATE, PATH, "(1 - weight[:, :, None, None]) * model.decode(z_1).mode() + weight[:, :, None, None] * model.decode(z_2).mode()"),
    "interpolate_sphere": (INTERPOLATE, PATH, PATH.replace("(1.0 - weight)", "torch.cos(weight * math.pi / 2)").replace("+ weight", "+ torch.sin(weight * math.pi / 2)")),
    "interpolate_difference": (INTERPOLATE, PATH, PATH.replace("+ weight", "- weight")),
    "interpolate_one_end_twice": (INTERPOLATE, PATH, PATH.replace("weight * z_2", "weight * z_1")),
    "interpolate_with_noise": (INTERPOLATE, PATH, PATH.replace("mode()", "sample()")),
    "interpolate_latents": (INTERPOLATE, PATH, "(1.0 - weight) * z_1 + weight * z_2"),
    "interpolate_distribution": (INTERPOLATE, PATH, PATH.removesuffix(".mode()")),
}  # fmt: skip


COMMON = """
std_is_the_variance uniform_noise noise_shared_over_the_batch noise_shared_over_coordinates seeded_noise
no_gradient_of_a_sample kl_without_half kl_std_for_variance kl_half_logvar kl_batch_mean kl_sum_over_everything
nll_no_log_2pi nll_log_2pi_summed_twice nll_sign nll_dims_of_images_always mode_is_a_sample encode_swapped
encode_exponential_of_logvar encode_detached decode_logvar_ones decode_a_tensor sample_decoder_features
sample_half_as_wide sample_with_noise sample_seeded ll_sign ll_no_prior ll_no_reconstruction ll_z_from_the_prior
ll_mean_of_logs ll_no_log_k ll_latent_with_image_dims ll_overflow forward_four_values forward_a_sample
forward_averaged forward_posterior_mean forward_detached_sample interpolate_no_ends interpolate_one_too_many
interpolate_images
"""
"""The mistakes of the specification and of real hand-ins; the rest of the table takes minutes."""


@pytest.mark.parametrize("name", COMMON.split())
def test_a_mistake_that_people_make_costs_points(suite, reference, tmp_path, name):
    item, old, new = WRONG[name]
    assert suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item].points < FULL[item]


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variant_costs_points_of_its_item_alone(suite, reference, tmp_path, name):
    item, old, new = WRONG[name]
    found = points(suite, variant(tmp_path, reference, (old, new)))
    assert found.pop(item) < FULL[item]
    assert found == {other: due for other, due in FULL.items() if other != item}


def test_one_misconception_costs_a_sensible_part(suite, reference, tmp_path):
    def lost(name):
        item, old, new = WRONG[name]
        return FULL[item] - suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item].points

    assert lost("forward_detached_sample") == pytest.approx(1.5)
    assert lost("kl_without_half") == 2
    assert lost("ll_no_log_k") == pytest.approx(3.2)
    assert lost("ll_mean_of_logs") == pytest.approx(1.6)


def test_a_network_that_cannot_be_replaced_is_still_judged(suite, assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "vae_split_networks" / "vae_solution.py").read_text("utf-8")
    for old, new in (
        ("(self.decoder(maps))", "(self.decoder(maps), 0 * self.decoder(maps) + 1)"),
        ("(self.decoder(maps))", "(self.decoder(maps[:1]).expand(len(z), -1, -1, -1))"),
        ("(self.decoder(maps))", "(self.decoder(maps).detach())"),
    ):
        assert suite.score(variant(tmp_path, source, (old, new)), items=[DECODE])[DECODE].points < 2


# stubs

REGION = re.compile(r"^( +)### BEGIN SOLUTION\n.*?^ +### END SOLUTION$", re.MULTILINE | re.DOTALL)
UNWRITTEN = "raise NotImplementedError"
FIRST_ARGUMENTS = ("self", "self", "sample", "self", "x", "z", "batch_size", "x", "x", "z_1")
STUBS = {
    "none": ["return None"] * 10,
    "zeros": [
        "return torch.zeros_like(self.mean)",
        "return self.mean.new_zeros(len(self.mean))",
        "return sample.new_zeros(len(sample))",
        "return torch.zeros_like(self.mean)",
        "return DiagonalGaussianDistribution(torch.zeros(len(x), self.z_dim))",
        "return DiagonalGaussianDistribution(torch.zeros(len(z), 3, 32, 32))",
        "return torch.zeros(batch_size, 3, 32, 32)",
        "return torch.zeros(len(x))",
        "return torch.zeros_like(x), torch.zeros(len(x)), torch.zeros(len(x))",
        "return torch.zeros(n_samples, 3, 32, 32)",
    ],
    "first_input": [f"return {name}" for name in FIRST_ARGUMENTS],
}


def with_stubs(folder, source, stubs):
    """The reference with the bodies of some items replaced; ``stubs`` maps items to statements."""
    bodies = iter(ITEMS)

    def body(match):
        stub = stubs.get(next(bodies))
        return match.group(0) if stub is None else match.group(1) + stub

    (folder / "vae_solution.py").write_text(REGION.sub(body, source), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_fails_every_check_by_itself(suite, reference, tmp_path, name):
    folder = with_stubs(tmp_path, reference, dict(zip(ITEMS, STUBS[name], strict=True)))
    for item, result in suite.score(folder, items=ITEMS).items():
        assert {check.outcome.value for check in result.checks} == {"FAIL"}, item
        assert result.points == 0


@pytest.mark.parametrize(
    "missing",
    [(SAMPLE_GAUSSIAN, NLL, ENCODE, SAMPLE, FORWARD), (KL, MODE, DECODE, LOG_LIKELIHOOD, INTERPOLATE), ITEMS[:6]],
    ids=["odd", "even", "all_that_others_build_on"],
)
def test_what_is_missing_costs_nothing_elsewhere(suite, reference, tmp_path, missing):
    folder = with_stubs(tmp_path, reference, dict.fromkeys(missing, UNWRITTEN))
    rest = [item for item in ITEMS if item not in missing]
    found = {item: result.points for item, result in suite.score(folder, items=rest).items()}
    assert found == {item: FULL[item] for item in rest}


# messages


def test_failures_say_what_is_wrong(suite, reference, tmp_path):
    def summaries(name):
        item, old, new = WRONG[name]
        result = suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item]
        return " | ".join(check.failure.summary for check in result.checks if check.failure)

    assert "all rows have the same noise" in summaries("noise_shared_over_the_batch")
    assert "the noise of two calls of sample() is the same" in summaries("seeded_noise")
    assert "kl() is wrong at every entry: it is 2 times what is expected" in summaries("kl_without_half")
    assert "mass, mean and variance of exp(-nll)" in summaries("nll_no_log_2pi")
    assert "no gradient of nll() reaches sample" in summaries("nll_detached")
    assert "encode(x) gives a tuple of 2 values" in summaries("encode_a_tuple")
    assert "no gradient of q(z|x) reaches x" in summaries("encode_detached")
    assert "is .mode() missing?" in summaries("interpolate_distribution")
    assert "no latent vector has these images" in summaries("interpolate_images")
    assert "exactly three tensors, mode, nll and kl, not a tuple of 4 values" in summaries("forward_four_values")
    assert "no gradient of the nll that forward returns reaches mean_bias" in summaries("forward_detached_sample")
    assert "the estimates of p(x) (not of its logarithm) are" in summaries("ll_mean_of_logs")


# hand-ins as they come

LIKE_REAL_ONES = """
!pip install einops
import wandb
from pathlib import Path
import torch
results_folder = Path("./results")
results_folder.mkdir(exist_ok=True)
torch.manual_seed(0)
"""


def test_a_hand_in_with_a_gpu_and_a_results_folder_is_graded_in_the_real_worker(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "vae_original_starter" / "vae_solution.py").read_text("utf-8")
    device = 'torch.device("cuda:0" if torch.cuda.is_available() else "cpu")'
    assert source.count(device) == 1
    source = LIKE_REAL_ONES + source.replace(device, 'torch.device("cuda:0")')
    (tmp_path / "vae_solution.py").write_text(source, encoding="utf-8")
    result = grade(assignment, tmp_path, Options(only=frozenset(ITEMS)))
    assert {item.id: item.points for item in result.items} == FULL
