"""Sound as it arrives by UDP: RTP packets are opened with what the call agreed on, decoded with libopus and kept.

Header, extension and nonce are Discord's `rtpsize` modes: the header with its CSRCs and the four bytes that begin an extension
are in the clear and authenticated, the body of the extension is encrypted with the sound, the last four bytes are the nonce."""

import array
import contextlib
import ctypes
import math
import struct
import wave

import nacl.bindings
import nacl.exceptions
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RATE = 48_000
LONGEST = RATE * 120 // 1000  # samples in the longest packet of Opus
SILENCE = b"\xf8\xff\xfe"
MARKER = b"\xfa\xfa"  # With it every frame ends that is end-to-end encrypted.
AES, XCHACHA = "aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"
MODES = [AES, XCHACHA]
OPUS = 0x78


class Bad(Exception):
    """Not a packet that this call would send."""


def ssrc_of(packet):
    return struct.unpack_from(">I", packet, 8)[0]


def is_rtcp(packet):
    return 200 <= packet[1] <= 206


def opened(packet, mode, key):
    """The number of the packet, and the frame in it: Opus, or what end-to-end encryption made of it."""
    first, kind, number = struct.unpack_from(">BBH", packet)
    if first >> 6 != 2 or kind & 0x7F != OPUS:
        raise Bad(f"version {first >> 6}, type {kind & 0x7F:#x}")
    head, extension = 12 + 4 * (first & 0x0F), 0
    if first & 0x10:
        head += 4
        extension = 4 * struct.unpack_from(">H", packet, head - 2)[0]
    plain = decrypted(mode, key, packet[-4:], packet[head:-4], packet[:head])
    if first & 0x20:
        plain = plain[:-plain[-1]]
    return number, plain[extension:]


def decrypted(mode, key, nonce, body, head):
    try:
        if mode == AES:
            return AESGCM(key).decrypt(nonce.ljust(12, b"\0"), body, head)
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(body, head, nonce.ljust(24, b"\0"), key)
    except (InvalidTag, ValueError, nacl.exceptions.CryptoError) as error:
        raise Bad(f"not encrypted with {mode} and the key of the call") from error


class Decoder:
    """Mono, whatever was sent."""

    def __init__(self):
        self.opus = ctypes.CDLL("libopus.so.0")
        self.state = ctypes.create_string_buffer(self.opus.opus_decoder_get_size(1))
        self.opus.opus_decoder_init(self.state, RATE, 1)
        self.samples = (ctypes.c_int16 * LONGEST)()

    def decode(self, packet):
        count = self.opus.opus_decode(self.state, packet, len(packet), self.samples, LONGEST, 0)
        if count < 0:
            raise Bad(f"not Opus: {count}")
        return array.array("h", self.samples[:count])


class Sound:
    """All that arrived in one call, in the order of arrival, and what is heard of it by somebody without its keys."""

    def __init__(self):
        self.decoder, self.stranger = Decoder(), Decoder()
        self.samples, self.overheard = array.array("h"), array.array("h")
        self.packets = self.encrypted = self.silences = self.late = 0
        self.bad, self.gaps = [], []
        self.last = None

    def begin(self):
        """A sender numbers its packets anew."""
        self.last = None

    def take(self, packet, mode, key, heard):
        """`heard` makes Opus of a frame."""
        try:
            number, frame = opened(packet, mode, key)
            with contextlib.suppress(Bad):
                self.overheard.extend(self.stranger.decode(frame))
            opus = heard(frame)
            samples = self.decoder.decode(opus)
        except (Bad, struct.error, IndexError) as error:
            return self.bad.append(str(error))
        self.packets += 1
        self.encrypted += frame.endswith(MARKER)
        self.silences += frame == SILENCE
        self.samples.extend(samples)
        self.follow(number)

    def follow(self, number):
        ahead = 1 if self.last is None else (number - self.last) & 0xFFFF
        if ahead == 0 or ahead > 0x8000:
            self.late += 1
            return
        if ahead > 1:
            self.gaps.append({"after": self.last, "missing": ahead - 1})
        self.last = number

    def shown(self):
        return {"packets": self.packets, "encrypted": self.encrypted, "silences": self.silences, "late": self.late,
                "gaps": self.gaps, "bad": len(self.bad), "why_bad": sorted(set(self.bad)), "seconds": len(self.samples) / RATE}

    def loudness(self):
        """Root mean square, of full scale 1."""
        square = sum(sample * sample for sample in self.samples)
        return math.sqrt(square / max(1, len(self.samples))) / 32768


def save(path, samples):
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
