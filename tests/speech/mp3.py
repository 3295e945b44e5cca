"""Real speech, so that whoever plays what a fake answered can compare: espeak-ng speaks it, lame packs it."""

import functools
import subprocess

WORDS_A_MINUTE = 175


@functools.lru_cache(maxsize=64)
def speech(text, voice, percent=0, khz=24, kbit=48):
    """MP3 of a constant bit rate, without tags; None if there is no such voice. `percent` is faster, or slower below 0."""
    pace = max(80, WORDS_A_MINUTE * (100 + percent) // 100)
    spoken = subprocess.run(["espeak-ng", "-b", "1", "-v", voice, "-s", str(pace), "--stdin", "--stdout"],
                            input=text.encode(), capture_output=True)
    if spoken.returncode or not spoken.stdout:
        return None
    packed = subprocess.run(["lame", "--quiet", "-t", "--cbr", "-m", "m", "--resample", str(khz), "-b", str(kbit), "-", "-"],
                            input=spoken.stdout, capture_output=True, check=True)
    return packed.stdout
