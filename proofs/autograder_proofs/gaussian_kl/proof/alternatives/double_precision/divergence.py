"""Covariance matrices and loops, in float64."""

import math

import torch


def divergence(mean, logvar):
    mean, covariance = mean.double(), torch.diag_embed(logvar.double().exp())
    traces = torch.einsum("bii->b", covariance) + torch.einsum("bi,bi->b", mean, mean)
    return (traces - mean.size(1) - torch.linalg.slogdet(covariance).logabsdet) / 2


class Gaussian:
    def __init__(self, mu, sigma):
        self.parts = mu.double(), sigma.double()

    def closeness(self, other):
        rows = zip(*self.parts, *other.parts, strict=True)
        return sum(map(self.row, rows)) / len(self.parts[0])

    @staticmethod
    def row(parts):
        m, s, n, w = parts
        return 0.5 * (torch.log(s**2 / w**2) + 1 - (s**2 + (m - n) ** 2) / w**2).sum()


def mean_divergence(mean, variance):
    return divergence(mean, variance.log()).sum() / mean.size(1)


def of_diffused(x, signal):
    left = 1 - float(signal)
    return sum((1 - left) * float(part) ** 2 + left - 1 - math.log(left) for part in x) / 2
