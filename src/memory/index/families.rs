//! Words that are one to whoever asks, though their stems are not: what is written short, and the forms of a word that a
//! stemmer leaves apart.
//!
//! An issue says `database` where the subject of the commit says `db`. Chosen from the language of the trade, not from
//! any data: each entry is true wherever it stands, and a word with two such meanings (`opt`, `prod`) is in none.

use std::collections::HashMap;
use std::sync::OnceLock;

use snowball_stemmers_rs::Stemmer;

use super::Term;
use super::words::{english, stem};

/// What is written short, and what it is short for.
const SHORT: [&str; 67] = [
    "addr address",
    "app application",
    "arg argument",
    "async asynchronous",
    "attr attribute",
    "auth authentication",
    "auto automatic",
    "buf buffer",
    "cfg config configuration",
    "cmd command",
    "col column",
    "conn connection",
    "creds credentials",
    "ctx context",
    "db database",
    "deps dependency",
    "desc description describe",
    "dest dst destination",
    "dev development",
    "dir directory",
    "doc documentation",
    "env environment",
    "err error",
    "eval evaluation",
    "exec execution executor",
    "func function",
    "gen generate",
    "idx index",
    "impl implementation",
    "info information",
    "init initialization",
    "js javascript",
    "k8s kubernetes",
    "len length",
    "lib library",
    "max maximum",
    "mgr manager",
    "min minimum",
    "msg message",
    "num number",
    "orig original",
    "param parameter",
    "perf performance",
    "perm permission permit",
    "pg postgres postgresql",
    "pkg package",
    "prev previous",
    "proc process",
    "ptr pointer",
    "py python",
    "ref reference",
    "regex regexp",
    "repo repository",
    "repro reproduction reproduce",
    "req request",
    "resp response respond",
    "spec specification",
    "src source",
    "stats statistics",
    "stmt statement",
    "svc service",
    "sync synchronization",
    "tmp temp temporary",
    "txn transaction",
    "val value",
    "var variable",
    "ver version",
];

/// Irregular forms, and nouns that do not share the stem of their verb.
const FORMS: [&str; 67] = [
    "alias aliases",
    "analyze analysis",
    "behave behavior behaviour",
    "block blocker",
    "break broken",
    "build built builder",
    "catch caught",
    "check checker",
    "child children",
    "choose choice chosen",
    "clean cleanup",
    "close closure",
    "collide collision",
    "compare comparison",
    "convert conversion",
    "create creation creator",
    "decide decision",
    "define definition",
    "deny denial",
    "detect detector",
    "diagnose diagnosis diagnostics",
    "discover discovery",
    "exclude exclusion",
    "expand expansion",
    "extend extension",
    "fail failure",
    "find found finder",
    "forget forgotten",
    "freeze frozen",
    "handle handler",
    "hang hung",
    "hide hidden",
    "hold held holder",
    "include inclusion",
    "keep kept",
    "load loader",
    "log logger",
    "lose loss lost",
    "maintain maintenance",
    "merge merger",
    "notify notification",
    "override overridden",
    "overwrite overwritten",
    "parse parser",
    "rebuild rebuilt",
    "recover recovery",
    "reduce reduction",
    "register registry registration",
    "resolve resolution",
    "route router",
    "run ran runner",
    "scan scanner",
    "send sent sender",
    "simplify simplification",
    "stable stability",
    "stick stuck",
    "store storage",
    "submit submission",
    "succeed success",
    "summary summarize",
    "throw thrown threw",
    "undo undone",
    "verify verification",
    "wait waiter",
    "watch watcher",
    "wrap wrapper",
    "write written wrote writer",
];

/// The term of a family by that of each of its stems.
type Terms = HashMap<Term, Term, foldhash::fast::FixedState>;

/// Of the families of one letter: who asks needs few of them. Looked up for every new token, so each is made once.
static TERMS: [OnceLock<Terms>; 26] = [const { OnceLock::new() }; 26];

/// What a stem counts as: its family, or itself. `initial`: the first byte of its word, as of all of its family.
pub(super) fn family(initial: u8, stem: Term) -> Term {
    let letter = TERMS.get(usize::from(initial.wrapping_sub(b'a')));
    let terms = letter.map(|it| it.get_or_init(|| terms(initial, &english())));
    terms.and_then(|it| it.get(&stem)).copied().unwrap_or(stem)
}

fn terms(initial: u8, stemmer: &Stemmer) -> Terms {
    let mut terms = Terms::default();
    let all = SHORT.iter().chain(&FORMS);
    for family in all.filter(|it| it.as_bytes()[0] == initial) {
        let mut stems = family.split(' ').map(|word| stem(stemmer, word));
        if let Some(first) = stems.next() {
            terms.insert(first, first);
            terms.extend(stems.map(|it| (it, first)));
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_stem_is_of_two_families_or_twice_in_one() {
        let all = SHORT.iter().chain(&FORMS);
        let words: usize = all.map(|it| it.split(' ').count()).sum();
        let terms: Vec<Terms> = (b'a'..=b'z').map(|it| terms(it, &english())).collect();
        let stems: HashSet<Term> = terms.iter().flatten().map(|(stem, _)| *stem).collect();
        assert_eq!(terms.iter().map(Terms::len).sum::<usize>(), words);
        assert_eq!(stems.len(), words);
    }

    #[test]
    fn all_words_of_a_family_begin_with_one_letter_and_so_do_their_stems() {
        for family in SHORT.iter().chain(&FORMS) {
            let initial = &family[..1];
            for word in family.split(' ') {
                let stem = english().stem(word).into_owned();
                assert!(
                    word.starts_with(initial) && stem.starts_with(initial),
                    "{word}"
                );
            }
        }
    }
}
