"""Images by the estimate of x_0, in float64; points by the precisions of the two normal distributions."""

import torch

BETAS = torch.linspace(1e-3, 0.08, 100, dtype=torch.float64)
LEVEL = torch.cumprod(1 - BETAS, 0)


def p_sample(model, x, t, t_index):
    with torch.inference_mode():
        level, alpha, beta = LEVEL[t_index], 1 - BETAS[t_index], BETAS[t_index]
        before = LEVEL[t_index - 1] if t_index else torch.tensor(1.0)
        start = (x - (1 - level).sqrt() * model(x, t)) / level.sqrt()
        mean = (before.sqrt() * beta * start + alpha.sqrt() * (1 - before) * x) / (1 - level)
        if t_index == 0:
            return mean
        return mean + (beta * (1 - before) / (1 - level)).sqrt() * torch.randn(x.shape)


def ddim(model, x, t):
    index, noise = int(t[0]), model(x, t).double()
    level, before = LEVEL[index], LEVEL[index] / (1 - BETAS[index])
    start = (x - (1 - level).sqrt() * noise) / level.sqrt()
    return before.sqrt() * start + (1 - before).clamp(min=0).sqrt() * noise


class Points:
    def __init__(self, model):
        self.model = model
        angle = (torch.arange(15, dtype=torch.float64) / 14 + 0.008) / 1.008 * torch.pi / 2
        level = angle.cos() ** 2
        self.alpha = torch.clamp(level[1:] / level[:-1], 0.001, 1)

    def before(self, points, t):
        time = int(t[0])
        alpha, level = self.alpha[time - 1], self.alpha[:time].prod()
        start = (points / level.sqrt() - (1 / level - 1).sqrt() * self.model(points, t)).clamp(-2, 2)
        if time == 1:
            return start
        earlier = self.alpha[: time - 1].prod()
        of_start, of_noisy = 1 / (1 - earlier), alpha / (1 - alpha)
        mean = (of_start * earlier.sqrt() * start + of_noisy * points / alpha.sqrt()) / (of_start + of_noisy)
        return torch.normal(mean, (1 - alpha).sqrt())
