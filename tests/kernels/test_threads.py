"""The pool of threads: all rows once, from several threads at once, after fork, and errors that come through."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.ops.allpole import allpole


@pytest.fixture(autouse=True)
def _four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 100])
@pytest.mark.parametrize("grain", [1, 8])
def test_every_row_is_visited_once(rows, grain):
    visited = []

    def kernel(start, stop, label):
        assert label == "given"
        assert start % grain == 0
        time.sleep(0.0005)
        visited.extend(range(start, stop))

    run_rows(kernel, rows, grain, "given")
    assert sorted(visited) == list(range(rows))


def test_several_threads_work_at_once():
    at_once = threading.Barrier(2, timeout=30)

    def kernel(start, stop):
        at_once.wait()  # passes only if two pieces run side by side

    run_rows(kernel, 2, 1)


@pytest.mark.parametrize("where", ["caller", "helper"])
def test_an_error_in_a_kernel_comes_through(where):
    caller = threading.get_ident()
    ready = threading.Barrier(2, timeout=30)

    def kernel(start, stop):
        ready.wait()
        if (threading.get_ident() == caller) == (where == "caller"):
            raise ZeroDivisionError

    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        run_rows(kernel, 2, 1)


def work(time_varying=False):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(33, 700, generator=generator, requires_grad=True)
    a = (0.3 * torch.randn(33, *([700] if time_varying else []), 2, generator=generator)).requires_grad_()
    y = allpole(x, a)
    return [v.detach() for v in (y, *torch.autograd.grad(y.square().sum(), (x, a)))]


@pytest.mark.parametrize("time_varying", [False, True])
def test_any_number_of_threads_gives_the_same_bits(time_varying):
    four = work(time_varying)
    torch.set_num_threads(1)
    for got, expected in zip(four, work(time_varying), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("time_varying", [False, True])
def test_shared_coefficients_gather_their_gradient_safely(time_varying):
    x = torch.randn(64, 300)
    a = (0.3 * torch.randn(2, 1, *([300] if time_varying else []), 2)).requires_grad_()
    shaped = x.reshape(2, 32, 300)

    def gradient():
        return torch.autograd.grad(allpole(shaped, a, time_varying=time_varying).square().sum(), a)[0]

    first = gradient()
    for _ in range(20):
        assert torch.equal(gradient(), first)


def test_several_python_threads_at_once():
    expected = work()
    with ThreadPoolExecutor(6) as pool:
        for results in pool.map(lambda _: work(), range(24)):
            for got, want in zip(results, expected, strict=True):
                assert torch.equal(got, want)


def _in_child(queue):
    torch.set_num_threads(4)
    queue.put([v.numpy() for v in work()])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_after_fork():
    """Autograd's own threads do not survive a fork, but on a CPU it uses none: the child finds everything working."""
    expected = work()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        results = queue.get(timeout=60)
    finally:
        child.join(10)
        if child.is_alive():
            child.kill()
    for got, want in zip(results, expected, strict=True):
        assert torch.equal(torch.from_numpy(got), want)
