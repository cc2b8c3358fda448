"""The schema takes what the reader takes, and refuses what it refuses as far as a schema can see it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from diffFx_pytorch import registry
from diffFx_pytorch.mix.schema import session_schema
from diffFx_pytorch.presets import dump_chain, load_chain, presets
from diffFx_pytorch.presets.schema import chain_schema
from diffFx_pytorch.routing import Chain
from tests.cli.command import difffx

jsonschema = pytest.importorskip("jsonschema")
DOCS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def validators():
    found = {"chain": chain_schema(), "tracks": session_schema()}
    for schema in found.values():
        jsonschema.Draft7Validator.check_schema(schema)
    return {key: jsonschema.Draft7Validator(schema) for key, schema in found.items()}


def as_json(value):
    """As an editor sees it: keys are strings, 1e3 is a number."""
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+e\d+", value) else value


def problems(validators, text):
    content = as_json(yaml.safe_load(text))
    return [error.message for error in validators["tracks" if "tracks" in content else "chain"].iter_errors(content)]


@pytest.mark.parametrize("name", presets())
def test_presets_fit_the_schema(validators, name):
    assert not problems(validators, load_chain(name).text)


def test_what_is_in_the_docs_fits_the_schema(validators):
    found = 0
    for path in (*(DOCS / "docs").glob("*.md"), DOCS / "README.md"):
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.S):
            if "version: 1" in block:
                found += 1
                assert not problems(validators, block), (path, block)
    assert found >= 4


@pytest.mark.slow
def test_what_every_effect_writes_fits_the_schema(validators):
    for cls in registry.effects().values():
        if not cls.__module__.startswith("diffFx_pytorch."):
            continue
        for options in ({}, *cls.variants):
            try:
                text = dump_chain(Chain(cls(**options)))
            except ValueError:  # built with a tensor
                continue
            assert not problems(validators, text), (cls, options)


GOOD = [
    "{effect: Gain, params: {gain_db: {0: -60, 1.5: [-12, hold]}}, mix: 0.5, bypass: true, name: g}",
    "{effect: Gain, params: {gain_db: {beats: {0: -60, 1e1: -12}}}}",
    "{effect: Gain, params: {gain_db: {csv: a.csv}}}",
    "{effect: Gain, params: {gain_db: [1, 2]}}",
    "{parallel: {dry: null, wet: [{effect: Gain}]}, params: {wet_level_db: -6}}",
    "{multi_band: {effect: Compressor}, options: {num_bands: 4}, params: {band_4.ratio: 2, crossover_1_hz: 120}}",
    "{mid_side: {side: {effect: Gain}}}",
    "{send: {preset: tape}, params: {send_db: -3}}",
    "{effect: Compressor, sidechain: kick.wav}",
    "{keyed: {effect: Compressor}, options: {key: kick.wav}}",
    "{effect: ParametricEqualizer, options: {num_peaks: 5}, params: {peak_5_gain_db: 2}}",
    "{effect: FeedbackDelay, options: {tempo_bpm: 90}, params: {delay_beats: 1}}",
]
BAD = [
    "{effect: Gian}",
    "{effect: Gain, params: {gain_bd: 1}}",
    "{effect: Gain, params: {gain_db: 99}}",
    "{effect: Gain, params: {gain_db: {0: 1, 1: [2, jump]}}}",
    "{effect: Gain, params: {gain_db: {-1: 1}}}",
    "{effect: Gain, params: {gain_db: []}}",
    "{effect: Gain, params: {gain_db: {beats: 3}}}",
    "{effect: Gain, options: {loud: true}}",
    "{effect: Compressor, options: {link: 'no'}}",
    "{effect: Compressor, options: {detector: loud}}",
    "{effect: Gain, chain: [{effect: Gain}]}",
    "{name: x}",
    "{chain: []}",
    "{effect: Gain, mix: 2}",
    "{effect: Gain, bypass: maybe}",
    "{dry_wet: {effect: Gain}, options: {a: 1}}",
    "{mid_side: {middle: {effect: Gain}}}",
    "{effect: Gain, efect: Gain}",
]


@pytest.mark.parametrize("step", GOOD)
def test_what_is_right(validators, step):
    assert not problems(validators, f"version: 1\ntempo_bpm: 90\nchain: [{step}]")


@pytest.mark.parametrize("step", BAD)
def test_what_is_wrong_to_the_reader_is_wrong_to_the_schema(validators, step):
    text = f"version: 1\nchain: [{step}]\n"
    with pytest.raises(ValueError):
        load_chain(text)
    assert problems(validators, text)


@pytest.mark.parametrize(
    "text",
    [
        "{version: 2, chain: [{effect: Gain}]}",
        "{version: 1, chain: []}",
        "{version: 1, chain: [{effect: Gain}], tempo_bpm: 0}",
        "{version: 1, tracks: {}}",
        "{version: 1, tracks: {a: {file: a.wav, clips: []}}}",
        "{version: 1, tracks: {a: {file: a.wav, pan: 2}}}",
        "{version: 1, tracks: {a: {file: a.wav, inserts: [{effect: Gian}]}}}",
        "{version: 1, tracks: {a: {file: a.wav, gian_db: 2}}}",
    ],
)
def test_files_that_are_wrong_as_a_whole(validators, text):
    assert problems(validators, text)


@pytest.mark.slow
def test_the_command(tmp_path):
    assert difffx("schema", "-o", tmp_path / "s.json").stdout == f"wrote {tmp_path / 's.json'}\n"
    found = json.loads((tmp_path / "s.json").read_text())
    row = found["definitions"]["Compressor.params"]["properties"]["ratio"]
    assert row["default"] == 4
    assert row["anyOf"][0] == {"type": "number", "minimum": 1, "maximum": 100}
    assert "1 .. 100" in row["description"]
    assert "tracks" in json.loads(difffx("schema", "--session").stdout)["properties"]
