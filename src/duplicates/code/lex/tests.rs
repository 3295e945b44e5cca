use super::*;

fn language(name: &str) -> &'static Language {
    LANGUAGES.iter().find(|it| it.name == name).unwrap()
}

fn read(name: &str, text: &str) -> Tokens {
    lex(text.as_bytes(), language(name))
}

/// The tokens of a text are these, one by one.
#[track_caller]
fn assert_tokens(name: &str, text: &str, expected: &[&str]) {
    let tokens = read(name, text);
    let is = |word: u32, it: &str| word == self::word(it.as_bytes()) || word == short(it);
    let same = tokens.len() == expected.len()
        && tokens
            .words
            .iter()
            .zip(expected)
            .all(|(word, it)| is(*word, it));
    let known: Vec<&str> = tokens
        .words
        .iter()
        .map(|word| *expected.iter().find(|it| is(*word, it)).unwrap_or(&"?"))
        .collect();
    assert!(same, "{name}: {text:?}: {known:?} are not {expected:?}");
}

fn short(text: &str) -> u32 {
    if text.len() <= 3 {
        sign(text.as_bytes())
    } else {
        0
    }
}

fn sorts(name: &str, text: &str) -> Vec<u8> {
    read(name, text).sorts
}

#[test]
fn a_comment_in_a_string_is_none_and_a_string_in_a_comment_neither() {
    assert_tokens(
        "rust",
        "a(\"// no\"); // \"b",
        &["a", "(", "\"// no\"", ")", ";"],
    );
    assert_tokens(
        "c",
        "a = \"/*\"; /* \" */ b;",
        &["a", "=", "\"/*\"", ";", "b", ";"],
    );
    assert_tokens("python", "a = '#' # it's\nb", &["a", "=", "'#'", "b"]);
    assert_tokens("go", "a := `// \"`\nb", &["a", ":=", "`// \"`", "b"]);
}

#[test]
fn comments_nest_where_the_language_says_so() {
    let text = "a /* b /* c */ d */ e";
    for nests in ["rust", "kotlin", "swift"] {
        assert_tokens(nests, text, &["a", "e"]);
    }
    for plain in ["go", "java", "c", "csharp", "typescript", "php"] {
        assert_tokens(plain, text, &["a", "d", "*", "/", "e"]);
    }
    assert_tokens("ruby", "a\n=begin\nb c\n=end\nd", &["a", "d"]);
}

