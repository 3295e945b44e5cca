//! Words that are one to whoever asks, though their stems are not: what is written short, and the forms of a word that a
//! stemmer leaves apart.
//!
//! An issue says `database` where the subject of the commit says `db`. Chosen from the language of the trade, not from
//! any data: each entry is true wherever it stands, and a word with two such meanings (`opt`, `prod`) is in none.

use std::collections::HashMap;
use std::sync::LazyLock;

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

/// The term of a family by that of each of its stems; looked up for every new token, so made once.
static TERMS: LazyLock<HashMap<Term, Term>> = LazyLock::new(|| terms(&english()));

/// What a stem counts as: its family, or itself.
pub(super) fn family(stem: Term) -> Term {
    TERMS.get(&stem).copied().unwrap_or(stem)
}

fn terms(stemmer: &Stemmer) -> HashMap<Term, Term> {
    let mut terms = HashMap::new();
    for family in SHORT.iter().chain(&FORMS) {
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
    use super::*;

    #[test]
    fn no_stem_is_of_two_families_or_twice_in_one() {
        let all = SHORT.iter().chain(&FORMS);
        let words: usize = all.map(|it| it.split(' ').count()).sum();
        assert_eq!(TERMS.len(), words);
    }
}
