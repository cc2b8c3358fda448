"""Every operation of the vector type against numpy, for both types of numbers."""

import operator

import numba
import numpy as np
import pytest

from diffFx_pytorch.kernels import vector as v

jit = numba.njit(error_model="numpy", fastmath={"contract", "nsz"})
DTYPES = [np.float32, np.float64]
LANES = {np.float32: 16, np.float64: 8}


def _numbers(dtype, count=64, seed=0):
    return np.random.default_rng(seed).standard_normal(count).astype(dtype)


def _special(dtype):
    """Two vectors that meet in every combination of signs, zeros, equality, infinity and NaN."""
    values = np.array([0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 3.0], dtype)
    return np.repeat(values, 8), np.tile(values, 8)


def _lanewise(function, *arrays):
    """``function`` of vectors over whole arrays."""
    compiled = jit(function)
    first = arrays[0]

    @jit
    def one(a, out):
        for at in range(0, a.size, v.lanes_of(a)):
            v.store(out, at, compiled(v.load(a, at)))

    @jit
    def two(a, b, out):
        for at in range(0, a.size, v.lanes_of(a)):
            v.store(out, at, compiled(v.load(a, at), v.load(b, at)))

    @jit
    def three(a, b, c, out):
        for at in range(0, a.size, v.lanes_of(a)):
            v.store(out, at, compiled(v.load(a, at), v.load(b, at), v.load(c, at)))

    out = np.full_like(first, np.nan)
    {1: one, 2: two, 3: three}[len(arrays)](*arrays, out)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: -a,
        lambda a, b: abs(a),
    ],
    ids=["add", "subtract", "multiply", "divide", "negative", "magnitude"],
)
def test_arithmetic_is_that_of_numpy_to_the_bit(dtype, function):
    a, b = _numbers(dtype), _numbers(dtype, seed=1)
    np.testing.assert_array_equal(_lanewise(function, a, b), function(a, b))
    a, b = _special(dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(_lanewise(function, a, b), function(a, b))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic_in_place(dtype):
    def steps(a, b):
        a += b
        a *= b
        a -= 0.5
        a /= b
        return a

    a, b = _numbers(dtype), _numbers(dtype, seed=1)
    expected = ((a + b) * b - dtype(0.5)) / b
    np.testing.assert_allclose(_lanewise(steps, a, b), expected, rtol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_stands_in_every_lane(dtype):
    a = _numbers(dtype)
    np.testing.assert_array_equal(_lanewise(lambda a: 1.0 - a, a), dtype(1.0) - a)
    np.testing.assert_array_equal(_lanewise(lambda a: a * 3, a), a * dtype(3))
    np.testing.assert_array_equal(_lanewise(lambda a: 0.1 / a, a), dtype(0.1) / a)


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_and_where(dtype, compare):
    a, b = _special(dtype)
    expected = np.where(compare(a, b), dtype(1), dtype(-2))
    np.testing.assert_array_equal(
        _lanewise(lambda a, b, two: v.where(compare(a, b), 1.0, two), a, b, np.full_like(a, -2)), expected
    )
    np.testing.assert_array_equal(
        _lanewise(lambda a, b: v.where(compare(a, b), a, b), a, b), np.where(compare(a, b), a, b)
    )
    np.testing.assert_array_equal(
        _lanewise(lambda a, two: v.where(compare(a, 1.0), 1.0, two), a, np.full_like(a, -2)),
        np.where(compare(a, dtype(1)), dtype(1), dtype(-2)),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_join(dtype):
    a, b = _special(dtype)
    np.testing.assert_array_equal(
        _lanewise(lambda a, b: v.where((a > 0.0) & (b > 0.0), a, 7.0), a, b), np.where((a > 0) & (b > 0), a, 7)
    )
    np.testing.assert_array_equal(
        _lanewise(lambda a, b: v.where((a > 0.0) | (b > 0.0), a, 7.0), a, b), np.where((a > 0) | (b > 0), a, 7)
    )
    np.testing.assert_array_equal(_lanewise(lambda a: v.where(~(a > 0.0), a, 7.0), a), np.where(~(a > 0), a, 7))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_looks_at_every_lane(dtype):
    any_positive = jit(lambda a: v.any_of(v.load(a, 0) > 0.0))
    for place in range(16):
        one = np.zeros(16, dtype)
        one[place] = 1
        assert any_positive(one) == (place < LANES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_larger_keeps_the_first_of_nan(dtype):
    a, b = _special(dtype)
    np.testing.assert_array_equal(_lanewise(lambda a, b: v.larger(a, b), a, b), np.where(b > a, b, a))
    np.testing.assert_array_equal(_lanewise(lambda a: v.larger(a, 0.5), a), np.where(a < 0.5, dtype(0.5), a))


@pytest.mark.parametrize("dtype", DTYPES)
def test_fma_is_a_product_and_a_sum(dtype):
    a, b, c = (_numbers(dtype, seed=seed) for seed in range(3))
    exact = a.astype(np.longdouble) * b + c
    bound = np.finfo(dtype).eps * (abs(a * b) + abs(c))
    for function in (lambda a, b, c: v.fma(a, b, c), lambda a, b, c: a * b + c):
        assert np.all(abs(_lanewise(function, a, b, c) - exact) <= bound)
    np.testing.assert_allclose(_lanewise(lambda a, b: v.fma(a, 2.0, b), a, b), a * 2 + b, rtol=8 * np.finfo(dtype).eps)


def test_fma_of_numbers():
    assert jit(lambda a, b, c: v.fma(a, b, c))(3.0, -2.0, 0.5) == -5.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_total_is_the_sum_in_float64(dtype):
    a = _numbers(dtype, 16)
    expected = a[: LANES[dtype]].astype(np.float64).sum()
    assert jit(lambda a: v.total(v.load(a, 0)))(a) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_load_and_store_touch_just_their_place(dtype):
    @jit
    def copy(a, out, at):
        v.store(out, at, v.load(a, at + 1))

    a = _numbers(dtype)
    for at in (0, 1, 5):
        out, expected = np.zeros(64, dtype), np.zeros(64, dtype)
        copy(a, out, at)
        expected[at : at + LANES[dtype]] = a[at + 1 : at + 1 + LANES[dtype]]
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", DTYPES)
def test_wide_loads_and_converting_stores(dtype, other):
    @jit
    def half(a, out, wide_out):
        v.store(out, 3, v.load_wide(a, 2))
        v.store(wide_out, 0, v.load_wide(a, 1, 16))

    a, out, wide_out = _numbers(dtype), np.zeros(64, other), np.zeros(16)
    half(a, out, wide_out)
    np.testing.assert_array_equal(out[3:11], a[2:10].astype(other))
    np.testing.assert_array_equal(wide_out, a[1:17])
    assert not out[:3].any()
    assert not out[11:].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lanes", [2, 4, 8, 16, 32])
def test_vectors_of_other_lengths(dtype, lanes):
    @jit
    def twice(a, out):
        v.store(out, 0, v.load(a, 0, lanes) * 2.0 + v.spread(a, 40, lanes) + v.constant(a, 1.0, lanes))

    a, out = _numbers(dtype), np.zeros(64, dtype)
    twice(a, out)
    np.testing.assert_allclose(out[:lanes], 2 * a[:lanes] + a[40] + 1, rtol=1e-5)
    assert not out[lanes:].any()


def test_the_length_of_a_tuple_is_a_number_of_lanes():
    copy = jit(lambda width, a, out: v.store(out, 0, v.load_wide(a, 0, width)))
    for lanes in (4, 16):
        a, out = _numbers(np.float32), np.zeros(64)
        copy((0,) * lanes, a, out)
        np.testing.assert_array_equal(out, np.where(np.arange(64) < lanes, a, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_halves(dtype):
    @jit
    def parts(a, first, second, joined):
        x = v.load(a, 0)
        v.store(first, 0, v.low(x))
        v.store(second, 0, v.high(x))
        v.store(joined, 0, v.join(v.high(x), v.low(x)))

    a, half = _numbers(dtype), LANES[dtype] // 2
    first, second, joined = np.zeros(half, dtype), np.zeros(half), np.zeros(2 * half, dtype)
    parts(a, first, second, joined)
    np.testing.assert_array_equal(first, a[:half])
    np.testing.assert_array_equal(second, a[half : 2 * half])
    np.testing.assert_array_equal(joined, np.concatenate([second, first]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_spread_and_constant(dtype):
    @jit
    def both(a, out):
        v.store(out, 0, v.spread(a, 5))
        v.store(out, v.lanes_of(a), v.constant(a, 0.3))

    a, n = _numbers(dtype), LANES[dtype]
    out = np.zeros(2 * n, dtype)
    both(a, out)
    np.testing.assert_array_equal(out, np.concatenate([np.full(n, a[5]), np.full(n, dtype(0.3))]))


def test_parts_of_float32():
    split = jit(lambda x: (v.exponent(x), v.mantissa(x), v.power_of_two(v.exponent(x))))
    for x in np.abs(_numbers(np.float32)) * np.float32(2) ** np.arange(-32, 32, dtype=np.float32):
        e, m, power = split(x)
        assert m * np.float64(2) ** e == x
        assert 0.5**0.5 <= m <= 2**0.5
        assert power == np.float64(2) ** e


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wide", [False, True])
def test_pairs_are_complex_numbers(dtype, wide):
    loader = v.load_wide_pairs if wide else v.load_pairs
    n = 8 if wide else LANES[dtype]

    @jit
    def conjugate(z, real, imag, out):
        re, im = loader(z, 2)
        v.store(real, 0, re)
        v.store(imag, 0, im)
        v.store_pairs(out, 2, re, -im)

    z = _numbers(dtype)
    real, imag, out = np.zeros(n), np.zeros(n), np.zeros(64, dtype)
    conjugate(z, real, imag, out)
    z = z[2 : 2 + 2 * n]
    np.testing.assert_array_equal(real, z[::2])
    np.testing.assert_array_equal(imag, z[1::2])
    np.testing.assert_array_equal(out[2 : 2 + 2 * n : 2], z[::2])
    np.testing.assert_array_equal(out[3 : 2 + 2 * n : 2], -z[1::2])
    assert not out[2 + 2 * n :].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [8, 16])
def test_rows_are_transposed_into_a_tile_and_back(dtype, step):
    @jit
    def there_and_back(source, places, tile, target, places_out):
        v.store_steps(tile, 4, step, v.transpose(v.load_rows(source, places, 1, 3)))
        v.store_rows(target, places_out, 0, 1, v.transpose(v.load_steps(tile, 4, step, target)))

    rng = np.random.default_rng(1)
    source, places, out = rng.standard_normal(400).astype(dtype), 20 * rng.permutation(12), 16 * rng.permutation(8)
    tile, target = np.zeros(4 + 8 * step), np.zeros(128, dtype)
    there_and_back(source, places, tile, target, out)
    rows = np.array([source[p + 3 : p + 11] for p in places[1:9]])
    expected, back = np.zeros(4 + 8 * step), np.zeros(128, dtype)
    for lane in range(8):
        expected[4 + lane :: step][:8] = rows[lane]
        back[out[lane] + 1 : out[lane] + 9] = rows[lane]
    np.testing.assert_array_equal(tile, expected)
    np.testing.assert_array_equal(target, back)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transpose_of_registers(dtype):
    @jit
    def turn(a, out):
        t = v.transpose(
            (
                v.load(a, 0, 8),
                v.load(a, 8, 8),
                v.load(a, 16, 8),
                v.load(a, 24, 8),
                v.load(a, 32, 8),
                v.load(a, 40, 8),
                v.load(a, 48, 8),
                v.load(a, 56, 8),
            )
        )
        for q in range(8):
            v.store(out, 8 * q, t[q])

    a, out = _numbers(dtype), np.zeros(64, dtype)
    turn(a, out)
    np.testing.assert_array_equal(out.reshape(8, 8), a.reshape(8, 8).T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_prefetching_changes_nothing_and_may_leave_the_array(dtype):
    @jit
    def ask(a):
        v.prefetch(a, 3)
        v.prefetch(a, 1 << 40)
        v.prefetch_to_write(a, -(1 << 40))

    a = _numbers(dtype)
    before = a.copy()
    ask(a)
    np.testing.assert_array_equal(a, before)


def test_what_does_not_go_together_is_refused():
    @jit
    def mixed(a, b):
        return v.total(v.load(a, 0) + v.load(b, 0))

    with pytest.raises(numba.TypingError):
        mixed(np.zeros(16), np.zeros(16, np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_are_carried_from_sample_to_sample(dtype):
    """The biquad of the module's docstring, rows side by side."""

    @jit
    def filter_rows(signal, coef, state, count):
        n = v.lanes_of(signal)
        b0, b1, b2 = v.load(coef, 0), v.load(coef, n), v.load(coef, 2 * n)
        a1, a2, s1, s2 = v.load(coef, 3 * n), v.load(coef, 4 * n), v.load(state, 0), v.load(state, n)
        for t in range(count):
            x = v.load(signal, t * n)
            y = b0 * x + s1
            s1 = (b1 * x + s2) - a1 * y
            s2 = b2 * x - a2 * y
            v.store(signal, t * n, y)
        v.store(state, 0, s1)
        v.store(state, n, s2)

    lanes, count = LANES[dtype], 50
    rng = np.random.default_rng(0)
    coef = (rng.uniform(0, 0.4, (5, lanes))).astype(dtype)
    x = rng.standard_normal((count, lanes)).astype(dtype)
    y, state = x.copy().reshape(-1), np.zeros(2 * lanes, dtype)
    filter_rows(y, coef.reshape(-1), state, count)
    expected, s1, s2 = np.empty((count, lanes)), np.zeros(lanes), np.zeros(lanes)
    b0, b1, b2, a1, a2 = coef.astype(np.float64)
    for t in range(count):
        expected[t] = b0 * x[t] + s1
        s1, s2 = b1 * x[t] - a1 * expected[t] + s2, b2 * x[t] - a2 * expected[t]
    np.testing.assert_allclose(y.reshape(count, lanes), expected, rtol=0, atol=50 * np.finfo(dtype).eps)
    np.testing.assert_allclose(state.reshape(2, lanes), [s1, s2], rtol=0, atol=50 * np.finfo(dtype).eps)
