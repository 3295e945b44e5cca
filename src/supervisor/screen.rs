//! What a child has drawn on its terminal. The only file that knows the emulator.

use std::num::NonZeroU16;

use crate::agents::control::{self, Cursor, Size};

/// Until somebody attaches with a size of his own.
pub(super) const SIZE: Size = Size {
    rows: 40,
    columns: 120,
};
/// Beyond these a window is a mistake, and its cells are memory.
const LEAST: Size = Size {
    rows: 2,
    columns: 8,
};
const MOST: Size = Size {
    rows: 500,
    columns: 1000,
};

pub(super) struct Screen {
    parser: vt100::Parser<Replies>,
}

/// What a terminal says where it is asked something. Programs that are told nothing give up, or wait for ever.
#[derive(Default)]
struct Replies(Vec<u8>);

impl vt100::Callbacks for Replies {
    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        end: char,
    ) {
        match (first, parameters, end) {
            // Where the cursor is.
            (None, [[6]], 'n') => {
                let (row, column) = screen.cursor_position();
                let column = column.min(screen.size().1.get() - 1);
                let place = format!("\x1b[{};{}R", row + 1, column + 1);
                self.0.extend(place.bytes());
            }
            // Whether all is well.
            (None, [[5]], 'n') => self.0.extend(b"\x1b[0n"),
            // What it is: a VT102.
            (None, [] | [[0]], 'c') => self.0.extend(b"\x1b[?6c"),
            _ => {}
        }
    }
}

impl Screen {
    pub(super) fn new(size: Size) -> Self {
        let (rows, columns) = cells(size);
        Self {
            parser: vt100::Parser::new_with_callbacks(rows, columns, 0, Replies::default()),
        }
    }

    /// What a terminal says to that.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.parser.process(bytes);
        std::mem::take(&mut self.parser.callbacks_mut().0)
    }

    pub(super) fn resize(&mut self, size: Size) {
        let (rows, columns) = cells(size);
        self.parser.screen_mut().set_size(rows, columns);
    }

    pub(super) fn wants_brackets(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }

    /// The last lines that there are; empty ones at the end of the screen are none.
    pub(super) fn peek(&self, lines: usize) -> control::Screen {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let text: Vec<String> = screen
            .rows(0, columns.get())
            .map(|row| row.trim_end().to_owned())
            .collect();
        let end = text.iter().rposition(|row| !row.is_empty());
        let text = &text[..end.map_or(0, |at| at + 1)];
        let (row, column) = screen.cursor_position();
        control::Screen {
            text: text[text.len().saturating_sub(lines)..].join("\n"),
            size: Size {
                rows: rows.get(),
                columns: columns.get(),
            },
            cursor: Cursor {
                row: row + 1,
                column: column + 1,
            },
        }
    }

    /// Something that differs when the screen looks different.
    pub(super) fn look(&self) -> String {
        self.parser.screen().contents_formatted()
    }

    /// Makes any terminal show this screen, whatever it showed before and wherever in a sequence it was cut off.
    pub(super) fn redraw(&self) -> Vec<u8> {
        const CANCEL: &str = "\x18";
        let screen = self.parser.screen();
        let which = if screen.alternate_screen() {
            "\x1b[?1049h"
        } else {
            "\x1b[?1049l"
        };
        [CANCEL, which, &screen.state_formatted()]
            .concat()
            .into_bytes()
    }
}

/// The size that a window of this size gets.
pub(super) fn bounded(size: Size) -> Size {
    Size {
        rows: size.rows.clamp(LEAST.rows, MOST.rows),
        columns: size.columns.clamp(LEAST.columns, MOST.columns),
    }
}

fn cells(size: Size) -> (NonZeroU16, NonZeroU16) {
    let size = bounded(size);
    let cells = |n| NonZeroU16::new(n).expect("it is bounded from below");
    (cells(size.rows), cells(size.columns))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_shows_what_was_drawn_and_not_how() {
        let mut screen = Screen::new(SIZE);
        screen.take(b"one\r\ntwo\x1b[1;3H\x1b[31mEE\x1b[5;9Hfive\x1b[2;4H");
        let peek = screen.peek(40);
        assert_eq!(peek.text, "onEE\ntwo\n\n\n        five");
        assert_eq!((peek.cursor.row, peek.cursor.column), (2, 4));
        assert_eq!(screen.peek(1).text, "        five");
        assert_eq!(Screen::new(SIZE).peek(40).text, "");
    }

    #[test]
    fn another_terminal_shows_the_same_after_a_redraw() {
        let mut screen = Screen::new(SIZE);
        screen.take(b"main\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[7;7Halternate");
        let mut other = Screen::new(SIZE);
        other.take(b"something else\x1b]0;cut off in a ti");
        other.take(&screen.redraw());
        assert_eq!(other.look(), screen.look());
        assert!(other.wants_brackets() && other.parser.screen().alternate_screen());
        // And back.
        screen.take(b"\x1b[?1049l");
        other.take(&screen.redraw());
        assert_eq!(other.peek(9).text, "main");
    }

    #[test]
    fn what_it_is_asked_it_answers() {
        let mut screen = Screen::new(SIZE);
        let replies =
            screen.take(b"\x1b[3;4Hab\x1b[6n\x1b[5n\x1b[c\x1b[0c\x1b[?u\x1b[>c\x1b[999;999Hxx");
        assert_eq!(replies, b"\x1b[3;6R\x1b[0n\x1b[?6c\x1b[?6c");
        assert_eq!(screen.take(b"\x1b[40;120Hx\x1b[6n"), b"\x1b[40;120R");
    }

    proptest! {
        /// A supervisor that panics takes its agent along.
        #[test]
        fn nothing_that_a_child_prints_is_fatal(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..40),
                    "\\PC{0,20}".prop_map(String::into_bytes),
                    "\x1b\\[\\??[0-9;]{0,12}[@-~]".prop_map(String::into_bytes),
                ],
                0..40,
            ),
            sizes in prop::collection::vec((any::<u16>(), 0..20_u16), 1..4),
        ) {
            let mut screen = Screen::new(SIZE);
            for (at, piece) in pieces.iter().enumerate() {
                let (rows, columns) = sizes[at % sizes.len()];
                screen.resize(Size { rows: rows % 60, columns });
                screen.take(piece);
                screen.peek(7);
                screen.redraw();
            }
        }
    }
}
