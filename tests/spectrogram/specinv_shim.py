"""torch_specinv 0.2's functions on this library's: its names, keywords, defaults and shapes, for the tests.

Everything is said by the library; the shim only spells it their way. They count iterations in ``max_iter``, stop at a
relative gain below ``tol`` (of the mean square, looked at every ``eva_iter`` iterations), and infer n_fft.
"""

import torch

from diffFx_pytorch.spectrogram import (
    STFT,
    Momentum,
    Reflection,
    invert,
    invert_spectrogram,
    rtisi_la,
    spectral_convergence,
    spsi,
)

BOTH = (-2, -1)


def ser(X, A):
    """10 log10 (||X||^2 / ||X - A||^2): theirs has the estimate above, ours (``-spectral_convergence``) the target."""
    return 20 * (torch.linalg.vector_norm(X, dim=BOTH) / torch.linalg.vector_norm(X - A, dim=BOTH)).log10()


METRICS = {
    "sc": lambda X, A: spectral_convergence(X, A, "none"),
    "snr": lambda X, A: -spectral_convergence(X, A, "none"),
    "ser": ser,
}


def transform(spec, window=None, return_complex=None, **kwargs):
    """The ``STFT`` of a spectrogram and ``torch.stft``'s keywords."""
    del return_complex  # spectra are complex
    return STFT.of(spec, window="rectangular" if window is None else window, **kwargs)


class Stop:
    """Their rule for ending, a callback: the mean square error fell by less than ``tol`` of the first one."""

    def __init__(self, tol, representation, target):
        self.tol, self.representation, self.target = tol, representation, target.detach()
        self.first = self.last = None

    def __call__(self, iteration, level, signal):
        with torch.no_grad():
            loss = float((self.representation(signal()) - self.target).square().mean())
        gained, self.last = None if self.last is None else self.last - loss, loss
        if gained is None:
            self.first = loss
        return gained is not None and 0 < gained < self.tol * self.first


def _reporting(tol, verbose, every, metric, representation, target):
    """Keywords about reports that all of ours take."""
    stop = Stop(tol, representation, target)
    return {
        "callback": stop,
        "progress": bool(verbose),
        "evaluate_every": every,
        "metric": METRICS[metric.lower()] if verbose else None,
    }


def _iterate(spec, rule, max_iter, tol, verbose, eva_iter, metric, kwargs):
    stft = transform(spec, **kwargs)
    return invert_spectrogram(
        spec,
        stft,
        rule,
        max_iter,
        None if spec.is_complex() else "spsi",
        differentiable=spec.requires_grad,
        **_reporting(tol, verbose, eva_iter, metric, stft.magnitude, spec.abs()),
    )


def griffin_lim(spec, max_iter=200, tol=1e-6, alpha=0.99, verbose=True, eva_iter=10, metric="sc", **kwargs):
    return _iterate(spec, Momentum(alpha=alpha), max_iter, tol, verbose, eva_iter, metric, kwargs)


def ADMM(spec, max_iter=1000, tol=1e-6, rho=0.1, verbose=1, eva_iter=10, metric="sc", **kwargs):
    return _iterate(spec, Reflection(rho=rho), max_iter, tol, verbose, eva_iter, metric, kwargs)


def RTISI_LA(spec, look_ahead=-1, asymmetric_window=False, max_iter=25, alpha=0.99, verbose=1, **kwargs):
    reading = "asymmetric" if asymmetric_window else "plain"
    return rtisi_la(
        spec,
        transform(spec, **kwargs),
        look_ahead,
        max_iter,
        momentum=alpha,
        start="overlap",
        reading=reading,
        differentiable=spec.requires_grad,
    )


def L_BFGS(
    spec,
    transform_fn,
    samples=None,
    init_x0=None,
    outer_max_iter=1000,
    tol=1e-6,
    verbose=1,
    eva_iter=10,
    metric="sc",
    *,
    max_iter=20,
    max_eval=None,
    history_size=100,
    tolerance_grad=1e-7,
    tolerance_change=1e-9,
    lr=1.0,
    line_search_fn=None,
):
    del lr, line_search_fn  # every step is a strong Wolfe step
    samples = init_x0.shape if init_x0 is not None else samples
    if len(samples) == 1:  # theirs knows no batch then

        def batched(x):
            return torch.stack([transform_fn(row) for row in x])
    else:
        batched = transform_fn
    return invert(
        spec,
        batched,
        samples[-1],
        outer_max_iter * max_iter,
        init_x0,
        memory=history_size,
        max_evaluations=max_eval or 12,
        tolerance_grad=tolerance_grad,
        tolerance_change=tolerance_change,
        **_reporting(tol, verbose, eva_iter * max_iter, metric, transform_fn, spec),
    )


def phase_init(spec, **kwargs):
    return spsi(spec, transform(spec, **kwargs))
