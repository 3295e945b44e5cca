//! A path below the root of the scan, as a relative reference (RFC 3986).

use std::fmt::Write as _;

/// Whatever is in a name stays in it: neither scheme, query, fragment nor the end of a link. A colon too, which would make the
/// first segment a scheme.
pub(super) fn relative(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02X}").expect("a string grows"),
        }
    }
    uri
}

/// Whether it leads to a file below the root and nowhere else: no `..`, no other host.
pub(super) fn stays_below(path: &str) -> bool {
    !path.split('/').any(|part| matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_more_than_a_path() {
        assert_eq!(relative("src/a-b_c~1.rs"), "src/a-b_c~1.rs");
        assert_eq!(relative("javascript:x"), "javascript%3Ax");
        assert_eq!(
            relative("a b?c#d%e(f)\n\"é"),
            "a%20b%3Fc%23d%25e%28f%29%0A%22%C3%A9"
        );
        assert!(stays_below("a..b/.c"));
        for beyond in ["../a", "a/../b", "/etc/passwd", "//host/a", "a/./b", ""] {
            assert!(!stays_below(beyond), "{beyond}");
        }
    }
}
