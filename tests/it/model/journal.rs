//! The journal of the model: records in the page cache, what of them is on the disk, and the fold.

/// A message's number; ids have the same order, so that the model needs only one of the two.
pub(super) type Seq = u8;

/// What makes two sends the same send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// The key of a `send`.
    Key(u8),
    /// An entry that a foreign writer put into the face: its content, whether it names itself by an
    /// id or a timestamp, and in which write it was adopted.
    Adopted { content: u8, named: bool, write: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Record {
    Send {
        seq: Seq,
        origin: Origin,
        high: bool,
    },
    Again {
        seq: Seq,
        origin: Origin,
        high: bool,
    },
    Lease {
        seq: Seq,
        n: u8,
        owner: u8,
        boot: u8,
    },
    Ack {
        seq: Seq,
        owner: u8,
    },
    Discard {
        seq: Seq,
    },
    Dead {
        seq: Seq,
    },
    Noticed {
        seq: Seq,
    },
    Void {
        seq: Seq,
    },
    /// What compaction leaves of a closed message.
    Key {
        seq: Seq,
        origin: Origin,
        state: State,
    },
    Linked,
    /// A fenced, torn or zeroed line: skipped.
    Torn,
}

/// Where a record's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kept {
    Disk,
    /// In the page cache: the next flush writes it.
    Cache,
    /// A flush of it failed: the page is clean and not on the disk, no later flush writes it.
    Dropped,
}

/// What follows the last newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tail {
    Clean,
    Torn,
    /// A whole record but for its newline: not there.
    Unended(Record),
}

/// One generation, which is one inode.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Journal {
    pub(super) generation: u8,
    /// `last_seq` of the open record.
    pub(super) last: Seq,
    /// Numbers up to here may be missing: they are older than this generation.
    pub(super) base: Seq,
    /// Records that it was born with.
    pub(super) born: usize,
    pub(super) records: Vec<(Record, Kept)>,
    pub(super) tail: Tail,
    /// Failed flushes so far: a descriptor that saw fewer of them reports the next one as failed.
    pub(super) errors: u8,
}

impl Journal {
    pub(super) fn first() -> Self {
        Self {
            generation: 0,
            last: 0,
            base: 0,
            born: 1,
            records: vec![(Record::Linked, Kept::Disk)],
            tail: Tail::Clean,
            errors: 0,
        }
    }

    pub(super) fn linked(&self) -> bool {
        self.records
            .iter()
            .any(|(record, _)| *record == Record::Linked)
    }

    pub(super) fn fold(&self) -> Fold {
        self.fold_to(self.records.len())
    }

    /// The fold of the first `end` records.
    pub(super) fn fold_to(&self, end: usize) -> Fold {
        let mut fold = Fold {
            messages: vec![None; usize::from(self.last)],
        };
        for (record, _) in &self.records[..end] {
            fold.apply(*record);
        }
        fold
    }

    /// The next generation, with what of the first `end` records is still worth knowing.
    pub(super) fn compacted(&self, end: usize) -> Self {
        let fold = self.fold_to(end);
        let mut records = Vec::new();
        for (seq, message) in fold.known() {
            let Some(origin) = message.origin else {
                continue;
            };
            match message.state {
                State::Pending => {
                    records.push(Record::Send {
                        seq,
                        origin,
                        high: message.high,
                    });
                    if let Some(Lease { n, owner, boot }) = message.lease {
                        records.push(Record::Lease {
                            seq,
                            n,
                            owner,
                            boot,
                        });
                    }
                }
                State::Dead => {
                    records.push(Record::Send {
                        seq,
                        origin,
                        high: message.high,
                    });
                    records.push(Record::Dead { seq });
                    if message.noticed {
                        records.push(Record::Noticed { seq });
                    }
                }
                state @ (State::Acked { .. } | State::Discarded) => {
                    records.push(Record::Key { seq, origin, state });
                }
                State::Void => {}
            }
        }
        Self {
            generation: self.generation + 1,
            last: fold.last(),
            base: fold.last(),
            born: records.len(),
            records: records
                .into_iter()
                .map(|record| (record, Kept::Disk))
                .collect(),
            tail: Tail::Clean,
            errors: 0,
        }
    }

    pub(super) fn flush(&mut self) {
        for (_, kept) in &mut self.records {
            if *kept == Kept::Cache {
                *kept = Kept::Disk;
            }
        }
    }

    /// Writes the bytes beyond the first `durable` records again, which makes their pages dirty
    /// again: a flush of another may have failed on them unseen.
    pub(super) fn write_again(&mut self, durable: usize) {
        for (_, kept) in self.records.iter_mut().skip(durable) {
            if *kept == Kept::Dropped {
                *kept = Kept::Cache;
            }
        }
    }

    /// The kernel's bargain after an I/O error: the pages are clean, and the data is not there.
    pub(super) fn fail_flush(&mut self) {
        for (_, kept) in &mut self.records {
            if *kept == Kept::Cache {
                *kept = Kept::Dropped;
            }
        }
        self.errors += 1;
    }

