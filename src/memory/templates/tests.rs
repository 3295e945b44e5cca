use bolero::check;

use super::miner::MOST_GROUPS;
use super::*;
use crate::time::Timestamp;

const NOON: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOON.unix_ms() + ms)
}

fn template(line: &str) -> String {
    let mut miner = Miner::default();
    let group = miner.learn(line, NOON);
    miner.pattern(group).unwrap().text
}

/// The templates of these lines, after settling.
fn templates<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut miner = Miner::default();
    for line in lines {
        miner.learn(line, NOON);
    }
    miner.settle();
    miner.patterns().map(|pattern| pattern.text).collect()
}

/// No two of them have a digit or a letter of their own place in common.
fn noise(number: u64) -> String {
    let mut rest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut word = String::new();
    while rest > 0 {
        word.push(char::from(b'g' + u8::try_from(rest % 20).unwrap()));
        rest /= 20;
    }
    word
}

#[test]
fn what_looks_like_a_value_is_one() {
    for (line, expected) in [
        ("took 17 ms", "took <*>"),
        ("took 17 turns", "took <*> turns"),
        ("life <1 sec, (5.3 KB, 1 MB free)", "life <*>, (<*> free)"),
        ("a <b> <5> c", "a <b> <<*>> c"),
        ("cdn.img.example.org closed", "<*> closed"),
        ("a.cache-max.size : 5", "a.cache-max.size : <*>"),
        ("rpc.statd closed", "rpc.statd closed"),
        ("took 0.25 s, size -3", "took <*>, size <*>"),
        ("at 0x7ffe12 flags ffffffff", "at <*> flags <*>"),
        ("commit deadbeefcafe pushed", "commit <*> pushed"),
        ("a faded facade", "a faded facade"),
        ("open /var/lib/x/y failed", "open <*> failed"),
        ("run ./prog and ~/bin/prog", "run <*> and <*>"),
        ("read/write error", "read/write error"),
        ("load C:\\Temp\\x.dll now", "load <*> now"),
        ("see https://example.org:80/x?y for it", "see <*> for it"),
        ("from [10.1.2.3]:8080 up", "from [<*>]:<*> up"),
        ("peer 10.1.2.3:8080 up", "peer <*> up"),
        ("via fe80:1:ab:cd up", "via <*> up"),
        ("mac FF:AB:01:DD:EE:0F up", "mac <*> up"),
        ("mail to ann@example up", "mail to <*> up"),
        ("resolved mail.example.org twice", "resolved <*> twice"),
        ("in parser.rs line 3", "in <*> line <*>"),
        ("org.example.Thing failed", "org.example.Thing failed"),
        ("on Fri Jul  5 10:11:12 2024 again", "on <*> again"),
        ("May I?", "May I?"),
        ("mod2_init() done", "mod2_init() done"),
        ("name=\"a b\" tag='x' rest", "name=\"<*>\" tag='<*>' rest"),
        ("said \"hello there\" twice", "said \"hello there\" twice"),
        ("can't open 'x'", "can't open '<*>'"),
        ("user= uid=0 host=", "user=<*> uid=<*> host=<*>"),
        ("from () at f()", "from (<*>) at f()"),
        ("user  from 10.0.0.1", "user <*> from <*>"),
        ("user  [x]", "user <*> [x]"),
        ("ids 1, 2, 3 and 4 5", "ids <*> and <*>"),
        ("set a=1, b=2", "set a=<*>, b=<*>"),
        ("set n=1 <ok> n=2 <ok> n=3 <ok>", "set n=<*> <ok>"),
        ("depth....0", "depth....<*>"),
        ("done.", "done."),
        ("größe 5 über", "größe <*> über"),
        ("", ""),
        ("  \t ", ""),
    ] {
        assert_eq!(template(line), expected, "{line}");
    }
}

#[test]
fn lists_of_any_length_are_one_group() {
    let mut miner = Miner::default();
    let one = miner.learn("ask node7 to delete blk_1", NOON);
    let more = miner.learn("ask node7 to delete blk_1 blk_2 blk_3", NOON);
    assert_eq!(one, more);
}

#[test]
fn a_place_where_many_words_stood_varies() {
    let names = ["anna", "bert", "carla", "dora", "emil", "fritz"];
    let lines: Vec<String> = names.map(|name| format!("login of {name} refused")).into();
    let all = templates(lines.iter().map(String::as_str));
    assert_eq!(all, ["login of <*> refused"]);
    let some = templates(lines[..3].iter().map(String::as_str));
    assert_eq!(some.len(), 3);
}

#[test]
fn few_words_each_of_them_often_are_what_is_said() {
    let lines = [
        "link went up again",
        "link went down again",
        "link went away again",
    ];
    let often = lines.iter().cycle().take(300).copied();
    assert_eq!(templates(often).len(), 3);
}