#[test]
fn raw_strings_end_where_they_began() {
    assert_tokens("rust", r##"r#"a" // b"# c"##, &[r##"r#"a" // b"#"##, "c"]);
    assert_tokens("rust", r#"br"\" c"#, &[r#"br"\""#, "c"]);
    assert_tokens("rust", r#"b"\"" c"#, &[r#"b"\"""#, "c"]);
    assert_tokens("rust", "r#fn(x)", &["r", "#", "fn", "(", "x", ")"]);
    assert_tokens("python", r"a = r'\' + b'", &["a", "=", r"r'\' + b'"]);
    assert_tokens("csharp", r#"@"c:\" x"#, &[r#"@"c:\""#, "x"]);
    assert_tokens("swift", r##"#"a "b" c"# d"##, &[r##"#"a "b" c"#"##, "d"]);
}

#[test]
fn lifetimes_are_no_characters() {
    assert_tokens("rust", "&'a str", &["&", "'a", "str"]);
    assert_tokens("rust", "'a' 'b", &["'a'", "'b"]);
    assert_tokens(
        "rust",
        r"'\'' '\u{10ffff}' b'\\' 'ü'",
        &[r"'\''", r"'\u{10ffff}'", r"b'\\'", "'ü'"],
    );
    let lifetime = Sort::Lifetime as u8;
    assert_eq!(sorts("rust", "'outer: loop"), [lifetime, 5, 5]);
}

#[test]
fn a_slash_divides_where_a_value_stands_before_it() {
    assert_tokens("typescript", "a / b / c", &["a", "/", "b", "/", "c"]);
    assert_tokens(
        "typescript",
        "(a) / 2 / d",
        &["(", "a", ")", "/", "2", "/", "d"],
    );
    assert_tokens(
        "typescript",
        "x = /[/\"]+\\//g;",
        &["x", "=", "/[/\"]+\\//g", ";"],
    );
    assert_tokens(
        "typescript",
        "return /'/.test(s)",
        &["return", "/'/", ".", "test", "(", "s", ")"],
    );
    assert_tokens("typescript", "f(/\"/)", &["f", "(", "/\"/", ")"]);
}

#[test]
fn a_heredoc_is_one_text_up_to_its_word() {
    let text = "cat <<EOF | sort\nit's \"so\nEOF\nls";
    assert_tokens(
        "shell",
        text,
        &["cat", "<<", "|", "sort", "it's \"so\nEOF", "ls"],
    );
    let two = "f(<<~A, <<~B)\n one\n A\n two\n B\nx";
    assert_tokens(
        "ruby",
        two,
        &["f", "(", "<<", ",", "<<", ")", " one\n A", " two\n B", "x"],
    );
    assert_tokens("shell", "a <<'END'\n$x\nEND\n", &["a", "<<", "$x\nEND"]);
    assert_tokens("ruby", "a << b", &["a", "<<", "b"]);
}

#[test]
fn template_strings_go_over_lines() {
    let tokens = read("typescript", "a(`x\n${y}\n`)\nb");
    assert_eq!(tokens.len(), 5);
    assert_eq!(tokens.lines, [1, 1, 1, 3, 4]);
    assert_eq!(tokens.last_line(2), 3);
}

#[test]
fn docstrings_are_comments_and_other_strings_are_not() {
    let text = "def f():\n    \"\"\"One.\n\n    Two.\"\"\"\n    return 'x'\n";
    assert_tokens(
        "python",
        text,
        &["def", "f", "(", ")", ":", "return", "'x'"],
    );
    assert_tokens("python", "f(\n    'a'\n)\n", &["f", "(", "'a'", ")"]);
    assert_tokens("python", "a = \\\n    'b'\n", &["a", "=", "'b'"]);
    assert_tokens("python", "'the module'", &[]);
    assert_tokens(
        "python",
        "x = (\n'a'\n'b')",
        &["x", "=", "(", "'a'", "'b'", ")"],
    );
}

#[test]
fn numbers_hold_together() {
    for number in [
        "1e-5", "1E+10", "0xff", "0xFE", "1_000", "2.5", "0b1010u8", "1.5e3f64",
    ] {
        assert_tokens("rust", number, &[number]);
        assert_eq!(sorts("rust", number), [Sort::Number as u8], "{number}");
    }
    assert_tokens("rust", "1..2", &["1", ".", ".", "2"]);
    assert_tokens("rust", "0xe-1", &["0xe", "-", "1"]);
    assert_tokens("rust", "a.0.b", &["a", ".", "0", ".", "b"]);
}

#[test]
fn what_is_never_closed_ends_the_text_and_is_told() {
    for (name, text) in [
        ("rust", "a(\"b"),
        ("rust", "a(r#\"b\"c"),
        ("rust", "a /* b /* c */"),
        ("python", "a = \"\"\"b\n\nc"),
        ("python", "a = 'b\nc = 1"),
        ("go", "a := `b\n"),
        ("typescript", "a(`b ${c}"),
        ("shell", "a \"b\nc"),
        ("swift", "a(\"\"\"b"),
        ("ruby", "a\n=begin\nb"),
    ] {
        let tokens = read(name, text);
        assert!(tokens.len() <= 6, "{name}: {text:?}");
        let line = if name == "ruby" { 2 } else { 1 };
        assert_eq!(tokens.open.map(|it| it.0), Some(line), "{name}: {text:?}");
    }
    for (name, text) in [
        ("rust", "a(\"b\") /* c */"),
        ("text", "don't \"stop"),
        ("typescript", "<p>it's</p>"),
        ("c", "#error don't\n"),
        ("python", "'''a'''\nb = 'c' \"d\" # it's"),
    ] {
        assert_eq!(read(name, text).open, None, "{name}: {text:?}");
    }
}

#[test]
fn every_text_has_an_end_in_every_language() {
    let odd = [
        "", "\\", "'", "\"", "`", "/", "/*", "#", "<<", "<<EOF", "<<EOF\n", "r#", "b'", "'\\",
        "$#", "0x", "1e", "1e+", "@\"", "\u{feff}", "ü", "\0", "=begin", "\\\n", "'''", "\"\"\"",
        "//", "..",
    ];
    for language in LANGUAGES {
        for one in odd {
            for other in odd {
                let text = format!("{one}{other}");
                let tokens = lex(text.as_bytes(), language);
                let lines = u32::try_from(text.matches('\n').count()).unwrap() + 1;
                assert!(tokens.lines.iter().all(|it| (1..=lines).contains(it)));
            }
        }
    }
}

#[test]
fn a_line_that_goes_on_and_windows_ends_are_no_tokens() {
    assert_tokens("c", "#define A \\\n  b\nc", &["#", "define", "A", "b", "c"]);
    assert_tokens("rust", "a;\r\nb;\r\n", &["a", ";", "b", ";"]);
    let tokens = read("rust", "a;\r\n\r\nb");
    assert_eq!(tokens.lines, [1, 1, 3]);
}

#[test]
fn names_keep_the_signs_of_their_language() {
    assert_tokens("php", "$a->b", &["$a", "->", "b"]);
    assert_tokens("ruby", "@a.empty?", &["@a", ".", "empty?"]);
    assert_tokens("typescript", "$a.b_c", &["$a", ".", "b_c"]);
    let (name, member, fixed) = (Sort::Name as u8, Sort::Member as u8, Sort::Fixed as u8);
    assert_eq!(sorts("rust", "if a.b"), [fixed, name, fixed, member]);
}
