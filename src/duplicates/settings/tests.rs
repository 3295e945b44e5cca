use proptest::prelude::*;

use super::*;
use crate::duplicates::{Class, Sameness};

fn found(files: &[(&str, &str)]) -> Found {
    let texts: Vec<Text> = files
        .iter()
        .map(|(file, text)| Text { file, text })
        .collect();
    scan(&texts, &Options::default())
}

/// `file:start-end` of each fragment.
fn places(class: &Class) -> Vec<String> {
    let place = |f: &crate::duplicates::Fragment| format!("{}:{}-{}", f.file, f.start, f.end);
    class.fragments.iter().map(place).collect()
}

fn conflicts(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let told = found(files).conflicts.into_iter();
    told.map(|conflict| {
        let value = |v: &crate::duplicates::Setting| format!("{}:{} {}", v.file, v.line, v.value);
        (
            conflict.key.clone(),
            conflict.values.iter().map(value).collect(),
        )
    })
    .collect()
}

const YAML: &str = "\
unlike: 1
pool:
  host: db.example.org
  port: 5432
  ssl: yes
  timeout: 2.50
  tags: [a1, b2]
";

#[test]
fn the_same_settings_are_found_in_every_format_and_order() {
    let json = "{\n  // comment\n  \"db\": {\n    \"ssl\": true,\n    \"host\": \"db.example.org\",\n    \
                \"port\": 5432,\n    \"tags\": [\"a1\", \"b2\"],\n    \"timeout\": 2.5,\n  },\n}\n";
    let toml = "x = 1\n\n[deep.pool]\nport = 5_432\nhost = 'db.example.org'\nssl = true\ntimeout = 2.5\n\
                tags = [\n  'a1', 'b2',\n]\n\n[tail]\ny = 2\n";
    let classes = found(&[("a.yaml", YAML), ("b.json", json), ("c.toml", toml)]).clones;
    assert_eq!(classes.len(), 1);
    assert_eq!(
        places(&classes[0]),
        ["a.yaml:2-7", "b.json:3-9", "c.toml:3-10"]
    );
    assert_eq!((classes[0].kind, classes[0].tokens), (Sameness::Exact, 6));
    assert!((classes[0].similarity - 1.0).abs() < f64::EPSILON);
}

#[test]
fn lines_are_formats_too() {
    let env = "export HOST=\"db.example.org\"\nPORT=5432 # ours\nSSL=true\nUSER='me'\nNAME=app\n";
    let ini = "[pool]\nname = app\nuser: me\nssl = yes\n; comment\nport = 5432\nhost = \"db.example.org\"\n";
    let java = "pool.host=db.example.org\npool.port = 5432\npool.ssl true\npool.user=m\\\n  e\npool.name:app\n";
    let conf =
        "pool {\n  host db.example.org;\n  port 5432;\n  ssl on;\n  user me;\n  name app;\n}\n";
    let files = [
        ("a/.env", env),
        ("b.ini", ini),
        ("c.properties", java),
        ("d.conf", conf),
    ];
    let classes = found(&files).clones;
    assert_eq!(classes.len(), 1);
    assert_eq!(
        places(&classes[0]),
        ["a/.env:1-5", "b.ini:1-7", "c.properties:1-6", "d.conf:1-7"]
    );
    // Keys of the environment are spelled otherwise.
    assert_eq!(classes[0].kind, Sameness::Renamed);
}

#[test]
fn an_edited_block_is_similar_and_a_respelled_one_renamed() {
    let edited = YAML
        .replace("db.example", "dc.example")
        .replace("  ssl: yes\n", "");
    let classes = found(&[("a.yaml", YAML), ("b.yaml", &edited)]).clones;
    assert_eq!(classes[0].kind, Sameness::Similar);
    assert!((0.7..0.9).contains(&classes[0].similarity));
    let respelled = YAML.replace("timeout", "time_out").replace("host", "hots");
    let classes = found(&[("a.yaml", YAML), ("b.yaml", &respelled)]).clones;
    assert_eq!(classes[0].kind, Sameness::Renamed);
    assert!(classes[0].similarity > 0.9);
}