#[test]
fn several_places_are_found_one_by_one() {
    let mut lines = Vec::new();
    for name in ["anna", "bert", "carla", "dora", "emil", "fritz", "gerd"] {
        for city in ["berlin", "bern", "bonn", "paris", "rome", "vienna", "oslo"] {
            lines.push(format!("{name}-x came from far {city} today"));
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("guest {line}")).collect();
    let all = templates(lines.iter().map(String::as_str));
    assert_eq!(all, ["guest <*> came from far <*> today"]);
}

#[test]
fn what_is_enclosed_may_have_any_number_of_words() {
    let titles = [
        "fix it",
        "write the tests",
        "ask anna about it",
        "sleep",
        "sort all of them",
        "read",
    ];
    let lines = titles.map(|title| format!("task \"{title}\" was claimed by bert"));
    let all = templates(lines.iter().map(String::as_str));
    assert_eq!(all, ["task \"<*>\" was claimed by bert"]);
    let few = templates(lines[..3].iter().map(String::as_str));
    assert_eq!(few.len(), 3);
}

#[test]
fn what_varies_beside_a_value_is_one_with_it() {
    let names = ["anna", "bert", "carla", "dora", "emil", "fritz"];
    let lines = names.map(|name| format!("open port of {name}:80 again"));
    let number = ["open port of 10.0.0.1:80 again"];
    let all = templates(lines.iter().map(String::as_str).chain(number));
    assert_eq!(all, ["open port of <*>:<*> again"]);
}

#[test]
fn answers_and_first_words_stay() {
    assert_eq!(templates(["ready: true", "ready: false"]).len(), 2);
    assert_eq!(
        templates(["cron started", "mail started", "web started"]).len(),
        3
    );
    assert_eq!(
        templates(["one", "two", "three", "four", "five", "six", "seven"]).len(),
        7
    );
}

#[test]
fn what_seemed_to_vary_may_turn_out_not_to() {
    let mut miner = Miner::default();
    let on = miner.learn("got app.Action.ON", NOON);
    let off = miner.learn("got app.Action.OFF", NOON);
    miner.settle();
    assert_eq!(miner.resolve(off), on);
    assert_eq!(miner.pattern(off).unwrap().text, "got <*>");
    for _ in 0..100 {
        assert_eq!(miner.learn("got app.Action.ON", NOON), on);
        assert_eq!(miner.learn("got app.Action.OFF", NOON), off);
    }
    miner.settle();
    assert_eq!(miner.resolve(off), off);
    assert_eq!(miner.pattern(off).unwrap().text, "got app.Action.OFF");
}

#[test]
fn very_many_words_make_one_group_for_ever() {
    let mut miner = Miner::default();
    let first = miner.learn("job of anybody ended", NOON);
    let mut groups = Vec::new();
    for number in 0..40 {
        groups.push(miner.learn(&format!("job of {} ended", noise(number)), later(1)));
    }
    miner.settle();
    for group in groups {
        assert_eq!(miner.resolve(group), first);
    }
    assert_eq!(miner.learn("job of somebody ended", later(2)), first);
    let pattern = miner.pattern(first).unwrap();
    assert_eq!(pattern.text, "job of <*> ended");
    assert_eq!(pattern.count, 42);
    assert_eq!((pattern.first, pattern.last), (NOON, later(2)));
    assert_eq!(miner.patterns().collect::<Vec<_>>(), [pattern]);
}

#[test]
fn a_pattern_counts_all_that_became_of_it() {
    let mut miner = Miner::default();
    for (at, name) in ["anna", "bert", "carla", "dora", "emil", "fritz"]
        .iter()
        .enumerate()
    {
        miner.learn(
            &format!("login of {name} refused"),
            later(-i64::try_from(at).unwrap()),
        );
    }
    miner.learn("nothing like it", NOON);
    miner.settle();
    let patterns: Vec<Pattern> = miner.patterns().collect();
    assert_eq!(patterns.len(), 2);
    assert_eq!(patterns[0].count, 6);
    assert_eq!((patterns[0].first, patterns[0].last), (later(-5), NOON));
    for pattern in patterns {
        assert_eq!(miner.pattern(pattern.group), Some(pattern));
    }
    assert_eq!(miner.pattern(Group(99)), None);
    assert_eq!(miner.resolve(Group(99)), Group(99));
}

/// Some of all kinds.
fn mixture(number: u64) -> String {
    match number % 5 {
        0 => format!("job of {} ended with {number}", noise(number % 90)),
        1 => format!("state {}", noise(number % 7)),
        2 => format!(
            "{} {} {}",
            noise(number),
            noise(number + 1),
            noise(number / 3)
        ),
        3 => format!("x={number}, y=[{}]", number * 3),
        _ => format!("get a.{} by {}", noise(number % 11), noise(number % 200)),
    }
}

#[test]
fn saved_and_loaded_it_goes_on_as_if_nothing_was() {
    let (mut kept, mut saved) = (Miner::default(), Miner::default());
    for number in 0..3000 {
        let line = mixture(number);
        assert_eq!(kept.learn(&line, later(1)), saved.learn(&line, later(1)));
        if number % 97 == 0 {
            let bytes = saved.save();
            saved = Miner::load(&bytes).unwrap();
            assert_eq!(saved.save(), bytes);
        }
        if number % 500 == 0 {
            kept.settle();
            saved.settle();
        }
    }
    assert_eq!(kept.save(), saved.save());
    assert!(kept.patterns().eq(saved.patterns()));
}

#[test]
fn there_are_never_more_groups_than_may_be_and_what_is_frequent_stays() {
    let mut miner = Miner::default();
    let frequent = miner.learn("a line that comes often", NOON);
    for number in 0..5 * MOST_GROUPS as u64 / 4 {
        let line = format!(
            "{} {} {}",
            noise(3 * number),
            noise(3 * number + 1),
            noise(3 * number + 2)
        );
        miner.learn(&line, later(1));
        if number % 1000 == 0 {
            assert_eq!(miner.learn("a line that comes often", NOON), frequent);
        }
    }
    assert!(miner.patterns().count() <= MOST_GROUPS);
    assert_eq!(
        miner.pattern(frequent).unwrap().text,
        "a line that comes often"
    );
    assert_eq!(miner.pattern(Group(2)), None);
    let bytes = miner.save();
    assert_eq!(Miner::load(&bytes).unwrap().save(), bytes);
}

#[test]
fn a_long_line_is_cut_and_a_long_word_is_a_value() {
    let mut miner = Miner::default();
    let long = "word ".repeat(20_000);
    let group = miner.learn(&long, NOON);
    assert!(miner.pattern(group).unwrap().text.len() < 1000);
    assert_eq!(miner.learn(&format!("{long} more"), NOON), group);
    assert_eq!(template(&format!("got {}", "x".repeat(2000))), "got <*>");
    assert_eq!(template(&format!("got {}", "ü".repeat(70_000))), "got <*>");
}

#[test]
fn what_was_not_saved_is_refused() {
    let mut miner = Miner::default();
    for number in 0..200 {
        miner.learn(&mixture(number), NOON);
    }
    miner.settle();
    let bytes = miner.save();
    for cut in 0..bytes.len() {
        assert!(Miner::load(&bytes[..cut]).is_none());
    }
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(Miner::load(&broken).is_none());
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Miner::load(&longer).is_none());
}

