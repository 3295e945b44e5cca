//! What must hold in a home whenever nobody is at work in it, read from its files alone: the journals and
//! archives are verified line by line and folded here once more, by rules written down a second time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What one message has come to.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) content: String,
    pub(crate) key: Option<String>,
    pub(crate) foreign_id: Option<String>,
    /// The first closing record, if there is one: `ack`, `discard`, `dead` or `void`.
    pub(crate) closed: Option<String>,
    pub(crate) attempts: u64,
    pub(crate) mode: String,
}

impl Mail {
    pub(crate) fn is_pending(&self) -> bool {
        self.closed.is_none()
    }

    fn class(&self) -> u8 {
        match self.mode.as_str() {
            "PRIORITY" | "CAPTAIN" => 0,
            "SYSTEM" => 1,
            "BULK" => 3,
            _ => 2,
        }
    }
}

/// A mailbox, folded over all its generations.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) mail: BTreeMap<u64, Mail>,
    pub(crate) void: BTreeSet<u64>,
    pub(crate) generation: u64,
    /// Files that a killed verb left; the next verb of its kind removes them.
    pub(crate) left_overs: Vec<String>,
}

impl Truth {
    pub(crate) fn with_content(&self, content: &str) -> Vec<&Mail> {
        self.mail
            .values()
            .filter(|it| it.content == content)
            .collect()
    }

    pub(crate) fn pending(&self) -> Vec<&Mail> {
        let mut pending: Vec<_> = self.mail.iter().filter(|(_, it)| it.is_pending()).collect();
        pending.sort_by_key(|(seq, it)| (it.class(), **seq));
        pending.into_iter().map(|(_, it)| it).collect()
    }
}

pub(crate) type Truths = BTreeMap<String, Truth>;

/// Every mailbox of a home; `Err` says which promise is broken.
pub(crate) fn check(home: &Path) -> Result<Truths, String> {
    let mailboxes = home.join("runtime/mailbox");
    let mut truths = Truths::new();
    for name in names(&mailboxes)? {
        if !name.starts_with('.') {
            let truth = mailbox(&mailboxes.join(&name)).map_err(|why| format!("{name}: {why}"))?;
            truths.insert(name, truth);
        }
    }
    Ok(truths)
}

/// As `check`, and nothing that a killed verb left is there any more.
pub(crate) fn check_swept(home: &Path) -> Result<Truths, String> {
    let truths = check(home)?;
    for (name, truth) in &truths {
        if !truth.left_overs.is_empty() {
            return Err(format!("{name}: left over: {:?}", truth.left_overs));
        }
    }
    Ok(truths)
}

fn names(dir: &Path) -> Result<Vec<String>, String> {
    let read = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut names: Vec<String> = read
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    Ok(names)
}

fn mailbox(dir: &Path) -> Result<Truth, String> {
    let mut truth = Truth::default();
    let mut sealed: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for name in names(dir)? {
        let passing = [".face-", ".displaced-", ".journal."];
        if passing.iter().any(|it| name.starts_with(it)) {
            truth.left_overs.push(name);
        }
    }
    if let Ok(names) = names(&dir.join("archive")) {
        for name in names {
            if name.starts_with('.') {
                truth.left_overs.push(format!("archive/{name}"));
                continue;
            }
            let number = name.split('.').next().unwrap_or_default();
            let generation: u64 = number.parse().map_err(|_| format!("archive/{name}"))?;
            let bytes = std::fs::read(dir.join("archive").join(&name)).unwrap();
            let bytes = if name.strip_suffix(".zst").is_some() {
                zstd::stream::decode_all(&bytes[..]).map_err(|e| format!("archive/{name}: {e}"))?
            } else {
                truth.left_overs.push(format!("archive/{name}"));
                bytes
            };
            if let Some(other) = sealed.insert(generation, bytes.clone())
                && other != bytes
            {
                return Err(format!(
                    "generation {generation} is sealed twice, differently"
                ));
            }
        }
    }
    // Replaced, and its prune was killed before it reached the archive.
    for name in truth.left_overs.clone() {
        if name.starts_with(".journal.") {
            let bytes = std::fs::read(dir.join(&name)).unwrap();
            let first = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
            if let Ok(open) = serde_json::from_slice::<Value>(first) {
                let generation = open["gen"].as_u64().unwrap_or(0);
                sealed.entry(generation).or_insert(bytes);
            }
        }
    }

    let current = std::fs::read(dir.join("journal.jsonl")).map_err(|e| format!("journal: {e}"))?;
    let newest = Generation::read(&current)?;
    // A next generation that was never installed is nobody's.
    sealed.retain(|generation, _| *generation < newest.number);
    let mut generations = Vec::new();
    for (number, bytes) in &sealed {
        let it = Generation::read(bytes).map_err(|why| format!("generation {number}: {why}"))?;
        generations.push(it);
    }
    generations.push(newest);
    for generation in generations {
        generation.succeed(&mut truth)?;
    }
    is_dense(&truth)?;
    face(dir)?;
    Ok(truth)
}

