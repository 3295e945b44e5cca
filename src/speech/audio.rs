//! A piece of speech as a file: which of the two formats, and how long. Pure.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Wav,
    Mp3,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::Wav, Self::Mp3];

    /// How its files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
        }
    }

    /// By how a name ends.
    pub fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL
            .into_iter()
            .find(|it| extension.eq_ignore_ascii_case(it.extension()))
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Audio {
    pub format: Format,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} bytes", self.format, self.bytes.len())
    }
}

impl Audio {
    /// A WAV file that was written into a pipe: whoever wrote it did not know yet how long it would be.
    pub(super) fn of_stream(mut bytes: Vec<u8>) -> Option<Self> {
        let at = data_of(&bytes)?;
        let whole = u32::try_from(bytes.len() - 8).ok()?;
        let data = u32::try_from(bytes.len() - at).ok()?;
        bytes[4..8].copy_from_slice(&whole.to_le_bytes());
        bytes[at - 4..at].copy_from_slice(&data.to_le_bytes());
        Some(Self {
            format: Format::Wav,
            bytes,
        })
    }

    /// Whether it begins as a file of its format does; MP3: with a tag, or with the eleven bits of a frame.
    pub fn is_sound(&self) -> bool {
        match self.format {
            Format::Wav => data_of(&self.bytes).is_some(),
            Format::Mp3 => match self.bytes.as_slice() {
                [b'I', b'D', b'3', ..] => true,
                [0xff, second, ..] => *second >= 0xe0,
                _ => false,
            },
        }
    }

    /// How long a WAV file is to be heard; of an MP3 only its decoder knows.
    pub fn duration(&self) -> Option<Duration> {
        if self.format != Format::Wav {
            return None;
        }
        let at = data_of(&self.bytes)?;
        let rate = u32::from_le_bytes(self.bytes.get(28..32)?.try_into().ok()?);
        let left = u32::try_from(self.bytes.len() - at).ok()?;
        (rate > 0).then(|| Duration::from_secs_f64(f64::from(left) / f64::from(rate)))
    }
}

/// Where the samples of a WAV file begin. RIFF: chunks of a name and a length, each padded to an even number of bytes.
fn data_of(bytes: &[u8]) -> Option<usize> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..16)? != b"WAVEfmt " {
        return None;
    }
    let mut at = 12;
    loop {
        let name = bytes.get(at..at + 4)?;
        let len = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?);
        if name == b"data" {
            return Some(at + 8);
        }
        at = at
            .checked_add(8)?
            .checked_add(usize::try_from(len).ok()?.next_multiple_of(2))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One channel of 16 bits at 1,000 Hz.
    fn wav(samples: usize) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(1000_u32.to_le_bytes());
        bytes.extend(2000_u32.to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data\xff\xff\xff\x7f");
        bytes.resize(44 + 2 * samples, 0);
        bytes
    }

    #[test]
    fn what_was_written_into_a_pipe_says_how_long_it_is() {
        let audio = Audio::of_stream(wav(500)).unwrap();
        assert_eq!(audio.bytes[4..8], 1036_u32.to_le_bytes());
        assert_eq!(audio.bytes[40..44], 1000_u32.to_le_bytes());
        assert_eq!(audio.duration(), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_no_wav_file_is_none() {
        for bytes in [&b""[..], b"RIFF", b"ID3\x04", &wav(0)[..40]] {
            assert_eq!(Audio::of_stream(bytes.to_vec()), None);
        }
    }

    #[test]
    fn sound_is_known_by_how_it_begins() {
        let is_sound = |format, bytes: &[u8]| {
            let bytes = bytes.to_vec();
            Audio { format, bytes }.is_sound()
        };
        assert!(is_sound(Format::Wav, &wav(1)));
        assert!(is_sound(Format::Mp3, b"ID3\x04"));
        assert!(is_sound(Format::Mp3, b"\xff\xf3\x44\xc4"));
        assert!(!is_sound(Format::Mp3, &wav(1)));
        assert!(!is_sound(Format::Wav, b"\xff\xf3"));
        assert!(!is_sound(Format::Mp3, b"\xff"));
    }

    #[test]
    fn a_format_is_known_by_its_ending() {
        assert_eq!(Format::of("a.b.WAV"), Some(Format::Wav));
        assert_eq!(Format::of("a.mp3"), Some(Format::Mp3));
        assert_eq!(Format::of("mp3"), None);
        assert_eq!(Format::of("a.ogg"), None);
    }
}
