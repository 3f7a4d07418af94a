"""The eight coefficients at six steps of the process, against numbers that are stored here."""

from autograder.checks import fetch
from autograder.concepts.noise_schedule import LinearSchedule, noise_schedule

SCHEDULE, INDICES = LinearSchedule(1e-4, 0.02, 1000), (0, 1, 2, 250, 500, 999)
# Computed in float64.
NUMBERS = {
    "betas": (1e-4, 1.19919920e-4, 1.39839840e-4, 5.07997998e-3, 1.00599600e-2, 2e-2),
    "alphas": (0.9999, 0.99988008, 0.99986016, 0.99492002, 0.98994004, 0.98),
    "sqrt_recip_alphas": (1.00005000, 1.00005997, 1.00006993, 1.00254971, 1.00506825, 1.01015254),
    "alphas_cumprod": (0.9999, 0.999780092, 0.999640283, 0.521423031, 0.0777966584, 4.03582977e-5),
    "sqrt_alphas_cumprod": (0.999949999, 0.99989004, 0.999820125, 0.722096275, 0.278920523, 6.35281809e-3),
    "sqrt_one_minus_alphas_cumprod": (0.01, 0.0148292929, 0.0189662072, 0.691792577, 0.960314189, 0.999979821),
    "alphas_cumprod_prev": (1.0, 0.9999, 0.999780092, 0.524085377, 0.0785872436, 4.11819365e-5),
    "posterior_variance": (0.0, 5.45318766e-5, 8.54891152e-5, 5.05171984e-3, 1.00513358e-2, 1.99999835e-2),
}


@noise_schedule(
    "ddpm.coefficients",
    call="each coefficient",
    schedule=SCHEDULE,
    stored={SCHEDULE: {name: dict(zip(INDICES, numbers, strict=True)) for name, numbers in NUMBERS.items()}},
    formula=", in the order of the template: one that is wrong may be the reason for those after it",
    **{name: f"`{name}`" for name in NUMBERS},
)
def test_coefficients(ddpm_solution, table):
    return fetch(getattr(ddpm_solution, table))
