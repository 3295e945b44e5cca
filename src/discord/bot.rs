//! The bot: what comes in is answered, what waits in its mailbox is posted, what is wrong is told. Its work is in threads that
//! wait; only the wire is asynchronous.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::answer::{self, failed};
use super::channels::Bindings;
use super::error::Error;
use super::grammar::{Call, Kind};
use super::incidents;
use super::lines::{self, Batch};
use super::press::Press;
use super::reply::{Followed, Outcome, Reply};
use super::settings::{Settings, Snowflake, Told};
use super::visit::{House, Place};
use super::voice::Mouth;
use super::wire::{self, Api, Unposted};
use super::{bang, budget, complete, inward, kept, outward};
use crate::desk::Desk;
use crate::logs::{Filter, Line, Merged, Waker};
use crate::mailbox::{Address, Claim, Message, Status, Taken, Which};
use crate::names::{AgentId, Caller, Channel, Explain as _, Guest, Kind as Fault, Level};
use crate::root::Home;
use crate::time::Now;

/// So many interactions are known again.
const KNOWN: usize = 10_000;
/// A message of its own mailbox is posted within this time, or it is taken again.
const LEASE: Duration = Duration::from_mins(10);
/// After so many rests in which nothing was seen to be written the logs are looked at all the same.
const MOST_QUIET: u32 = 30;
/// So many lines of logs are looked at before that is kept.
const LINES_AT_ONCE: usize = 1000;
/// So many answers are followed at once: each has a thread that waits.
const MOST_FOLLOWED: usize = 100;
/// To say goodbye.
const TO_LEAVE: Duration = Duration::from_secs(5);
/// A life without a fault for so long makes the next fault the first.
const WELL: Duration = Duration::from_mins(5);

/// Where slash commands are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// There at once.
    Guild(u64),
    Global,
    None,
}

/// How a bot begins.
pub struct Start<'s> {
    pub settings: Settings,
    /// As whom it speaks.
    pub own: Caller,
    pub token: &'s str,
    pub register: Register,
    /// For the agents that it starts.
    pub environment: Vec<(OsString, OsString)>,
}

/// Somebody asks.
pub(super) struct Asked {
    pub(super) id: u64,
    pub(super) guest: Guest,
    pub(super) name: String,
    pub(super) place: Place,
}

/// Told when it is to stop, when it is connected, and that it lives.
pub trait Keeper: Send + Sync {
    fn ready(&self, name: &str);
    fn lives(&self);
}

pub(super) struct Bot {
    house: House,
    known: Mutex<(HashSet<u64>, VecDeque<u64>)>,
    stop: tokio::sync::watch::Receiver<bool>,
    keeper: Box<dyn Keeper>,
    is_over: AtomicBool,
    /// A button may have changed what is to be told of an incident.
    is_pressed: AtomicBool,
    /// How many answers are followed.
    followed: AtomicUsize,
}

