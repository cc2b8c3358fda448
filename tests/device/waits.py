"""The operators that wait for the device: whose equation looks at a value to know what to do next, and why.

A wait costs a round trip and ends a graph of launches, so every one needs a reason; a test fails where an operator that
is not named here waits, and where one that is named does not.
"""

WAITS = {
    "allpole": "above order 2, whether blocks of products lose more digits than can be mended",
    "attack_release": "it goes on until no sample changes between attack and release",
    "delay_graph": "the least of the moving delays is how many samples can be computed at once",
    "feedback_delay": "the least delay is how many samples can be computed at once",
    "feedback_network": "the least delay is how many samples can be computed at once",
    "loop_overshoot": "it goes on until no sample changes",
    "lti_loop_impulse": "the least delay is how many samples can be computed at once",
}


def operator(name: str) -> str:
    """The operator that a derivative belongs to: ``diffFx::allpole_backward`` is allpole's."""
    return name.removeprefix("diffFx::").removesuffix("_backward").removesuffix("_adjoint")
