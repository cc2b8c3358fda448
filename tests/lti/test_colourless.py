"""The colourless network of FLAMO's example, epoch by epoch as FLAMO trains it.

The start and the losses are those of flamo 0.2.20, its examples/e8_colorless_fdn.py with --dtype float64 --device cpu,
which seeds torch with 130709 and takes 204 steps an epoch.
"""

import pytest
import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import Criterion, MagnitudeError, sparsity, train

B = [
    [0.8266401840653617],
    [1.548645484436521],
    [-1.7225096001916824],
    [-0.4246876715879766],
    [-1.2572524335401916],
    [0.02054017419112391],
]
C = [
    [
        -0.48035681398441554,
        0.7019669593371554,
        0.8735315432033558,
        -0.11405203191782436,
        -0.5292296663707892,
        0.0279382638587239,
    ]
]
A = [
    [
        -0.52124015091896,
        0.583525332648016,
        2.065902821887831,
        0.4519749797665296,
        -1.04038083513835,
        -0.01807771520774378,
    ],
    [
        -0.05137662988142366,
        -2.5637964783133587,
        0.6976349562193049,
        -0.19850885832422674,
        -0.6760717945955615,
        -1.7124294408878302,
    ],
    [
        -1.5795879991411703,
        0.5066315918162227,
        0.17034667256929298,
        1.9184632857777275,
        -1.0414340964443292,
        0.7074047267388701,
    ],
    [
        1.0445933468851647,
        0.014412008758591562,
        0.5357923244196413,
        -1.0609190933563508,
        -0.6126565668380367,
        -0.3852622117492081,
    ],
    [
        0.45222519317087173,
        -0.20856557192060488,
        1.763893849217202,
        0.6417868981028956,
        2.1789116654196694,
        0.03925891085881156,
    ],
    [
        1.568490678338209,
        0.13705920265428945,
        1.0814547322918269,
        3.349553452111536,
        -1.9188205259092448,
        -0.28292057338879173,
    ],
]
LOSSES = (13.149581743892197, 4.891476451411035, 2.3405777071656946)
FLAT = torch.ones(1, 1, 1, dtype=torch.float64)


def _network():
    b, c, a = (torch.tensor(v, dtype=torch.float64) for v in (B, C, A))
    delays = torch.tensor([887, 911, 941, 1699, 1951, 2053])
    loop = lti.Recursion(lti.Delay(delays, dtype=torch.float64), lti.Matrix(6, raw=a, requires_grad=True))
    return lti.Shell(
        lti.Series(b=lti.Gain(b, requires_grad=True), loop=loop, c=lti.Gain(c, requires_grad=True)),
        96000,
        alias_decay_db=30.0,
    )


CRITERIA = (
    Criterion(MagnitudeError(), name="colour"),
    Criterion(sparsity, 0.2, of=lambda m: m.core.loop.feedback.value("matrix")),
)


def test_the_first_steps_go_down():
    history = train(_network(), CRITERIA, [(None, FLAT)], epochs=5)
    assert history.train[0] == pytest.approx(23.362178506174786, abs=1e-6)
    assert all(b < a for a, b in zip(history.train, history.train[1:], strict=False))


@pytest.mark.slow
def test_the_losses_are_flamos_to_four_decimals_and_the_end_is_flat():
    model = _network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = train(model, CRITERIA, [(None, FLAT)] * 204, epochs=3, optimizer=optimizer)
    assert [round(v, 4) for v in history.train] == [round(v, 4) for v in LOSSES]
    train(model, CRITERIA, [(None, FLAT)] * 200, epochs=1, learning_rate=2e-2)
    with torch.no_grad():
        level = 20 * model().log10()
    assert float(level.std()) < 6.0