    /// Every content that a power cut may leave: each unflushed record is there or zeroed, and the
    /// last of them may be torn, or whole but for its newline.
    pub(super) fn cuts(&self) -> Vec<Self> {
        let unsure: Vec<usize> = (0..self.records.len())
            .filter(|&at| self.records[at].1 != Kept::Disk)
            .collect();
        let mut cuts = Vec::new();
        for survivors in 0..1_u32 << unsure.len() {
            let mut cut = self.clone();
            cut.errors = 0;
            for (bit, &at) in unsure.iter().enumerate() {
                if survivors & (1 << bit) == 0 {
                    cut.records[at].0 = Record::Torn;
                }
                cut.records[at].1 = Kept::Disk;
            }
            let lost = unsure
                .last()
                .filter(|&&at| cut.records[at].0 == Record::Torn)
                .copied();
            while cut
                .records
                .last()
                .is_some_and(|(record, _)| *record == Record::Torn)
            {
                cut.records.pop();
            }
            cut.born = cut.born.min(cut.records.len());
            if let Some(at) = lost.filter(|&at| at + 1 == self.records.len()) {
                if cut.records.len() == at {
                    cuts.push(Self {
                        tail: Tail::Unended(self.records[at].0),
                        ..cut.clone()
                    });
                }
                cuts.push(Self {
                    tail: Tail::Torn,
                    ..cut.clone()
                });
            }
            cuts.push(cut);
        }
        cuts
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Pending,
    Acked { owner: u8 },
    Discarded,
    Dead,
    Void,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) n: u8,
    pub(super) owner: u8,
    pub(super) boot: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// None as long as only records about it were read, and not itself.
    pub(super) origin: Option<Origin>,
    pub(super) high: bool,
    pub(super) state: State,
    pub(super) lease: Option<Lease>,
    pub(super) noticed: bool,
    /// Its content is in this generation, not its key alone.
    pub(super) whole: bool,
}

/// The state of every message, by number.
pub(super) struct Fold {
    messages: Vec<Option<Message>>,
}

impl Fold {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Send { seq, origin, high } | Record::Again { seq, origin, high } => {
                self.send(seq, origin, high);
            }
            Record::Lease {
                seq,
                n,
                owner,
                boot,
            } => {
                let message = self.entry(seq);
                if message.lease.is_none_or(|lease| lease.n < n) {
                    message.lease = Some(Lease { n, owner, boot });
                }
            }
            Record::Ack { seq, owner } => self.close(seq, State::Acked { owner }),
            Record::Discard { seq } => self.close(seq, State::Discarded),
            Record::Dead { seq } => self.close(seq, State::Dead),
            Record::Void { seq } => self.close(seq, State::Void),
            Record::Noticed { seq } => self.entry(seq).noticed = true,
            Record::Key { seq, origin, state } => {
                self.entry(seq).origin = Some(origin);
                self.close(seq, state);
            }
            Record::Linked | Record::Torn => {}
        }
    }

    fn send(&mut self, seq: Seq, origin: Origin, high: bool) {
        let message = self.entry(seq);
        message.whole = true;
        if message.origin.is_none() {
            message.origin = Some(origin);
            message.high = high;
        }
    }

    /// The first closing record wins, also when it stands before the send.
    fn close(&mut self, seq: Seq, state: State) {
        let message = self.entry(seq);
        if message.state == State::Pending {
            message.state = state;
        }
    }

    fn entry(&mut self, seq: Seq) -> &mut Message {
        let at = usize::from(seq) - 1;
        if self.messages.len() <= at {
            self.messages.resize(at + 1, None);
        }
        self.messages[at].get_or_insert(Message {
            origin: None,
            high: false,
            state: State::Pending,
            lease: None,
            noticed: false,
            whole: false,
        })
    }

    pub(super) fn last(&self) -> Seq {
        Seq::try_from(self.messages.len()).expect("a model has a handful of messages")
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&Message> {
        self.messages
            .get(usize::from(seq).checked_sub(1)?)?
            .as_ref()
    }

    pub(super) fn known(&self) -> impl Iterator<Item = (Seq, &Message)> {
        (1..=self.last()).filter_map(|seq| Some((seq, self.get(seq)?)))
    }

    /// In delivery order.
    pub(super) fn pending(&self) -> Vec<Seq> {
        let mut pending: Vec<(bool, Seq)> = self
            .known()
            .filter(|(_, message)| message.origin.is_some() && message.state == State::Pending)
            .map(|(seq, message)| (!message.high, seq))
            .collect();
        pending.sort_unstable();
        pending.into_iter().map(|(_, seq)| seq).collect()
    }

    /// The message that a key stands for.
    pub(super) fn by_key(&self, key: u8) -> Option<(Seq, &Message)> {
        self.known()
            .find(|(_, m)| m.origin == Some(Origin::Key(key)) && m.state != State::Void)
    }

    /// Messages adopted from `content`, with the write that adopted them.
    pub(super) fn adopted(&self, content: u8) -> Vec<(Seq, u8)> {
        self.known()
            .filter(|(_, message)| message.state != State::Void)
            .filter_map(|(seq, message)| match message.origin {
                Some(Origin::Adopted {
                    content: known,
                    write,
                    ..
                }) if known == content => Some((seq, write)),
                _ => None,
            })
            .collect()
    }

    /// The newest write that adopted anything.
    pub(super) fn newest_adoption(&self) -> u8 {
        self.known()
            .filter_map(|(_, message)| match message.origin {
                Some(Origin::Adopted { write, .. }) => Some(write),
                _ => None,
            })
            .max()
            .unwrap_or(0)
    }
}
