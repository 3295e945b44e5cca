"""End-to-end encryption of a voice channel, DAVE: the voice gateway's side of its MLS group, and members that listen.

A section named "DAVE" is one of https://daveprotocol.com, an "RFC" one is of RFC 9420, Messaging Layer Security. The gateway
knows who is connected, whose key package waits, and who has which leaf; it proposes, as the group's external sender, what
makes the group that of the connected. It sees no key: only listeners, members with a session of davey, decrypt."""

import collections
import dataclasses
import struct

import davey
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rtp import MARKER, SILENCE, Bad

VERSION = 1
PREPARE_TRANSITION, EXECUTE_TRANSITION, TRANSITION_READY, PREPARE_EPOCH, EXTERNAL_SENDER, KEY_PACKAGE = range(21, 27)
PROPOSALS, COMMIT_WELCOME, ANNOUNCE_COMMIT, WELCOME, INVALID_COMMIT = range(27, 32)
SAID_BY_MEMBERS = {TRANSITION_READY, KEY_PACKAGE, COMMIT_WELCOME, INVALID_COMMIT}
APPEND = b"\0"
IDENTITY = b"voice gateway"

# RFC 6, 6.1, 12.1 and 5.3: the numbers of what is chosen here among several.
MLS_10, PUBLIC_MESSAGE, BASIC = (struct.pack(">H", 1),) * 3
ADD, REMOVE = struct.pack(">H", 1), struct.pack(">H", 3)
MEMBER, EXTERNAL = 1, 2
PROPOSAL, COMMIT = 2, 3


# ---- the encoding of MLS


def vector(data):
    """RFC 2.1.2: its length goes before, in 1, 2 or 4 bytes, as the highest two bits tell."""
    size = len(data)
    if size < 1 << 6:
        return struct.pack(">B", size) + data
    if size < 1 << 14:
        return struct.pack(">H", size | 1 << 14) + data
    return struct.pack(">I", size | 2 << 30) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        if self.at + size > len(self.data):
            raise Bad("a message of MLS that ends too early")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.bytes(size), "big")

    def vector(self):
        first = self.number(1)
        more = (1 << (first >> 6)) - 1
        return self.bytes(int.from_bytes(bytes([first & 0x3F]) + self.bytes(more), "big"))

    def vectors(self, count):
        return [self.vector() for _ in range(count)]

    def expect(self, size, wanted):
        if (found := self.number(size)) != wanted:
            raise Bad(f"{found} at {self.at} in a message of MLS, not {wanted}")