/// Runs until `is_stopped`, which is asked whenever the calling thread is unparked, or until a fault that no waiting cures.
pub fn run(
    home: &Home,
    start: Start<'_>,
    is_stopped: &dyn Fn() -> bool,
    keeper: Box<dyn Keeper>,
) -> Result<(), Error> {
    let _alone = kept::alone(home)?;
    let Start {
        settings,
        own,
        token,
        register,
        environment,
    } = start;
    let api = Api::new(token);
    let house = House::new(home.clone(), settings, own, environment);
    make_mailbox(&house)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let bot = Arc::new(Bot {
        house,
        known: Mutex::default(),
        stop: stopped,
        keeper,
        is_over: AtomicBool::new(false),
        is_pressed: AtomicBool::new(false),
        followed: AtomicUsize::new(0),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::Wire(error.to_string()))?;
    let (served, token) = (Arc::clone(&bot), token.to_owned());
    let caller = std::thread::current();
    let serving = runtime.spawn(async move {
        let came = serve(&served, &api, &token, register).await;
        // Before whoever waits for it looks.
        served.is_over.store(true, Ordering::SeqCst);
        caller.unpark();
        came
    });
    while !is_stopped() && !bot.is_over.load(Ordering::SeqCst) {
        std::thread::park();
    }
    bot.is_over.store(true, Ordering::Relaxed);
    // Whoever has ended needs to be told nothing.
    let _ = stop.send(true);
    let came = runtime.block_on(async { tokio::time::timeout(TO_LEAVE, serving).await });
    // Threads that wait for mail end with the process.
    runtime.shutdown_background();
    match came {
        Ok(Ok(came)) => came,
        Ok(Err(error)) => Err(Error::Wire(error.to_string())),
        // The connection ends with the process as well.
        Err(_) => Ok(()),
    }
}

async fn serve(bot: &Arc<Bot>, api: &Api, token: &str, register: Register) -> Result<(), Error> {
    let mut attempt = 0;
    let name = loop {
        match api.whoami().await {
            Ok(name) => break name,
            Err(Error::Wire(why)) => bot.wait_after(&why, &mut attempt).await?,
            Err(error) => return Err(error),
        }
        if bot.is_stopped() {
            return Ok(());
        }
    };
    log::info!("this is {name}");
    while let Err(error) = api.register(register).await {
        let Error::Wire(why) = error else {
            return Err(error);
        };
        bot.wait_after(&why, &mut attempt).await?;
        if bot.is_stopped() {
            return Ok(());
        }
    }
    bot.start_threads(api);
    bot.begin_to_speak(api).await;
    let mut attempt = 0;
    while !bot.is_stopped() {
        let began = Instant::now();
        budget::left(&bot.house.home, Now::read().wall)?;
        match wire::listen(
            token,
            bot.house.settings.message_content,
            api,
            Arc::clone(bot),
        )
        .await
        {
            Ok(()) if bot.is_stopped() => break,
            Err(Error::Wire(why)) => {
                attempt = if began.elapsed() > WELL { 0 } else { attempt };
                bot.wait_after(&why, &mut attempt).await?;
            }
            Ok(()) => bot.wait_after("the connection ended", &mut attempt).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// So that it can be written to before it was ever written to.
fn make_mailbox(house: &House) -> Result<(), Error> {
    let desk = house.desk()?;
    if desk.counts(&house.own.agent, Now::read()).is_ok() {
        return Ok(());
    }
    let owner = Caller {
        agent: AgentId::user(),
        incarnation: None,
        ..house.own.clone()
    };
    Ok(desk
        .speaking_as(owner)
        .make_mailbox_of(&house.own.agent, Now::read())?)
}

impl Bot {
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // Whoever could say so is gone: then it is over as well.
        let _ = stop.wait_for(|it| *it).await;
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.is_stopped()
    }

    async fn wait_after(&self, why: &str, attempt: &mut u32) -> Result<(), Error> {
        let pause = budget::pause(*attempt);
        *attempt += 1;
        log::warn!("{why}; again in {} s", pause.as_secs());
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(pause) => {}
        }
        Ok(())
    }

    pub(super) fn ready(&self, name: &str) {
        self.house.mouth.ready();
        self.keeper.ready(name);
    }

    pub(super) fn mouth(&self) -> &Mouth {
        &self.house.mouth
    }

    pub(super) fn lives(&self) {
        self.keeper.lives();
    }

    /// A new session was granted: it is counted on the disk, so that no crash forgets it. Whether there are some left.
    pub(super) fn may_go_on(&self) -> bool {
        match budget::spend(&self.house.home, Now::read().wall) {
            Ok(_) => true,
            Err(error) => {
                log::error!("{error}");
                false
            }
        }
    }

    /// Whether it comes for the first time: Discord may tell of the same one twice.
    pub(super) fn is_new(&self, id: u64) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.0.insert(id) {
            return false;
        }
        known.1.push_back(id);
        if known.1.len() > KNOWN
            && let Some(oldest) = known.1.pop_front()
        {
            known.0.remove(&oldest);
        }
        true
    }

    fn is_elsewhere(&self, place: &Place) -> bool {
        let wanted = self.house.settings.guild;
        place
            .guild
            .is_none_or(|it| wanted.is_some_and(|wanted| wanted.0 != it))
    }

    fn visiting<T>(
        &self,
        asked: &Asked,
        what: impl FnOnce(&super::visit::Visit) -> T,
    ) -> Result<T, Error> {
        let visit = self.house.visit(
            asked.id,
            asked.guest.clone(),
            asked.name.clone(),
            asked.place.clone(),
        )?;
        Ok(what(&visit))
    }

    pub(super) fn answer(&self, asked: &Asked, call: &Call) -> Reply {
        if self.is_elsewhere(&asked.place) {
            return Reply::text(
                "Error: not here\n> commands are answered on the server that config/discord.yaml names",
            );
        }
        self.visiting(asked, |visit| answer::answer(visit, call))
            .unwrap_or_else(|error| failed(&error))
    }

    pub(super) fn pressed(&self, asked: &Asked, press: Option<&Press>) -> Reply {
        let Some(press) = press.filter(|_| !self.is_elsewhere(&asked.place)) else {
            return Reply::text("Error: nobody here made that button");
        };
        let answered = self.visiting(asked, |visit| answer::pressed(visit, press));
        self.is_pressed.store(true, Ordering::Relaxed);
        answered.unwrap_or_else(|error| failed(&error))
    }

    pub(super) fn complete(&self, asked: &Asked, kind: Kind, typed: &str) -> Vec<String> {
        if self.is_elsewhere(&asked.place) {
            return Vec::new();
        }
        let choices = self.visiting(asked, |visit| complete::choices(visit, kind, typed));
        choices.and_then(|it| it).unwrap_or_default()
    }

    /// What is said in a channel: a command of the original's, or mail for whom the channel belongs to.
    pub(super) fn said(&self, asked: &Asked, text: &str) -> Option<Reply> {
        if self.is_elsewhere(&asked.place) {
            return None;
        }
        let prefix = &self.house.settings.prefix;
        if !prefix.is_empty()
            && let Some(parsed) = bang::parse(text, prefix)
        {
            // As of an interaction: the same twice is done once.
            if !self.is_new(asked.id) {
                return None;
            }
            return Some(match parsed {
                Ok(call) => self.answer(asked, &call),
                Err(why) => Reply::text(why.to_string()),
            });
        }
        let delivered = Bindings::load(&self.house.home).and_then(|bindings| {
            let Some(agent) = bindings.agent(asked.place.channel) else {
                return Ok(());
            };
            self.visiting(asked, |visit| inward::deliver(visit, agent, text))?
                .map(drop)
        });
        // Whoever may not write to it is left alone: the refusal is on record.
        let error = delivered.err().filter(|it| it.kind() != Fault::Refused)?;
        Some(failed(&error))
    }

    /// Tells how far a message has come, until it is closed or `most` is over.
    pub(super) fn follow(&self, followed: &Followed, most: Duration, tell: &dyn Fn(&str)) {
        if self.followed.fetch_add(1, Ordering::Relaxed) < MOST_FOLLOWED {
            match followed {
                Followed::Mail { at, by } => self.follow_mail(at, by, most, tell),
                Followed::Speech { name } => self.follow_speech(name, most, tell),
            }
        } else {
            log::warn!("{followed:?} is not followed: so many others are");
        }
        self.followed.fetch_sub(1, Ordering::Relaxed);
    }

    fn follow_speech(&self, name: &str, most: Duration, tell: &dyn Fn(&str)) {
        match self.house.mouth.wait_for(name, Instant::now() + most) {
            Some(Outcome::Heard) => tell("it was said."),
            Some(Outcome::SetAside(why)) => tell(&format!("Error: it was not said: {why}")),
            None => tell("it waits still."),
        }
    }

    fn follow_mail(&self, at: &Address, by: &AgentId, most: Duration, tell: &dyn Fn(&str)) {
        let caller = Caller {
            agent: by.clone(),
            ..self.house.own.clone()
        };
        let until = Instant::now() + most;
        let traced = self
            .house
            .desk()
            .and_then(|desk| Ok(desk.speaking_as(caller).trace(at)?));
        let mut trace = match traced {
            Ok(trace) => trace,
            Err(error) => return log::warn!("{at} is not followed: {error}"),
        };
        let mut told = Status::Queued;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            let came = trace.wait(&|it| it.message.status != told, Some(left), &|| {
                self.is_over()
            });
            match came {
                Ok(Some(history)) => {
                    told = history.message.status;
                    tell(&outward::come(at, told));
                    if !told.is_pending() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return log::warn!("{at} is not followed: {error}"),
            }
        }
    }
}

// What it does by itself.

impl Bot {
    fn start_threads(self: &Arc<Self>, api: &Api) {
        let handle = tokio::runtime::Handle::current();
        let (bot, out) = (Arc::clone(self), api.clone());
        let runtime = handle.clone();
        tokio::task::spawn_blocking(move || bot.post_mail(&out, &runtime));
        let settings = &self.house.settings.channels;
        if settings.alerts.is_some() || settings.logs.is_some() || settings.devlog.is_some() {
            let (bot, out) = (Arc::clone(self), api.clone());
            tokio::task::spawn_blocking(move || bot.follow_logs(&out, &handle));
        }
    }

    /// In the voice channel that the settings name, unless somebody said otherwise since.
    async fn begin_to_speak(self: &Arc<Self>, api: &Api) {
        let mut wanted = None;
        if let Some(channel) = self.house.settings.channels.voice {
            match api.guild_of(channel.0).await {
                Ok(guild) => wanted = guild.map(|it| (it, channel.0)),
                Err(error) => log::warn!("channels.voice: {error}"),
            }
        }
        let bot = Arc::clone(self);
        self.house.mouth.begin(wanted, move || bot.is_over());
    }

    /// Its own mailbox, one message after the other: each is acknowledged once it is posted.
    fn post_mail(&self, api: &Api, runtime: &tokio::runtime::Handle) {
        if let Err(error) = self.take_back() {
            // Then it comes back once its lease has lapsed.
            log::warn!("{error}");
        }
        let mut attempt = 0;
        while !self.is_over() {
            let taken = self.house.desk().and_then(|desk| {
                let own = &self.house.own.agent;
                match desk.next_wait(own, LEASE, None, &|| self.is_over())? {
                    Some(it) => self.post(&desk, &it, api, runtime),
                    None => Ok(()),
                }
            });
            attempt = match taken {
                Ok(()) => 0,
                Err(error) => {
                    log::warn!("{error}");
                    std::thread::sleep(budget::pause(attempt));
                    self.wait_for_discord(api, runtime);
                    attempt + 1
                }
            };
        }
    }

    /// What a bot before it had taken and not posted when it was killed: there is only one in a home. Discord knows by its nonce
    /// what was posted all the same.
    fn take_back(&self) -> Result<(), Error> {
        let desk = self.house.desk()?;
        let own = &self.house.own.agent;
        let claim = Claim {
            token: None,
            force: true,
        };
        for message in desk.inbox(own, Which::Pending)? {
            let at = Address {
                mailbox: own.clone(),
                seq: message.seq,
            };
            let was_taken = message.attempts > 0;
            if was_taken && let Err(error) = desk.nack(&at, &claim, Now::read()) {
                let error = Error::from(error);
                // Nobody holds it any more.
                if error.kind() != Fault::No {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Nothing is taken that could not be posted: every attempt counts.
    fn wait_for_discord(&self, api: &Api, runtime: &tokio::runtime::Handle) {
        let mut attempt = 0;
        while !self.is_over() && runtime.block_on(api.whoami()).is_err() {
            std::thread::sleep(budget::pause(attempt));
            attempt += 1;
        }
    }

    fn post(
        &self,
        desk: &Desk,
        taken: &Taken,
        api: &Api,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), Error> {
        let message = &taken.message;
        let at = Address {
            mailbox: message.to.clone(),
            seq: message.seq,
        };
        let claim = Claim {
            token: Some(taken.token.clone()),
            force: false,
        };
        let posted = match self.channel_of(desk, message)? {
            None => Err(Unposted::Never(
                "it belongs to no channel: config/discord.yaml, channels.announcements".into(),
            )),
            Some(channel) => self.post_whole(message, channel, api, runtime),
        };
        match posted {
            Ok(()) => {
                desk.ack(&at, &claim, Now::read())?;
                Ok(())
            }
            Err(unposted) => {
                desk.nack(&at, &claim, Now::read())?;
                match unposted {
                    Unposted::Never(why) => {
                        log::warn!("{at} was not posted: {why}");
                        Ok(())
                    }
                    Unposted::Later(why) => Err(Error::Wire(format!("{at} was not posted: {why}"))),
                }
            }
        }
    }

    /// Where it goes: whoever began the thread there reads the answer there.
    fn channel_of(&self, desk: &Desk, message: &Message) -> Result<Option<u64>, Error> {
        let bindings = Bindings::load(&self.house.home)?;
        let mut begun_in = None;
        if let Some(answered) = message.reply_to.or(message.thread) {
            let found = desk
                .find(&answered.to_string())
                .and_then(|at| desk.message(&at));
            begun_in = found.ok().and_then(|it| outward::said_in(&it));
        }
        Ok(outward::channel(
            message,
            begun_in,
            &bindings,
            &self.house.settings,
        ))
    }

    /// Piece by piece; what Discord cannot take now it is offered again, as long as the message is surely ours.
    fn post_whole(
        &self,
        message: &Message,
        channel: u64,
        api: &Api,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), Unposted> {
        let until = Instant::now() + LEASE / 2;
        for (n, piece) in outward::posts(message).iter().enumerate() {
            let mut attempt = 0;
            loop {
                let nonce = Some(outward::nonce(message, n));
                let posted = runtime.block_on(api.post(channel, piece, nonce));
                let Err(Unposted::Later(why)) = posted else {
                    posted?;
                    break;
                };
                let pause = budget::pause(attempt);
                if self.is_over() || Instant::now() + pause > until {
                    return Err(Unposted::Later(why));
                }
                log::warn!("{why}; again in {} s", pause.as_secs());
                std::thread::sleep(pause);
                attempt += 1;
            }
        }
        Ok(())
    }

    /// Incidents, devlogs and log lines, from where they were left.
    fn follow_logs(&self, api: &Api, runtime: &tokio::runtime::Handle) {
        let mut attempt = 0;
        while !self.is_over() {
            match self.follow_logs_once(api, runtime) {
                Ok(()) => return,
                Err(error) => {
                    log::warn!("{error}");
                    std::thread::sleep(budget::pause(attempt));
                    attempt += 1;
                }
            }
        }
    }

    fn follow_logs_once(&self, api: &Api, runtime: &tokio::runtime::Handle) -> Result<(), Error> {
        let home = &self.house.home;
        let mut waker = Waker::new(home);
        let now = Now::read().wall;
        let since = incidents::change(home, |it| {
            it.begin(now);
            it.since()
        })?;
        let filter = Filter {
            since,
            ..Filter::default()
        };
        let mut all = Merged::all(home, &Channel::ALL, filter)?;
        let channels = &self.house.settings.channels;
        let mut feeds = [
            Feed::of(channels.logs, |it| it.0 >= self.house.settings.log_level.0),
            Feed::of(channels.devlog, |it| it.1 == Channel::Devlog),
        ];
        let (mut attempt, mut quiet) = (0, MOST_QUIET);
        while !self.is_over() {
            let is_due = quiet == 0 || quiet >= MOST_QUIET;
            if is_due {
                self.look_at_lines(&mut all, &mut feeds)?;
            }
            let may_be_changed = self.is_pressed.swap(false, Ordering::Relaxed);
            let mut went = true;
            if is_due || may_be_changed || attempt > 0 {
                went &= self.tell_incidents(api, runtime)?;
            }
            for feed in &mut feeds {
                went &= feed.post(api, runtime);
            }
            if went {
                attempt = 0;
                let is_news = waker.rest();
                quiet = if is_news { 0 } else { quiet % MOST_QUIET + 1 };
            } else {
                std::thread::sleep(budget::pause(attempt));
                attempt += 1;
                quiet = 0;
            }
        }
        Ok(())
    }

    /// All that came, so many at a time.
    fn look_at_lines(&self, all: &mut Merged, feeds: &mut [Feed<'_>]) -> Result<(), Error> {
        loop {
            let mut lines = Vec::new();
            while lines.len() < LINES_AT_ONCE
                && let Some(line) = all.next()?
            {
                lines.push(line);
            }
            if lines.is_empty() {
                return Ok(());
            }
            let home = &self.house.home;
            let new = incidents::change(home, |it| {
                lines
                    .iter()
                    .map(|line| it.look_at(line))
                    .collect::<Vec<_>>()
            })?;
            for (line, _) in lines.iter().zip(new).filter(|it| it.1) {
                for feed in feeds.iter_mut() {
                    feed.take(line);
                }
            }
        }
    }

    /// What is wrong, and was not told yet; whether all of it could be.
    fn tell_incidents(&self, api: &Api, runtime: &tokio::runtime::Handle) -> Result<bool, Error> {
        let Some(channel) = self.house.settings.channels.alerts else {
            return Ok(true);
        };
        let home = &self.house.home;
        let all = incidents::load(home)?;
        let mut went = true;
        for key in all.untold() {
            let Some((reply, incident)) = all.told(&key, Now::read().wall) else {
                continue;
            };
            let came = if let Some(message) = incident.message {
                let edited = runtime.block_on(api.edit(channel.0, message, &reply));
                edited.map(|()| message)
            } else {
                let first = format!("{key} {}", incident.first);
                let nonce = format!("{:x}", xxh3_64(first.as_bytes()));
                let title = reply.text.lines().next().unwrap_or_default();
                self.house.mouth.tell(Told::Alerts, title);
                runtime.block_on(api.post(channel.0, &reply, Some(nonce)))
            };
            match came {
                Ok(message) => incidents::change(home, |it| it.posted(&key, incident, message))?,
                Err(why) => {
                    log::warn!("{key} was not told: {why:?}");
                    went = false;
                }
            }
        }
        Ok(went)
    }
}

/// Lines on their way into one channel.
struct Feed<'f> {
    channel: Option<u64>,
    wants: Box<dyn Fn((Level, Channel)) -> bool + 'f>,
    batch: Batch,
    /// What could not be posted yet.
    next: Option<Reply>,
    posted: Option<Instant>,
}

impl<'f> Feed<'f> {
    fn of(channel: Option<Snowflake>, wants: impl Fn((Level, Channel)) -> bool + 'f) -> Self {
        Self {
            channel: channel.map(|it| it.0),
            wants: Box::new(wants),
            batch: Batch::default(),
            next: None,
            posted: None,
        }
    }

    fn take(&mut self, line: &Line) {
        let all = crate::logs::fields(&line.bytes);
        let text = |name: &str| all.get(name).and_then(|it| it.as_str());
        let level = text("level").and_then(Level::parse);
        // What the bot says of itself, that it could not post, is not posted.
        let is_own = text("event").is_some_and(|it| it.starts_with("discord."));
        if self.channel.is_some()
            && !is_own
            && level.is_some_and(|it| (self.wants)((it, line.channel)))
        {
            self.batch.add(&lines::told(line));
        }
    }

    /// What waits, if its time has come; whether it could be posted.
    fn post(&mut self, api: &Api, runtime: &tokio::runtime::Handle) -> bool {
        let is_early = self.posted.is_some_and(|it| it.elapsed() < lines::PAUSE);
        let Some(channel) = self.channel.filter(|_| !is_early) else {
            return true;
        };
        let Some(reply) = self.next.take().or_else(|| self.batch.take()) else {
            return true;
        };
        match runtime.block_on(api.post(channel, &reply, None)) {
            Ok(_) => self.posted = Some(Instant::now()),
            Err(Unposted::Never(why)) => log::warn!("lines were not posted: {why}"),
            Err(Unposted::Later(why)) => {
                log::warn!("lines were not posted: {why}");
                self.next = Some(reply);
                return false;
            }
        }
        true
    }
}
