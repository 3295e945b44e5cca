//! The one table of languages: how comments, strings, statements and blocks are written.

/// What ends a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// A semicolon or a brace.
    Semicolon,
    /// The end of a line too, unless something is open or an operator goes on.
    Line,
}

/// What holds statements together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocks {
    Braces,
    /// Deeper lines, and a closing `end` in the column of their head.
    Indentation,
}

/// A literal from one delimiter to the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// A backslash takes the next character.
    pub(super) escapes: bool,
    /// Where it may not, the end of the line ends it: an apostrophe in a text is no string.
    pub(super) spans_lines: bool,
}

const fn quote(open: &'static str, close: &'static str, escapes: bool, spans_lines: bool) -> Quote {
    Quote {
        open,
        close,
        escapes,
        spans_lines,
    }
}

#[derive(Debug)]
pub(super) struct Language {
    pub(super) name: &'static str,
    pub(super) extensions: &'static [&'static str],
    pub(super) names: &'static [&'static str],
    pub(super) line_comments: &'static [&'static str],
    pub(super) block_comments: &'static [(&'static str, &'static str)],
    /// Block comments stand in each other.
    pub(super) nests: bool,
    /// Longer delimiters first.
    pub(super) quotes: &'static [Quote],
    pub(super) ends: Ends,
    pub(super) blocks: Blocks,
    pub(super) keywords: &'static str,
    pub(super) habits: Habits,
}

/// What only some languages have.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(super) struct Habits {
    /// `'a` of Rust, beside `'a'`; raw strings with `#`.
    pub(super) lifetimes: bool,
    /// `/…/` where a value may begin.
    pub(super) regexes: bool,
    /// `<<WORD` up to a line that is the word.
    pub(super) heredocs: bool,
    /// A string that is a whole statement says what the code is for.
    pub(super) docstrings: bool,
    /// `#define` up to the end of its line is a statement.
    pub(super) preprocessor: bool,
    /// Characters that names are made of, besides letters, digits and `_`.
    pub(super) name_bytes: &'static [u8],
}

const NONE: Habits = Habits {
    lifetimes: false,
    regexes: false,
    heredocs: false,
    docstrings: false,
    preprocessor: false,
    name_bytes: b"",
};

const C_COMMENTS: &[(&str, &str)] = &[("/*", "*/")];
const PLAIN: &[Quote] = &[quote("\"", "\"", true, false), quote("'", "'", true, false)];
const TRIPLE: &[Quote] = &[
    quote("\"\"\"", "\"\"\"", true, true),
    quote("\"", "\"", true, false),
    quote("'", "'", true, false),
];