def public_key(key):
    """RFC 5.1.1: a point of P-256, uncompressed."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def external_sender(key):
    """RFC 12.1.8.1, which is what DAVE, dave_mls_external_sender_package (25), carries."""
    return vector(public_key(key)) + BASIC + vector(IDENTITY)


def proposed(key, group, epoch, proposal):
    """An MLSMessage with a proposal of the only external sender."""
    # RFC 6.1, FramedContent: its sender is external and has an index, no data is authenticated with it.
    content = vector(group) + struct.pack(">QBI", epoch, EXTERNAL, 0) + vector(b"") + bytes([PROPOSAL]) + proposal
    # RFC 6.1, FramedContentTBS: without a context of the group, which an external sender does not know.
    signed = MLS_10 + PUBLIC_MESSAGE + content
    # RFC 5.1.2, SignWithLabel; ECDSA's signature is in DER, as in TLS.
    labelled = vector(b"MLS 1.0 FramedContentTBS") + vector(signed)
    signature = key.sign(labelled, ec.ECDSA(hashes.SHA256()))
    # RFC 6.2, PublicMessage: a proposal has no confirmation tag, who is no member has no membership tag.
    return signed + vector(signature)


def commit_of(data):
    """The epoch of the commit at the beginning of this, and how long it is: a welcome may follow without any mark between."""
    reader = Reader(data)
    # RFC 6, 6.1 and 6.2.
    reader.expect(2, 1)
    reader.expect(2, 1)
    reader.vector()
    epoch = reader.number(8)
    reader.expect(1, MEMBER)
    reader.number(4)
    reader.vector()
    reader.expect(1, COMMIT)
    # RFC 12.4: proposals, and a path or none.
    reader.vector()
    if reader.number(1):
        read_path(reader)
    # RFC 6.1 and 6.2: the signature, the confirmation tag, the membership tag.
    reader.vectors(3)
    return epoch, reader.at


def read_path(reader):
    # RFC 7.2, LeafNode: two keys, a credential, five vectors of capabilities, whence it is: for a commit a hash follows.
    reader.vectors(2)
    reader.expect(2, 1)
    reader.vectors(6)
    reader.expect(1, 3)
    # Then extensions and signature, and of RFC 7.6, UpdatePath, its nodes.
    reader.vectors(4)


# ---- members


class Listener:
    """Somebody who stands in the channel and hears."""

    def __init__(self, user, channel):
        self.who = (VERSION, int(user), int(channel))
        self.session = davey.DaveSession(*self.who)
        self.is_member = self.hears = False

    def __call__(self, operation, data):
        """What it answers to the gateway."""
        session = self.session
        if operation == EXTERNAL_SENDER:
            session.set_external_sender(data)
            return [(KEY_PACKAGE, session.get_serialized_key_package())]
        if operation == PREPARE_EPOCH:
            session.reinit(*self.who)
            self.is_member = self.hears = False
            return [(KEY_PACKAGE, session.get_serialized_key_package())]
        if operation == PROPOSALS:
            made = session.process_proposals(davey.ProposalsOperationType.append, data[1:])
            return [(COMMIT_WELCOME, made.commit + (made.welcome or b""))]
        if operation in (ANNOUNCE_COMMIT, WELCOME):
            (session.process_commit if operation == ANNOUNCE_COMMIT else session.process_welcome)(data[2:])
            return [(TRANSITION_READY, {"transition_id": int.from_bytes(data[:2], "big")})]
        self.is_member |= operation == EXECUTE_TRANSITION
        return []

    def heard(self, sender, frame):
        """DAVE, Welcome Handling: what is in flight when somebody comes is not for him, and the first that is begins it."""
        try:
            opus = self.session.decrypt(int(sender), davey.MediaType.audio, frame)
        except ValueError as error:
            if self.hears:
                raise Bad(f"not encrypted for {self.who[1]}") from error
            return None
        self.hears = True
        return opus


# ---- the gateway


@dataclasses.dataclass
class Change:
    """What was proposed and waits for a commit: of every member who was asked, the messages that he was sent."""
    asked: dict
    added: list
    removed: list
    commits: dict = dataclasses.field(default_factory=dict)


class Group:
    """Of one channel. A line is a function that takes an operation and its data to a member, and returns his answers."""

    def __init__(self, channel):
        self.channel = channel
        self.id = struct.pack(">Q", int(channel))
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.lines, self.packages = {}, {}
        self.inbox = collections.deque()
        self.leaves, self.epoch = [], 0
        self.change = None
        self.transitions, self.unready = 0, {}

    # ---- who comes, goes and says something

    def connect(self, user, line):
        self.disconnect(user)
        self.lines[user] = line
        self.tell(user, EXTERNAL_SENDER, external_sender(self.key))
        self.settle()

    def disconnect(self, user):
        self.lines.pop(user, None)
        self.packages.pop(user, None)
        for transition in list(self.unready):
            self.ready(user, transition)
        self.settle()

    def take(self, user, operation, data):
        if user in self.lines:
            self.inbox.append((user, operation, data))
        self.settle()

    def tell(self, user, operation, data):
        if line := self.lines.get(user):
            self.inbox.extend((user, *answer) for answer in line(operation, data))

    def settle(self):
        """Until nobody has anything to say, which those on the wire may have later."""
        self.proceed()
        while self.inbox:
            user, operation, data = self.inbox.popleft()
            if operation == KEY_PACKAGE:
                self.packages[user] = data
            elif operation == COMMIT_WELCOME:
                self.committed(user, data)
            elif operation == TRANSITION_READY:
                self.ready(user, data["transition_id"])
            # DAVE, Recovery from Invalid Commit or Welcome: a new key package follows, with which he is added anew.
            self.proceed()

    # ---- the group becomes that of the connected

    def proceed(self):
        if self.change:
            return self.conclude()
        # DAVE, Member Remove: who disconnected, and who is about to be added with another key package.
        removed = [leaf for leaf, user in enumerate(self.leaves) if user and (user not in self.lines or user in self.packages)]
        staying = [user for leaf, user in enumerate(self.leaves) if user and leaf not in removed]
        if self.leaves and not staying:
            self.leaves, self.epoch = [], 0
        if not self.leaves:
            self.found()
        elif len(staying) == 1 and not self.packages:
            self.reset(staying[0])
        elif removed or self.packages:
            self.propose(staying, list(self.packages)[:1], removed)

    def found(self):
        """DAVE, Initial Group Creation: each has a group of his own, into which the other is to be added."""
        if len(self.packages) < 2:
            return
        one, other = list(self.packages)[:2]
        self.change = Change({one: [self.addition(other)], other: [self.addition(one)]}, [one, other], [])
        self.ask()

    def propose(self, staying, added, removed):
        """One is added at a time, so that it is known which leaf is whose."""
        removals = [REMOVE + struct.pack(">I", leaf) for leaf in removed]
        messages = [proposed(self.key, self.id, self.epoch, it) for it in removals] + [self.addition(it) for it in added]
        self.change = Change(dict.fromkeys(staying, messages), added, removed)
        self.ask()

    def addition(self, user):
        return proposed(self.key, self.id, self.epoch, ADD + self.packages[user])

    def ask(self):
        """DAVE, dave_mls_proposals (27). The packages are used up."""
        for user in self.change.added:
            del self.packages[user]
        for user, messages in self.change.asked.items():
            self.tell(user, PROPOSALS, APPEND + vector(b"".join(messages)))

    def reset(self, user):
        """DAVE, Sole Member Reset."""
        self.leaves, self.epoch = [], 0
        self.tell(user, PREPARE_EPOCH, {"protocol_version": VERSION, "epoch": 1})
        self.tell(user, PREPARE_TRANSITION, {"protocol_version": VERSION, "transition_id": 0})

    def committed(self, user, data):
        """DAVE, Commit Ordering: one for another epoch is not looked at."""
        epoch, length = commit_of(data)
        if self.change and user in self.change.asked and epoch == self.epoch:
            self.change.commits[user] = (data[:length], data[length:])

    def conclude(self):
        """Any commit would do. It is that of who connected last, so that a test knows whose: the others made theirs in vain."""
        change = self.change
        asked = [user for user in self.lines if user in change.asked]
        if not asked:
            self.change, self.leaves, self.epoch = None, [], 0
            return self.proceed()
        if asked[-1] in change.commits:
            self.change = None
            self.move(asked[-1], change)
            self.proceed()

    def move(self, committer, change):
        """DAVE, Commit Handling: to the next epoch."""
        commit, welcome = change.commits[committer]
        if not self.leaves:
            change.added.remove(committer)
            self.leaves = [committer]
        before = [user for leaf, user in enumerate(self.leaves) if user and leaf not in change.removed]
        self.seat(change)
        self.epoch += 1
        self.transitions += 1
        number = struct.pack(">H", self.transitions)
        self.unready[self.transitions] = {user for user in before + change.added if user in self.lines}
        for user in before:
            self.tell(user, ANNOUNCE_COMMIT, number + commit)
        for user in change.added:
            self.tell(user, WELCOME, number + welcome)

    def seat(self, change):
        """RFC 12.1.1 and 12.1.3: who comes takes the first blank leaf, and blank ones at the end are cut off before."""
        for leaf in change.removed:
            self.leaves[leaf] = None
        while self.leaves and self.leaves[-1] is None:
            self.leaves.pop()
        for user in change.added:
            if None in self.leaves:
                self.leaves[self.leaves.index(None)] = user
            else:
                self.leaves.append(user)

    def ready(self, user, transition):
        """Once all are, it is executed."""
        unready = self.unready.get(transition, set())
        unready.discard(user)
        if transition in self.unready and not unready:
            del self.unready[transition]
            for member in list(self.lines):
                if member in self.leaves:
                    self.tell(member, EXECUTE_TRANSITION, {"transition_id": transition})

    # ---- sound

    def heard(self, sender, frame):
        """What the listeners make of it, who all have to hear the same. Before the encryption began it passes as it is."""
        members = [self.lines[user] for user in self.lines if user in self.leaves and user != sender]
        listeners = [it for it in members if isinstance(it, Listener)]
        if not frame.endswith(MARKER):
            # DAVE, Silence Packets: nobody encrypts those.
            if frame != SILENCE and any(it.is_member for it in listeners):
                raise Bad("in the clear")
            return frame
        heard = {it.heard(sender, frame) for it in listeners} - {None}
        if len(heard) != 1:
            raise Bad("encrypted for nobody")
        return heard.pop()
