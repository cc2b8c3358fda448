"""What a sound file says of itself, from a source to what is made of it: tags, markers, channel mask."""

from __future__ import annotations

from pathlib import Path

import soundfile

from ..dsp.loudness import channel_weights
from ..files import audio_info
from ..files.reader import native_name
from .tags import copy_all_tags, has_more_tags, kept, reads_all_tags
from .wave_chunks import append_chunks, chunks_to_keep, write_mask

_STRINGS = ("title", "artist", "album", "tracknumber", "date", "genre", "comment", "copyright", "license")
_EXTENSIBLE = ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_TAGGED = ("FLAC", "OGG", "MP3", "AIFF", "WAV", "WAVEX")


class Metadata:
    """What a source says of itself and its copy should say too.

    soundfile carries the usual strings; mutagen, where it is installed, every tag and the pictures; the chunks of a wav
    (bext, cue, iXML, ...) are copied as they are, their places in samples moved. Levels that no longer hold
    (ReplayGain, R128, those of bext) are dropped.

    Args:
        source: sound file.
        kind: format of the copy, as soundfile names it.
        subtype: of its samples.
        channels: of the copy.
        ratio: sample rate of the copy over that of the source.
        speed: how much faster the copy is.
    """

    def __init__(self, source: Path, kind: str, subtype: str, channels: int, ratio: float, speed: float) -> None:
        self.source, self.subtype, self.channels, self.format = source, subtype, channels, kind
        mask = audio_info(source).mask
        self.mask = mask if mask is not None and (mask == 0 or mask.bit_count() == channels) else None
        if self.mask is not None and kind == "WAV" and subtype in _EXTENSIBLE:
            self.format = "WAVEX"
        self._chunks = chunks_to_keep(source, ratio, speed) if self.format in ("WAV", "WAVEX", "RF64") else []
        self._strings = tags_of(source)
        if any(chunk[8:12] == b"INFO" for chunk in self._chunks):
            self._strings = {}  # they are in the chunk

    def before_sound(self, file: soundfile.SoundFile) -> None:
        """Write what stands in a header."""
        for name, value in self._strings.items():
            # libsndfile hands the bytes of UTF-8 to an encoder of mp3 that takes them for Latin-1.
            if self.format != "MP3" or value.isascii():
                try:
                    setattr(file, name, value)
                except soundfile.LibsndfileError:
                    return  # the format holds none

    def after_sound(self, part: Path) -> list[str]:
        """Write what follows the sound into a closed file.

        Returns:
            Notices for the listener on what could not be kept.
        """
        if self.format in ("WAV", "WAVEX", "RF64"):
            append_chunks(part, self._chunks)
        has_mask = self.mask is not None and write_mask(part, self.mask)
        complete = self.format in _TAGGED and copy_all_tags(
            self.source, part, self.format, self.subtype, self._strings, self.mask
        )
        notices = []
        if not has_mask and not (complete and self.format == "FLAC") and self._mask_counts():
            cure = (
                "pip install mutagen to keep it"
                if self.format == "FLAC"
                else f"{self.format} of {self.subtype} holds none"
            )
            notices.append(f"the channel mask of the source was left out: {cure}")
        lost = [] if complete else sorted(self._strings.keys() - tags_of(part).keys())
        lost += ["cover art and other tags"] if not complete and has_more_tags(self.source) else []
        if lost:
            if self.format not in _TAGGED:
                cure = f"{self.format} holds none"
            else:
                cure = "they cannot be read" if reads_all_tags() else "pip install mutagen to keep them"
            notices.append(f"{', '.join(lost)} of the source were left out: {cure}")
        return notices

    def _mask_counts(self) -> bool:
        """Whether the channels stand elsewhere than those of a file without a mask."""
        return channel_weights(self.channels, self.mask) != channel_weights(self.channels)


def tags_of(path: Path) -> dict[str, str]:
    """The tags that soundfile reads: title, artist, ..."""
    with soundfile.SoundFile(native_name(path)) as file:
        found = file.copy_metadata()
    return {name: found[name] for name in _STRINGS if found.get(name) and kept(found[name])}