#[test]
fn a_schema_is_no_copy() {
    let other =
        "pool:\n  host: mail.other.net\n  port: 25\n  ssl: no\n  timeout: 70\n  tags: [x, y]\n";
    assert_eq!(found(&[("a.yaml", YAML), ("b.yaml", other)]).clones, []);
}

#[test]
fn only_the_outermost_of_a_nest_is_told() {
    let classes = found(&[("a.yaml", YAML), ("b.yaml", YAML)]).clones;
    assert_eq!(classes.len(), 1);
    assert_eq!(places(&classes[0]), ["a.yaml:1-7", "b.yaml:1-7"]);
}

#[test]
fn all_copies_are_in_one_class_whatever_the_order_of_the_files() {
    let near = YAML.replace("5432", "5433");
    let wrapped = format!("other: {{z: 1}}\n{YAML}");
    let mut files = vec![
        ("d.yaml", near.as_str()),
        ("a.yaml", YAML),
        ("c.yml", &wrapped),
        ("b.yaml", YAML),
    ];
    let first = found(&files);
    files.reverse();
    assert_eq!(found(&files), first);
    let largest = first.clones.iter().map(|class| class.fragments.len()).max();
    assert_eq!(largest, Some(4));
}

/// A like B and B like C does not make A like C.
#[test]
fn a_chain_does_not_drift() {
    let file = |from: usize| -> String {
        let lines = (from..from + 10).map(|at| {
            format!(
                "setting{at}: some value {at}
"
            )
        });
        lines.collect::<Vec<_>>().concat()
    };
    let texts: Vec<String> = (0..6).map(|at| file(2 * at)).collect();
    let names = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml"];
    let files: Vec<(&str, &str)> = names
        .into_iter()
        .zip(texts.iter().map(String::as_str))
        .collect();
    let classes = found(&files).clones;
    assert!(!classes.is_empty());
    for class in classes {
        assert_eq!(class.fragments.len(), 2, "{class:?}");
        assert!(class.similarity >= 0.7);
    }
}

#[test]
fn the_rows_of_a_table_are_not_compared() {
    let row = |at: usize| {
        format!("- {{id: row{at}, kind: lamp, on: true, room: hall, watts: 60, colour: red}}\n")
    };
    let rows: String = (0..10).map(row).collect();
    assert_eq!(found(&[("a.yaml", &rows)]).clones, []);
}

#[test]
fn a_toml_section_is_a_block_without_the_tables_below_it() {
    let toml = "[pool]\nhost = 'db.example.org'\nport = 5432\nssl = true\ntimeout = 2.5\ntags = ['a1', 'b2']\n\n\
                [pool.more]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n";
    let classes = found(&[("a.yaml", YAML), ("b.toml", toml)]).clones;
    assert_eq!(places(&classes[0]), ["a.yaml:2-7", "b.toml:1-6"]);
    assert_eq!(classes[0].kind, Sameness::Exact);
}

#[test]
fn fingerprints_outlive_moved_lines() {
    let moved = format!("# a comment\n\n{YAML}");
    let before = found(&[("a.yaml", YAML), ("b.yaml", YAML)])
        .clones
        .remove(0);
    let after = found(&[("a.yaml", &moved), ("b.yaml", YAML)])
        .clones
        .remove(0);
    assert_ne!(places(&before), places(&after));
    assert_eq!(before.fingerprint, after.fingerprint);
    let edited = YAML.replace("5432", "1");
    let other = found(&[("a.yaml", &edited), ("b.yaml", &edited)])
        .clones
        .remove(0);
    assert_ne!(before.fingerprint, other.fingerprint);
}

