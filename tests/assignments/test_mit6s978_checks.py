"""The checks of `mit6s978_ps1`: right solutions get full marks, stubs none, and a mistake costs its own item alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.assignment import Assignment, load_assignment
from autograder.mutants import Catalogue, read_catalogue
from autograder.references import reference_code
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.mutation.variants import reference, without_item

ROOT = Path(__file__).resolve().parents[2]
FULL = {
    "p0.notebook": 1,
    "p1.autoencoder": 12,
    "p2.networks": 10,
    "p2.reparameterize": 6,
    "p2.log_normal_pdf": 6,
    "p3.kl": 10,
}
ITEMS = tuple(FULL)
BLANKS = ("p1.autoencoder", "p2.networks", "p2.reparameterize", "p2.log_normal_pdf")


ASSIGNMENT: Assignment = load_assignment(ROOT, "mit6s978_ps1")
CATALOGUE: Catalogue = read_catalogue(ASSIGNMENT)
assert ASSIGNMENT.reference is not None
REFERENCE: Path = ASSIGNMENT.reference
SOURCE = (REFERENCE / "pset1.py").read_text(encoding="utf-8")
MUTANTS = {mutant.id: mutant for mutant in CATALOGUE.mutants}


@pytest.fixture(scope="module")
def suite() -> CheckSuite:
    return CheckSuite.collect(ASSIGNMENT)


def points(suite: CheckSuite, folder: Path, items: tuple[str, ...] = ITEMS, seed: str = "verify") -> dict[str, float]:
    scored = suite.score(folder, items=items, grading_seed=seed)
    return {item: result.points for item, result in scored.items()}


def changed(folder: Path, *replacements: tuple[str, str], start: str = SOURCE) -> Path:
    """The reference with exact replacements, in ``folder``."""
    text = start
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    (folder / "pset1.py").write_text(text, encoding="utf-8")
    return folder


# right solutions


STYLES = {
    "a forward that calls the layers itself": (
        ('return {"imgs": self.decode(self.encode(x))}', 'return {"imgs": self.decoder(self.encoder(x)), "z": None}'),
    ),
    "no name for the encoder": (
        (
            "self.encoder = nn.Sequential(*encoder_layers[:-1])  # no ReLU on the",
            "self.first = nn.Sequential(*encoder_layers[:-1])  # the",
        ),
        (
            "self.decoder = nn.Sequential(*decoder_layers[:-1], nn.Sigmoid())",
            "self.second = nn.Sequential(*decoder_layers[:-1])",
        ),
        ("        return self.encoder(x)\n", "        return self.first(x)\n"),
        (
            '"""Flat images of latent vectors (B, hidden_dims[-1]): (B, input_dim)."""\n        return self.decoder(z)',
            "return self.second(z)",
        ),
        ('return {"imgs": self.decode(self.encode(x))}', 'return {"imgs": self.second(self.first(x))}'),
    ),
    "tanh on the code": (
        (
            "self.encoder = nn.Sequential(*encoder_layers[:-1])  # no ReLU on the",
            "self.encoder = nn.Sequential(*encoder_layers[:-1], nn.Tanh())  # the",
        ),
    ),
    "a constructor that changes its list": (
        (
            "        widths = [input_dim, *hidden_dims]\n",
            "        hidden_dims.insert(0, input_dim)\n        widths = hidden_dims\n",
        ),
    ),
    "dropout and batch normalisation": (
        (
            "encoder_layers += [nn.Linear(before, after), nn.ReLU()]",
            "encoder_layers += [nn.Linear(before, after), nn.Dropout(0.1), nn.BatchNorm1d(after), nn.ReLU()]",
        ),
        ("*encoder_layers[:-1])  # mean", "*encoder_layers[:-3])  # mean"),
    ),
    "a normal distribution as an attribute": (
        (
            "        self.z_size = hidden_dims[-1] // 2\n",
            "        self.z_size = hidden_dims[-1] // 2\n        self.normal = torch.distributions.Normal(0, 1)\n",
        ),
        ("noise = torch.randn_like(mean)", "noise = self.normal.sample(mean.shape)"),
    ),
    "noise in training alone": (
        (
            "        noise = torch.randn_like(mean)\n",
            "        noise = torch.randn_like(mean) if self.training else 0 * mean\n",
        ),
    ),
    "constants as numbers, and `np.log`": (
        ("log2pi = torch.log(torch.tensor(2 * torch.pi))", "log2pi = np.log(2.0 * np.pi)"),
        ("torch_zero = torch.tensor(0.0)", "torch_zero = torch.zeros(1).squeeze().to(device)"),
    ),
    "the power of a tensor, and a negative half in front": (
        (
            "squares = (sample - mean) ** 2 * torch.exp(-logvar)",
            "squares = torch.pow(sample - mean, 2.0) / torch.exp(logvar)",
        ),
        (
            "-0.5 * torch.sum(squares + logvar + log2pi, dim=raxis)",
            "torch.sum(-0.5 * (squares + logvar + log2pi), raxis)",
        ),
    ),
}


CONCERNED = {
    "a forward that calls the layers itself": "p1.autoencoder",
    "no name for the encoder": "p1.autoencoder",
    "tanh on the code": "p1.autoencoder",
    "a constructor that changes its list": "p1.autoencoder",
    "dropout and batch normalisation": "p2.networks",
    "a normal distribution as an attribute": "p2.reparameterize p3.kl",
    "noise in training alone": "p2.reparameterize p3.kl",
    "constants as numbers, and `np.log`": "p2.log_normal_pdf p3.kl",
    "the power of a tensor, and a negative half in front": "p2.log_normal_pdf p3.kl",
}


@pytest.mark.parametrize("style", STYLES)
def test_habits_of_students_cost_nothing(suite: CheckSuite, tmp_path: Path, style: str) -> None:
    items = tuple(CONCERNED[style].split())
    assert points(suite, changed(tmp_path, *STYLES[style]), items) == {item: FULL[item] for item in items}


# wrong variants


@pytest.mark.parametrize("item", BLANKS)
def test_what_is_not_written_costs_its_own_item_alone(suite: CheckSuite, tmp_path: Path, item: str) -> None:
    """That holds for `p3.kl` as well, which looks at the sampler and at the density one at a time."""
    code = reference_code(ASSIGNMENT, "pset1.ipynb")
    left = without_item(ASSIGNMENT, ASSIGNMENT.manifest.item(item), code.encode())
    assert left is not None
    reference(ASSIGNMENT).write(ASSIGNMENT, tmp_path)
    (tmp_path / "pset1.py").write_bytes(left)
    assert points(suite, tmp_path) == {**FULL, item: 0}


def test_images_without_a_code_are_no_autoencoder(suite: CheckSuite, tmp_path: Path) -> None:
    folder = changed(tmp_path, ('return {"imgs": self.decode(self.encode(x))}', 'return {"imgs": x}'))
    assert points(suite, folder, ("p1.autoencoder",))["p1.autoencoder"] < 4


def test_without_sampler_and_density_nothing_agrees(suite: CheckSuite, tmp_path: Path) -> None:
    both = [
        ("noise = torch.randn_like(mean)\n", "noise = torch.zeros_like(mean)\n"),
        ("-0.5 * torch.sum(squares", "-1.5 * torch.sum(squares"),
    ]
    assert points(suite, changed(tmp_path, *both), ("p3.kl",)) == {"p3.kl": 0}


def test_one_misconception_costs_a_sensible_part(suite: CheckSuite, tmp_path: Path) -> None:
    def lost(name: str) -> float:
        item = MUTANTS[name].item
        (tmp_path / "pset1.py").write_text(CATALOGUE.source(MUTANTS[name])[1], encoding="utf-8")
        return FULL[item] - points(suite, tmp_path, (item,))[item]

    assert lost("ae-relu-on-the-code") == pytest.approx(12 * 3 / 8, abs=1e-3)
    assert lost("vae-always-a-sigmoid") == pytest.approx(10 * 2 / 7, abs=1e-3)
    assert lost("log-normal-pdf-not-summed") == pytest.approx(5.6)
    assert lost("kl-sign") == 5, "one of the two forms"


# stubs

REGION = re.compile(r"^( +)### BEGIN SOLUTION\n.*?^ +### END SOLUTION\n", re.MULTILINE | re.DOTALL)
STUBS = {
    "none": ("pass", "pass", "return None", "return None"),
    "zeros": (
        "self.encoder = self.decoder = nn.Identity()",
        "self.encoder = self.decoder = nn.Identity()",
        "return torch.zeros_like(mean)",
        "return torch.zeros(len(sample))",
    ),
    "first input": (
        "self.encoder = self.decoder = nn.Flatten()",
        "self.encoder = self.decoder = nn.Flatten()",
        "return mean",
        "return sample",
    ),
}


@pytest.mark.parametrize("kind", STUBS)
def test_stubs_earn_nothing(suite: CheckSuite, tmp_path: Path, kind: str) -> None:
    bodies = iter(STUBS[kind])
    text = REGION.sub(lambda match: f"{match[1]}{next(bodies, 'pass')}\n", SOURCE)
    assert next(bodies, None) is None
    (tmp_path / "pset1.py").write_text(text, encoding="utf-8")
    verdicts = suite.grade(tmp_path, items=ITEMS[1:])
    passed = [check.id for found in verdicts.values() for check, verdict in found if verdict.outcome is Outcome.PASS]
    assert passed == []


# two losses that agree with each other and not with the truth

SAMPLED = "    return log_prior - log_posterior\n"
CLOSED = "    return 0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar), dim=1)\n"
HUGE = "torch.where(torch.arange(len(output['mean'])) % 2 == 0, 3e38, -3e38)"  # finite; the mean of float32 is not


@pytest.mark.parametrize(
    "both",
    [
        "0 * output['mean'].sum(1)",
        "(output['mean'] * 0).sum(1) + 3",
        "output['mean'].sum(1)",
        HUGE,
    ],
)
def test_losses_that_agree_with_each_other_alone_earn_nothing(suite: CheckSuite, tmp_path: Path, both: str) -> None:
    folder = changed(tmp_path, (SAMPLED, f"    return {both}\n"), (CLOSED, f"    return {both}\n"))
    assert points(suite, folder, ("p3.kl",)) == {"p3.kl": 0}


def test_a_log_density_of_zeros_earns_nothing_for_its_axes(suite: CheckSuite, tmp_path: Path) -> None:
    zeros = """

def log_normal_pdf(sample, mean, logvar, raxis=1):
    return 1e-3 + 0 * sample.sum(raxis)
"""
    folder = changed(tmp_path, (SAMPLED, SAMPLED + zeros))
    assert points(suite, folder, ("p2.log_normal_pdf",)) == {"p2.log_normal_pdf": 0}
