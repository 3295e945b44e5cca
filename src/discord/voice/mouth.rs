//! Says what is to be said, where it ought to be.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::call::{Call, Heard};
use super::place::{self, People, Place, Room};
use crate::discord::budget;
use crate::discord::error::Error;
use crate::discord::reply::Outcome;
use crate::discord::settings::{self, Told};
use crate::root::Home;
use crate::speech::{Choice, Engine, Manner, Queue, Settings, Waiting, choose_tls, spoken};
use crate::time::Now;

/// So much waits to be told at most; more is shown in its channel all the same.
const MOST_TOLD: usize = 16;
/// After so long without a fault the next one is the first.
const WELL: Duration = Duration::from_mins(1);
/// What became of so many files is known.
const MOST_HEARD: usize = 100;

/// Its place in this life, which the disk knows too.
#[derive(Debug, Default)]
struct Here {
    room: Option<Room>,
    /// A connection to Discord stands.
    is_up: bool,
    /// What Discord tells of ourselves now is of our own making.
    is_moving: bool,
    /// The file that is heard now.
    playing: Option<String>,
}

pub(crate) struct Mouth {
    home: Home,
    narrate: Vec<Told>,
    proxy: Option<String>,
    call: Call,
    here: Mutex<Here>,
    /// One comes or goes at a time.
    moves: tokio::sync::Mutex<()>,
    people: Mutex<People>,
    ended: Mutex<VecDeque<(String, Outcome)>>,
    has_ended: Condvar,
    player: OnceLock<Thread>,
    tell: SyncSender<String>,
    told: Mutex<Option<Receiver<String>>>,
}

impl Mouth {
    pub(crate) fn new(
        home: &Home,
        settings: &settings::Settings,
        environment: &[(OsString, OsString)],
    ) -> Self {
        choose_tls();
        let named = |wanted: &str| {
            let found = environment.iter().find(|(name, _)| name == wanted);
            let value = found.map(|(_, value)| value.to_string_lossy().into_owned());
            value.filter(|it| !it.is_empty())
        };
        let (tell, told) = sync_channel(MOST_TOLD);
        Self {
            home: home.clone(),
            narrate: settings.voice.narrate.clone(),
            proxy: named("HTTPS_PROXY").or_else(|| named("https_proxy")),
            call: Call::new(),
            here: Mutex::default(),
            moves: tokio::sync::Mutex::default(),
            people: Mutex::default(),
            ended: Mutex::default(),
            has_ended: Condvar::new(),
            player: OnceLock::new(),
            tell,
            told: Mutex::new(Some(told)),
        }
    }

    pub(crate) fn attach(
        &self,
        client: serenity::client::ClientBuilder,
    ) -> serenity::client::ClientBuilder {
        self.call.attach(client)
    }

    /// Its two threads; `wanted` is where the settings want it.
    pub(crate) fn begin(
        self: &Arc<Self>,
        wanted: Option<(u64, u64)>,
        is_over: impl Fn() -> bool + Clone + Send + 'static,
    ) {
        let room = match place::load(&self.home).map(|it| it.place) {
            Ok(Place::In(room)) => Some(room),
            Ok(Place::Unsaid) => wanted.map(|(guild, channel)| Room { guild, channel }),
            Ok(Place::Out) => None,
            Err(error) => {
                log::warn!("{error}");
                None
            }
        };
        self.here().room = room;
        let runtime = tokio::runtime::Handle::current();
        let (mouth, is_ended) = (Arc::clone(self), is_over.clone());
        tokio::task::spawn_blocking(move || mouth.play_all(&runtime, &is_ended));
        let told = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mouth = Arc::clone(self);
        if let Some(told) = told {
            tokio::task::spawn_blocking(move || mouth.tell_all(&told, &is_over));
        }
    }