#[test]
fn aliases_bombs_and_depth_are_bounded() {
    let bomb: Vec<String> = (0..40)
        .map(|at| {
            format!(
                "a{}: &a{} [{}]\n",
                at + 1,
                at + 1,
                vec![format!("*a{at}"); 9].join(",")
            )
        })
        .collect();
    let bomb = format!("a0: &a0 [x]\n{}", bomb.concat());
    assert_eq!(found(&[("a.yaml", &bomb)]).skipped, []);
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(5000), close.repeat(5000));
    let files = [
        ("a.yaml", deep("[", "]")),
        ("b.json", deep("[", "]")),
        ("c.toml", format!("a = {}", deep("[", "]"))),
        ("d.conf", "a {\n".repeat(5000)),
        (
            "e.yaml",
            (0..5000)
                .map(|at| {
                    format!(
                        "{}a:
",
                        " ".repeat(at)
                    )
                })
                .collect::<Vec<_>>()
                .concat(),
        ),
        ("f.toml", format!("{}x = 1", "a.".repeat(5000))),
    ];
    let texts: Vec<(&str, &str)> = files
        .iter()
        .map(|(file, text)| (*file, text.as_str()))
        .collect();
    let skipped = found(&texts).skipped;
    assert_eq!(skipped.len(), files.len(), "{skipped:?}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let files = [
        ("a.yaml", "a: 1\nb: [1\nc: }\n"),
        ("b.json", "{\n\"a\": 1,\n\"b\" 2\n}\n"),
        ("c.toml", "a = 1\na = 2\n"),
        ("d.ini", "[a]\nno setting at all\n"),
        ("e.env", "A=1\nnot a variable=2\n"),
        ("f.conf", "<?xml version=\"1.0\"?>\n"),
    ];
    let lines: Vec<String> = found(&files)
        .skipped
        .into_iter()
        .map(|skipped| {
            format!(
                "{} {}",
                skipped.file,
                skipped.why.split(':').next().unwrap_or_default()
            )
        })
        .collect();
    let told = [
        "a.yaml line 3",
        "b.json line 3",
        "c.toml line 2",
        "d.ini line 2",
        "e.env line 2",
        "f.conf line 1",
    ];
    assert_eq!(lines, told);
}

#[test]
fn marks_returns_and_documents_do_not_matter() {
    let odd = format!("\u{feff}---\n{YAML}---\nnext: document\n").replace('\n', "\r\n");
    let classes = found(&[("a.yaml", YAML), ("b.yaml", &odd)]).clones;
    assert_eq!(places(&classes[0]), ["a.yaml:1-7", "b.yaml:2-8"]);
    assert_eq!(classes[0].kind, Sameness::Exact);
}

#[test]
fn an_alias_says_what_its_anchor_says_and_two_of_them_are_no_copy() {
    let base = "base: &base {host: db.example.org, port: 5432, user: me}\n";
    let uses = |name: &str| {
        format!(
            "{name}:\n  <<: *base\n  more: *base\n  mode: {name}\n  size: {name}1\n  way: {name}2\n  at: {name}3\n"
        )
    };
    let text = format!("{base}{}{}", uses("one"), uses("two"));
    assert_eq!(found(&[("a.yaml", &text)]).clones, []);
    let written = "host: db.example.org\nport: 5432\nuser: me\nmode: one\nsize: one1\nway: one2\nat: one3\n\
                   more: {host: db.example.org, port: 5432, user: me}\n";
    let classes = found(&[("a.yaml", &text), ("b.yaml", written)]).clones;
    assert_eq!(places(&classes[0]), ["a.yaml:2-8", "b.yaml:1-8"]);
}

/// `PyYAML` and libyaml read these; YAML 1.2 does not.
#[test]
fn lines_of_a_quoted_text_may_stand_anywhere() {
    let text = "top:\n  text: 'it''s\n one\n\n two'\n  list: [\n    a,\n  ]\n  b: 1\n  c: 2\n";
    assert_eq!(found(&[("a.yaml", text)]).skipped, []);
}

#[test]
fn names_say_which_files_hold_settings() {
    let format = |file| format_of(file);
    assert_eq!(format("deep/.env.production"), Some(Format::Env));
    assert_eq!(format("app.PROPERTIES"), Some(Format::Properties));
    assert_eq!(format("tsconfig.jsonc"), Some(Format::Json));
    for file in [
        "package-lock.json",
        "a/pnpm-lock.yaml",
        "x.lock.json",
        "main.rs",
        "yaml",
        "src.min.json",
    ] {
        assert_eq!(format(file), None, "{file}");
    }
}