pub(super) static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        extensions: &["rs"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: true,
        quotes: &[quote("\"", "\"", true, true)],
        ends: Ends::Semicolon,
        blocks: Blocks::Braces,
        keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod \
                   move mut pub ref return self Self static struct super trait true type union unsafe use where while \
                   Some None Ok Err",
        habits: Habits {
            lifetimes: true,
            ..NONE
        },
    },
    Language {
        name: "python",
        extensions: &["py", "pyi", "pyw"],
        names: &["SConstruct", "SConscript"],
        line_comments: &["#"],
        block_comments: &[],
        nests: false,
        quotes: &[
            quote("\"\"\"", "\"\"\"", true, true),
            quote("'''", "'''", true, true),
            quote("\"", "\"", true, false),
            quote("'", "'", true, false),
        ],
        ends: Ends::Line,
        blocks: Blocks::Indentation,
        keywords: "False None True and as assert async await break class continue def del elif else except finally for from \
                   global if import in is lambda nonlocal not or pass raise return try while with yield match case self cls",
        habits: Habits {
            docstrings: true,
            ..NONE
        },
    },
    Language {
        name: "go",
        extensions: &["go"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: &[
            quote("`", "`", false, true),
            quote("\"", "\"", true, false),
            quote("'", "'", true, false),
        ],
        ends: Ends::Line,
        blocks: Blocks::Braces,
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map package \
                   range return select struct switch type var nil true false iota string int int8 int16 int32 int64 uint uint8 \
                   uint16 uint32 uint64 uintptr float32 float64 bool byte rune error any len cap make append",
        habits: NONE,
    },
    Language {
        name: "typescript",
        extensions: &["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: &[
            quote("`", "`", true, true),
            quote("\"", "\"", true, false),
            quote("'", "'", true, false),
        ],
        ends: Ends::Line,
        blocks: Blocks::Braces,
        keywords: "abstract any as async await boolean break case catch class const constructor continue debugger declare default \
                   delete do else enum export extends false finally for from function get if implements import in instanceof \
                   interface is keyof let namespace new null number object of package private protected public readonly return set \
                   static string super switch this throw true try type typeof undefined unknown var void while with yield",
        habits: Habits {
            regexes: true,
            name_bytes: b"$",
            ..NONE
        },
    },
    Language {
        name: "java",
        extensions: &["java", "groovy", "gradle", "scala"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: TRIPLE,
        ends: Ends::Semicolon,
        blocks: Blocks::Braces,
        keywords: "abstract assert boolean break byte case catch char class const continue default def do double else enum extends \
                   final finally float for goto if implements import instanceof int interface long native new package private \
                   protected public record return short static strictfp super switch synchronized this throw throws transient true \
                   false null try var void volatile while yield",
        habits: Habits {
            name_bytes: b"$",
            ..NONE
        },
    },
    Language {
        name: "c",
        extensions: &[
            "c", "h", "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "inl", "ipp", "m", "mm", "cu",
            "ino",
        ],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: PLAIN,
        ends: Ends::Semicolon,
        blocks: Blocks::Braces,
        keywords: "auto bool break case catch char class const constexpr continue default delete do double else enum explicit export \
                   extern false final float for friend goto if inline int long namespace new noexcept nullptr NULL operator override \
                   private protected public register return short signed size_t sizeof static static_cast struct switch template \
                   this throw true try typedef typename union unsigned using virtual void volatile while",
        habits: Habits {
            preprocessor: true,
            ..NONE
        },
    },
    Language {
        name: "csharp",
        extensions: &["cs"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: &[
            quote("\"\"\"", "\"\"\"", false, true),
            quote("@\"", "\"", false, true),
            quote("$@\"", "\"", false, true),
            quote("\"", "\"", true, false),
            quote("'", "'", true, false),
        ],
        ends: Ends::Semicolon,
        blocks: Blocks::Braces,
        keywords: "abstract as async await base bool break byte case catch char checked class const continue decimal default delegate \
                   do double else enum event explicit extern false finally fixed float for foreach get goto if implicit in init int \
                   interface internal is lock long namespace new null object operator out override params partial private protected \
                   public readonly record ref return sbyte sealed set short sizeof static string struct switch this throw true try \
                   typeof uint ulong unchecked unsafe ushort using value var virtual void volatile when where while yield",
        habits: Habits {
            preprocessor: true,
            ..NONE
        },
    },
    Language {
        name: "shell",
        extensions: &["sh", "bash", "zsh", "ksh", "bats"],
        names: &[".bashrc", ".profile", ".zshrc", "PKGBUILD"],
        line_comments: &["#"],
        block_comments: &[],
        nests: false,
        quotes: &[quote("\"", "\"", true, true), quote("'", "'", false, true)],
        ends: Ends::Line,
        blocks: Blocks::Braces,
        keywords: "if then else elif fi for while until do done case esac in function select time return exit local export readonly \
                   declare set unset shift break continue echo printf test eval exec source trap true false cd",
        habits: Habits {
            heredocs: true,
            ..NONE
        },
    },
    Language {
        name: "ruby",
        extensions: &["rb", "rake", "gemspec", "cr"],
        names: &["Rakefile", "Gemfile", "Vagrantfile"],
        line_comments: &["#"],
        block_comments: &[("=begin", "=end")],
        nests: false,
        quotes: &[quote("\"", "\"", true, true), quote("'", "'", true, true)],
        ends: Ends::Line,
        blocks: Blocks::Indentation,
        keywords: "BEGIN END alias and begin break case class def defined? do else elsif end ensure false for if in module next nil \
                   not or redo require require_relative rescue retry return self super then true undef unless until when while \
                   yield attr_reader attr_accessor private protected public raise",
        habits: Habits {
            heredocs: true,
            name_bytes: b"@?!",
            ..NONE
        },
    },
    Language {
        name: "php",
        extensions: &["php", "phtml", "inc"],
        names: &[],
        line_comments: &["//", "#"],
        block_comments: C_COMMENTS,
        nests: false,
        quotes: &[quote("\"", "\"", true, true), quote("'", "'", true, true)],
        ends: Ends::Semicolon,
        blocks: Blocks::Braces,
        keywords: "abstract and array as break callable case catch class clone const continue declare default do echo else elseif \
                   empty enum extends final finally fn for foreach function global goto if implements include include_once \
                   instanceof insteadof interface isset list match namespace new null or print private protected public readonly \
                   require require_once return static switch throw trait true false try unset use var while xor yield string int \
                   bool float void self parent",
        habits: Habits {
            name_bytes: b"$",
            ..NONE
        },
    },
    Language {
        name: "kotlin",
        extensions: &["kt", "kts"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: true,
        quotes: TRIPLE,
        ends: Ends::Line,
        blocks: Blocks::Braces,
        keywords: "abstract actual annotation as break by catch class companion const constructor continue crossinline data do else \
                   enum expect external false final finally for fun get if import in infix init inline inner interface internal is \
                   lateinit null object open operator out override package private protected public reified return sealed set super \
                   suspend this throw true try typealias val var vararg when where while Int Long String Boolean Unit",
        habits: NONE,
    },
    Language {
        name: "swift",
        extensions: &["swift"],
        names: &[],
        line_comments: &["//"],
        block_comments: C_COMMENTS,
        nests: true,
        quotes: &[
            quote("\"\"\"", "\"\"\"", true, true),
            quote("#\"", "\"#", false, false),
            quote("\"", "\"", true, false),
        ],
        ends: Ends::Line,
        blocks: Blocks::Braces,
        keywords: "actor any as associatedtype async await break case catch class continue default defer deinit do else enum extension \
                   fallthrough false fileprivate final for func get guard if import in init inout internal is lazy let mutating nil \
                   open operator override private protocol public repeat return rethrows self Self set some static struct subscript \
                   super switch throw throws true try typealias var weak where while Int String Bool Double",
        habits: NONE,
    },
    // Whatever else is text: a line is a statement, and words are names.
    Language {
        name: "text",
        extensions: &[],
        names: &[],
        line_comments: &[],
        block_comments: &[],
        nests: false,
        quotes: &[quote("\"", "\"", true, false)],
        ends: Ends::Line,
        blocks: Blocks::Indentation,
        keywords: "",
        habits: NONE,
    },
];

/// How each is called.
pub fn names() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|it| it.name)
}

/// What no name is known of.
pub(super) fn text() -> &'static Language {
    LANGUAGES.last().expect("the table ends with plain text")
}

/// By its name.
fn named(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|it| it.name == name)
}

/// By the name of the file, else by the program that its first line names.
pub(super) fn of(file: &str, first_line: &str) -> Option<&'static Language> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let extension = name.rsplit_once('.').map(|it| it.1);
    let by_name = LANGUAGES.iter().find(|it| {
        it.names.contains(&name)
            || extension
                .is_some_and(|ext| it.extensions.iter().any(|it| it.eq_ignore_ascii_case(ext)))
    });
    by_name.or_else(|| by_program(first_line.strip_prefix("#!")?))
}

fn by_program(line: &str) -> Option<&'static Language> {
    let mut words = line
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = words.find(|it| *it != "env" && !it.starts_with('-'))?;
    match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "sh" | "bash" | "dash" | "zsh" | "ksh" => named("shell"),
        "python" | "pypy" => named("python"),
        "ruby" => named("ruby"),
        "node" | "deno" | "bun" => named("typescript"),
        "php" => named("php"),
        _ => None,
    }
}