#[test]
fn whatever_the_body_says_what_is_loaded_can_be_used() {
    let mut miner = Miner::default();
    for number in 0..40 {
        miner.learn(&mixture(number), NOON);
    }
    miner.settle();
    let whole = miner.save();
    check!()
        .with_type::<(Vec<u8>, u16, u8, bool)>()
        .for_each(|(bytes, at, to, edit)| {
            let mut body = if *edit {
                whole[16..].to_vec()
            } else {
                bytes.clone()
            };
            if *edit {
                let at = usize::from(*at) % body.len();
                body[at] = *to;
            }
            let Some(mut miner) = super::saved::read(&body) else {
                return;
            };
            for line in ["job of somebody ended with 7", "", "get a.b by c"] {
                let group = miner.learn(line, NOON);
                miner.settle();
                assert!(miner.pattern(miner.resolve(group)).is_some());
            }
            let saved = miner.save();
            assert_eq!(Miner::load(&saved).map(|miner| miner.save()), Some(saved));
        });
}

#[test]
fn any_text_is_learnt_and_found_again() {
    check!().with_type::<String>().for_each(|text| {
        let mut miner = Miner::default();
        let group = miner.learn(text, NOON);
        assert_eq!(miner.learn(text, NOON), group);
        let mut loaded = Miner::load(&miner.save()).unwrap();
        assert_eq!(loaded.learn(text, NOON), group);
    });
}

#[test]
fn a_planted_group_keeps_its_number_in_whatever_order_its_lines_come() {
    let lines = [
        "disk full on volume 1",
        "link lost on port 2",
        "night falls over 3",
    ];
    let mut first = Miner::default();
    let groups: Vec<Group> = lines.iter().map(|line| first.learn(line, NOON)).collect();
    let mut again = Miner::default();
    for (group, line) in groups.iter().zip(lines) {
        again.plant(line, NOON, *group);
    }
    for (group, line) in groups.iter().zip(lines).rev() {
        assert_eq!(again.learn(line, NOON), *group);
    }
    let told = |miner: &Miner| miner.patterns().collect::<Vec<_>>();
    assert_eq!(told(&again), told(&first));
    assert_eq!(again.save(), Miner::load(&again.save()).unwrap().save());
    // Gaps stay, what is new comes behind, and what is like another by now is a part of it.
    let mut again = Miner::default();
    again.plant(lines[0], NOON, Group(5));
    again.plant("disk full on volume 9", NOON, Group(8));
    assert_eq!(again.learn(lines[0], NOON), Group(5));
    assert_eq!(again.resolve(Group(8)), Group(5));
    assert!(again.learn(lines[1], NOON) > Group(8));
    assert!(Miner::load(&again.save()).is_some());
}
