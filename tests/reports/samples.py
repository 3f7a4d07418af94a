"""Results that the tests of reports and platforms print: honest, long and hostile ones."""

from __future__ import annotations

from autograder.exhibits import Exhibit, Note
from autograder.results import (
    CheckResult,
    Failure,
    GradingResult,
    ItemResult,
    Kind,
    Notice,
    Outcome,
    Times,
    Wall,
)

KL = "KL(q || N(0, I)) equals the Monte-Carlo mean of log q(z) - log p(z)."
HIDDEN_KL = "The KL divergence is summed over latent dimensions, one value for each row of the batch."
SECRET = "SECRET-HIDDEN-INPUT"
TRACEBACK = 'Traceback (most recent call last):\n  File "checks/hidden/kl.py", line 7\nZeroDivisionError'


def check(outcome: Outcome = Outcome.PASS, *, number: int = 1, **changes: object) -> CheckResult:
    """Return one public check of ``vae.kl``."""
    fields = {"id": f"vae.kl/{number}", "item": "vae.kl", "title": KL, "public": True, "weight": 1.0} | changes
    return CheckResult.model_validate({"outcome": outcome, **fields})


def failed_check() -> CheckResult:
    """Return a public check with every part of a failure filled in."""
    return check(
        Outcome.FAIL,
        failure=Failure(
            summary="kl() is not the divergence: it is too large by a factor of about 2.",
            call="DiagonalGaussianDistribution(mean, logvar).kl()",
            inputs=(
                "mean = tensor([[0., 1.],\n               [2., 3.]])",
                "logvar = tensor([[0., 0.],\n                 [0., 0.]])",
            ),
            expected="tensor([0.5000, 6.5000])",
            got="tensor([ 1., 13.])",
            worst="[1]: expected 6.5, got 13.0",
        ),
        hint="Each coordinate contributes one HALF of mean^2 + var - 1 - logvar.",
        misconception="kl-missing-half",
    )


def noted_check(*, public: bool = True) -> CheckResult:
    """Return a check that passed, with a note about code that costs no points."""
    return check(public=public, exhibits=(Exhibit(title="kl copies its mean", data=Note(text="Costs no points.")),))


def hidden_check(outcome: Outcome = Outcome.FAIL) -> CheckResult:
    """Return a hidden check whose failure says what no student may read."""
    failure = Failure(summary=f"summary {SECRET}", call=f"call {SECRET}", inputs=(SECRET,), got=SECRET, worst=SECRET)
    return check(
        outcome,
        number=2,
        title=HIDDEN_KL,
        public=False,
        weight=3.0,
        failure=failure,
        hint="Which dimension do you sum over?",
        staff_note=f"{TRACEBACK}: {SECRET}",
    )


def item(id: str, outcome: Outcome | None, points: float, most: float, **changes: object) -> ItemResult:
    """Return an item; without an outcome people grade it."""
    kind = Kind.MANUAL if outcome is None else Kind.AUTO
    fields = {"title": id.replace(".", " "), "kind": kind, "points": points, "max_points": most} | changes
    return ItemResult.model_validate({"id": id, "outcome": outcome, **fields})


def sample(**changes: object) -> GradingResult:
    """Return a grading with an item of every sort."""
    fields: dict[str, object] = {
        "assignment": "toy",
        "assignment_title": "VAE and DDPM on SVHN",
        "assignment_version": "1",
        "grader_version": "0.1.0",
        "submission_digest": "sha256:0123",
        "items": (
            item("vae.sample", Outcome.PASS, 1, 1, title="Reparameterised sample", checks=(check(number=9),)),
            item(
                "vae.kl",
                Outcome.FAIL,
                0.4,
                2,
                title="KL divergence to the standard normal",
                checks=(failed_check(), hidden_check(), check(number=3, title="KL of the prior itself is 0.")),
            ),
            item("vae.figures", None, 0, 4, title="Test reconstructions every 5 epochs"),
            item(
                "ddpm.p_losses",
                Outcome.ERROR,
                0,
                4,
                title="Huber loss of the predicted noise",
                checks=(
                    check(
                        Outcome.ERROR, number=4, title="The loss is the mean over all elements.", staff_note=TRACEBACK
                    ),
                ),
            ),
            item("ddpm.bonus", Outcome.PASS, 2, 2, title="Faster sampler", extra_credit=True),
            item("reading", None, 0, 0, title="Read the paper", kind=Kind.UNGRADED),
        ),
        "notices": (Notice(text="a notebook command is ignored: !pip install", file="vae_solution.py", line=12),),
        "walls": (Wall(name="uid change", held=True), Wall(name="Landlock", held=False, note="the kernel has it off")),
        "times": Times(total=3.25),
    }
    return GradingResult.model_validate(fields | changes)
