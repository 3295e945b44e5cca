//! What the original's tests held on to.

use super::{Tree, skipped};

const CLASS: &str = "\
class Ledger:
    def add(self, entry, amount):
        if amount <= 0:
            raise ValueError(\"an amount is positive\")
        self.entries.append((entry, amount))
        return len(self.entries)

    def balance(self, since):
        total = 0
        for entry, amount in self.entries:
            if entry.at >= since:
                total += amount
        return total

    def latest(self, count):
        ordered = sorted(self.entries, key=lambda it: it[0].at)
        newest = ordered[-count:]
        return [entry for entry, amount in newest]
";
const METHOD: &str = "
    def clear(self):
        self.entries = []
        self.closed = True
";

fn similarity(tree: &Tree) -> f64 {
    let found = tree.json("code");
    assert_eq!(found["clones"].as_array().unwrap().len(), 1, "{found:#}");
    found["clones"][0]["similarity"].as_f64().unwrap()
}

#[test]
fn identical_classes_are_exactly_one() {
    let tree = Tree::of(&[("a.py", CLASS), ("b.py", CLASS)]);
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["similarity"].as_f64(), Some(1.0));
    assert_eq!(found["clones"][0]["kind"], "exact");
    let names = tree.json("names");
    assert_eq!(names["names"][0]["similarity"].as_f64(), Some(1.0));
}

#[test]
fn one_more_method_leaves_them_alike() {
    let longer = format!("{CLASS}{METHOD}");
    let tree = Tree::of(&[("a.py", CLASS), ("b.py", &longer)]);
    let names = tree.json("names --classes");
    let like = names["names"][0]["similarity"].as_f64().unwrap();
    assert!((0.8..1.0).contains(&like), "{names:#}");
    assert!(similarity(&tree) >= 0.8);
}

#[test]
fn comments_and_docstrings_are_no_difference() {
    let told = CLASS
        .replace(
            "class Ledger:\n",
            "class Ledger:\n    \"\"\"What was paid.\n\n    In order.\"\"\"\n\n",
        )
        .replace(
            "        total = 0\n",
            "        '''Since then.'''\n        # nothing yet\n        total = 0  # cents\n",
        );
    let tree = Tree::of(&[("a.py", CLASS), ("b.py", &told)]);
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["kind"], "exact", "{found:#}");
    assert_eq!(similarity(&tree).to_string(), "1");
}

#[test]
fn a_function_under_another_name_counts() {
    let renamed = CLASS.replace("balance", "sum_of").replace("Ledger", "Book");
    let tree = Tree::of(&[("a.py", CLASS), ("b.py", &renamed)]);
    assert_eq!(tree.json("code")["clones"][0]["kind"], "renamed");
}

#[test]
fn what_cannot_be_parsed_is_told_and_what_can_be_read_of_it_compared() {
    let broken = format!("{CLASS}\n\ndef lost(x:\n    return [x\n");
    let quote = format!("{CLASS}\n\nTEXT = \"\"\"never\n");
    let line = format!("{CLASS}\n\nTEXT = \"never\n");
    let tree = Tree::of(&[
        ("a.py", CLASS),
        ("bracket.py", &broken),
        ("quote.py", &quote),
        ("string.py", &line),
        ("comment.rs", "fn f() {}\n/* and /* nested */\n"),
        ("closing.go", "func f() {\n}\n}\n"),
    ]);
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["fragments"].as_array().unwrap().len(), 4);
    for (file, line, what) in [
        ("bracket.py", 21, "`(` is not closed"),
        ("quote.py", 21, "a text is not closed"),
        ("string.py", 21, "a text is not closed"),
        ("comment.rs", 2, "a comment is not closed"),
        ("closing.go", 3, "`}` closes nothing"),
    ] {
        let why = skipped(&found, file).unwrap_or_else(|| panic!("{file}: {found:#}"));
        assert_eq!(why, format!("line {line}: {what}; the rest is compared"));
    }
    assert_eq!(skipped(&found, "a.py"), None);
    let shown = tree.run("code -v");
    assert!(shown.out.contains("bracket.py: line 21"), "{shown:?}");
}

#[test]
fn an_empty_tree_holds_nothing_twice() {
    let tree = Tree::new();
    let found = tree.json("code");
    assert_eq!(found["clones"], serde_json::json!([]));
    assert_eq!(found["totals"]["files"], 0);
}

#[test]
fn seven_bridges_are_one_name() {
    let tree = Tree::new();
    for n in 0..7 {
        let body = format!(
            "class ChatGPTBridge:\n    def send(self, text):\n        self.sent.append(text)\n        return {n}\n"
        );
        tree.file(&format!("bridge_{n}/bridge.py"), body);
    }
    tree.file("other.py", "class Alone:\n    pass\n");
    let found = tree.json("names");
    assert_eq!(found["names"].as_array().unwrap().len(), 1, "{found:#}");
    let name = &found["names"][0];
    assert_eq!(
        (&name["name"], &name["what"]),
        (&"ChatGPTBridge".into(), &"class".into())
    );
    assert_eq!(name["definitions"].as_array().unwrap().len(), 7);
    assert!(name["similarity"].as_f64().unwrap() < 1.0);
}