/// One file of the journal, folded.
struct Generation {
    number: u64,
    mail: BTreeMap<u64, Mail>,
    void: BTreeSet<u64>,
    /// Numbers of which only the key is left.
    keys: BTreeMap<u64, String>,
}

impl Generation {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut it = Self {
            number: 0,
            mail: BTreeMap::new(),
            void: BTreeSet::new(),
            keys: BTreeMap::new(),
        };
        let mut salt = 0;
        let mut early: HashMap<u64, String> = HashMap::new();
        let mut last = (0, String::new());
        for (n, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
            let place = format!("line {}", n + 1);
            let Some(line) = line.strip_suffix(b"\n") else {
                continue;
            };
            if line.ends_with(b"#torn") || line.contains(&0) {
                continue;
            }
            let record: Value =
                serde_json::from_slice(line).map_err(|e| format!("{place} is no JSON: {e}"))?;
            if n == 0 {
                it.number = record["gen"]
                    .as_u64()
                    .ok_or("the first line opens nothing")?;
                salt = u64::from_str_radix(record["salt"].as_str().unwrap_or_default(), 16)
                    .map_err(|_| "no salt")?;
            }
            verify(line, salt).map_err(|why| format!("{place}: {why}"))?;
            it.see(&record, &mut early, &mut last)
                .map_err(|why| format!("{place}: {why}"))?;
        }
        Ok(it)
    }

    fn see(
        &mut self,
        record: &Value,
        early: &mut HashMap<u64, String>,
        last: &mut (u64, String),
    ) -> Result<(), String> {
        let tag = record["t"].as_str().ok_or("no type")?;
        let seq = record["seq"].as_u64().unwrap_or(0);
        match tag {
            "send" | "again" => {
                let mail = mail(record)?;
                let seq = record["msg"]["seq"].as_u64().ok_or("no seq")?;
                if let Some(known) = self.mail.get(&seq) {
                    if tag == "send" || known.id != mail.id {
                        return Err(format!("{seq} is sent a second time"));
                    }
                    return Ok(());
                }
                if tag == "again" && self.keys.contains_key(&seq) {
                    return Ok(());
                }
                if *last >= (seq, mail.id.clone()) || last.1 >= mail.id {
                    return Err(format!("{seq} {} comes after {last:?}", mail.id));
                }
                *last = (seq, mail.id.clone());
                let closed = early.remove(&seq);
                self.mail.insert(seq, Mail { closed, ..mail });
            }
            "void" => {
                self.void.insert(seq);
                if let Some(it) = self.mail.get_mut(&seq) {
                    it.closed.get_or_insert_with(|| tag.to_owned());
                }
            }
            "ack" | "discard" | "dead" => match self.mail.get_mut(&seq) {
                Some(it) => drop(it.closed.get_or_insert_with(|| tag.to_owned()).clone()),
                None => drop(early.entry(seq).or_insert_with(|| tag.to_owned())),
            },
            "lease" => {
                let it = self
                    .mail
                    .get_mut(&seq)
                    .ok_or(format!("{seq} is leased, never sent"))?;
                if let Some(closed) = &it.closed {
                    return Err(format!("{seq} is leased after its {closed}"));
                }
                let n = record["n"].as_u64().unwrap_or(0);
                if n != it.attempts + 1 {
                    return Err(format!("{seq}: lease {n} after {}", it.attempts));
                }
                it.attempts = n;
            }
            "edit" => {
                if let Some(it) = self.mail.get_mut(&seq).filter(|it| it.is_pending()) {
                    let fields = &record["fields"];
                    fields["content"]
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut it.content);
                    fields["mode"]
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut it.mode);
                }
            }
            "key" => {
                let id = record["id"].as_str().unwrap_or_default().to_owned();
                if let Some(other) = self.keys.insert(seq, id.clone())
                    && other != id
                {
                    return Err(format!("{seq} leaves two keys of different messages"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What was pending stays, what was closed stays closed, and a number stands for one message.
    fn succeed(self, truth: &mut Truth) -> Result<(), String> {
        let number = self.number;
        if number != truth.generation + 1 {
            return Err(format!("generation {number} after {}", truth.generation));
        }
        for (seq, before) in &truth.mail {
            match self.mail.get(seq) {
                None if before.is_pending() => {
                    return Err(format!("generation {number} lost {seq}, which was pending"));
                }
                Some(now) if now.id != before.id => {
                    return Err(format!("{seq} stands for two messages"));
                }
                Some(now) if now.is_pending() && !before.is_pending() => {
                    return Err(format!("generation {number} brings {seq} back"));
                }
                _ => {}
            }
        }
        for (seq, id) in &self.keys {
            match truth.mail.get(seq) {
                Some(known) if known.id == *id => {}
                _ => {
                    return Err(format!(
                        "generation {number} has a key of {seq}, which never was"
                    ));
                }
            }
        }
        truth.generation = number;
        truth.mail.extend(self.mail);
        truth.void.extend(self.void);
        Ok(())
    }
}

fn mail(record: &Value) -> Result<Mail, String> {
    let msg = &record["msg"];
    let text = |name: &str| {
        msg[name]
            .as_str()
            .map(str::to_owned)
            .ok_or(format!("no {name}"))
    };
    Ok(Mail {
        id: text("id")?,
        from: text("from")?,
        content: text("content")?,
        key: record["key"].as_str().map(str::to_owned),
        foreign_id: msg["foreign_id"].as_str().map(str::to_owned),
        closed: None,
        attempts: 0,
        mode: text("mode")?,
    })
}

/// The last member of a line is the checksum of the bytes before it.
fn verify(line: &[u8], salt: u64) -> Result<(), String> {
    let text = std::str::from_utf8(line).map_err(|_| "no UTF-8")?;
    let (body, sum) = text.rsplit_once(",\"sum\":\"").ok_or("no checksum")?;
    let sum = sum
        .strip_suffix("\"}")
        .ok_or("something follows the checksum")?;
    let sum = u64::from_str_radix(sum, 16).map_err(|_| "the checksum is no number")?;
    if xxh3_64_with_seed(body.as_bytes(), salt) == sum {
        Ok(())
    } else {
        Err("its checksum is wrong".into())
    }
}

/// The line with the checksum that it ought to have; whatever it has now goes.
pub(crate) fn sealed(line: &str, salt: u64) -> String {
    let body = line.split(",\"sum\":").next().unwrap();
    let sum = xxh3_64_with_seed(body.as_bytes(), salt);
    format!("{body},\"sum\":\"{sum:016x}\"}}")
}

fn is_dense(truth: &Truth) -> Result<(), String> {
    let mut expected = 1;
    let mut last_id = "";
    let mut keys: HashMap<(&str, &str), u64> = HashMap::new();
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for (&seq, mail) in &truth.mail {
        while expected < seq && truth.void.contains(&expected) {
            expected += 1;
        }
        if seq != expected {
            return Err(format!("{seq} comes where {expected} should"));
        }
        expected += 1;
        if mail.id.as_str() <= last_id || !ids.insert(&mail.id) {
            return Err(format!("{seq}: id {} after {last_id}", mail.id));
        }
        last_id = &mail.id;
        if let Some(key) = &mail.key
            && let Some(other) = keys.insert((&mail.from, key), seq)
        {
            return Err(format!(
                "key {key} was accepted twice, as {other} and {seq}"
            ));
        }
    }
    Ok(())
}

/// The face is whole at any instant, and shows nothing twice.
fn face(dir: &Path) -> Result<(), String> {
    let bytes = std::fs::read(dir.join("inbox.json")).map_err(|e| format!("inbox.json: {e}"))?;
    let face: Value = serde_json::from_slice(&bytes).map_err(|e| format!("inbox.json: {e}"))?;
    let entries = face.as_array().ok_or("inbox.json is no array")?;
    let shown: Vec<&str> = entries.iter().filter_map(|it| it["id"].as_str()).collect();
    let different: BTreeSet<&&str> = shown.iter().collect();
    if different.len() != shown.len() {
        return Err("inbox.json shows a message twice".into());
    }
    Ok(())
}

/// That the face, and the list which the program prints, are what the journal says. Where the last verb was
/// killed the face may be behind; after a verb that ended well it is not.
pub(crate) fn agrees(dir: &Path, truth: &Truth, listed: &Value) -> Result<(), String> {
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|it| Some(it["id"].as_str()?.to_owned()))
            .collect()
    };
    let pending: Vec<String> = truth.pending().iter().map(|it| it.id.clone()).collect();
    let listed = ids(listed);
    if listed != pending {
        return Err(format!("listed {listed:?}, pending {pending:?}"));
    }
    let bytes = std::fs::read(dir.join("inbox.json")).map_err(|e| e.to_string())?;
    let shown = ids(&serde_json::from_slice(&bytes).map_err(|e| e.to_string())?);
    if !pending.starts_with(&shown) || (shown.is_empty() && !pending.is_empty()) {
        return Err(format!("shown {shown:?}, pending {pending:?}"));
    }
    if shown.len() < pending.len().min(256) && bytes.len() < 200 << 10 {
        return Err(format!("{} of {} are shown", shown.len(), pending.len()));
    }
    Ok(())
}

/// What the checker is for: each broken promise that can be planted in files is named.
#[test]
fn a_planted_violation_is_named() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant); 8] = [
        ("checksum is wrong", |dir| {
            change(dir, |text| text.replacen("second", "sECOND", 1));
        }),
        ("comes where", |dir| {
            change(dir, |text| without(text, "second"));
        }),
        ("sent a second time", |dir| {
            change(dir, |text| {
                let line = text
                    .lines()
                    .find(|line| line.contains("second"))
                    .unwrap()
                    .to_owned();
                format!("{text}{line}\n")
            });
        }),
        ("is leased after", |dir| {
            change(dir, |text| {
                let line = text
                    .lines()
                    .find(|line| line.contains("\"lease\""))
                    .unwrap()
                    .to_owned();
                format!("{text}{line}\n")
            });
        }),
        ("no JSON", |dir| {
            change(dir, |text| format!("{text}no record\n"));
        }),
        ("inbox.json", |dir| {
            std::fs::write(dir.join("inbox.json"), "[{\"id\"").unwrap();
        }),
        ("left over", |dir| {
            std::fs::write(dir.join(".face-0"), "[]").unwrap();
        }),
        ("generation", |dir| {
            let archive = dir.join("archive");
            std::fs::remove_file(archive.join("1.jsonl.zst")).unwrap();
        }),
    ];
    for (name, plant) in plants {
        let house = crate::siege::mailbox_in_use();
        check_swept(house.home()).unwrap();
        plant(&house.home().join("runtime/mailbox/agent-1"));
        let why = check_swept(house.home()).expect_err(name);
        assert!(why.contains(name), "{name}: {why}");
    }
}

fn change(dir: &Path, how: impl Fn(&str) -> String) {
    let path = dir.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, how(&text)).unwrap();
}

fn without(text: &str, word: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(word))
        .map(|line| line.to_owned() + "\n")
        .collect()
}