    fn here(&self) -> std::sync::MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn people(&self) -> std::sync::MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(player) = self.player.get() {
            player.unpark();
        }
    }

    // What Discord tells.

    /// A new connection: there it is in no channel yet.
    pub(crate) fn ready(&self) {
        self.call.lose();
        self.here().is_up = true;
        self.wake();
    }

    /// Somebody came, went or changed.
    pub(crate) fn saw(&self, guild: u64, user: u64, channel: Option<u64>, is_me: bool) {
        if !is_me {
            return self.people().saw(guild, user, channel);
        }
        if channel.is_none() {
            self.call.is_out();
        }
        let mut here = self.here();
        let Some(room) = here.room.filter(|it| it.guild == guild && !here.is_moving) else {
            return;
        };
        if channel == Some(room.channel) {
            return;
        }
        here.room = channel.map(|channel| Room { guild, channel });
        drop(here);
        let place = if let Some(channel) = channel {
            log::info!("somebody moved the bot to voice channel {channel}");
            Place::In(Room { guild, channel })
        } else {
            log::warn!("somebody put the bot out of voice channel {}", room.channel);
            Place::Out
        };
        self.keep(place);
    }

    fn keep(&self, place: Place) {
        if let Err(error) = place::change(&self.home, |it| it.place = place) {
            // It is there all the same; after a restart it is where it was before.
            log::warn!("{error}");
        }
    }

    // What is asked of it.

    pub(super) fn channel_of(&self, guild: u64, user: u64) -> Option<u64> {
        self.people().channel(guild, user)
    }

    pub(super) fn room(&self) -> Option<Room> {
        self.here().room
    }

    pub(super) fn join(&self, room: Room) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::current();
        let before = self.here().room.replace(room);
        if let Some(before) = before.filter(|it| it.guild != room.guild) {
            runtime.block_on(self.go(before.guild));
        }
        let joined = runtime.block_on(self.move_to(room));
        if let Err(why) = joined {
            self.here().room = before.filter(|it| it.guild == room.guild);
            return Err(Error::Wire(format!("no way into the channel: {why}")));
        }
        self.keep(Place::In(room));
        self.wake();
        Ok(())
    }

    /// Unless it is wanted elsewhere by now.
    async fn move_to(&self, room: Room) -> Result<(), String> {
        let _alone = self.moves.lock().await;
        {
            let mut here = self.here();
            if here.room != Some(room) {
                return Ok(());
            }
            here.is_moving = true;
        }
        let joined = self.call.join(room).await;
        self.here().is_moving = false;
        joined
    }

    async fn go(&self, guild: u64) {
        let _alone = self.moves.lock().await;
        self.call.leave(guild).await;
    }

    /// From where it went.
    pub(super) fn leave(&self) -> Option<Room> {
        let room = self.here().room.take()?;
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(self.go(room.guild));
        self.keep(Place::Out);
        Some(room)
    }

    pub(super) fn chosen(&self) -> Result<(Choice, Manner), Error> {
        place::load(&self.home)?.chosen(&Settings::load(&self.home)?)
    }

    pub(super) fn choose(&self, how: impl FnOnce(&mut place::Kept)) -> Result<(), Error> {
        place::change(&self.home, how)
    }

    pub(super) fn engine(&self, choice: Choice) -> Result<Box<dyn Engine>, Error> {
        Ok(choice.engine(self.proxy.as_deref())?)
    }

    /// Makes sound of a text and puts it behind what waits: its name, and how many are before it.
    pub(super) fn say(&self, text: &str) -> Result<(String, usize), Error> {
        let (choice, manner) = self.chosen()?;
        let audio = self.engine(choice)?.audio(&spoken(text), &manner)?;
        let queue = Queue::open(&self.home)?;
        let before = queue.waiting()?.len();
        Ok((queue.put(&audio, Now::read().wall)?, before))
    }

    /// How it does, in a line.
    pub(crate) fn status(&self) -> Result<String, Error> {
        let (room, playing) = {
            let here = self.here();
            (here.room, here.playing.clone())
        };
        let waiting = Queue::open(&self.home)?.waiting()?.len();
        let (choice, manner) = self.chosen()?;
        let place = room.map_or_else(
            || "in no channel".into(),
            |it| format!("in <#{}>", it.channel),
        );
        let doing = playing.map_or_else(|| "silent".into(), |it| format!("plays {it}"));
        let voice = manner.voice.as_deref().unwrap_or("its own voice");
        Ok(format!(
            "{place}, {doing}, {waiting} wait; {choice}, {voice}, {} %",
            manner.rate.percent()
        ))
    }

    /// Tells it where it is, if it is anywhere and if that is wanted. Nobody waits for it.
    pub(crate) fn tell(&self, what: Told, text: &str) {
        if self.here().room.is_none() || !self.narrate.contains(&what) {
            return;
        }
        if self.tell.try_send(text.to_owned()).is_err() {
            log::warn!("so much is to be told that this is not: {text}");
        }
    }

    /// What became of a file, as soon as that is known.
    pub(crate) fn wait_for(&self, name: &str, until: Instant) -> Option<Outcome> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((_, outcome)) = ended.iter().find(|it| it.0 == name) {
                return Some(outcome.clone());
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.has_ended.wait_timeout(ended, left);
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn end(&self, name: &str, outcome: Outcome) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push_back((name.to_owned(), outcome));
        if ended.len() > MOST_HEARD {
            ended.pop_front();
        }
        drop(ended);
        self.has_ended.notify_all();
    }

    // Its threads.

    fn tell_all(&self, told: &Receiver<String>, is_over: &dyn Fn() -> bool) {
        while !is_over()
            && let Ok(text) = told.recv()
        {
            if let Err(error) = self.say(&text) {
                log::warn!("it was not told aloud: {error}");
            }
        }
    }

    fn play_all(&self, runtime: &tokio::runtime::Handle, is_over: &dyn Fn() -> bool) {
        // There is only one of it.
        let _ = self.player.set(std::thread::current());
        let mut attempt = 0;
        while !is_over() {
            let began = Instant::now();
            let Err(error) = self.play_while_it_goes_well(runtime, is_over) else {
                return;
            };
            if began.elapsed() > WELL {
                attempt = 0;
            }
            log::warn!("voice: {error}");
            std::thread::park_timeout(budget::pause(attempt));
            attempt += 1;
        }
    }

    fn play_while_it_goes_well(
        &self,
        runtime: &tokio::runtime::Handle,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let queue = Queue::open(&self.home)?;
        while !is_over() {
            let room = {
                let here = self.here();
                here.room.filter(|_| here.is_up && !here.is_moving)
            };
            let Some(room) = room else {
                queue.rest();
                continue;
            };
            runtime
                .block_on(self.move_to(room))
                .map_err(|why| Error::Wire(format!("no way into the channel: {why}")))?;
            match queue.waiting()?.first() {
                Some(it) => self.play(&queue, it, room, runtime)?,
                None => queue.rest(),
            }
        }
        Ok(())
    }

    fn play(
        &self,
        queue: &Queue,
        it: &Waiting,
        room: Room,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), Error> {
        let heard = match queue.read(it)? {
            None => Heard::Never("it is neither WAV nor MP3".into()),
            Some(audio) => {
                self.here().playing = Some(it.name.clone());
                let heard = runtime.block_on(self.call.play(room.guild, audio));
                self.here().playing = None;
                heard
            }
        };
        match heard {
            Heard::Whole => {
                queue.remove(it)?;
                self.end(&it.name, Outcome::Heard);
            }
            Heard::Never(why) => {
                queue.set_aside(it)?;
                log::warn!("{} was not played: {why}", it.name);
                self.end(&it.name, Outcome::SetAside(why));
            }
            Heard::Later(why) => {
                log::info!("{} waits: {why}", it.name);
                // Whoever left on purpose is not waited for.
                if self.here().room == Some(room) {
                    std::thread::park_timeout(Duration::from_secs(1));
                }
            }
        }
        Ok(())
    }
}
