use super::{Choice, Options, Source, readable, search};
use crate::duplicates::{Class, Sameness};

const HANDLE: &str = "def handle(value, limit):
    total = 0
    for item in value.items():
        if item.size > limit and item.ready:
            total += item.size * limit
        else:
            total -= item.weight
    report(total, limit, 'done')
    return total


";

const OTHER: &str = "def parse(text, start):
    words = text[start:].split(',')
    while words and not words[0].strip():
        words.pop(0)
    try:
        return [int(word, 16) for word in words]
    except ValueError as error:
        raise Broken(text, start) from error


";

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    let read = |&(name, text): &(&str, &str)| readable(name, text.as_bytes(), &Choice::default());
    files.iter().map(|it| read(it).unwrap()).collect()
}

fn found(files: &[(&str, &str)], options: &Options) -> Vec<Class> {
    let sources = sources(files);
    let sources: Vec<&Source> = sources.iter().collect();
    search(&sources, options, &|_, _| ())
}

fn places(class: &Class) -> Vec<(&str, usize, usize)> {
    let each = class.fragments.iter();
    each.map(|it| (it.file.as_str(), it.start, it.end))
        .collect()
}

#[test]
fn what_two_files_say_in_turn_is_found_in_one_that_says_both() {
    let both = format!("{HANDLE}{OTHER}");
    let files = [("a.py", HANDLE), ("b.py", OTHER), ("both.py", &*both)];
    for exact in [false, true] {
        let options = Options {
            exact,
            ..Options::default()
        };
        let classes = found(&files, &options);
        let told: Vec<_> = classes.iter().map(places).collect();
        assert!(
            told.contains(&vec![("a.py", 1, 9), ("both.py", 1, 9)]),
            "{told:?}"
        );
        assert!(
            told.contains(&vec![("b.py", 1, 8), ("both.py", 12, 19)]),
            "{told:?}"
        );
        assert!(classes.iter().all(|it| it.kind == Sameness::Exact));
    }
}

#[test]
fn copies_that_follow_each_other_are_one_class() {
    for copies in [2, 3, 4, 200] {
        for exact in [false, true] {
            let options = Options {
                exact,
                ..Options::default()
            };
            let classes = found(&[("many.py", &HANDLE.repeat(copies))], &options);
            let each = (0..copies).map(|n| ("many.py", n * 11 + 1, n * 11 + 9));
            let each: Vec<_> = each.collect();
            assert_eq!(
                classes.iter().map(places).collect::<Vec<_>>(),
                [each],
                "{copies} {exact}"
            );
        }
    }
}

#[test]
fn the_rows_of_a_table_are_no_copies_of_each_other() {
    let rows: String = (0..300)
        .map(|n| format!("    ('row_{n}', {n}, check({n})),\n"))
        .collect::<Vec<_>>()
        .concat();
    let table = format!("TABLE = [\n{rows}]\n");
    assert_eq!(found(&[("table.py", &table)], &Options::default()), []);
}

#[test]
fn exact_tells_nothing_else() {
    let renamed = HANDLE
        .replace("total", "sum_of_all")
        .replace("item", "part");
    let edited = HANDLE.replace("    report(", "    total *= 2\n    report(");
    let files = [
        ("a.py", HANDLE),
        ("b.py", &*renamed),
        ("c.py", &*edited),
        ("d.py", HANDLE),
    ];
    let kinds = |exact| {
        let options = Options {
            exact,
            ..Options::default()
        };
        let classes = found(&files, &options);
        let told = classes.iter().map(|it| (it.kind, it.fragments.len()));
        told.collect::<Vec<_>>()
    };
    // What the edited one begins with, then all of the two that are the same.
    assert_eq!(kinds(true), [(Sameness::Exact, 3), (Sameness::Exact, 2)]);
    assert_eq!(kinds(false), [(Sameness::Similar, 4)]);
}

#[test]
fn what_two_languages_have_in_common_is_no_copy() {
    let body = "function same(value, limit) {
  let total = 0;
  for (let n = 0; n < value.length; n++) {
    total += value[n].size * limit - offset(n, total);
  }
  if (total > limit) {
    report(total, limit, value.name);
  }
  return total;
}
";
    let of = |second: &str| found(&[("a.ts", body), (second, body)], &Options::default()).len();
    assert_eq!(of("b.js"), 1);
    assert_eq!(of("b.php"), 0);
}

#[test]
fn a_class_is_told_from_its_first_line_and_by_its_name() {
    let class = "class Ledger:
    def add(self, amount):
        self.total += amount
        self.log.append(amount)

    def take(self, amount, why):
        if amount > self.total:
            raise Empty(why)
        self.total -= amount
        return self.total
";
    let classes = found(&[("a.py", class), ("b.py", class)], &Options::default());
    assert_eq!(places(&classes[0]), [("a.py", 1, 10), ("b.py", 1, 10)]);
    assert_eq!(classes[0].fragments[0].name.as_deref(), Some("Ledger"));
    assert_eq!(classes.len(), 1);
}