#[test]
fn variables_differ_between_the_files_of_an_application() {
    let files = [
        (
            ".env",
            "DATABASE_URL=postgres://me:geheim@db/app\nPORT=80\nEMPTY=\n",
        ),
        (
            ".env.production",
            "DATABASE_URL=postgres://me:other@prod/app\nPORT=80\nEMPTY=x\n",
        ),
        (".env.example", "DATABASE_URL=fill-me-in\nPORT=1\n"),
        (
            "compose.yaml",
            "services:\n  web:\n    environment:\n      - PORT=8080\n      - API_TOKEN=abc\n",
        ),
        ("web/.env", "API_TOKEN=abd\nPORT=${PORT}\n"),
    ];
    let told = [
        (
            "DATABASE_URL".to_owned(),
            vec![
                ".env:1 postgres://me:…@db/app".to_owned(),
                ".env.production:1 postgres://me:…@prod/app".to_owned(),
            ],
        ),
        (
            "PORT".to_owned(),
            vec![
                ".env:2 80".to_owned(),
                ".env.production:2 80".to_owned(),
                "compose.yaml:4 8080".to_owned(),
            ],
        ),
        (
            "services.web.environment.API_TOKEN".to_owned(),
            vec![
                "compose.yaml:5 (secret 1)".to_owned(),
                "web/.env:1 (secret 2)".to_owned(),
            ],
        ),
    ];
    assert_eq!(conflicts(&files), told);
}

#[test]
fn a_key_twice_in_one_file_is_a_conflict() {
    let files = [
        ("a.ini", "[x]\nsize = 1\n[y]\nsize = 3\n[x]\nsize = 2\n"),
        ("b.conf", "listen 80\nlisten 443\n"),
    ];
    let told = vec!["a.ini:2 1".to_owned(), "a.ini:6 2".to_owned()];
    assert_eq!(conflicts(&files), [("x.size".to_owned(), told)]);
}

#[test]
fn variants_of_a_file_are_held_against_each_other_and_strangers_are_not() {
    let files = [
        (
            "conf/app.dev.yaml",
            "server:\n  maxSize: 5\n  host: a\nname: dev\n",
        ),
        (
            "conf/app-prod.yml",
            "server:\n  max_size: 6\n  host: a\nname: prod\n",
        ),
        ("conf/other.yaml", "server:\n  max_size: 7\n"),
        (
            "p/package.json",
            "{\"name\": \"p\", \"version\": \"1.0.0\", \"private\": true}",
        ),
        (
            "q/package.json",
            "{\"name\": \"q\", \"version\": \"2.0.0\", \"private\": false}",
        ),
    ];
    let told = vec![
        "conf/app-prod.yml:2 6".to_owned(),
        "conf/app.dev.yaml:2 5".to_owned(),
    ];
    assert_eq!(conflicts(&files), [("server.max_size".to_owned(), told)]);
}

#[test]
fn near_copies_disagree_where_they_differ() {
    let lines = |port| {
        format!(
            "pool:\n  host: db.example.org\n  port: {port}\n  user: application\n  base: main\n  size: 20\n  wait: 300\n  mode: strict\n  name: one{port}\n"
        )
    };
    let (one, other) = (lines(5432), lines(5433));
    let told = vec!["a/x.yaml:3 5432".to_owned(), "b/y.yaml:3 5433".to_owned()];
    let files = [("a/x.yaml", one.as_str()), ("b/y.yaml", other.as_str())];
    assert_eq!(conflicts(&files), [("pool.port".to_owned(), told)]);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "[\\PC\n\t\r\"'\\[\\]{}:=#&*|>%\\\\ -]{0,200}") {
        for file in ["a.yaml", "a.json", "a.toml", "a.ini", "a.conf", "a.properties", "a.env"] {
            let twice = [(file, text.as_str()), ("b.yaml", YAML)];
            let lines = text.lines().count().max(7);
            for class in found(&twice).clones {
                prop_assert!(class.fragments.iter().all(|f| 1 <= f.start && f.start <= f.end && f.end <= lines));
            }
        }
    }
}
