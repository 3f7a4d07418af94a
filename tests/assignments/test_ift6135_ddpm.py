"""The checks of the DDPM: right for every right solution, wrong for every wrong one, and for its own item only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.results import Outcome
from autograder.verify.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
FULL = {
    "ddpm.coefficients": 4,
    "ddpm.q_sample": 4,
    "ddpm.p_sample": 4,
    "ddpm.p_sample_loop": 2,
    "ddpm.p_losses": 4,
    "ddpm.t_sample": 2,
}
COEFFICIENTS, Q_SAMPLE, P_SAMPLE, LOOP, P_LOSSES, T_SAMPLE = ITEMS = tuple(FULL)
# What a mistake could spread to, were there no stand-ins; the other items use nothing of it.
BUILT_ON = {COEFFICIENTS: (Q_SAMPLE, P_SAMPLE, LOOP, P_LOSSES), Q_SAMPLE: (P_LOSSES,), P_SAMPLE: (LOOP,)}
ALTERNATIVES = ("ddpm_original_starter", "ddpm_through_start", "ddpm_double_precision")


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(ROOT, "ift6135_a3")


@pytest.fixture(scope="module")
def suite(assignment):
    return CheckSuite.collect(assignment)


@pytest.fixture(scope="module")
def reference(assignment):
    """The reference down to its last graded function, without the U-Net: compiling is half of the time here."""
    source = (assignment.reference / "ddpm_solution.py").read_text(encoding="utf-8")
    graded, _, rest = source.partition("@torch.no_grad()\ndef reconstruct(")
    assert rest
    return graded.replace("from networks import Unet\n", "")


def points(suite, folder, items=ITEMS, **options):
    return {item: result.points for item, result in suite.score(folder, items=items, **options).items()}


def variant(folder, source, *replacements):
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    (folder / "ddpm_solution.py").write_text(source, encoding="utf-8")
    return folder


@pytest.mark.parametrize("seed", ["verify", "another", "a third"])
def test_the_reference_gets_full_marks(suite, assignment, seed):
    assert points(suite, assignment.reference, grading_seed=seed) == FULL


@pytest.mark.parametrize("name", ALTERNATIVES)
@pytest.mark.parametrize("seed", ["verify", "another"])
def test_other_right_solutions_get_full_marks(suite, assignment, name, seed):
    assert points(suite, assignment.folder / "alternatives" / name, grading_seed=seed) == FULL


@pytest.mark.parametrize("name", ["reference", *ALTERNATIVES])
def test_right_solutions_pass_without_stand_ins_too(suite, assignment, name):
    folder = assignment.reference if name == "reference" else assignment.folder / "alternatives" / name
    assert points(CheckSuite(assignment, suite.checks, {}), folder) == FULL


LINES = {
    "betas": "betas = linear_beta_schedule(beta_start=1e-4, beta_end=0.02, timesteps=T)  # SOLUTION\n",
    "alphas": "alphas = 1.0 - betas  # SOLUTION\n",
    "recip": "sqrt_recip_alphas = torch.rsqrt(alphas)  # SOLUTION\n",
    "level": "alphas_cumprod = torch.cumprod(alphas, dim=0)  # SOLUTION\n",
    "signal": "sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)  # SOLUTION\n",
    "spread": "sqrt_one_minus_alphas_cumprod = torch.sqrt(1.0 - alphas_cumprod)  # SOLUTION\n",
    "before": "alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)  # SOLUTION\n",
    "variance": "posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)  # SOLUTION\n",
}
MIX = "    return signal_scale * x_start + noise_scale * noise\n"
DRAW = "        noise = torch.randn_like(x_start)\n    # Ho"
SIGNAL = "    signal_scale = extract(sqrt_alphas_cumprod, t, x_start.shape)"
SPREAD = "    noise_scale = extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape)\n"
SHARE = "    noise_share = extract(betas, t, x.shape) / extract(sqrt_one_minus_alphas_cumprod, t, x.shape)\n"
MEAN = "    mean = extract(sqrt_recip_alphas, t, x.shape) * (x - noise_share * model(x, t))\n"
LAST = "    if t_index == 0:\n"
STEP = "    return mean + torch.sqrt(extract(posterior_variance, t, x.shape)) * torch.randn_like(x)\n"
GRAD = "@torch.no_grad()\ndef p_sample("
START = "    x = torch.randn(tuple(shape), device=device_of(model))\n"
RANGE = "reversed(range(timesteps))"
TIME = "torch.full((shape[0],), t_index, dtype=torch.long, device=x.device)"
CALL = "        x = p_sample(model, x, t, t_index)\n"
KEEP = "        images.append(x.cpu())\n"
STACK = "    return torch.stack(images)\n"
NOISE = "    noise = torch.randn_like(x_start)\n    predicted_noise"
ASK = "    predicted_noise = denoise_model(q_sample(x_start, t, noise), t)\n"
LOSS = "    return F.smooth_l1_loss(predicted_noise, noise)\n"
RANDINT = "torch.randint(0, timesteps, (batch_size,))"


def shifted(line, by):
    """The line with the time index off by one; the end that would fall out is kept inside, so that nothing raises."""
    return line.replace(", t, ", f", (t + {by}).clamp(0, T - 1), ")


def assigned(key, value):
    return (COEFFICIENTS, LINES[key], LINES[key].partition(" = ")[0] + f" = {value}\n")


WRONG = {
    "betas_one_too_many_steps": assigned("betas", "linear_beta_schedule(1e-4, 0.02, T + 1)[:-1]"),
    "betas_quadratic": assigned("betas", "linear_beta_schedule(1e-2, 0.02**0.5, T) ** 2"),
    "betas_reversed": assigned("betas", "linear_beta_schedule(0.02, 1e-4, T)"),
    "betas_wrong_end": assigned("betas", "linear_beta_schedule(1e-4, 0.2, T)"),
    "alphas_are_cumulative": assigned("alphas", "torch.cumprod(1.0 - betas, 0)"),
    "alphas_are_betas": assigned("alphas", "betas"),
    "alphas_square_root": assigned("alphas", "torch.sqrt(1.0 - betas)"),
    "recip_of_cumulative": assigned("recip", "torch.rsqrt(torch.cumprod(alphas, 0))"),
    "recip_without_root": assigned("recip", "1.0 / alphas"),
    "recip_is_root": assigned("recip", "torch.sqrt(alphas)"),
    "cumulative_sum": assigned("level", "torch.cumsum(alphas, dim=0)"),
    "cumulative_of_betas": assigned("level", "torch.cumprod(betas, dim=0)"),
    "cumulative_without_first": assigned("level", "torch.cumprod(alphas, dim=0) / alphas[0]"),
    "signal_without_root": assigned("signal", "alphas_cumprod"),
    "signal_of_alphas": assigned("signal", "torch.sqrt(alphas)"),
    "spread_without_root": assigned("spread", "1.0 - alphas_cumprod"),
    "spread_one_minus_root": assigned("spread", "1.0 - torch.sqrt(alphas_cumprod)"),
    "before_not_shifted": assigned("before", "alphas_cumprod"),
    "before_padded_with_0": assigned("before", "F.pad(alphas_cumprod[:-1], (1, 0), value=0.0)"),
    "before_shifted_left": assigned("before", "F.pad(alphas_cumprod[1:], (0, 1), value=1.0)"),
    "before_one_too_long": assigned("before", "F.pad(alphas_cumprod, (1, 0), value=1.0)"),
    "variance_is_beta": assigned("variance", "betas"),
    "variance_without_before": assigned("variance", "betas * (1.0 - alphas_cumprod) / (1.0 - alphas_cumprod)"),
    "variance_upside_down": assigned("variance", "betas * (1.0 - alphas_cumprod) / (1.0 - alphas_cumprod_prev + 1e-9)"),
    "variance_root": assigned("variance", "torch.sqrt(betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod))"),
    "variance_clipped": assigned(
        "variance", "(betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)).clamp(min=5e-5)"
    ),
    "variance_in_half_precision": assigned(
        "variance", "(betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)).half()"
    ),
    "q_no_signal_factor": (Q_SAMPLE, MIX, "    return x_start + noise_scale * noise\n"),
    "q_no_noise_factor": (Q_SAMPLE, MIX, "    return signal_scale * x_start + noise\n"),
    "q_variance_as_std": (Q_SAMPLE, MIX, "    return signal_scale * x_start + noise_scale**2 * noise\n"),
    "q_signal_squared": (Q_SAMPLE, MIX, "    return signal_scale**2 * x_start + noise_scale * noise\n"),
    "q_noise_subtracted": (Q_SAMPLE, MIX, "    return signal_scale * x_start - noise_scale * noise\n"),
    "q_factors_swapped": (Q_SAMPLE, MIX, "    return noise_scale * x_start + signal_scale * noise\n"),
    "q_single_step": (Q_SAMPLE, SIGNAL, SIGNAL.replace("sqrt_alphas_cumprod", "alphas.sqrt()")),
    "q_first_time_for_all": (
        Q_SAMPLE,
        MIX,
        "    return sqrt_alphas_cumprod[t[0]] * x_start + sqrt_one_minus_alphas_cumprod[t[0]] * noise\n",
    ),
    "q_index_too_high": (Q_SAMPLE, SIGNAL, shifted(SIGNAL, 1)),
    "q_noise_index_too_high": (Q_SAMPLE, SPREAD, shifted(SPREAD, 1)),
    "q_index_too_low": (Q_SAMPLE, SPREAD, shifted(SPREAD, -1)),
    "q_uniform_noise": (Q_SAMPLE, DRAW, DRAW.replace("randn_like", "rand_like")),
    "q_one_noise_for_all_images": (
        Q_SAMPLE,
        DRAW,
        DRAW.replace("randn_like(x_start)", "randn_like(x_start[:1]).expand_as(x_start)"),
    ),
    "q_one_noise_for_all_channels": (
        Q_SAMPLE,
        DRAW,
        DRAW.replace("randn_like(x_start)", "randn_like(x_start[:, :1]).expand_as(x_start)"),
    ),
    "q_seeded": (Q_SAMPLE, DRAW, DRAW.replace("noise =", "torch.manual_seed(0)\n        noise =")),
    "q_noise_argument_ignored": (
        Q_SAMPLE,
        "    if noise is None:\n        noise = torch",
        "    if True:\n        noise = torch",
    ),
    "q_no_noise_if_none_given": (Q_SAMPLE, DRAW, DRAW.replace("randn_like", "zeros_like")),
    "q_detached": (Q_SAMPLE, MIX, "    return signal_scale * x_start.detach() + noise_scale * noise\n"),
    "q_clamped": (Q_SAMPLE, MIX, "    return (signal_scale * x_start + noise_scale * noise).clamp(-1, 1)\n"),
    "q_whole_vector": (Q_SAMPLE, SIGNAL, "    signal_scale = sqrt_alphas_cumprod[:, None, None, None]"),
    "p_variance_as_std": (
        P_SAMPLE,
        STEP,
        STEP.replace("torch.sqrt(extract(posterior_variance, t, x.shape))", "extract(posterior_variance, t, x.shape)"),
    ),
    "p_beta_as_variance": (P_SAMPLE, STEP, STEP.replace("posterior_variance", "betas")),
    "p_whole_vector": (
        P_SAMPLE,
        STEP,
        STEP.replace("extract(posterior_variance, t, x.shape)", "posterior_variance[:, None, None, None]"),
    ),
    "p_no_noise": (P_SAMPLE, STEP, "    return mean\n"),
    "p_noise_at_index_0": (
        P_SAMPLE,
        LAST,
        LAST + "        return mean + extract(betas, t, x.shape).sqrt() * torch.randn_like(x)\n",
    ),
    "p_noise_at_every_index": (P_SAMPLE, LAST + "        return mean\n", "    posterior_variance = betas\n"),
    "p_last_step_is_index_1": (P_SAMPLE, LAST, "    if t_index <= 1:\n"),
    "p_sum_of_share": (P_SAMPLE, MEAN, MEAN.replace("x - noise_share", "x + noise_share")),
    "p_no_recip_factor": (P_SAMPLE, MEAN, "    mean = x - noise_share * model(x, t)\n"),
    "p_recip_of_cumulative": (
        P_SAMPLE,
        MEAN,
        MEAN.replace("extract(sqrt_recip_alphas,", "extract(alphas_cumprod.rsqrt(),"),
    ),
    "p_recip_on_x_only": (
        P_SAMPLE,
        MEAN,
        "    mean = extract(sqrt_recip_alphas, t, x.shape) * x - noise_share * model(x, t)\n",
    ),
    "p_share_without_root": (
        P_SAMPLE,
        SHARE,
        SHARE.replace("extract(sqrt_one_minus_alphas_cumprod,", "extract(1 - alphas_cumprod,"),
    ),
    "p_share_is_beta": (P_SAMPLE, SHARE, "    noise_share = extract(betas, t, x.shape)\n"),
    "p_share_is_alpha": (P_SAMPLE, SHARE, SHARE.replace("betas", "alphas")),
    "p_share_root_of_beta": (P_SAMPLE, SHARE, SHARE.replace("extract(betas,", "extract(betas.sqrt(),")),
    "p_model_time_too_high": (P_SAMPLE, MEAN, MEAN.replace("model(x, t)", "model(x, t + 1)")),
    "p_model_time_too_low": (P_SAMPLE, MEAN, MEAN.replace("model(x, t)", "model(x, (t - 1).clamp(min=0))")),
    "p_index_too_high": (P_SAMPLE, SHARE, shifted(SHARE, 1)),
    "p_index_too_low": (P_SAMPLE, SHARE, shifted(SHARE, -1)),
    "p_variance_index_too_high": (P_SAMPLE, STEP, shifted(STEP, 1)),
    "p_variance_index_too_low": (P_SAMPLE, STEP, shifted(STEP, -1)),
    "p_clamped": (P_SAMPLE, LAST, "    mean = mean.clamp(-1, 1)\n" + LAST),
    "p_clamped_start": (
        P_SAMPLE,
        LAST,
        "    spread, signal = (extract(a, t, x.shape) for a in (sqrt_one_minus_alphas_cumprod, sqrt_alphas_cumprod))\n"
        "    start = ((x - spread * model(x, t)) / signal).clamp(-1, 1)\n"
        "    beta, alpha, before = (extract(a, t, x.shape) for a in (betas, alphas, alphas_cumprod_prev))\n"
        "    mean = (before.sqrt() * beta * start + alpha.sqrt() * (1 - before) * x) / spread**2\n" + LAST,
    ),
    "p_with_gradient": (P_SAMPLE, GRAD, "def p_sample("),
    "p_uniform_noise": (P_SAMPLE, STEP, STEP.replace("randn_like", "rand_like")),
    "p_one_noise_for_all_images": (P_SAMPLE, STEP, STEP.replace("randn_like(x)", "randn_like(x[:1])")),
    "p_seeded": (P_SAMPLE, STEP, "    torch.manual_seed(0)\n" + STEP),
    "p_returns_prediction": (P_SAMPLE, MEAN, "    mean = model(x, t)\n"),
    "loop_from_zeros": (LOOP, START, START.replace("randn", "zeros")),
    "loop_from_uniform": (LOOP, START, START.replace("randn", "rand")),
    "loop_from_one_noise": (
        LOOP,
        START,
        "    x = torch.randn(1, *shape[1:]).repeat(shape[0], 1, 1, 1)\n",
    ),
    "loop_forwards": (LOOP, RANGE, "range(timesteps)"),
    "loop_one_index_too_high": (LOOP, RANGE, "reversed(range(1, timesteps + 1))"),
    "loop_stops_before_0": (LOOP, RANGE, "reversed(range(1, timesteps))"),
    "loop_over_twice_the_steps": (LOOP, RANGE, "reversed(range(2 * timesteps))"),
    "loop_ends_at_T": (LOOP, RANGE, "reversed(range(T - timesteps, T))"),
    "loop_images_reversed": (LOOP, STACK, "    return torch.stack(images[::-1])\n"),
    "loop_last_image_only": (LOOP, STACK, "    return images[-1]\n"),
    "loop_list": (LOOP, STACK, "    return images\n"),
    "loop_concatenated": (LOOP, STACK, "    return torch.cat(images)\n"),
    "loop_stacked_behind": (LOOP, STACK, "    return torch.stack(images, dim=1)\n"),
    "loop_images_before_the_step": (LOOP, CALL + KEEP, KEEP + CALL),
    "loop_result_dropped": (LOOP, CALL, "        p_sample(model, x, t, t_index)\n"),
    "loop_time_float": (LOOP, TIME, TIME.replace("torch.long", "torch.float32")),
    "loop_time_of_one": (LOOP, TIME, TIME.replace("shape[0]", "1")),
    "loop_time_constant": (LOOP, TIME, TIME.replace("t_index", "timesteps - 1")),
    "loop_t_index_constant": (LOOP, CALL, "        x = p_sample(model, x, t, 0)\n"),
    "loop_clamped": (LOOP, CALL, CALL + "        x = x.clamp(-1, 1)\n"),
    "loss_l1": (P_LOSSES, LOSS, "    return F.l1_loss(predicted_noise, noise)\n"),
    "loss_mse": (P_LOSSES, LOSS, "    return F.mse_loss(predicted_noise, noise)\n"),
    "loss_half_mse": (P_LOSSES, LOSS, "    return F.mse_loss(predicted_noise, noise) / 2\n"),
    "loss_sum": (P_LOSSES, LOSS, LOSS.replace("noise)", "noise, reduction='sum')")),
    "loss_unreduced": (P_LOSSES, LOSS, LOSS.replace("noise)", "noise, reduction='none')")),
    "loss_sum_by_batch": (P_LOSSES, LOSS, LOSS.replace("noise)", "noise, reduction='sum') / len(x_start)")),
    "loss_other_threshold": (P_LOSSES, LOSS, LOSS.replace("noise)", "noise, beta=0.5)")),
    "loss_against_start": (P_LOSSES, LOSS, LOSS.replace(" noise)", " x_start)")),
    "loss_against_other_noise": (P_LOSSES, LOSS, LOSS.replace(" noise)", " torch.randn_like(noise))")),
    "loss_sign_of_noise": (P_LOSSES, LOSS, LOSS.replace(" noise)", " -noise)")),
    "loss_without_gradient": (P_LOSSES, LOSS, LOSS.replace("predicted_noise,", "predicted_noise.detach(),")),
    "loss_clean_images": (P_LOSSES, ASK, ASK.replace("q_sample(x_start, t, noise)", "x_start")),
    "loss_noise_not_passed": (P_LOSSES, ASK, ASK.replace("q_sample(x_start, t, noise)", "q_sample(x_start, t)")),
    "loss_other_time": (P_LOSSES, ASK, ASK.replace(", t)\n", ", torch.zeros_like(t))\n")),
    "loss_first_time": (
        P_LOSSES,
        ASK,
        ASK.replace("q_sample(x_start, t, noise)", "q_sample(x_start, t[:1].expand_as(t), noise)"),
    ),
    "loss_uniform_noise": (P_LOSSES, NOISE, NOISE.replace("randn_like", "rand_like")),
    "loss_one_noise": (
        P_LOSSES,
        NOISE,
        NOISE.replace("randn_like(x_start)", "randn_like(x_start[:1]).expand_as(x_start)"),
    ),
    "loss_seeded": (P_LOSSES, NOISE, "    torch.manual_seed(0)\n" + NOISE),
    "t_one_too_many": (T_SAMPLE, RANDINT, "torch.randint(0, timesteps + 1, (batch_size,))"),
    "t_never_last": (T_SAMPLE, RANDINT, "torch.randint(0, timesteps - 1, (batch_size,))"),
    "t_never_0": (T_SAMPLE, RANDINT, "torch.randint(1, timesteps, (batch_size,))"),
    "t_counts_from_1": (T_SAMPLE, RANDINT, "torch.randint(1, timesteps + 1, (batch_size,))"),
    "t_float": (T_SAMPLE, RANDINT, RANDINT + ".float()"),
    "t_int32": (T_SAMPLE, RANDINT, RANDINT + ".int()"),
    "t_constant": (T_SAMPLE, RANDINT, "torch.randint(0, timesteps, (1,)).expand(batch_size)"),
    "t_ignores_timesteps": (T_SAMPLE, RANDINT, "torch.randint(0, T, (batch_size,))"),
    "t_column": (T_SAMPLE, RANDINT, "torch.randint(0, timesteps, (batch_size, 1))"),
    "t_rounded": (T_SAMPLE, RANDINT, "(torch.rand(batch_size) * (timesteps - 1)).round().long()"),
    "t_not_uniform": (T_SAMPLE, RANDINT, "(torch.rand(batch_size) ** 2 * timesteps).long()"),
    "t_in_order": (T_SAMPLE, RANDINT, "torch.arange(batch_size) % timesteps"),
    "t_seeded": (T_SAMPLE, RANDINT, "torch.randint(0, timesteps, (batch_size,), generator=torch.Generator())"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variant_loses_points(suite, reference, tmp_path, name):
    item, old, new = WRONG[name]
    folder = variant(tmp_path, reference, (old, new))
    assert points(suite, folder, [item])[item] <= FULL[item] - 0.5


SPREADING = (
    "betas_wrong_end",
    "alphas_are_betas",
    "before_padded_with_0",
    "variance_root",
    "variance_in_half_precision",
)
SPREADING += ("q_variance_as_std", "q_seeded", "p_clamped", "p_no_noise", "p_with_gradient")


@pytest.mark.parametrize("name", SPREADING)
def test_a_wrong_variant_costs_no_other_item(suite, reference, tmp_path, name):
    item, old, new = WRONG[name]
    found = points(suite, variant(tmp_path, reference, (old, new)), BUILT_ON[item])
    assert found == {other: FULL[other] for other in BUILT_ON[item]}


@pytest.mark.parametrize(
    "name", ["betas_wrong_end", "alphas_are_cumulative", "cumulative_of_betas", "before_not_shifted"]
)
def test_one_wrong_coefficient_costs_its_part(suite, reference, tmp_path, name):
    _, old, new = WRONG[name]
    found = suite.score(variant(tmp_path, reference, (old, new)), items=[COEFFICIENTS])[COEFFICIENTS]
    wrong = {check.id.rpartition("::")[2] for check in found.checks if check.outcome is Outcome.FAIL}
    assert wrong == {"test_six_entries_of_each_coefficient", f"test_{old.partition(' = ')[0]}"}
    assert found.points > 3


ZEROS = {
    "q_sample": "torch.zeros_like(args[0])",
    "p_sample": "torch.zeros_like(args[1])",
    "p_sample_loop": "torch.zeros(args[2], *args[1])",
    "p_losses": "torch.zeros((), requires_grad=True)",
    "t_sample": "torch.zeros(args[1], dtype=torch.long)",
}
FIRST = {**dict.fromkeys(ZEROS, "args[0]"), "p_sample": "args[1]", "p_losses": "args[1]"}


@pytest.mark.parametrize("kind", ["none", "zeros", "first_input"])
def test_trivial_stubs_fail_every_check(suite, reference, tmp_path, kind):
    value = {"none": "None", "zeros": "torch.zeros(T)", "first_input": "..."}[kind]
    stubs = [f"{line.partition(' = ')[0]} = {value}" for line in LINES.values()]
    answers = {"none": dict.fromkeys(ZEROS, "None"), "zeros": ZEROS, "first_input": FIRST}[kind]
    stubs += [f"def {name}(*args, **kwargs):\n    return {answer}" for name, answer in answers.items()]
    folder = variant(tmp_path, reference + "\n" + "\n".join(stubs) + "\n")
    for item, result in suite.score(folder, items=ITEMS).items():
        assert {check.outcome for check in result.checks} == {Outcome.FAIL}, item
        assert result.points == 0


def test_messages_say_what_is_wrong(suite, reference, tmp_path):
    def summary(name):
        item, old, new = WRONG[name]
        checks = suite.score(variant(tmp_path, reference, (old, new)), items=[item])[item].checks
        return " | ".join(check.failure.summary for check in checks if check.failure and check.public)

    assert "`sqrt_alphas_cumprod` at the indices 0, 1, 2, 250, 500, 999 is wrong" in summary("signal_without_root")
    assert "the image's share (noise of zeros) is wrong" in summary("q_no_signal_factor")
    assert "all rows have the same noise" in summary("q_one_noise_for_all_images")
    assert "must ask the model about that index" in summary("p_model_time_too_high")
    assert "is a list of 4 values" in summary("loop_list")
    assert "the loss of a model that is off by [-3.0" in summary("loss_l1") or "off by [0.5" in summary("loss_l1")
    assert "contains 10, outside 0..9" in summary("t_one_too_many")


def test_a_blank_coefficient_is_called_blank(suite, reference, tmp_path):
    folder = variant(tmp_path, reference, (LINES["betas"], "betas = ...\n"))
    result = suite.score(folder, items=[COEFFICIENTS])[COEFFICIENTS]
    assert "is its line still blank?" in next(c.failure.summary for c in result.checks if c.public)


# The real command: the jailed worker, and what its courtesies are for


def jailed_points(folder):
    only = [word for item in ITEMS for word in ("--only", item)]
    command = [sys.executable, "-m", "autograder", "grade", "ift6135_a3", str(folder), "--json", *only]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return {test["extra_data"]["item"]: test["score"] for test in json.loads(run.stdout)["tests"]}


def test_a_hand_in_for_a_gpu_passes_in_the_jailed_worker(assignment, tmp_path):
    source = (assignment.folder / "alternatives" / "ddpm_original_starter" / "ddpm_solution.py").read_text("utf-8")
    gpu = 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
    betas = "betas = linear_beta_schedule(0.0001, 0.02, T)\n"
    folder = variant(tmp_path, source, (gpu, 'torch.device("cuda:0")'), (betas, betas.replace("T)", "T).to(device)")))
    assert jailed_points(folder) == FULL


def test_wrong_variants_get_the_same_points_in_the_jailed_worker(suite, reference, tmp_path):
    names = ("before_not_shifted", "q_first_time_for_all", "p_clamped", "loop_from_zeros", "loss_mse", "t_never_last")
    folder = variant(tmp_path, reference, *[WRONG[name][1:] for name in names])
    assert jailed_points(folder) == points(suite, folder)