#[test]
fn threads_do_not_matter() {
    let mut files: Vec<(String, String)> = Vec::new();
    for n in 0..40 {
        let edit = format!("    value = prepare(value, {n})\n    report(");
        let handle = HANDLE.replace("    report(", &edit);
        let rest = if n % 3 == 0 { OTHER } else { "" };
        files.push((format!("{n:02}.py"), format!("{handle}{rest}{HANDLE}")));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|it| (&*it.0, &*it.1)).collect();
    let with = |threads| {
        let options = Options {
            threads,
            ..Options::default()
        };
        found(&files, &options)
    };
    let one = with(1);
    assert!(one.iter().any(|it| it.fragments.len() > 40), "{one:#?}");
    for threads in [2, 3, 7] {
        assert_eq!(with(threads), one);
    }
}

/// It is like two others, and these are not like each other.
#[test]
fn what_is_a_copy_of_two_things_is_shown_with_both() {
    const MIDDLE: &str = "    for row in table.rows(limit, 3):
        if row.key in seen or row.size > limit:
            raise Doubled(row, limit)
        seen[row.key] = row.size * 2
    with open(path) as file:
        names = [line.strip() for line in file if '#' not in line]
    while names and len(names) > limit:
        del names[-1]
";
    const FIRST: &str = "    table = Table(path.name, mode='r', size=limit)
    seen = {row: None for row in table.first()}
    assert not table.closed
    limit = min(limit, table.size // 2)
";
    const LAST: &str = "    total = sum(seen.values()) - limit
    print(f'{total} of {path}', end='', flush=True)
    table.close()
    return total, names
";
    const OTHER_FIRST: &str = "    from shutil import copyfile as copy
    try:
        copy(path, limit)
    except OSError: pass
    yield lambda x: x ** 2 if x else -x
";
    const OTHER_LAST: &str = "    global counter
    counter += len(seen) @ names
    return not any(a < b <= 7 for a, b in zip(names, names[1:]))
";
    let of = |first: &str, last: &str| format!("def load(path, limit):\n{first}{MIDDLE}{last}\n\n");
    let (left, right) = (of(OTHER_FIRST, LAST), of(FIRST, OTHER_LAST));
    let middle = of(FIRST, LAST);
    let files = [("a.py", &*left), ("b.py", &*middle), ("c.py", &*right)];
    let classes = found(&files, &Options::default());
    let told: Vec<_> = classes.iter().map(places).collect();
    for whole in [
        [("a.py", 1, 18), ("b.py", 1, 17)],
        [("b.py", 1, 17), ("c.py", 1, 16)],
    ] {
        assert!(told.contains(&whole.to_vec()), "{told:?}");
    }
}

/// A longest common subsequence finds nine tenths of any ten rows in any others; only those of one rhythm are alike.
#[test]
fn rows_of_a_table_that_differ_each_are_no_large_class() {
    let last_day = |year: u32| (year + year / 4 - year / 100 + year / 400) % 7;
    let is_long = |year: u32| last_day(year) == 4 || last_day(year - 1) == 3;
    let case = |year: u32| format!("#[case({year}, {})]\n", 52 + u32::from(is_long(year)));
    let cases: String = (1..400).map(case).collect();
    let text = format!(
        "#[rstest]\n{cases}fn weeks(#[case] year: i32, #[case] weeks: u8) {{\n    \
         assert_eq!(weeks_of(year), weeks);\n}}\n"
    );
    for class in found(&[("weeks.rs", &text)], &Options::default()) {
        assert!(class.fragments.len() <= 8, "{:?}", places(&class));
    }
}

#[test]
fn what_a_forgotten_bracket_opens_ends_before_the_next_function() {
    let torn = format!("def torn(\n    text,\n    words = text.split(',')\n\n\n{HANDLE}");
    let classes = found(&[("a.py", HANDLE), ("torn.py", &torn)], &Options::default());
    let told: Vec<_> = classes.iter().map(places).collect();
    assert_eq!(told, [[("a.py", 1, 9), ("torn.py", 6, 14)]]);
    assert_eq!(classes[0].fragments[1].name.as_deref(), Some("handle"));
}

#[test]
fn a_copy_with_another_type_has_the_same_shape() {
    let code = "fn mean(values: &[f64], weights: &[f64]) -> f64 {
    let mut sum: f64 = 0.0;
    for (value, weight) in values.iter().zip(weights) {
        sum += f64::from(*value) * weight;
    }
    sum / f64::from(count(values, weights))
}
";
    let other = code.replace("f64", "Fraction").replace("0.0", "0.5");
    let classes = found(&[("a.rs", code), ("b.rs", &other)], &Options::default());
    let kinds: Vec<Sameness> = classes.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Sameness::Renamed]);
}
